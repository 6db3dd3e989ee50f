"""The axes of every weight of a masked-LM model, by its name: what a smaller model has of it, and a larger one.

What those of layers are, layers say themselves; those of embeddings and heads stand here.
"""

import re
from functools import lru_cache

from ..model.blocks import all_axes
from ..model.mixers import all_weights
from ..model.weights import HIDDEN, Factors

_VOCABULARY, _POSITIONS, _TOKEN_TYPES = (("vocabulary",), ("positions",), ("token types",))
EMBEDDING: Factors = ("embedding",)
"""The width of the embeddings: the hidden size, or one of its own."""

_AROUND: dict[str, tuple[Factors, ...]] = {
    "embeddings.word_embeddings": (_VOCABULARY, EMBEDDING),
    "embeddings.position_embeddings": (_POSITIONS, EMBEDDING),
    "embeddings.token_type_embeddings": (_TOKEN_TYPES, EMBEDDING),
    "embeddings.norm": (EMBEDDING,),
    "embeddings.projection": (HIDDEN, EMBEDDING),
    "head.dense": (EMBEDDING, HIDDEN),
    "head.norm": (EMBEDDING,),
    "decoder": (_VOCABULARY, EMBEDDING),
}
_NAME = re.compile(r"(?:autobert_zero\.)?(?:layers\.\d+\.)?(?P<module>.+?)(?P<kind>\.weight|\.bias)?")


def known_axes() -> dict[str, tuple[Factors, ...]]:
    """The axes of each module's weight, and for each axis its factors; a bias has the first axis.

    The name of a factor is that of a size, or of what no size says: this is as long as it is in the weight.
    """
    return {**_AROUND, **all_axes(), **{name: weight.axes for name, weight in all_weights().items()}}


@lru_cache(maxsize=4096)
def axes_of(name: str) -> tuple[Factors, ...]:
    """The axes of a weight, and for each axis its factors.

    Args:
        name: as in a model with the head that predicts masked words.

    Raises:
        ValueError: if no rule knows it.

    >>> axes_of("autobert_zero.layers.3.attention.o_proj.weight")
    (('hidden_size',), ('num_attention_heads', 'head_dim'))
    """
    match = _NAME.fullmatch(name)
    if match is None or match["module"] not in (known := known_axes()):
        raise ValueError(f"no rule says what the axes of the weight {name} are; known are {', '.join(known_axes())}")
    axes = known[match["module"]]
    return axes[:1] if match["kind"] == ".bias" else axes
