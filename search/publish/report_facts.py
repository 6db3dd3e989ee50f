"""What a report says of a search, in numbers: taken from its journal, finished or not."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scipy.stats import kendalltau

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.folders import FolderKind, kind_of
from autobert_zero_hf.model import FormulaError, Layer, parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.places import without_places

from ..runtime.environment import Environment
from ..runtime.history import History
from ..runtime.records import Evaluated, Trained
from ..runtime.run_folder import BERT, SCRATCH, RunFolder
from ..space.candidate import Candidate
from ..strategy.operation_priority import OperationPriority
from .facts import SearchFacts, read_any_search, read_json, run_of, several_budgets

_BEST_SHARE = 0.25
_FEWEST_PAIRS = 4


@dataclass(frozen=True)
class Visits:
    """How often something was in candidates, by its depth where it has one: among all, and among the best quarter."""

    every: Counter[Any]
    best: Counter[Any]


@dataclass(frozen=True)
class Finalist:
    """A model after the last training.

    Args:
        event: what the journal says of it.
        inherited: the score that it had as a candidate; None where it was none.
    """

    event: Trained
    inherited: float | None


@dataclass(frozen=True)
class ReportFacts:
    """A search, seen as a whole.

    Args:
        search: its folder and journal.
    """

    search: SearchFacts

    @property
    def recipe(self) -> dict[str, Any]:
        """The options of the search."""
        return self.search.recipe

    @property
    def history(self) -> History:
        """The history that the journal tells."""
        return self.search.history

    @property
    def candidates(self) -> list[Evaluated]:
        """The candidates in the order in which they were asked."""
        return self.search.candidates

    @cached_property
    def scored(self) -> list[Evaluated]:
        """The candidates with a score."""
        return self.history.scored

    @cached_property
    def ranked(self) -> list[Evaluated]:
        """The candidates with a score, the highest first; of equal ones, the one that was asked for first."""
        return sorted(self.scored, key=score_of, reverse=True)

    @cached_property
    def best(self) -> Evaluated | None:
        """The winner; until it is chosen, the one with the highest score, or None as long as there is none."""
        chosen = self.history.winner
        winners = (each for each in self.ranked if chosen is not None and each.is_of(chosen))
        return next(winners, self.history.best)

    @property
    def passed_over(self) -> int:
        """How many candidates have a higher score than the winner: their measured latency was not sure to be met."""
        return 0 if self.best is None else sum(score_of(each) > score_of(self.best) for each in self.scored)

    @property
    def state(self) -> str:
        """How far it came, in words."""
        if finished := self.history.finished:
            return f"finished: {finished.reason}"
        wanted = self.recipe["candidates"]
        if not self.candidates:
            return "not finished: no candidate is evaluated yet"
        if len(self.candidates) == wanted:
            return "not finished: all candidates are evaluated, the final training is missing"
        return f"not finished: {len(self.candidates)} of {wanted} candidates are evaluated"

    @property
    def random_scores(self) -> list[float]:
        """The scores of the candidates that nothing led to but chance, in ascending order."""
        return sorted(map(score_of, self.history.drawn))

    @property
    def baseline_score(self) -> tuple[float, float | None] | None:
        """What BERT has as a candidate, with its error: of the last phase of a search, or because it was one."""
        known, berts = self.history.baseline, (each for each in self.scored if each.sizes is None)
        if known is not None and known.score is not None:
            return known.score, known.standard_error
        return next(((score_of(each), each.standard_error) for each in berts if _is_bert(each.layers)), None)

    @property
    def environment(self) -> Environment | None:
        """What the search began on; None for searches that did not write it down."""
        return self.history.start.environment

    def lineage(self) -> list[Evaluated]:
        """The best candidate and those that it comes from, the first one first."""
        return [] if self.best is None else self.ancestors(self.best)

    def ancestors(self, candidate: Evaluated) -> list[Evaluated]:
        """A candidate and those that it comes from, the first one first."""
        chain: list[Evaluated] = []
        step: Evaluated | None = candidate
        while step is not None:  # a parent always stands before its child
            chain.append(step)
            step = self.history.find(Evaluated, "identity", step.parent)
        return chain[::-1]

    def failures(self) -> Counter[str]:
        """How many candidates have no score, by the reason."""
        return Counter(each.failure.value for each in self.candidates if each.failure is not None)

    def rejections(self) -> dict[str, int]:
        """How many draws were not evaluated, by the reason; known at the end of a search."""
        finished = self.history.finished
        return (finished.rejections if finished else None) or {}

    def unreadable(self) -> str | None:
        """Why a layer of a candidate that has a score cannot be read, such as an operation that is not known here."""
        for layer in dict.fromkeys(layer for each in self.scored for layer in each.layers):
            try:
                parse_layer(layer)
            except FormulaError as error:
                return str(error)
        return None

    def visits_by_depth(self) -> tuple[Visits, Visits]:
        """Layer types, by (depth, type), and kernels, by (depth, size); the depth counts from 0."""
        types, kernels = (Visits(Counter(), Counter()) for _ in range(2))
        for each, counters in self._with_counters(types, kernels):
            for depth, layer in enumerate(_legal(each.layers)):
                if layer is None:
                    continue
                counters[0][depth, layer.mixer.kind] += 1
                if "kernel_size" in layer.mixer.values:
                    counters[1][depth, layer.mixer.values["kernel_size"]] += 1
        return types, kernels

    def visits_of_operations(self) -> Visits:
        """The candidates that have an operation."""
        visits = Visits(Counter(), Counter())
        for each, (counter,) in self._with_counters(visits):
            counter.update(set(operations_of(each.layers)))
        return visits

    def _with_counters(self, *visits: Visits) -> list[tuple[Evaluated, list[Counter[Any]]]]:
        best = self.ranked[: self.best_count]
        every = [(candidate, [each.every for each in visits]) for candidate in self.candidates]
        return every + [(candidate, [each.best for each in visits]) for candidate in best]

    @property
    def best_count(self) -> int:
        """How many candidates are the best quarter."""
        return math.ceil(_BEST_SHARE * len(self.scored))

    def priorities(self) -> list[tuple[int, dict[str, float]]]:
        """After each generation, the candidates so far and the probability of each operation; of OP-NAS alone."""
        recipe = self.recipe
        if recipe["strategy"] != "op-nas" or "strategy" in self.search.objects:
            return []
        priority = OperationPriority(
            recipe["operations"],
            recipe["alpha"],
            recipe["reward_scale"],
            recipe["operation_credit"],
            recipe["temperature"],
        )
        history = []
        for place, each in enumerate(self.candidates, start=1):
            # A damaged recipe may not name all of them; its other numbers are worth a report.
            known = [name for name in operations_of(each.layers) if name in recipe["operations"]]
            priority.update(known, each.score)
            following = self.candidates[place].generation if place < len(self.candidates) else None
            if each.generation != following:
                history.append((place, priority.probabilities()))
        return history

    def trained(self) -> list[Finalist]:
        """The models that were trained on, each with the score that it had as a candidate, where it was one."""

        def inherited(event: Trained) -> float | None:
            # From scratch it is the winner's shape, without what the winner inherited.
            if event.name == BERT and self.baseline_score is not None:
                return self.baseline_score[0]
            if event.name == SCRATCH or None in _legal(event.layers):
                return None
            known = self.history.find(Evaluated, "identity", event.candidate.identity)
            return None if known is None else known.score

        return [Finalist(event, inherited(event)) for event in self.history.finalists.values()]

    def front(self) -> dict[str, Any] | None:
        """What `front.json` says, where the search kept a front."""
        file = self.search.folder.front
        return read_json(file) if file.exists() else None

    def rank_correlation(self) -> tuple[float, float, int] | None:
        """Kendall's tau of inherited and trained scores, its p-value and the pairs; None if there are too few."""
        pairs = [(each.inherited, each.event.accuracy) for each in self.trained() if each.inherited is not None]
        if len(pairs) < _FEWEST_PAIRS:
            return None
        found = kendalltau(*zip(*pairs, strict=True))
        return float(found.statistic), float(found.pvalue), len(pairs)

    def seconds(self) -> dict[str, float | None]:
        """What the search took: in all, until the super-net was trained if it is, and for all candidates together."""
        supernet = self.history.supernet
        return {
            "all": self.history.elapsed,
            "super-net": supernet.elapsed if supernet else None,
            "candidates": sum(each.seconds for each in self.candidates),
        }


def expected_best(scores: Sequence[float]) -> list[float]:
    """The mean of the highest of n scores drawn without replacement, for n from 1 to all of them.

    What random search would have found with n candidates, as far as there are random ones (Dodge et al. 2019, arXiv
    1909.03004, take the same with replacement).

    >>> expected_best([1.0, 2.0, 4.0])
    [2.3333333333333335, 3.3333333333333335, 4.0]
    """
    ordered, many = sorted(scores), len(scores)
    return [
        sum(score * math.comb(place, drawn - 1) for place, score in enumerate(ordered)) / math.comb(many, drawn)
        for drawn in range(1, many + 1)
    ]


def operations_of(layers: Sequence[str]) -> list[str]:
    """The names of all operations in a backbone's formulas, each as often as it occurs."""
    parsed = _legal(layers)
    graphs = [layer.mixer.graph for layer in parsed if layer is not None]
    return [node.name for graph in graphs if graph is not None for node in graph.operations]


def differences(parent: Candidate, child: Candidate) -> list[tuple[str, str, str]]:
    """What a candidate has otherwise than another one: where, what the one has and what the other, "" for nothing.

    >>> differences(Candidate(("conv(3)", "conv(9)")), Candidate(("conv(5)", "conv(9)", "conv(3)")))
    [('layer 1', 'conv(3)', 'conv(5)'), ('layer 3', '', 'conv(3)')]
    """
    pairs = [
        (f"layer {number}", before, after)
        for number, (before, after) in enumerate(zip_longest(parent.layers, child.layers, fillvalue=""), start=1)
    ]
    pairs += [("block", parent.block or "", child.block)] if child.block else []
    sizes, others = (each.sizes.to_dict() if each.sizes else {} for each in (parent, child))
    pairs += [(name.replace("_", " "), f"{sizes.get(name, '')}", f"{others[name]}") for name in others]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _legal(layers: Sequence[str]) -> list[Layer | None]:
    """The layers, None for each that is not legal: such a candidate is a failure like others."""
    found: list[Layer | None] = []
    for layer in layers:
        try:
            found.append(parse_layer(layer))
        except FormulaError:
            found.append(None)
    return found


def _is_bert(layers: Sequence[str]) -> bool:
    attention = parse_layer(BERT_ATTENTION).identity
    return all(layer is not None and layer.identity == attention for layer in _legal(layers))


def read_report_facts(folder: Path) -> ReportFacts:
    """What the folder of a search tells, whether it is finished, running or broken off.

    Files have their names, and not where they lie: a report is passed on, and a page is served.

    Raises:
        AutoBertZeroError: if there is no journal, if nothing is in it yet, or if it is that of searches for several
            budgets.
        JournalError: if it is damaged, or of another version.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise AutoBertZeroError(f"{folder} {what}: give the --output-dir of a search")
    kind = kind_of(folder)
    if kind is FolderKind.SHRINK:
        raise several_budgets(folder)
    journal = RunFolder(folder).journal
    if not journal.is_file():
        of = run_of(folder)
        raise AutoBertZeroError(
            f"{folder} holds no search ({journal.name}), but {kind.value}: give "
            + (f"that of its search, {of}" if of else "the --output-dir of one")
        )
    return report_facts(read_any_search(folder))


def report_facts(search: SearchFacts) -> ReportFacts:
    """What a search tells; files have their names, and not where they lie."""
    return ReportFacts(replace(search, history=History(map(without_places, search.history.events))))


def models_of(facts: ReportFacts) -> list[str]:
    """The finished models in the folder of a search: its winner, the baseline, and those of its front."""
    folder = facts.search.folder
    return [name for name in facts.history.finalists if (folder.finalist(name) / "config.json").is_file()]


def changed_options(recipe: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not what they usually are."""
    return {name: value for name, value in recipe.items() if usual.get(name) != value}


def score_of(candidate: Evaluated) -> float:
    """The score of a candidate that has one."""
    assert candidate.score is not None
    return candidate.score
