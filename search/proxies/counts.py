"""Proxies that count: the parameters of a model's layers, or the operations of a token in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autobert_zero_hf.model.cost import Cost, layer_cost

from .proxy import Score
from .table import ScreenKind, register_screen

if TYPE_CHECKING:
    from torch import Tensor

    from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM


@dataclass(frozen=True)
class CountedProxy:
    """The number of parameters of the layers, or the operations of a token in them: the larger, the better.

    Counts have no error. They are finite whatever the weights are.

    Args:
        what: "parameters" or "operations".
        tokens: N, the length of the sequence, on which operations depend.
    """

    what: str
    tokens: int

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The count."""
        cost = cost_of_layers(model.config, self.tokens)
        return Score(float({"parameters": cost.parameters, "operations": cost.operations}[self.what]), 0.0)


def cost_of_layers(config: "AutoBertZeroConfig", tokens: int) -> Cost:
    """The cost of all layers of a model, on rows of so many tokens."""
    return sum((layer_cost(text, config, tokens) for text in config.layers), Cost())


def _of(what: str) -> "Callable[[Tensor], CountedProxy]":
    return lambda input_ids: CountedProxy(what, input_ids.shape[1])


register_screen(ScreenKind("parameters", "how many the layers have", _of("parameters")))
register_screen(ScreenKind("operations", "how many a token takes in them", _of("operations")))
