"""The card of a model, from the template in `model_cards` and what is known of the model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import autobert_zero_hf.model_cards as model_cards
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from transformers import PreTrainedModel

from autobert_zero_hf import __version__
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.model.card import CITATION, TAGS, describe_backbone, describe_use, pipeline_tag
from autobert_zero_hf.standard_error import is_known, plus_minus, say_error
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore

LIMITS = """For research on architectures, and as a small encoder to fine-tune on tasks in the language of its text.

It has learnt what its text says, with its mistakes and prejudices, and nothing has been done about them: do not let it
decide about people. The scores above are those of the data named beside them, and say little about other text: measure
it on yours."""


@dataclass(frozen=True)
class Result:
    """A score with its error, and the baseline beside it.

    Args:
        task: what was measured.
        metric: by which score.
        value: the score.
        metrics: the values that the score is, or is the mean of, by the Hub's names of their metrics.
        standard_error: of the score; None where it is not known.
        measured_on: on how many of what.
        baseline: the score of something simple, and what that is, in words.
        dataset: where the rows come from, in words.
        task_type: the Hub's word for the kind of task.
        hub_dataset: the data set of the Hub that the rows come from, if they do.
        config: its configuration.
        split: the split of the rows, if they are a whole one.
    """

    task: str
    metric: str
    value: float
    metrics: Mapping[str, float]
    standard_error: float | None
    measured_on: str
    baseline: str
    dataset: str
    task_type: str
    hub_dataset: str | None = None
    config: str | None = None
    split: str | None = None

    @property
    def shown(self) -> str:
        """The score with its error, as text."""
        return plus_minus(self.value, self.standard_error)


def masked_lm_result(score: MaskedScore, text: str, baseline: str = "") -> Result:
    """The accuracy on masked words of held-out rows of a text."""
    return Result(
        task="masked words",
        metric="accuracy",
        value=score.value,
        metrics={"accuracy": score.value},
        standard_error=score.standard_error,
        measured_on=f"{sum(score.masked):,} words of {len(score.masked):,} held-out rows of {text}",
        baseline=baseline,
        dataset=text,
        task_type="fill-mask",
    )


@dataclass(frozen=True)
class Card:
    """What a card says that the model alone does not tell.

    Args:
        title: its heading.
        summary: a sentence or two.
        training: how the weights came about, in paragraphs.
        results: what was measured.
        remarks: on the results.
        searched: what was searched, and at what cost; none where no search is known.
        picture: a file beside the card.
        sample: what the model answers to a text.
        metadata: fields of the Hub's metadata beside those that follow from the model.
    """

    title: str
    summary: str
    training: Sequence[str]
    results: Sequence[Result] = ()
    remarks: str = ""
    searched: Sequence[str] = ()
    picture: str | None = None
    sample: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def write_card(card: Card, model: PreTrainedModel, place: str, revision: str | None = None) -> str:
    """Writes the card: the text of README.md.

    Args:
        card: what it says.
        model: whose card it is; its code lies beside it.
        place: the Hub name or folder that it is loaded from.
        revision: the tag or branch that is loaded; the newest where none is given.
    """
    class_name = type(model).__name__
    metadata = ModelCardData(
        library_name="transformers",
        pipeline_tag=pipeline_tag(class_name),
        tags=list(TAGS),
        model_name=place.rpartition("/")[2],
        eval_results=[each for result in card.results for each in _model_index(result)] or None,
        metrics=sorted({metric for result in card.results for metric in result.metrics}) or None,
        **card.metadata,
    )
    if not card.results:
        metadata.model_name = None  # a word of the model index alone
    content = ModelCard.from_template(
        ModelCardData(),
        template_path=str(Path(model_cards.__path__[0]) / "template.md"),
        metadata=metadata.to_yaml().rstrip(),
        title=card.title,
        summary=card.summary,
        picture=card.picture,
        sample=card.sample,
        backbone=describe_backbone(model),
        searched=card.searched,
        training=card.training,
        results=[_cells(result) for result in card.results],
        remarks=card.remarks,
        use=describe_use(class_name, place, revision, origins=model.config.origins),
        limits=LIMITS,
        citation=CITATION.replace("year   = {2026}", f"year   = {{2026}},\n  note   = {{version {__version__}}}"),
    ).content
    return content if content.endswith("\n") else content + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    """Its row of the table."""
    return escaped((result.task, result.metric, result.shown, result.baseline, result.measured_on))


def _model_index(result: Result) -> Iterator[EvalResult]:
    """The values of a result, each under the name of its own metric."""
    for metric, value in result.metrics.items():
        name = metric.replace("_", " ")
        scored = name == result.metric and is_known(result.standard_error)
        yield EvalResult(
            task_type=result.task_type,
            task_name=result.task,
            dataset_type=result.hub_dataset or "text",
            dataset_name=result.dataset,
            dataset_config=result.config,
            dataset_split=result.split,
            metric_type=metric,
            metric_value=round(value, 6),
            metric_name=f"{name} (standard error {say_error(result.standard_error)})" if scored else name,
        )
