"""The rungs of a search: longer looks at ever fewer of the best candidates, before one of them is the winner.

A rung is done before the next one begins, in all processes: which candidates it has follows from the scores alone and
never from which process was the first, so that a search that goes on comes to the same.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from autobert_zero_hf.claims import check_claims
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.writing import written_whole

from ..proxies.proxy import Proxy
from ..recipe.rungs import Rung
from ..runtime.dispatch import Dispatcher
from ..runtime.journal import Journal
from ..runtime.records import Looked
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation, Failure
from .training import TrainedOn, Training

Choose = Callable[[Sequence[Evaluation], int], Sequence[Evaluation]]
"""The best of several, so many, the best first."""


@dataclass(frozen=True)
class Rungs:
    """Takes the candidates of a search up its rungs.

    Args:
        rungs: one after the other, each with what scores its candidates.
        train: trains a candidate on.
        choose: which of the candidates come to a rung.
        folder: for the weights of what is trained as long in a later rung.
        dispatcher: the processes.
        journal: holds what came of each; what it knows is not done again.
    """

    rungs: Sequence[tuple[Rung, Proxy]]
    train: TrainedOn
    choose: Choose
    folder: Path
    dispatcher: Dispatcher
    journal: Journal

    def climb(self, evaluations: Sequence[Evaluation], reporter: Reporter) -> list[Evaluation]:
        """The candidates of the last rung with their scores there; all with a score, where there are no rungs.

        Those that are better in the rung before come first.

        Args:
            evaluations: of the search.
            reporter: shows how far it is.

        Raises:
            AutoBertZeroError: if the training of all candidates of a rung diverges.
            WritingError: if weights cannot be written.
        """
        found = [each for each in evaluations if each.score is not None]
        for number, (rung, proxy) in enumerate(self.rungs, start=1):
            chosen = [each.candidate for each in self.choose(found, rung.candidates)]
            looked = self._look(number, rung, proxy, chosen, reporter)
            found = [each for each in looked if each.score is not None]
            if not found:
                raise AutoBertZeroError(
                    f"the training of all {len(chosen)} candidates of rung {number} ({rung}) diverged: search with a "
                    "lower --final-learning-rate in another --output-dir"
                )
        return found

    def _look(
        self, number: int, rung: Rung, proxy: Proxy, candidates: Sequence[Candidate], reporter: Reporter
    ) -> list[Evaluation]:
        known = {event.identity: event for event in self.journal.history.of(Looked) if event.number == number}
        missing = [each for each in candidates if each.identity not in known]
        done = len(candidates) - len(missing)

        def work(candidate: Candidate) -> dict[str, Any]:
            start = time.monotonic()
            result: dict[str, Any] = {"score": None, "standard_error": None, "failure": None}
            try:
                found = proxy(self._trained(number, rung, candidate), lambda _: None)
                result |= {"score": found.value, "standard_error": found.standard_error}
            except FloatingPointError:
                result["failure"] = Failure.NOT_FINITE
            return {**result, "seconds": round(time.monotonic() - start, 3)}

        def write(place: int, result: dict[str, Any]) -> None:
            nonlocal done
            known[missing[place].identity] = looked(place, result)
            self.journal.append(known[missing[place].identity])
            done += 1
            show(done)

        def looked(place: int, result: dict[str, Any]) -> Looked:
            failure = None if result["failure"] is None else Failure(result["failure"])
            return Looked(number=number, identity=missing[place].identity, **{**result, "failure": failure})

        with reporter.phase(f"Rung {number}", len(candidates), done, "candidates") as show:
            results = self.dispatcher.run(missing, work, write)
        known |= {each.identity: looked(place, results[place]) for place, each in enumerate(missing)}
        return [
            Evaluation(each, event.score, event.standard_error, event.failure)
            for each in candidates
            for event in [known[each.identity]]
        ]

    def _trained(self, number: int, rung: Rung, candidate: Candidate) -> AutoBertZeroForMaskedLM:
        """A model after the training of a rung; what another rung trained as long is not trained again."""
        options = self.train.recipe.final
        training = Training(candidate, options.final_learning_rate, rung.steps)
        others = {place for place, (other, _) in enumerate(self.rungs, start=1) if other.steps == rung.steps}
        place = self.folder / f"{candidate.identity}-{rung.steps}.safetensors"
        if min(others) < number and place.exists():
            model = self.train(replace(training, steps=0), lambda _: None)
            try:
                load_model(model, place)
            except (SafetensorError, RuntimeError):  # damaged: it can be had again
                pass
            else:
                return model
        model = self.train(training, lambda _: None)
        if max(others) > number:
            check_claims(self.folder)
            self.folder.mkdir(exist_ok=True)
            with written_whole(place) as partial:
                save_model(model, str(partial))
        return model


def by_score(evaluations: Sequence[Evaluation], number: int | None = None) -> list[Evaluation]:
    """So many of them, or all, the best first; of those with the same score the earlier one."""
    return sorted(evaluations, key=lambda each: -each.rank_key)[:number]


def forget(folder: Path) -> None:
    """Remove the weights that were kept between rungs."""
    if folder.is_dir():
        check_claims(folder)
        shutil.rmtree(folder)
