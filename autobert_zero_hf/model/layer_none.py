"""A layer without a mixer: its feed-forward block alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .graph import AttentionGraph
from .mixers import Mixer, register
from .work import Work


@register
@dataclass(frozen=True)
class NoMixer(Mixer):
    """No mixer, and no norm of one: tokens pass as they are."""

    word = "none"
    kind = "none"
    noun = "a layer without a mixer"
    example = "none"
    about = "`none` is a layer without a mixer, a feed-forward block alone."
    layer_type = "moe"  # transformers' word for layers of a hybrid that are feed-forward blocks alone
    colour = "#eeeeee"
    module = "none"
    left_out = True

    @property
    def mixes_tokens(self) -> bool:
        """No token sees another."""
        return False

    def work(self, sizes: Any, tokens: int) -> Work:  # noqa: ARG002
        """There is no work."""
        return Work()

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:  # noqa: ARG002
        """The hidden states."""
        return "X"
