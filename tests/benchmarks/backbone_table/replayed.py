"""Strategies and rungs on the table: what do they find for the same seconds of the processor, and who is first?

BERT is left out: it is the first by every look (`looks.py`), so that whoever sees it chooses it. Each strategy searches
the others by the quickstart's proxy (`inherited`), with SEEDS seeds; then nothing, rungs by words, or rungs that end
with tasks follow. Either all look as often by the proxy, and rungs cost what they cost; or all have the same seconds,
the rungs' counted in: as many as let a search without rungs see the whole table. Of what each chooses, the mean score
of five tasks after 100 steps each, less that of BERT, and paired by seed with random search without rungs. The last
rung by tasks is that score itself, which flatters it.

And how soon each strategy reaches what random search ends at, by words after 400 steps: where that is the only look,
with the same seed, and by successive halving, with draws of its own: LOOKS looks by the proxy, then HALVED of the best
by words. The super-net's training, with which every look begins, is in the seconds of both:

    python -m tests.benchmarks.backbone_table.replayed
"""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.replay import BackboneTable, Replayed, TableMutations, climb, replay
from autobert_zero_hf.search.replay.replay import Make
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.strategy.local_search import LocalSearch
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.predictor import Predictor
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution

from autobert_zero_hf import architecture
from tests.benchmarks.backbone_table.tpe import TableTpe

FOLDER = Path(__file__).parent
SEEDS = 20
LOOKS = 64
"""Looks by the proxy, as many as the quickstart has candidates."""
HALVED = 16
SUPERNET_SECONDS = 123
"""Of the processor, for its training, which the table counts to no backbone."""
PROXY, WORDS, JUDGE = "inherited", "words-400", "tasks-100"
NEEDS = {"tasks-25": WORDS, "tasks-100": WORDS}
RUNGS: Mapping[str, Sequence[tuple[int, str]]] = {
    "none": (),
    "words": ((12, "words-100"), (4, WORDS)),
    "tasks": ((12, "words-100"), (6, "tasks-25"), (3, JUDGE)),
}
_near = {"mutations": TableMutations()}
_op_nas = partial(OpNas, population_size=16, num_parents=4, num_children=2, **_near)
STRATEGIES: Mapping[str, Make] = {
    "random": RandomSearch,
    "evolution": partial(RegularizedEvolution, population_size=16, sample_size=5, generation_size=8, **_near),
    "local search": partial(LocalSearch, population_size=16, generation_size=8, **_near),
    "op-nas, even": partial(_op_nas, alpha=None),
    "op-nas, the paper's": _op_nas,
    "op-nas, occurrences, temperature 0.1": partial(_op_nas, alpha=0.3, credit="occurrences", temperature=0.1),
    "predictor": partial(Predictor, population_size=16, num_parents=4, generation_size=8, **_near),
    "predictor, 8 random, then 4 at a time": partial(Predictor, population_size=8, generation_size=4, **_near),
    "tpe": TableTpe,
}


def median_seconds(table: BackboneTable, look: str) -> float:
    return statistics.median(each.seconds for each in table.looks[look].values())


def cost_of(table: BackboneTable, rungs: Sequence[tuple[int, str]]) -> float:
    """About what rungs take: each is in its time what its looks are in the median, with those that they need."""
    looked = {look for _, look in rungs}
    total = 0.0
    for candidates, look in rungs:
        needed = NEEDS.get(look)
        total += candidates * median_seconds(table, look)
        if needed is not None and needed not in looked:
            total += candidates * median_seconds(table, needed)
            looked.add(needed)
    return total


def judged(table: BackboneTable, found: Replayed) -> float:
    """The mean score on tasks of what a search chooses; a constant's where that failed."""
    assert found.best is not None
    look = table.looks[JUDGE].get(found.best.identity)
    return look.score if look is not None and look.score is not None else 0.0


def mean_and_error(values: Sequence[float]) -> list[float]:
    return [round(statistics.mean(values), 4), round(statistics.stdev(values) / math.sqrt(len(values)), 4)]


Search = Callable[[str, Make, str, int], Replayed]
"""By a strategy's name, the strategy, the kind of the rungs that follow, and the seed."""


def chosen(table: BackboneTable, search: Search, bert: float) -> dict[str, Any]:
    """What every strategy with every kind of rungs chooses."""
    found: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for name, make in STRATEGIES.items():
        for kind, rungs in RUNGS.items():
            for seed in range(SEEDS):
                climbed = climb(table, search(name, make, kind, seed), rungs, NEEDS)
                found.setdefault(f"{name}; rungs: {kind}", []).append(judged(table, climbed))
                seconds.setdefault(kind, []).append(climbed.seconds[-1])
    base = found["random; rungs: none"]
    return {
        "seconds, median": {kind: round(statistics.median(each)) for kind, each in seconds.items()},
        "searches": {
            name: {
                "tasks, less BERT": mean_and_error([each - bert for each in values]),
                "less random search's": mean_and_error([a - b for a, b in zip(values, base, strict=True)]),
            }
            for name, values in found.items()
        },
        "all strategies": {
            f"{one} less {other}": mean_and_error(
                [  # of a seed, whose strategies begin with the same draws
                    statistics.mean(
                        found[f"{name}; rungs: {one}"][seed] - found[f"{name}; rungs: {other}"][seed]
                        for name in STRATEGIES
                    )
                    for seed in range(SEEDS)
                ]
            )
            for one, other in (("tasks", "words"), ("tasks", "none"), ("words", "none"))
        },
    }


def as_often(table: BackboneTable) -> Search:
    """Searches of LOOKS looks by the proxy."""
    known: dict[tuple[str, int], Replayed] = {}

    def search(name: str, make: Make, _: str, seed: int) -> Replayed:
        if (name, seed) not in known:
            found = replay(make, table, PROXY, 4 * LOOKS * median_seconds(table, PROXY), seed)
            known[name, seed] = Replayed(found.evaluations[:LOOKS], found.seconds[:LOOKS])
        return known[name, seed]

    return search


def as_long(table: BackboneTable) -> Search:
    """Searches that take with their rungs as long as LOOKS looks and rungs with tasks."""
    seconds = LOOKS * median_seconds(table, PROXY) + cost_of(table, RUNGS["tasks"])
    return lambda _, make, kind, seed: replay(make, table, PROXY, seconds - cost_of(table, RUNGS[kind]), seed)


def soon(table: BackboneTable) -> dict[str, dict[str, Any]]:
    """How soon a strategy reaches what random search ends at, as a share of its seconds; None: not within these."""
    seconds = LOOKS * median_seconds(table, WORDS)
    by_proxy = as_often(table)
    found: dict[str, dict[str, list[float]]] = {"words alone": {}, "halving": {}}
    for seed in range(SEEDS):
        ends = replay(RandomSearch, table, WORDS, seconds, seed)
        wanted = max(each.score for each in ends.evaluations if each.score is not None)
        for name, make in STRATEGIES.items():
            alone = replay(make, table, WORDS, seconds, seed)
            halved = climb(table, by_proxy(name, make, "words", SEEDS + seed), ((HALVED, WORDS),))
            for way, search in (("words alone", alone), ("halving", halved)):
                share = (SUPERNET_SECONDS + search.seconds_to(wanted)) / (SUPERNET_SECONDS + seconds)
                found[way].setdefault(name, []).append(share)
    return {
        way: {
            name: {"median": _or_none(statistics.median(shares)), "seeds": sum(share <= 1 for share in shares)}
            for name, shares in of_it.items()
        }
        for way, of_it in found.items()
    }


def _or_none(share: float) -> float | None:
    return round(share, 3) if share <= 1 else None


def main() -> None:
    whole, bert = BackboneTable.load(FOLDER), Candidate(tuple(architecture("bert", 4))).identity
    table = BackboneTable({name: each for name, each in whole.backbones.items() if name != bert}, whole.looks)
    of_bert = whole.looks[JUDGE][bert].score
    assert of_bert is not None
    scores = sorted((whole.looks[JUDGE][each].score or 0.0 for each in table.backbones), reverse=True)
    facts = {
        "backbones": len(table.backbones),
        "tasks: best, median, worst": [round(each, 4) for each in (scores[0], statistics.median(scores), scores[-1])],
        "BERT": round(of_bert, 4),
        f"after {LOOKS} looks": chosen(table, as_often(table), of_bert),
        "for the same seconds": chosen(table, as_long(table), of_bert),
        "share of random search's seconds until its score is reached": soon(table),
    }
    print(json.dumps(facts, indent=1))
    (FOLDER / "replayed.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
