"""What a backbone may cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from autobert_zero_hf.model import architecture
from autobert_zero_hf.model.cost import BaseSizes, Cost, layer_cost, missing_norm, model_parameters

from .candidate import Candidate, in_block
from .sizes import Sizes, SizesSpace

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig


@dataclass
class CostBudget:
    """Rejects candidates that cost too much, before anything is trained; for a strategy's `reject`.

    Args:
        config: the sizes of every candidate that has none of its own.
        tokens: N, the length of the sequence for which operations are counted.
        max_parameters: of all layers together, without embeddings and head, or of the model; None for no bound.
        max_multiplications: of a token in all layers, an addition counted in with each. None for no bound.
        sizes: those that candidates may have of their own; None where they have none.
        layers: those of the one backbone whose sizes are searched; none where layers are searched, too.
        blocks: those that candidates may have of their own; none where all have the configuration's.
        whole: whether parameters are those of an `AutoBertZeroModel`, with embeddings and pooler.

    Raises:
        ValueError: if nothing can be so cheap: a bound is below what the cheapest layers cost, which have no kernel and
            no formula where layers are searched.
    """

    config: "AutoBertZeroConfig"
    tokens: int
    max_parameters: int | None = None
    max_multiplications: int | None = None
    sizes: SizesSpace | None = None
    layers: Sequence[str] = ()
    whole: bool = False
    blocks: Sequence[str] = ()
    _layer: Callable[[str, Sizes | None, str | None, bool], Cost] = field(init=False, repr=False)
    _like: "Callable[[str | None], AutoBertZeroConfig]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._layer = lru_cache(maxsize=65_536)(self._layer_cost)
        self._like = lru_cache(partial(in_block, self.config))
        bert = self.cost(architecture("bert", self.config.num_hidden_layers))
        smallest = None if self.sizes is None else self.sizes.smallest
        depth = self.config.num_hidden_layers if smallest is None else smallest.num_hidden_layers
        cheapest = self.layers[:depth] or ["transpose(transpose(q))"] * depth
        least = [self.cost(cheapest, smallest, block) for block in self.blocks or (None,)]
        for name, bound, lowest, usual in (
            ("max_parameters", self.max_parameters, min(each.parameters for each in least), bert.parameters),
            ("max_multiplications", self.max_multiplications, min(each.operations for each in least), bert.operations),
        ):
            if bound is not None and bound < lowest:
                raise ValueError(
                    f"{name}={bound:,} is less than any backbone of these sizes has, {lowest:,}; a BERT has {usual:,}"
                )

    def cost(self, layers: Sequence[str], sizes: Sizes | None = None, block: str | None = None) -> Cost:
        """The cost of a backbone, in sizes and a block of its own where it has them."""
        # A layer costs the same in a backbone of another depth.
        own = None if sizes is None else replace(sizes, num_hidden_layers=1)
        cost = sum((self._layer(layer, own, block, place == 0) for place, layer in enumerate(layers)), Cost())
        return replace(cost, parameters=self._of_model(layers, own, block)) if self.whole else cost

    def _of_model(self, layers: Sequence[str], sizes: Sizes | None, block: str | None) -> int:
        names = {field.name for field in fields(BaseSizes)} - {"layers"}
        common = {name: getattr(self._like(block), name) for name in names}
        own = {} if sizes is None else {name: value for name, value in sizes.to_dict().items() if name in names}
        return model_parameters(BaseSizes(layers, **{**common, **own}))

    def _layer_cost(self, text: str, sizes: Sizes | None, block: str | None, is_first: bool) -> Cost:
        like = self._like(block)
        config = like if sizes is None else sizes.config(like, [text])
        cost = layer_cost(text, config, self.tokens)
        return replace(cost, parameters=cost.parameters - missing_norm(text, config)) if is_first else cost

    def __call__(self, candidate: Candidate) -> str | None:
        """The reason to reject it, or None; one of a few words, so that it can be counted."""
        if self.max_parameters is None and self.max_multiplications is None:
            return None
        cost = self.cost(candidate.layers, candidate.sizes, candidate.block)
        if self.max_parameters is not None and cost.parameters > self.max_parameters:
            return "too many parameters"
        if self.max_multiplications is not None and cost.operations > self.max_multiplications:
            return "too many multiplications"
        return None
