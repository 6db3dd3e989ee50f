"""The options of making a trained encoder faster, layer by layer, in groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from autobert_zero_hf.model import FormulaError, parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.layers import Formula
from autobert_zero_hf.options import Range, find_problems, option, option_names, with_defaults
from autobert_zero_hf.training.shared_options import TextOptions

from .errors import refuse
from .options import LatencyOptions

FORMULAS = (
    "matmul(softmax(scale(matmul(q, transpose(q)))), v)",
    "matmul(q, matmul(transpose(k), v))",
)
"""One that needs no keys, and a linear one."""


@dataclass
class EncoderOptions:
    """The encoder."""

    source: str | None = option(
        None, "a BERT or a model of this package, folder or Hub name, whose layers are made faster", "model"
    )
    method: Literal["blocks"] = option("blocks", "how it is done")


@dataclass
class PartOptions:
    """The alternatives of each layer."""

    calibration_rows: Annotated[int, Range(8, 1_000_000)] = option(
        384, "rows of text that heads and neurons are weighed on"
    )
    kernel_sizes: Annotated[list[int], Range(1)] = option(
        (5, 17), "kernel sizes of the convolutions that may stand in the place of a mixer, odd"
    )
    windows: Annotated[list[int], Range(1)] = option(
        (16,), "tokens on either side that an attention in the place of a mixer may see"
    )
    formulas: list[str] = option(
        FORMULAS, "formulas that may stand in the place of a mixer, on the layer's own projections"
    )
    formula_candidates: Annotated[int, Range(0, 1_000_000)] = option(
        32, "formulas that OP-NAS looks at for each layer, by how well they imitate it; 0 for none"
    )
    formulas_kept: Annotated[int, Range(0, 1_000_000)] = option(2, "the best of these that become parts of the layer")
    part_steps: Annotated[int, Range(0, 10_000_000)] = option(
        100, "training steps of each part of another kind; 0 for none of these"
    )
    part_batch_size: Annotated[int, Range(1, 1_000_000)] = option(8, "rows of such a step")
    part_learning_rate: Annotated[float, Range(0.0)] = option(1e-3, "peak learning rate of the parts")
    swap_rows: Annotated[int, Range(4, 1_000_000)] = option(
        48, "held-out rows that an alternative, and an assembly, is judged by"
    )


@dataclass
class AssemblyOptions:
    """How the alternatives are put together."""

    assemblies: Annotated[int, Range(1, 1_000_000)] = option(
        40, "assemblies whose real error is measured for each budget, the best by the sums first"
    )


@dataclass
class HealingOptions:
    """How what was put together learns from the encoder."""

    healing_steps: Annotated[int, Range(0, 10_000_000)] = option(1800, "training steps of each model", common=True)
    healing_batch_size: Annotated[int, Range(1, 1_000_000)] = option(20, "sentences of such a step")
    healing_learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "peak learning rate")
    hidden_weight: Annotated[float, Range(0.0)] = option(
        1.0, "weight in the loss of the errors of the hidden states after each layer, beside the last ones"
    )
    prediction_weight: Annotated[float, Range(0.0)] = option(
        0.2, "weight in the loss of the divergence from what the encoder's head predicts, where it has one"
    )
    vector_weight: Annotated[float, Range(0.0)] = option(1.0, "weight in the loss of the error of sentence vectors")


@dataclass
class ChanceOptions:
    """Chance."""

    seed: Annotated[int, Range(0, 2**32)] = option(0, "of all chance: the split, the order of the text, the assemblies")


BLOCK_GROUPS: tuple[type, ...] = (
    EncoderOptions,
    TextOptions,
    PartOptions,
    AssemblyOptions,
    HealingOptions,
    LatencyOptions,
    ChanceOptions,
)


class BlockRecipe:
    """What to do with an encoder: the options by group.

    Args:
        options: those that were given, by name; the others have their defaults.

    Raises:
        RecipeError: naming every option that is not known or out of its range.
    """

    def __init__(self, options: Mapping[str, Any]):
        refuse(find_problems(BLOCK_GROUPS, options))
        self.options = with_defaults(BLOCK_GROUPS, {**options, "method": "blocks"})
        if "sequence_length" not in options:  # what is timed on long texts is to be as good on them
            self.options["sequence_length"] = max(self.options["sequence_length"], self.options["latency_tokens"])
        self.encoder = EncoderOptions(**self._of(EncoderOptions))
        self.data = TextOptions(**self._of(TextOptions))
        self.parts = PartOptions(**self._of(PartOptions))
        self.assembly = AssemblyOptions(**self._of(AssemblyOptions))
        self.healing = HealingOptions(**self._of(HealingOptions))
        self.latency = LatencyOptions(**self._of(LatencyOptions))
        self.seed: int = self.options["seed"]
        refuse(self._problems())

    def _problems(self) -> Iterator[str]:
        if not self.encoder.source:
            yield "name the encoder: autobert-zero shrink SOURCE ..., or give --method super-net"
        written = {
            "kernel_sizes": [f"conv({size})" for size in self.parts.kernel_sizes],
            "windows": [f"window({reach}, {BERT_ATTENTION})" for reach in self.parts.windows],
            "formulas": self.parts.formulas,
        }
        for name, lines in written.items():
            for line in lines:
                try:
                    mixer = parse_layer(line).mixer
                except FormulaError as error:
                    yield f"{name}: {error if name == 'formulas' else error.reason}"
                    continue
                if name == "formulas" and not isinstance(mixer, Formula):
                    yield f"formulas: {excerpt(line)} is {mixer.noun}, and no formula"

    def _of(self, group: type) -> dict[str, Any]:
        return {name: self.options[name] for name in option_names([group])}

    @property
    def source(self) -> str:
        """The encoder's folder or Hub name."""
        assert self.encoder.source is not None
        return self.encoder.source

    def to_dict(self) -> dict[str, Any]:
        """All options by name, as a journal has them."""
        return dict(self.options)
