"""The options of a pre-training, checked together."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from autobert_zero_hf.data.contents import Digest, find_changes, find_contents
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES
from autobert_zero_hf.options import Range, find_problems, option, option_names

from ..shared_options import OF_NEW_VOCABULARY, DataOptions, SizeOptions

DEFAULT_ARCHITECTURE = "autobert-zero"
HELD_OUT_OF_STREAM = 1_000
"""The documents at the head of a stream that are held out."""


@dataclass
class ReadingOptions:
    """What is read besides."""

    validation_text: list[str] = option(
        (), "UTF-8 text files that are held out, instead of a share of the documents", "text"
    )
    validation_split: str | None = option(None, "the split of --dataset that is held out, instead of a share")
    streaming: bool = option(
        False,
        f"read --dataset while training, with --max-steps; its first {HELD_OUT_OF_STREAM:,} documents are held out, "
        "and a resumed training reads again what it read before",
    )
    evaluation_rows: Annotated[int, Range(2)] = option(1000, "held-out rows to score on at most, evenly spread")


@dataclass
class StartOptions:
    """What the training starts from."""

    architecture: str | None = option(
        None,
        f"the backbone: {', '.join(ARCHITECTURES)}, or that of a model's folder [{DEFAULT_ARCHITECTURE}]",
        "backbone",
        common=True,
    )
    layers: list[str] = option((), "the backbone, a line for each layer, such as 'conv(9)'")
    model: str | None = option(
        None,
        "a model to train on, such as a search's best/, or an encoder of transformers that convert reads: its "
        "backbone, sizes and tokenizer stay",
        "model",
        common=True,
    )
    stretch_to: str | None = option(
        None,
        "layers and width of a larger model, such as 12x768, of the backbone of --architecture FOLDER, with new "
        "weights, or of --model, with tiled ones: layers repeated as a whole stack, kernels kept",
    )


@dataclass
class TrainingOptions:
    """Pre-training."""

    next_sentence: bool = option(False, "also tell whether a text goes on from another, as BERT does")
    whole_word_masking: bool = option(False, "mask all pieces of a word together")
    masking: Annotated[float, Range(0.001, 1.0)] = option(0.15, "share of the tokens of a row that are asked for")
    epochs: Annotated[float, Range(0.0, 1_000_000)] = option(3.0, "passes over the rows", common=True)
    max_steps: Annotated[int | None, Range(1)] = option(None, "training steps, instead of --epochs", common=True)
    batch_size: Annotated[int, Range(1, 1_000_000)] = option(
        32, "rows of a step, in all processes together; BERT took 256", common=True
    )
    gradient_accumulation: Annotated[int, Range(1, 1_000_000)] = option(
        1, "parts that each process computes its share of a step in, one after another, for less memory"
    )
    learning_rate: Annotated[float | None, Range(0.0)] = option(
        None,
        "peak learning rate [0.128 / hidden size: 1e-3 at a width of 128, near BERT's 1e-4 at BERT's widths]",
        common=True,
    )
    warm_up: Annotated[float, Range(0.0, 1.0)] = option(
        0.1, "share of the steps over which the learning rate rises, before it falls to 0; BERT took 0.01 of a million"
    )
    weight_decay: Annotated[float, Range(0.0)] = option(0.01, "of all weights but biases and norms, as BERT's")
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = option(
        "auto", "bf16 or fp16 autocast, or none; by default, bf16 where the machine multiplies it in hardware"
    )
    checkpoint_steps: Annotated[int, Range(1)] = option(
        500, "steps between two checkpoints, of which the last two are kept"
    )
    log_steps: Annotated[int, Range(1)] = option(50, "steps of each mean loss, which is shown, and kept as a curve")
    seed: Annotated[int, Range(0, 2**32)] = option(
        0, "of all chance: the split, the weights, the order, the masks", common=True
    )


@dataclass
class DistillationOptions:
    """Distillation from a teacher."""

    teacher: str | None = option(
        None, "a masked-LM model of the same vocabulary, folder or Hub name, to learn from", "model", common=True
    )
    hidden_weight: Annotated[float, Range(0.0)] = option(
        1.0, "weight in the loss of the mean squared error to the teacher's last hidden states"
    )
    soft_label_weight: Annotated[float, Range(0.0)] = option(
        1.0, "weight in the loss of the divergence from the teacher's predictions of the masked words"
    )
    temperature: Annotated[float, Range(0.01)] = option(2.0, "of both predictions; the higher, the softer")


GROUPS = (
    DataOptions,
    ReadingOptions,
    StartOptions,
    SizeOptions,
    TrainingOptions,
    DistillationOptions,
)
OPTION_NAMES = option_names(GROUPS)
_DEFAULTS = {name: value for group in GROUPS for name, value in dataclasses.asdict(group()).items()}


class PreTrainingOptions:
    """The options of a pre-training, in groups.

    Args:
        given: those that were given, by name; the others have their defaults.

    Raises:
        AutoBertZeroError: naming every option that is not known, out of its range, or does not go with another.
    """

    def __init__(self, **given: Any):
        if problems := find_problems(GROUPS, given):
            raise AutoBertZeroError("; ".join(problems))
        self.given = given
        self.data = DataOptions(**self._given_of(DataOptions))
        self.reading = ReadingOptions(**self._given_of(ReadingOptions))
        self.start = StartOptions(**self._given_of(StartOptions))
        self.training = TrainingOptions(**self._given_of(TrainingOptions))
        self.distillation = DistillationOptions(**self._given_of(DistillationOptions))
        if problems := self._conflicts():
            raise AutoBertZeroError("; ".join(problems))

    def _given_of(self, group: type) -> dict[str, Any]:
        return {name: self.given[name] for name in option_names([group]) if name in self.given}

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes that were given; a model that is there already has its own."""
        return self._given_of(SizeOptions)

    @property
    def head(self) -> str:
        """The model's head."""
        return "ForPreTraining" if self.training.next_sentence else "ForMaskedLM"

    @property
    def holds_out_a_share(self) -> bool:
        """Whether the held-out rows are a share of the documents."""
        reading = self.reading
        return not (reading.validation_text or reading.validation_split or reading.streaming)

    def _conflicts(self) -> list[str]:
        problems = _conflicts_of_start(self.start, self.sizes)
        if self.start.stretch_to and self.training.next_sentence and self.start.model:
            problems.append("--next-sentence: no tiled weights are made for its head, leave it or --stretch-to out")
        taught = [name for name in self._given_of(DistillationOptions) if name != "teacher"]
        if taught and not self.distillation.teacher:
            problems.append(f"{_flags(taught)}: of use with --teacher alone")
        if "epochs" in self.given and "max_steps" in self.given:
            problems.append("give --epochs or --max-steps, not both")
        if self.reading.streaming and not self.training.max_steps:
            problems.append("--streaming needs --max-steps: how long a stream is, is not known")
        of_new = [name for name in OF_NEW_VOCABULARY if name in self.given]
        if of_new and (self.data.tokenizer or self.start.model):
            problems.append(f"{_flags(of_new)}: of a new vocabulary, and one is given: leave that out")
        if self.data.tokenizer and self.start.model:
            problems.append("--tokenizer: --model has its own, leave that out")
        if "held_out" in self.given and not self.holds_out_a_share:
            problems.append("--held-out is a share of the documents, which is not held out here: leave it out")
        if self.training.mixed_precision == "fp16":
            import torch  # not for the command's help

            if not torch.cuda.is_available():
                problems.append("--mixed-precision fp16 needs a GPU: give bf16 or no")
        return problems

    def contents(self) -> dict[str, Digest]:
        """The digests of what these options lead to."""
        return find_contents(GROUPS, self.given)

    def differences(self, begun: Mapping[str, Any], contents: Mapping[str, Digest]) -> list[str]:
        """How these differ from the options that a training was begun with, in words.

        Args:
            begun: those.
            contents: what they led to then; empty where that is not known.
        """
        mine, theirs = {**_DEFAULTS, **self.given}, {**_DEFAULTS, **begun}
        changed = find_changes(GROUPS, theirs, contents, mine, self.contents())
        return [
            f"--{name.replace('_', '-')} was {theirs[name]!r} and is {mine[name]!r}"
            if theirs[name] != mine[name]
            else f"--{name.replace('_', '-')}: what {mine[name]!r} holds has changed"
            for name in OPTION_NAMES
            if name in changed
        ]


def _conflicts_of_start(start: StartOptions, sizes: Mapping[str, Any]) -> list[str]:
    """Which options do not go together, in words.

    Args:
        start: the options.
        sizes: those of `SizeOptions` that were given.
    """
    problems = []
    named = [name for name in ("architecture", "layers", "model") if getattr(start, name)]
    if len(named) > 1:
        problems.append(f"{_flags(named)} each name a backbone: give one of them")
    backbone = "--layers" if start.layers else f"--architecture {start.architecture}"
    if "num_layers" in sizes and (start.model or start.layers or start.architecture not in (None, *ARCHITECTURES)):
        problems.append(f"--num-layers: {'--model' if start.model else backbone} has its own number, leave that out")
    if start.stretch_to:
        if not start.model and start.architecture in (None, *ARCHITECTURES):
            problems.append("--stretch-to makes a model larger: name its folder, by --model or --architecture")
        if own := [name for name in sizes if name != "dropout"]:
            problems.append(f"{_flags(own)}: --stretch-to says it, leave that out")
    elif start.model and (own := [name for name in sizes if name not in ("dropout", "num_layers")]):
        problems.append(f"{_flags(own)}: --model has its own, leave that out")
    return problems


def _flags(names: list[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
