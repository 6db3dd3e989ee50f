"""What a report says of a search, in numbers: taken from its journal, finished or not."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scipy.stats import kendalltau

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.folders import JOURNAL, FolderKind, kind_of
from autobert_zero_hf.model import FormulaError, Layer, parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.places import without_places

from ..runtime.journal import read_events
from ..space.candidate import Candidate
from ..space.sizes import Sizes
from ..strategy.operation_priority import OperationPriority
from .facts import BASELINES, FRONT, SearchFacts, read_json, run_of, several_budgets

_BEST_SHARE = 0.25
_FEWEST_PAIRS = 4


@dataclass(frozen=True)
class Visits:
    """How often something was in candidates, by its depth where it has one: among all, and among the best quarter."""

    every: Counter[Any]
    best: Counter[Any]


@dataclass(frozen=True)
class ReportFacts:
    """A search, seen as a whole.

    Args:
        search: its folder and journal.
    """

    search: SearchFacts

    @property
    def recipe(self) -> dict[str, Any]:
        """Its options."""
        return self.search.recipe

    @cached_property
    def candidates(self) -> list[dict[str, Any]]:
        """In the order in which they were asked."""
        return self.search.candidates

    @cached_property
    def scored(self) -> list[dict[str, Any]]:
        """Those with a score."""
        return [record for record in self.candidates if record["score"] is not None]

    @cached_property
    def best(self) -> dict[str, Any] | None:
        """The winner; until it is chosen, the one with the highest score, or None as long as there is none."""
        chosen = [_shape(record) for record in self.search.of("trained") if record["name"] == "best"]
        winners = [record for record in self.scored if _shape(record) in chosen] or self.scored
        return max(winners, key=lambda record: record["score"], default=None)

    @property
    def passed_over(self) -> int:
        """How many candidates have a higher score than the winner: their measured latency was not sure to be met."""
        return 0 if self.best is None else sum(record["score"] > self.best["score"] for record in self.scored)

    @property
    def state(self) -> str:
        """How far it came, in words."""
        if finished := self.search.of("finished"):
            return f"finished: {finished[0]['reason']}"
        wanted = self.recipe["candidates"]
        if not self.candidates:
            return "not finished: no candidate is evaluated yet"
        if len(self.candidates) == wanted:
            return "not finished: all candidates are evaluated, the final training is missing"
        return f"not finished: {len(self.candidates)} of {wanted} candidates are evaluated"

    @property
    def random_scores(self) -> list[float]:
        """Of the candidates that no result led to, in ascending order."""
        return sorted(record["score"] for record in self.scored if record["parent"] is None)

    @property
    def baseline_score(self) -> tuple[float, float | None] | None:
        """What BERT has as a candidate, with its error: of the last phase of a search, or because it was one."""
        berts = [
            *self.search.of("baseline"),
            *(each for each in self.candidates if "sizes" not in each and _is_bert(each)),
        ]
        return next(((each["score"], each["standard_error"]) for each in berts if each["score"] is not None), None)

    @property
    def environment(self) -> dict[str, Any]:
        """What the search began on; empty for searches that did not write it down."""
        return self.search.events[0].get("environment", {})

    def lineage(self) -> list[dict[str, Any]]:
        """The best candidate and those that it comes from, the first one first."""
        return [] if self.best is None else self.ancestors(self.best)

    def ancestors(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """A candidate and those that it comes from, the first one first."""
        by_identity = {each["identity"]: each for each in self.candidates}
        chain: list[dict[str, Any]] = []
        step: dict[str, Any] | None = record
        while step is not None and step not in chain:
            chain.append(step)
            step = by_identity.get(step["parent"])
        return chain[::-1]

    def failures(self) -> Counter[str]:
        """How many candidates have no score, by the reason."""
        return Counter(record["failure"] for record in self.candidates if record["score"] is None)

    def rejections(self) -> dict[str, int]:
        """How many draws were not evaluated, by the reason; known at the end of a search."""
        return next((event.get("rejections", {}) for event in self.search.of("finished")), {})

    def unreadable(self) -> str | None:
        """Why a layer of a candidate that has a score cannot be read, such as an operation that is not known here."""
        for layer in dict.fromkeys(layer for record in self.scored for layer in record["layers"]):
            try:
                parse_layer(layer)
            except FormulaError as error:
                return str(error)
        return None

    def visits_by_depth(self) -> tuple[Visits, Visits]:
        """Layer types, by (depth, type), and kernels, by (depth, size); the depth counts from 0."""
        types, kernels = (Visits(Counter(), Counter()) for _ in range(2))
        for record, counters in self._with_counters(types, kernels):
            for depth, layer in enumerate(_legal(record["layers"])):
                if layer is None:
                    continue
                counters[0][depth, layer.mixer.kind] += 1
                if "kernel_size" in layer.mixer.values:
                    counters[1][depth, layer.mixer.values["kernel_size"]] += 1
        return types, kernels

    def visits_of_operations(self) -> Visits:
        """The candidates that have an operation."""
        visits = Visits(Counter(), Counter())
        for record, (counter,) in self._with_counters(visits):
            counter.update(set(operations_of(record["layers"])))
        return visits

    def _with_counters(self, *visits: Visits) -> list[tuple[dict[str, Any], list[Counter[Any]]]]:
        ranked = sorted(self.scored, key=lambda record: -record["score"])
        best = ranked[: self.best_count]
        every = [(record, [each.every for each in visits]) for record in self.candidates]
        return every + [(record, [each.best for each in visits]) for record in best]

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
        for place, record in enumerate(self.candidates, start=1):
            # A damaged recipe may not name all of them; its other numbers are worth a report.
            known = [name for name in operations_of(record["layers"]) if name in recipe["operations"]]
            priority.update(known, record["score"])
            following = self.candidates[place]["generation"] if place < len(self.candidates) else None
            if record["generation"] != following:
                history.append((place, priority.probabilities()))
        return history

    def trained(self) -> list[dict[str, Any]]:
        """The models that were trained on, each with the score that it had as a candidate, where it was one."""
        scores = {record["identity"]: record["score"] for record in self.scored}

        def inherited(record: Mapping[str, Any]) -> float | None:
            sizes = Sizes(**record["sizes"]) if "sizes" in record else None
            # From scratch it is the winner's shape, without what the winner inherited.
            if record["name"] == "bert" and self.baseline_score is not None:
                return self.baseline_score[0]
            if record["name"] == "scratch" or None in _legal(record["layers"]):
                return None
            return scores.get(Candidate(tuple(record["layers"]), sizes=sizes).identity)

        return [{**record, "inherited": inherited(record)} for record in self.search.of("trained")]

    def front(self) -> dict[str, Any] | None:
        """What `front.json` says, where the search kept a front."""
        file = self.search.folder / "front.json"
        return read_json(file) if file.exists() else None

    def rank_correlation(self) -> tuple[float, float, int] | None:
        """Kendall's tau of inherited and trained scores, its p-value and the pairs; None if there are too few."""
        pairs = [
            (record["inherited"], record["accuracy"]) for record in self.trained() if record["inherited"] is not None
        ]
        if len(pairs) < _FEWEST_PAIRS:
            return None
        found = kendalltau(*zip(*pairs, strict=True))
        return float(found.statistic), float(found.pvalue), len(pairs)

    def seconds(self) -> dict[str, float | None]:
        """What the search took: in all, until the super-net was trained if it is, and for all candidates together."""
        supernet = self.search.of("supernet")
        return {
            "all": max(event["elapsed"] for event in self.search.events),
            "super-net": supernet[0]["elapsed"] if supernet else None,
            "candidates": sum(record["seconds"] for record in self.candidates),
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


def differences(parent: Mapping[str, Any], child: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What a candidate has otherwise than another one: where, what the one has and what the other, "" for nothing.

    >>> differences({"layers": ["conv(3)", "conv(9)"]}, {"layers": ["conv(5)", "conv(9)", "conv(3)"]})
    [('layer 1', 'conv(3)', 'conv(5)'), ('layer 3', '', 'conv(3)')]
    """
    pairs = [
        (f"layer {number}", before, after)
        for number, (before, after) in enumerate(zip_longest(parent["layers"], child["layers"], fillvalue=""), start=1)
    ]
    sizes, others = parent.get("sizes") or {}, child.get("sizes") or {}
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


def _is_bert(record: Mapping[str, Any]) -> bool:
    attention = parse_layer(BERT_ATTENTION).identity
    return all(layer is not None and layer.identity == attention for layer in _legal(record["layers"]))


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
    journal = folder / JOURNAL
    if not journal.is_file():
        of = run_of(folder)
        raise AutoBertZeroError(
            f"{folder} holds no search (journal.jsonl), but {kind.value}: give "
            + (f"that of its search, {of}" if of else "the --output-dir of one")
        )
    events = read_events(journal)
    energy = folder / "energy.json"
    facts = ReportFacts(SearchFacts(folder, without_places(events), read_json(energy) if energy.exists() else None))
    if not events:
        raise AutoBertZeroError(f"the search in {folder} has written nothing yet: let it run on, then look again")
    return facts


def models_of(facts: ReportFacts) -> list[str]:
    """The finished models in the folder of a search: its winner, the baseline, and those of its front."""
    names = [record["name"] for record in facts.search.of("trained")]
    names = [name for name in names if name in ("best", *BASELINES) or re.fullmatch(rf"{FRONT}/\d+", name)]
    return [name for name in names if (facts.search.folder / name / "config.json").is_file()]


def changed_options(recipe: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not what they usually are."""
    return {name: value for name, value in recipe.items() if usual.get(name) != value}


def _shape(record: Mapping[str, Any]) -> tuple[list[str], Any]:
    """What makes a candidate, of an event of the journal."""
    return record["layers"], record.get("sizes")
