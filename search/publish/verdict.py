"""What a report begins with: which is better, the winner or what stands beside it, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from autobert_zero_hf.model import FormulaError
from autobert_zero_hf.model.cost import Cost
from autobert_zero_hf.standard_error import plus_minus

from ..recipe.errors import RecipeError
from ..recipe.recipe import Recipe
from ..runtime.history import History
from ..runtime.records import Trained
from ..runtime.run_folder import BERT, SCRATCH, finalists_of
from ..space.budget import CostBudget
from ..space.candidate import Candidate
from .difference import Difference

_BASELINES = {BERT: "BERT", SCRATCH: "the same model from scratch"}


class Costs:
    """What backbones of a search cost, by its sizes and vocabulary.

    Args:
        history: of the search.
    """

    def __init__(self, history: History):
        self._budget: CostBudget | None = None
        if (data := history.data) is not None:
            try:
                recipe = Recipe.restored(history.recipe)
                config = recipe.make_config(data.vocabulary)
            except (RecipeError, ValueError):  # of a damaged journal, or of parts that are not registered here
                return
            self._budget = CostBudget(config, recipe.data.sequence_length)

    def __call__(self, candidate: Candidate) -> Cost | None:
        """The parameters of all layers, and the multiplications of a token in them; None where nobody can tell."""
        if self._budget is None:
            return None
        try:
            return self._budget.cost(candidate.layers, candidate.sizes, candidate.block)
        except FormulaError:
            return None


@dataclass(frozen=True)
class Beside:
    """A model in the table of a verdict.

    Args:
        name: in words.
        event: what the journal says of it.
        multiplications: of a token in its layers; None where nobody can tell.
        milliseconds: as it was measured; None where it was not.
    """

    name: str
    event: Trained
    multiplications: int | None
    milliseconds: float | None


@dataclass(frozen=True)
class Verdict:
    """The winner of a finished search beside its baseline.

    Args:
        difference: of their accuracy.
        baseline: what stands beside it, in words.
        models: the winner first.
    """

    difference: Difference
    baseline: str
    models: Sequence[Beside]

    @classmethod
    def of(cls, history: History, costs: Costs) -> "Verdict | None":
        """The verdict of a search; None until both models are trained."""
        names = finalists_of(history.recipe)
        trained = [history.finalists[name] for name in names if name in history.finalists]
        if len(trained) < len(names):
            return None
        best, beside = trained
        baseline = _BASELINES[names[1]]
        return cls(
            Difference.of(best, beside),
            baseline,
            [_beside("the winner", best, history, costs), _beside(baseline, beside, history, costs)],
        )

    @property
    def said(self) -> str:
        """The verdict as a sentence."""
        by = f"{plus_minus(self.difference.value, self.difference.error, signed=True)} in accuracy on masked words"
        return {
            "the same": f"The best that was found is {self.baseline} itself.",
            "not known": f"These rows do not tell whether the winner is better than {self.baseline}: {by}.",
            "not clearly different": f"The winner is not clearly different from {self.baseline}: {by}.",
        }.get(self.difference.verdict, f"The winner is {self.difference.verdict} than {self.baseline}: {by}.")


def _beside(name: str, event: Trained, history: History, costs: Costs) -> Beside:
    try:
        latency = history.measured(event.candidate.identity)
    except FormulaError:  # an operation that is not registered here
        return Beside(name, event, None, None)
    cost = costs(event.candidate)
    multiplications = None if cost is None else cost.operations
    return Beside(name, event, multiplications, None if latency is None else latency.median)
