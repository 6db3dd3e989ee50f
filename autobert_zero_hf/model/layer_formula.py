"""Attention as a formula over the projections q, k and v of the hidden states (AutoBERT-Zero, arXiv 2107.07445)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .axes import TypedGraph, compares, mixes_tokens
from .graph import AttentionGraph, FormulaError
from .lowering import Input, Plan, Product, lower
from .mixers import Mixer, register
from .operations import operation
from .weights import HIDDEN, WIDTH, Linear, Weight
from .work import Work, plan_work

if TYPE_CHECKING:
    from torch import nn


class FormulaMixer(Mixer):
    """What kinds that compute a formula share: projections of those inputs that it uses, and a plan."""

    formula: TypedGraph

    layer_type = "full_attention"
    colour = "#dbe9f6"
    module = "attention"
    weights = {  # as the base says
        **{f"{name}_proj": Linear(WIDTH, HIDDEN) for name in ("q", "k", "v")},
        "o_proj": Linear(HIDDEN, WIDTH),
    }
    takes_formula = True

    @property
    def typed(self) -> TypedGraph:
        """The formula with the axes of each operation."""
        return self.formula

    @property
    def graph(self) -> AttentionGraph:
        """The formula."""
        return self.formula.graph

    @cached_property
    def plan(self) -> Plan:
        """What the formula runs as, unless it runs as it is written."""
        return lower(self.formula)

    @property
    def turns(self) -> bool:
        """Whether an operation compares the features of `q` with those of `k`.

        Rotated, these then depend on how far tokens are apart; what else such a formula does with `q` and `k` it does
        with the rotated ones. All other formulas see them as they are.
        """
        return compares(self.formula, "q", "k")

    @property
    def mixes_tokens(self) -> bool:
        """Whether an operation reduces a token axis."""
        return mixes_tokens(self.formula)

    @property
    def own_weights(self) -> Mapping[str, Weight]:
        """The projections of the inputs that the formula uses, and the last one."""
        return {name: self.weights[name] for name in (*(f"{each}_proj" for each in self.graph.inputs), "o_proj")}

    def module_class(self) -> "type[nn.Module]":
        """Attentions, which give their weights second where they are computed."""
        from .attention import AutoBertZeroAttention

        return AutoBertZeroAttention


class GlobalFormula(FormulaMixer):
    """What kinds share whose formula runs over all tokens at once."""

    @property
    def runs_as(self) -> str:
        """The kinds of its plan."""
        return "+".join(self.plan.kinds)

    def work(self, sizes: Any, tokens: int) -> Work:
        """The work of the formula's plan."""
        return plan_work(self.plan, tokens, self.number_of_heads(sizes), sizes.head_dim)

    @property
    def fuses(self) -> bool:
        """Whether the formula's plan has a fused attention."""
        return "flash" in self.plan.kinds

    @property
    def takes_pairs(self) -> bool:
        """Whether each of its sums over tokens is for a token."""
        return unseen_sum(self.formula) is None

    def no_pairs(self, reason: str) -> FormulaError:
        """The error, at the first sum over tokens that is for none of them."""
        place = unseen_sum(self.formula)
        assert place is not None
        return self.graph.error(super().no_pairs(reason).reason, place)

    def needs_matrix(self) -> bool:
        """Whether the formula's plan is dense throughout."""
        return self.plan.kinds == ("dense",)


@register
@dataclass(frozen=True)
class Formula(GlobalFormula):
    """An attention that computes a typed graph; a line that is nothing but a formula."""

    formula: TypedGraph

    word = ""
    kind = "attention"
    noun = "a formula"
    example = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
    about = "A formula is an attention over the projections `q`, `k` and `v` of the hidden states."

    def _written(self, write: Callable[[AttentionGraph], str]) -> str:
        return write(self.graph)

    @property
    def score_weights(self) -> tuple[str, str] | None:
        """The linear layers of q and k, where the formula has scores as BERT's, whatever else it computes."""
        steps = self.plan.steps
        standard = any(
            (steps[weights.query], steps[weights.key]) == (Input("q"), Input("k"))
            and weights.scales == 1
            and not weights.negated
            for step in steps
            if isinstance(step, Product)
            for weights in step.weights
        )
        return ("q_proj", "k_proj") if standard else None

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:
        """The formula."""
        return write(self.graph)


def unseen_sum(typed: TypedGraph) -> int | None:
    """The first node that sums over tokens for no token in particular; None if a pairwise mask suits the graph."""
    for place, node in enumerate(typed.graph.nodes):
        if not node.is_input and not operation(node.name).looked_on([typed.axes[o] for o in node.operands]):
            return place
    return None
