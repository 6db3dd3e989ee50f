"""What of a backbone is worth crediting: what foretells its score, by the data of the table.

Ridge regression on what a backbone has (scores as ranks, the penalty by leaving one out) foretells each tenth of the
backbones from the others, five times over; Kendall's tau with their scores. Compared are: operations as the paper's
priorities see them, once each; as often as they occur; by their layer; by their place in the formula, from its end;
pairs of an operation and its operand; kinds of layers, in all and by layer; these with operations; and what
`--strategy predictor` sees. From all others, and from 24, as many as a search has when it begins:

    python -m tests.benchmarks.backbone_table.credited
"""

import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from autobert_zero_hf.search.replay import BackboneTable
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.features import features
from autobert_zero_hf.search.strategy.predictor import ridge_regression
from autobert_zero_hf.search.strategy.rewards import rewards
from scipy.stats import kendalltau

from autobert_zero_hf.model import parse_layer
from tests.benchmarks import landscape

FOLDER = Path(__file__).parent
FOLDS, TIMES, FEW = 10, 5, 24
LOOKS = ("words-400", "tasks-100")
Seen = Callable[[Candidate], Counter[str]]


def presence(candidate: Candidate) -> Counter[str]:
    return Counter({node.name for graph in candidate.graphs.values() for node in graph.operations})


def occurrences(candidate: Candidate) -> Counter[str]:
    return Counter(node.name for graph in candidate.graphs.values() for node in graph.operations)


def by_layer(candidate: Candidate) -> Counter[str]:
    return Counter(f"{node.name} in {place}" for place, graph in candidate.graphs.items() for node in graph.operations)


def by_place(candidate: Candidate) -> Counter[str]:
    return Counter(
        f"{node.name}, {number} from the end"
        for graph in candidate.graphs.values()
        for number, node in enumerate(reversed(graph.operations))
    )


def pairs(candidate: Candidate) -> Counter[str]:
    return Counter(
        f"{node.name} of {graph.nodes[operand].name}"
        for graph in candidate.graphs.values()
        for node in graph.operations
        for operand in node.operands
    )


def _kinds(candidate: Candidate) -> list[str]:
    mixers = [parse_layer(line).mixer for line in candidate.layers]
    return [f"{mixer.kind} {list(mixer.values.values())}" for mixer in mixers]


def kinds(candidate: Candidate) -> Counter[str]:
    return Counter(_kinds(candidate))


def kinds_by_layer(candidate: Candidate) -> Counter[str]:
    return Counter(f"{kind} in {place}" for place, kind in enumerate(_kinds(candidate)))


def together(*some: Seen) -> Seen:
    return lambda candidate: sum((each(candidate) for each in some), Counter[str]())


SEEN: dict[str, Seen] = {
    "operations, once each (the paper)": presence,
    "operations, as often as they occur": occurrences,
    "operations by layer": by_layer,
    "operations by place in the formula": by_place,
    "operations and pairs": together(occurrences, pairs),
    "kinds of layers": kinds,
    "kinds by layer": kinds_by_layer,
    "kinds and operations": together(kinds, occurrences),
    "kinds by layer, and operations by layer": together(kinds_by_layer, by_layer),
    "kinds, operations and pairs": together(kinds, occurrences, pairs),
    "what the predictor sees": lambda candidate: Counter(features(candidate)),
}


def foretold(seen: Seen, candidates: Sequence[Candidate], scores: Sequence[float | None]) -> dict[str, float]:
    """Kendall's tau of what is foretold with the scores; from nine tenths, and from a few."""
    rows, values = [dict(seen(each)) for each in candidates], np.array(rewards(scores))
    taus: dict[str, list[float]] = {"from nine tenths": [], f"from {FEW}": []}
    for seed in range(TIMES):
        order = random.Random(seed).sample(range(len(rows)), len(rows))
        found = np.zeros(len(rows))
        for fold in range(FOLDS):
            left_out = order[fold::FOLDS]
            others = [place for place in order if place not in set(left_out)]
            fitted = ridge_regression().fit([rows[place] for place in others], values[others])
            found[left_out] = fitted.predict([rows[place] for place in left_out])
        taus["from nine tenths"].append(kendalltau(found, values).statistic)
        few, rest = order[:FEW], order[FEW:]
        fitted = ridge_regression().fit([rows[place] for place in few], values[few])
        taus[f"from {FEW}"].append(kendalltau(fitted.predict([rows[place] for place in rest]), values[rest]).statistic)
    return {name: round(statistics.mean(each), 3) for name, each in taus.items()}


def tables() -> Iterator[tuple[str, Sequence[Candidate], Sequence[float | None]]]:
    """The landscape of a small space, and the table by two of its looks."""
    for measure in ("accuracy", "loss"):
        scored = landscape.scores(measure)
        backbones = [each for each in landscape.backbones() if each.identity in scored]
        yield f"landscape, {measure}", backbones, [scored[each.identity] for each in backbones]
    if (FOLDER / "backbones.jsonl").exists():
        table = BackboneTable.load(FOLDER)
        for look in LOOKS:
            seen = table.looks[look]
            named = list(table.backbones.items())
            scores = [seen[identity].score if identity in seen else None for identity, _ in named]
            yield look, [each for _, each in named], scores


def main() -> None:
    found = {
        name: {what: foretold(seen, candidates, scores) for what, seen in SEEN.items()}
        for name, candidates, scores in tables()
    }
    print(json.dumps(found, indent=1))
    (FOLDER / "credited.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
