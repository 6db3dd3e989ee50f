"""The loop of a search: ask, evaluate on all processes, write down, tell."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from accelerate.utils import broadcast_object_list

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.progress.reporter import Phase

from ..recipe.options import BudgetOptions
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation, Failure
from ..strategy.strategy import Strategy
from .dispatch import Dispatcher
from .journal import Journal, JournalError
from .records import Evaluated


@dataclass
class SearchLoop:
    """Runs a strategy until its budget is spent.

    What the journal holds is not evaluated again: the strategy is asked and told as it was the first time, and so comes
    to the state in which the search was left.

    Args:
        strategy: a new one, with the seed of the run.
        evaluate: gives a candidate's result, in any process.
        cost: about how long that takes, in any unit. The dear ones of a generation are begun first, so that the
            processes end it at about the same time.
        budget: when to end.
        dispatcher: the processes.
        journal: where results are written, and known ones found.
        show: is told how many candidates are done.
        end_generation: called in every process with the results of a generation, new ones and those of the journal.
    """

    strategy: Strategy
    evaluate: Callable[[Candidate], Evaluation]
    cost: Callable[[Candidate], float]
    budget: BudgetOptions
    dispatcher: Dispatcher
    journal: Journal
    show: Phase
    end_generation: Callable[[Sequence[Evaluation]], None] = lambda _: None
    done: list[Evaluation] = field(default_factory=list, init=False)

    def run(self) -> str:
        """Search; the evaluations are in `done`, in the order in which they were asked.

        Returns:
            Why the search ended.
        """
        known = {event.identity: event for event in self.journal.history.candidates}
        generation = stale = 0
        while True:
            if reason := self._reason_to_stop(stale, len(known)):
                return reason
            asked = self.strategy.ask()[: self.budget.candidates - len(self.done)]
            if not asked:
                return "nothing new is left in the space"
            before = self._best_so_far()
            evaluated = self._generation(asked, generation, known)
            self.strategy.tell(evaluated)
            self.end_generation(evaluated)
            self.done.extend(evaluated)
            generation += 1
            stale = 0 if self._best_so_far() > before else stale + 1

    def ranked(self) -> list[Evaluation]:
        """The evaluations with a score, the highest first; the earlier of two with the same.

        Raises:
            AutoBertZeroError: if there is none.
        """
        scored = [evaluation for evaluation in self.done if evaluation.score is not None]
        if not scored:
            failures = sorted({f"{e.failure}: {e.detail}" for e in self.done})
            raise AutoBertZeroError(
                f"none of the {len(self.done)} candidates could be scored ({'; '.join(failures[:3])}): search with a "
                "lower --candidate-learning-rate or --supernet-learning-rate in another --output-dir"
            )
        return sorted(scored, key=lambda evaluation: -evaluation.rank_key)

    def _check_replay(self, asked: list[Candidate], known: Collection[str]) -> None:
        """All that the journal holds was asked for again before anything new is evaluated."""
        strangers = set(known).difference((e.candidate.identity for e in self.done), (c.identity for c in asked))
        if strangers:
            raise JournalError(
                f"the journal holds {len(strangers)} candidates that the strategy does not come to any more: resume "
                "with the versions of this package and of its libraries that it was begun with, or search in another "
                "--output-dir"
            )

    def _best_so_far(self) -> float:
        return max((evaluation.rank_key for evaluation in self.done), default=float("-inf"))

    def _reason_to_stop(self, stale: int, known: int) -> str | None:
        if len(self.done) >= self.budget.candidates:
            return f"{len(self.done)} candidates were evaluated"
        if stale >= self.budget.patience:
            return f"nothing better in {stale} generations"
        # What the journal holds was within the time. The processes must agree, so the main one decides.
        late = len(self.done) >= max(1, known) and self.journal.elapsed() > 3600 * self.budget.hours
        return f"{self.budget.hours:g} hours are over" if broadcast_object_list([late])[0] else None

    def _generation(self, asked: list[Candidate], generation: int, known: dict[str, Evaluated]) -> list[Evaluation]:
        """A generation's results: those that the journal knows, and those of the rest, written down as they arrive."""
        for place, candidate in enumerate(asked):
            if (event := known.get(candidate.identity)) is not None:
                facts = self._facts(place, candidate, generation)
                self.journal.compare(event, facts, f"candidate {facts['number']}")
        missing = [place for place, candidate in enumerate(asked) if candidate.identity not in known]
        missing.sort(key=lambda place: -self.cost(asked[place]))
        if missing:
            self._check_replay(asked, known)
        arrived = len(self.done) + len(asked) - len(missing)

        def work(place: int) -> dict[str, Any]:
            start = time.monotonic()
            result = self.evaluate(asked[place])
            return {
                "score": result.score,
                "standard_error": result.standard_error,
                "failure": result.failure,
                "detail": result.detail,
                "seconds": round(time.monotonic() - start, 3),
            }

        def write(task: int, result: dict[str, Any]) -> None:
            nonlocal arrived
            self.journal.append(evaluated(missing[task], result))
            arrived += 1
            self.show(arrived)

        def evaluated(place: int, result: dict[str, Any]) -> Evaluated:
            failure = None if result["failure"] is None else Failure(result["failure"])
            return Evaluated(**self._facts(place, asked[place], generation), **{**result, "failure": failure})

        results = zip(missing, self.dispatcher.run(missing, work, write), strict=True)
        fresh = {place: evaluated(place, result) for place, result in results}
        events = [fresh[place] if place in fresh else known[c.identity] for place, c in enumerate(asked)]
        return [
            Evaluation(candidate, event.score, event.standard_error, event.failure, event.detail)
            for candidate, event in zip(asked, events, strict=True)
        ]

    def _facts(self, place: int, candidate: Candidate, generation: int) -> dict[str, Any]:
        """What the journal says of a candidate that is asked for, whatever comes of it.

        Args:
            place: in its generation.
            candidate: the candidate.
            generation: from 0.
        """
        return {
            "number": len(self.done) + place + 1,
            "generation": generation,
            "identity": candidate.identity,
            "parent": candidate.parent,
            "origin": candidate.origin,
            "layers": list(candidate.layers),
            **candidate.own,
        }
