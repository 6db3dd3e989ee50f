"""What a program proposes in a search, or proposed before: the journal has it, so that it is never asked twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accelerate.utils import broadcast_object_list

from ..latency.band import LatencyBand
from ..recipe.choices import RecipeError
from ..recipe.recipe import Recipe
from ..runtime.journal import Journal
from ..runtime.records import Proposed
from ..space.candidate import Candidate
from ..space.search_space import SearchSpace
from ..space.starting import PROPOSED
from ..strategy.evaluation import Evaluation
from ..strategy.outside import Joined
from ..strategy.strategy import Proposing, Strategy
from .program import Program


@dataclass(frozen=True)
class Proposals:
    """The candidates that a program adds to each generation, as many as there are parents at most.

    Args:
        program: what is asked; None where a search goes on without one.
        recipe: of the search.
        journal: holds what was proposed.
        main: whether this process asks.
        band: of latencies to keep to; None where these are not bounded.
    """

    program: Program | None
    recipe: Recipe
    journal: Journal
    main: bool
    band: LatencyBand | None

    def joined(self, strategy: Strategy) -> Strategy:
        """The strategy with what is proposed besides.

        Raises:
            RecipeError: if it takes in nothing from others.
        """
        if self.program is None and not self.journal.history.of(Proposed):
            return strategy
        return Joined(taking_in(strategy, self.recipe), self)

    def __call__(
        self, generation: int, space: SearchSpace, told: Sequence[Evaluation], asked: set[str]
    ) -> list[Candidate]:
        """What is proposed for a generation: as before, if that is known, or newly."""
        known = self.journal.history.find(Proposed, "generation", generation)
        if known is None and self.program is not None:
            lines = [self._ask(space, told, asked) if self.main else None]
            known = Proposed(generation=generation, backbones=broadcast_object_list(lines)[0])
            self.journal.append(known)
        return [self._read(line) for line in known.backbones] if known else []

    def _read(self, line: str) -> Candidate:
        return replace(self.recipe.check_start(line), origin=PROPOSED)

    def _ask(self, space: SearchSpace, told: Sequence[Evaluation], asked: set[str]) -> list[str]:
        def check(line: str) -> Candidate:
            candidate = self._read(line)
            if candidate.identity in asked:
                raise ValueError("it computes what one computes that was asked for already")
            if (reason := space.rejection(candidate)) is not None:
                raise ValueError(reason)
            if self.band and (reason := self.band(candidate)) is not None:
                raise ValueError(reason)
            return candidate

        assert self.program is not None
        return self.program.propose(space, told, self.recipe.strategy.parents, check)


def taking_in(strategy: Strategy, recipe: Recipe) -> Proposing:
    """The strategy, if it takes in what others propose.

    Raises:
        RecipeError: if it does not, or what is searched are sizes of one backbone.
    """
    if isinstance(strategy, Proposing) and isinstance(recipe.search_space, SearchSpace):
        return strategy
    raise RecipeError(
        f"propose: the strategy {recipe.strategy.strategy} takes in nothing from others here: take another one, of "
        "layers, or leave propose out"
    )
