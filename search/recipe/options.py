"""The options of a recipe, in groups: each field has its type, range, default and help."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from autobert_zero_hf.model.blocks import BLOCKS
from autobert_zero_hf.model.bounds import MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH
from autobert_zero_hf.model.graph import INPUTS, MAX_DEPTH, MAX_OPERATIONS
from autobert_zero_hf.model.mixers import KINDS
from autobert_zero_hf.model.operations import PAPER_OPERATIONS
from autobert_zero_hf.options import OneOf, Range, option
from autobert_zero_hf.training.shared_options import DataOptions, SizeOptions

from ..proxies.options import EstimationOptions, ScreenOptions
from ..proxies.table import PROXIES
from ..space.layer_types import CONFIG
from ..space.search_space import LAYER_TYPES
from ..strategy.options import StrategyOptions
from ..strategy.table import STRATEGIES


class Part(Protocol):
    """A strategy or a proxy, as its table has it."""

    @property
    def options(self) -> type | None:
        """A dataclass of its own options."""
        ...


@dataclass
class SpaceOptions:
    """What a layer can be."""

    kernel_sizes: Annotated[list[int], Range(1)] = option((3, 5, 7, 9, 15, 31, 65), "kernel sizes of convolutions, odd")
    layer_types: list[str] = option(
        LAYER_TYPES,
        f"kinds of layers, of {', '.join(KINDS)}; of one with a number, also those to draw from: 'window(8,16)'",
    )
    feed_forward: list[str] = option(
        (CONFIG,), "feed-forward blocks of layers: config, of the model's sizes, mlp(512) and the like, or none"
    )
    blocks: Annotated[list[str], OneOf(BLOCKS)] = option(
        (), "blocks that a candidate may have, whose weights are trained apart; by default --block alone; one of"
    )
    operations: list[str] = option(PAPER_OPERATIONS, "the operations of formulas")
    inputs: list[str] = option(INPUTS, "those of q, k and v that formulas use")
    max_operations: Annotated[int, Range(1, MAX_OPERATIONS + 1)] = option(10, "operations of an attention at most")
    max_depth: Annotated[int, Range(1, MAX_DEPTH + 1)] = option(
        MAX_DEPTH, "operations inside one another at most, in an attention"
    )
    shared_attention: bool = option(False, "one formula for all attention layers of a backbone")
    max_parameters: Annotated[int | None, Range(1)] = option(None, "parameters of a candidate at most")
    max_parameters_of: Literal["layers", "model"] = option(
        "layers", "of what they are: of all layers, or of the whole model, with embeddings and pooler"
    )
    max_multiplications: Annotated[int | None, Range(1)] = option(
        None, "multiplications of a token in all layers at most, in a row of text"
    )


@dataclass
class SteeringOptions:
    """What somebody wants of all candidates; a search that is under way goes on with other values of these."""

    pin: list[str] = option((), "layers that are to stay, each a number and a line: '2: conv(9)'")
    forbid: list[str] = option(
        (), "operations, and kinds of layers, that no candidate has, such as softmax or attention"
    )
    prefer: list[str] = option((), "operations that are drawn three times as often as others")


@dataclass
class JointOptions:
    """Sizes that are searched beside the layers, what candidates may take, and the best compromises."""

    search_sizes: Literal["no", "heads", "head_dim"] = option(
        "no",
        "whether candidates have sizes of their own, up to those of the model: with fewer heads, or with narrower ones",
    )
    hidden_step: Annotated[int, Range(1)] = option(16, "between two hidden sizes")
    intermediate_step: Annotated[int, Range(1)] = option(32, "between two feed-forward sizes")
    min_layers: Annotated[int, Range(1, MAX_LAYERS + 1)] = option(1, "layers of a candidate at least")
    min_hidden_size: Annotated[int | None, Range(1)] = option(
        None, "hidden size of a candidate at least; by default 128, or half of the largest if that is less"
    )
    min_intermediate_size: Annotated[int | None, Range(1)] = option(
        None, "feed-forward size of a candidate at least; by default as with the hidden size"
    )
    min_embedding_size: Annotated[int | None, Range(1)] = option(
        None,
        "width of a candidate's embeddings at least, up to embedding_size in steps of hidden_step; by default they are "
        "not searched",
    )
    latency_ms: Annotated[float | None, Range(1e-6)] = option(
        None,
        "milliseconds that a candidate may take; those of 0.85 to 1.1 times as much by prediction are trained",
        common=True,
    )
    speedup_over: str | None = option(
        None, "a model, a folder or a name of the Hub, whose latency sets that bound", "model", common=True
    )
    speedup: Annotated[float | None, Range(1e-6)] = option(
        None, "how many times as fast as that model, with it", common=True
    )
    latency_samples: Annotated[int, Range(20, 1_000_000)] = option(
        200, "random candidates that are measured, which the prediction is fitted to"
    )
    front: Annotated[int, Range(0, 10_000)] = option(
        0, "the best compromises of score, speed and parameters that are trained on and kept, with the winner, at most"
    )


@dataclass
class SuperNetOptions:
    """How the shared weights are trained."""

    supernet_steps: Annotated[int, Range(1)] = option(600, "training steps of the super-net", common=True)
    supernet_batch_size: Annotated[int, Range(1, 1_000_000)] = option(8, "rows that each backbone of a step sees")
    backbones_per_step: Annotated[int, Range(1, 10_000)] = option(
        2, "random backbones whose gradients are averaged in a step"
    )
    supernet_learning_rate: Annotated[float, Range(0.0)] = option(2e-3, "peak learning rate of the super-net")
    random_attention: Annotated[float, Range(0.0, 1.001)] = option(
        0.0, "share of those backbones whose attentions are random formulas; the rest have standard ones"
    )


OF_SOURCE = ("block", "positions", "embedding_size")
"""The options that a super-net has from the checkpoint that it begins as, where it begins as one."""


@dataclass
class SubModelOptions:
    """The super-net of a search for sizes."""

    layers: list[str] = option(
        (), "the backbone whose sizes alone are searched, a line for each layer; none where layers are searched, too"
    )
    head_dim: Annotated[int | None, Range(1, MAX_WIDTH + 1)] = option(
        None, "width of a head of the largest model; by default hidden size / heads"
    )
    supernet_from: str | None = option(
        None,
        "a BERT or a model of this package, folder or Hub name, from which the super-net's first weights are cut; "
        "its tokenizer is used, too",
        "model",
    )
    sandwich: bool = option(
        False,
        "whether each step trains the largest and the smallest sub-model besides random ones; where masked words are "
        "learnt, the others learn the largest one's predictions of them",
    )
    supernet_loss: Literal["masked-lm", "distillation", "both"] = option(
        "masked-lm",
        "what the super-net learns: masked words, its teacher's attention scores and hidden states, or the sum of both",
    )
    teacher: str | None = option(
        None,
        "of --supernet-loss distillation and both: a BERT-like model of the same vocabulary and number of heads, "
        "folder or Hub name",
        "model",
    )


@dataclass
class InheritanceOptions:
    """The weights that a candidate begins with."""

    inherit_from: Literal["super-net", "parent"] = option(
        "super-net", "whose weights a mutant begins with; its parent's are kept on the disk, a file a candidate"
    )
    write_back: bool = option(
        False, "whether the best candidate of each generation leaves its trained weights in the super-net"
    )


@dataclass
class LatencyOptions:
    """How the latency of a model is measured; by default as in AutoTinyBERT."""

    latency_runtime: Literal["torch", "onnx", "onnx-int8", "openvino", "openvino-int8"] = option(
        "torch", "what runs the model: PyTorch, or ONNX Runtime or OpenVINO, in float32 or in int8"
    )
    latency_device: str = option("cpu", "where it runs")
    latency_threads: Annotated[int, Range(1, 1024)] = option(1, "threads on the CPU")
    latency_batch_size: Annotated[int, Range(1, 100_000)] = option(1, "texts of a forward pass")
    latency_tokens: Annotated[int, Range(1, MAX_POSITIONS + 1)] = option(128, "tokens of a text")
    latency_warm_up: Annotated[int, Range(0, 1_000_000)] = option(5, "forward passes before those that count")
    latency_passes: Annotated[int, Range(1, 1_000_000)] = option(
        30, "forward passes that count, of which the median is taken"
    )


@dataclass
class BudgetOptions:
    """When the search ends: whichever comes first."""

    candidates: Annotated[int, Range(1, 1_000_000)] = option(64, "candidates to evaluate", common=True)
    hours: Annotated[float, Range(0.0)] = option(24.0, "hours after which no new generation is begun", common=True)
    patience: Annotated[int, Range(1)] = option(
        20, "generations without a better candidate after which the search ends"
    )


@dataclass
class RungOptions:
    """How the best candidates are looked at for longer, before one of them is the winner (successive halving)."""

    rungs: list[str] = option(
        (),
        "each 'CANDIDATES PROXY STEPS': so many of the best are trained on masked words for so many steps, on the "
        "weights of the super-net, and scored by that proxy; the next rung has the best of them, and the winner is the "
        "best of the last; with a fourth number, the proxy's own steps: '16 accuracy 200' '8 tasks 400 50'",
    )
    rung_rows: Annotated[int | None, Range(2)] = option(
        None, "rows that they are scored on there; by default as many as the candidates"
    )


@dataclass
class FinalOptions:
    """How the winner, and a BERT beside it, are trained on."""

    final_steps: Annotated[int, Range(0)] = option(
        400, "training steps of the winner and of the BERT, on their inherited weights", common=True
    )
    final_batch_size: Annotated[int, Range(1, 1_000_000)] = option(8, "rows of such a step")
    final_learning_rate: Annotated[float, Range(0.0)] = option(1e-3, "peak learning rate")
    baseline_rates: Annotated[list[float], Range(1e-6)] = option(
        (1.0,), "how many times that rate the baseline is trained with, each in its turn: the best of them counts"
    )
    baseline_blocks: Annotated[list[str], OneOf(BLOCKS)] = option(
        (),
        "further blocks that the BERT is trained in, by each of these rates, from new weights, for the steps of "
        "the super-net and these together; the best of all counts; one of",
    )


@dataclass
class RunOptions:
    """Chance and numbers."""

    seed: Annotated[int, Range(0, 2**32)] = option(
        0, "of all chance: the split, the masks, the weights, the search", common=True
    )
    mixed_precision: Literal["auto", "no", "bf16"] = option(
        "auto", "bf16 autocast or none; by default, what the search was begun with, else what the machine gains from"
    )


def own_groups(table: Mapping[str, Part]) -> tuple[type, ...]:
    """The options that parts of a table have of their own, a group each."""
    return tuple(dict.fromkeys(part.options for part in table.values() if part.options is not None))


def option_groups() -> tuple[type, ...]:
    """All options of a recipe, in groups: those of every search, and those of each strategy and proxy there is."""
    return (
        DataOptions,
        SizeOptions,
        SpaceOptions,
        SteeringOptions,
        JointOptions,
        SuperNetOptions,
        SubModelOptions,
        StrategyOptions,
        *own_groups(STRATEGIES),
        ScreenOptions,
        InheritanceOptions,
        EstimationOptions,
        *own_groups(PROXIES),
        LatencyOptions,
        BudgetOptions,
        RungOptions,
        FinalOptions,
        RunOptions,
    )
