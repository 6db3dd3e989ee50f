"""What a backbone may cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from autobert_zero_hf.model import AutoBertZeroConfig, architecture
from autobert_zero_hf.model.cost import Cost, layer_cost

from .candidate import Candidate


@dataclass
class Budget:
    """Rejects candidates that cost too much, before anything is trained; for a strategy's `reject`.

    Args:
        config: the sizes of every candidate.
        tokens: N, the length of the sequence for which operations are counted.
        max_parameters: of all layers together, without embeddings and head; None for no bound.
        max_multiplications: of a token in all layers, an addition counted in with each. None for no bound.

    Raises:
        ValueError: if nothing can be so cheap: a bound is below what the cheapest layers cost, with no kernel and no
            formula.
    """

    config: AutoBertZeroConfig
    tokens: int
    max_parameters: int | None = None
    max_multiplications: int | None = None
    _layer: Callable[[str], Cost] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._layer = lru_cache(maxsize=65_536)(partial(layer_cost, config=self.config, tokens=self.tokens))
        bert = self.cost(architecture("bert", self.config.num_hidden_layers))
        least = self.cost(["transpose(transpose(q))"] * self.config.num_hidden_layers)
        for name, bound, lowest, usual in (
            ("max_parameters", self.max_parameters, least.parameters, bert.parameters),
            ("max_multiplications", self.max_multiplications, least.operations, bert.operations),
        ):
            if bound is not None and bound < lowest:
                raise ValueError(
                    f"{name}={bound:,} is less than any backbone of these sizes has, {lowest:,}; a BERT has {usual:,}"
                )

    def cost(self, layers: Sequence[str]) -> Cost:
        """Of a backbone."""
        return sum(map(self._layer, layers), Cost())

    def __call__(self, candidate: Candidate) -> str | None:
        """The reason to reject it, or None; one of a few words, so that it can be counted."""
        if self.max_parameters is None and self.max_multiplications is None:
            return None
        cost = self.cost(candidate.layers)
        if self.max_parameters is not None and cost.parameters > self.max_parameters:
            return "too many parameters"
        if self.max_multiplications is not None and cost.operations > self.max_multiplications:
            return "too many multiplications"
        return None
