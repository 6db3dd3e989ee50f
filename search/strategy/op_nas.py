"""Operation-priority neural architecture search, Algorithm 1 of AutoBERT-Zero (arXiv 2107.07445)."""

import random
from collections.abc import Callable, Sequence
from functools import partial

from ..space.candidate import Candidate
from ..space.mutation import mutate_graph, mutate_layout
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .operation_priority import OperationPriority

_TRIES = 200


class OpNas:
    """Evolution whose intra-layer mutations draw operations by priority.

    Ask for a generation, evaluate it, tell the results, and so on. No candidate is asked for twice. The same space,
    seed and told results give the same candidates.

    Args:
        space: where to search.
        rng: the source of all chance.
        population_size: the random candidates of the first generation.
        num_parents: K, the best candidates so far that have children.
        num_children: the children of a parent in a generation.
        alpha: the exploration of the priorities.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        population_size: int = 100,
        num_parents: int = 5,
        num_children: int = 5,
        alpha: float = 1.0,
    ):
        if min(population_size, num_parents, num_children) < 1:
            raise ValueError("population_size, num_parents and num_children must be at least 1")
        self.space = space
        self.population_size = population_size
        self.num_parents = num_parents
        self.num_children = num_children
        self.priority = OperationPriority(space.operations, alpha)
        self.population: list[Evaluation] = []
        self._rng = rng
        self._asked: set[str] = set()

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        if not self.population:
            drawn = [self._new(lambda: self.space.sample(self._rng)) for _ in range(self.population_size)]
        else:
            parents = sorted(self.population, key=lambda e: -e.rank_key)[: self.num_parents]
            weights = self.priority.probabilities()
            drawn = [
                self._new(partial(self._child, parent.candidate, weights))
                for parent in parents
                for _ in range(self.num_children)
            ]
        return [candidate for candidate in drawn if candidate is not None]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in the results of a generation, in the order in which it was asked."""
        for evaluation in evaluations:
            self.population.append(evaluation)
            if evaluation.score is not None:
                self.priority.update(evaluation.candidate.operations, evaluation.score)

    def _child(self, parent: Candidate, weights: dict[str, float]) -> Candidate:
        start = Candidate(parent.layers, parent=parent.identity, origin="")
        return mutate_graph(mutate_layout(start, self.space, self._rng), self.space, self._rng, weights)

    def _new(self, draw: Callable[[], Candidate]) -> Candidate | None:
        for _ in range(_TRIES):
            candidate = draw()
            if candidate.identity not in self._asked:
                self._asked.add(candidate.identity)
                return candidate
        return None
