"""Operation-priority neural architecture search, Algorithm 1 of AutoBERT-Zero (arXiv 2107.07445)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, get_args

from autobert_zero_hf.options import Range, option

from ..space.candidate import Candidate
from ..space.mutation import USUAL_MUTATIONS, MutationOptions, Mutations
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .operation_priority import Credit, OperationPriority
from .rewards import Scale
from .strategy import Proposing, Reject, at_least
from .table import StrategyContext, StrategyKind, register

Levels = Literal["both", "one"]


@dataclass
class UniformOptions(MutationOptions):
    """What changes from parent to child, in OP-NAS."""

    levels: Levels = option(
        "both",
        "what changes from parent to child in OP-NAS: layout and formulas, as in the paper, and sizes where they vary; "
        "or one of them",
    )


@dataclass
class OpNasOptions(UniformOptions):
    """OP-NAS."""

    alpha: Annotated[float, Range(0.0)] = option(1.0, "exploration of operations that were rarely tried, in OP-NAS")
    operation_credit: Credit = option(
        "presence", "whether a candidate's score counts once for an operation that it holds, or each time it occurs"
    )
    temperature: Annotated[float, Range(1e-6)] = option(
        1.0, "of the draw of operations in OP-NAS; the lower, the more the priorities count"
    )
    reward_scale: Scale = option(
        "ranks", "how scores enter OP-NAS's priorities: by rank, or between the run's worst and best"
    )


class OpNas(Proposing):
    """Evolution whose intra-layer mutations draw operations by priority.

    Ask for a generation, evaluate it, tell the results, and so on. No candidate is asked for twice. The same space,
    seed and told results give the same candidates.

    Args:
        space: where to search.
        rng: the source of all chance.
        population_size: the random candidates of the first generation.
        num_parents: K, the best candidates so far that have children.
        num_children: the children of a parent in a generation.
        alpha: the exploration of the priorities; None draws operations evenly, the paper's ablation.
        scale: how scores become rewards, "ranks" or "range"; as `credit` and `temperature`, see `OperationPriority`.
        reject: looks at a candidate before it is proposed.
        credit: for what an operation is rewarded, "presence" or "occurrences".
        temperature: of the softmax that operations are drawn from.
        levels: what changes from parent to child: "both", layout and formulas, as in the paper, or "one" of them,
            drawn evenly, so that what made the parent good is kept more often. Where candidates have sizes of their
            own, these are a third level: "both" changes them as well.
        mutations: what children are made by.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        population_size: int = 100,
        num_parents: int = 5,
        num_children: int = 5,
        alpha: float | None = 1.0,
        scale: Scale = "ranks",
        reject: Reject | None = None,
        credit: Credit = "presence",
        temperature: float = 1.0,
        levels: Levels = "both",
        mutations: Mutations = USUAL_MUTATIONS,
    ):
        if levels not in get_args(Levels):
            raise ValueError(f"levels must be one of {', '.join(get_args(Levels))}, not {levels!r}")
        at_least(1, population_size=population_size, num_parents=num_parents, num_children=num_children)
        super().__init__(space, rng, reject)
        self.population_size = population_size
        self.num_parents = num_parents
        self.num_children = num_children
        self._make_priority = (
            None
            if alpha is None
            else partial(OperationPriority, alpha=alpha, scale=scale, credit=credit, temperature=temperature)
        )
        self.priority = self._make_priority(space.operations) if self._make_priority else None
        self.levels = levels
        self.mutations = mutations
        self.population: list[Evaluation] = []

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        parents = self.parents()
        self.mutations = self.mutations.among(each.candidate for each in parents)
        weights = self.priority.probabilities() if self.priority and parents else None
        children = [
            child
            for parent in parents
            for child in self._proposals.generation(partial(self._child, parent.candidate, weights), self.num_children)
        ]
        # At first, while all fail, and where there is nothing new around the best.
        return children or self._proposals.generation(lambda: self.space.sample(self._rng), self.population_size)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in the results of a generation."""
        for evaluation in self._proposals.told(evaluations):
            self.population.append(evaluation)
            self._learn(evaluation)

    def steer(self, space: SearchSpace) -> None:
        """Look in another space from now on; the priorities are those of its operations, by all that was told."""
        super().steer(space)
        self.priority = self._make_priority(space.operations) if self._make_priority else None
        for evaluation in self.population:
            self._learn(evaluation)

    def _learn(self, evaluation: Evaluation) -> None:
        if self.priority:
            graphs = evaluation.candidate.graphs.values()
            names = [node.name for graph in graphs for node in graph.operations]
            self.priority.update([name for name in names if name in self.space.operations], evaluation.score)

    def parents(self) -> list[Evaluation]:
        """P, the top K of the population; the earlier of two with the same score."""
        scored = [evaluation for evaluation in self.population if evaluation.score is not None]
        return sorted(scored, key=lambda evaluation: -evaluation.rank_key)[: self.num_parents]

    def _child(self, parent: Candidate, weights: dict[str, float] | None) -> Candidate:
        child = replace(parent, parent=parent.identity, origin="")
        mutations: list[Callable[[Candidate, SearchSpace, random.Random], Candidate]] = [
            self.mutations.layout,
            lambda candidate, space, rng: self.mutations.graph(candidate, space, rng, weights),
        ]
        if self.space.sizes is not None:
            mutations.append(self.mutations.sizes)
        if self.levels == "one":
            mutations = [mutations[int(self._rng.random() * len(mutations))]]
        for mutate in mutations:
            child = mutate(child, self.space, self._rng)
        return child


def _make(context: StrategyContext, options: UniformOptions) -> OpNas:
    priorities = (
        {
            "alpha": options.alpha,
            "scale": options.reward_scale,
            "credit": options.operation_credit,
            "temperature": options.temperature,
        }
        if isinstance(options, OpNasOptions)
        else {"alpha": None}
    )
    return OpNas(
        context.space,
        context.rng,
        context.population,
        context.parents,
        context.children,
        reject=context.reject,
        levels=options.levels,
        mutations=Mutations(options.more_mutations),
        **priorities,
    )


register(StrategyKind("op-nas", "OP-NAS", _make, OpNasOptions))
register(StrategyKind("uniform", "OP-NAS with operations drawn evenly", _make, UniformOptions))
