"""What a card says of a model that was made of a trained encoder, from the table of its run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autobert_zero_hf.folders import SHRINK_TABLE
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.places import without_places
from autobert_zero_hf.standard_error import plus_minus

from ..runtime.run_folder import BEST, DROPPED
from .card import Card, Result
from .facts import read_json, text_of

FIGURES = {
    "error": ("last hidden states", "relative squared error, lower is better"),
    "neighbours": ("sentence vectors", "share of the ten nearest neighbours that stay"),
    "cosine": ("sentence vectors", "cosine with the encoder's"),
    "agreement": ("predictions of the head", "share that is the encoder's"),
}
_HOW = {BEST: "layer by layer", DROPPED: "by leaving whole layers out"}


def find_record(folder: Path) -> dict[str, Any] | None:
    """What the table of a run says of a model in it; None for any other folder.

    Returns:
        The table, with the row of the model's budget as `row` and the name of its folder as `which`.

    Raises:
        AutoBertZeroError: if the table is damaged.
    """
    place = folder.resolve()
    table = place.parent.parent / SHRINK_TABLE
    if place.name not in _HOW or not table.is_file():
        return None
    facts = read_json(table)
    rows = [row for row in facts.get("budgets", []) if row.get("budget") == place.parent.name]
    return {**facts, "row": rows[0], "which": place.name} if facts.get("method") == "blocks" and rows else None


def encoder_card(record: Mapping[str, Any]) -> Card:
    """The card of a model, from what `find_record` gave, or the same put together."""
    title, summary = title_of(record)
    return Card(title, summary, [training_of(record)], list(results_of_encoder(record)), REMARKS)


REMARKS = (
    "The baseline is the other way to the same speed: whole layers are left out, the best of several ways, and what is "
    "left learns from the encoder by the same text and steps."
)


def title_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """The title and the summary of the card."""
    source, model = escaped(without_places(record["source"])), record["row"][record["which"]]
    speed = model["speed_up"]["median"]
    return f"{source}, {speed:.2g} times as fast", f"{source}, made {speed:.2f} times as fast {_HOW[record['which']]}."


def training_of(record: Mapping[str, Any]) -> str:
    """How the weights came about."""
    options = record["options"]
    text = escaped(text_of(options))
    first = (
        "Each layer has the heads and neurons that its output needs most, or something else in their place, as the "
        f"best assembly within {record['row']['target_ms']:.2f} ms has it"
        if record["which"] == BEST
        else "Whole layers are left out"
    )
    source = escaped(without_places(record["source"]))
    return (
        f"{first}; the weights are those of {source}. Then it learnt the hidden states and the sentence vectors of "
        f"that: {options['healing_steps']} steps of {options['healing_batch_size']} sentences of {text}, peak learning "
        f"rate {options['healing_learning_rate']:g}; seed {options['seed']}."
    )


def results_of_encoder(record: Mapping[str, Any]) -> Iterator[Result]:
    """How near it is to the encoder, and how fast."""
    row, which, encoder = record["row"], record["which"], record["encoder"]
    other = DROPPED if which == BEST else BEST
    model, beside = row[which], row[other]
    what = "layers left out" if other == DROPPED else "found layer by layer"
    text = text_of(record["options"])
    rows = {"error": f"{record['judged']['rows']} held-out rows of {text}", "agreement": f"held-out text of {text}"}
    for figure, (task, metric) in FIGURES.items():
        if figure not in model:
            continue
        value, error = (model[figure][name] for name in ("value", "standard_error"))
        yield Result(
            task=task,
            metric=metric,
            value=value,
            metrics={},
            standard_error=error,
            measured_on=rows.get(figure, f"{record['judged']['sentences']} held-out sentences of {text}"),
            baseline=f"{plus_minus(beside[figure]['value'], beside[figure]['standard_error'])} ({what})",
            dataset=text,
            task_type="feature-extraction",
        )
    low, high = model["speed_up"]["interval"]
    yield Result(
        task="speed",
        metric="times as fast",
        value=model["speed_up"]["median"],
        metrics={},
        standard_error=(high - low) / 4,  # of an interval of 95%
        measured_on=f"{encoder['hardware']}; the encoder takes {encoder['median']:.2f} ms",
        baseline=f"{beside['speed_up']['median']:.2f} ({what})",
        dataset=text,
        task_type="feature-extraction",
    )
