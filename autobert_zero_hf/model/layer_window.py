"""Local attention: a formula within a window of tokens on either side (Beltagy et al., 2020, arXiv 2004.05150)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .axes import TypedGraph
from .graph import AttentionGraph, FormulaError
from .layer_formula import FormulaMixer, unseen_sum
from .mixers import Number, register
from .work import Work, plan_work

if TYPE_CHECKING:
    from torch import nn

MAX_REACH = 2**20


@register
@dataclass(frozen=True)
class Window(FormulaMixer):
    """An attention in which a token sees those at most `reach` places away, before it and after it.

    Its formula may sum over tokens in softmax attentions alone: these run block by block, in time and memory that are
    linear in the number of tokens.
    """

    reach: int
    formula: TypedGraph

    word = "window"
    kind = "window"
    noun = "a window"
    example = "window(128, matmul(softmax(scale(matmul(q, transpose(k)))), v))"
    about = "`window(w, ...)` is an attention in which a token sees `w` tokens before it and `w` after it."
    layer_type = "sliding_attention"
    local = True
    colour = "#c7ddf2"
    numbers = (Number("reach", "number of tokens on either side", MAX_REACH, choices=(4, 8, 16, 32, 64, 128)),)

    def problem(self) -> FormulaError | None:
        """A sum over tokens that no local attention computes."""
        if self.plan.keeps_pairs and unseen_sum(self.formula) is None:
            return None
        return FormulaError(
            "within a window, a formula sums over tokens in attentions alone, each a softmax of scores times a value",
            str(self),
        )

    @property
    def runs_as(self) -> str:
        """The word for attentions that run block by block."""
        return "local"

    def work(self, sizes: Any, tokens: int) -> Work:
        """The work of the formula's plan, where a token sees those of its window."""
        seen = min(tokens, 2 * self.reach + 1)
        return plan_work(self.plan, tokens, sizes.num_attention_heads, sizes.head_dim, seen)

    def module_class(self) -> "type[nn.Module]":
        """The class of local attentions."""
        from .local_attention import AutoBertZeroLocalAttention

        return AutoBertZeroLocalAttention

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:
        """The formula, with the window below it."""
        return rf"\underset{{\left|i - j\right| \le {self.reach}}}{{{write(self.graph)}}}"
