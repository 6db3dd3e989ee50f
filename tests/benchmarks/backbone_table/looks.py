"""What each look at a backbone says of its tasks, and what it costs.

Kendall's tau of every look with the mean of the five tasks after 100 steps, with a 95% interval (bootstrap over the
backbones), among all and among the half that is better by those tasks; the median of the seconds; and what each look
would choose: which place BERT has by it, and how far the first of the others is from BERT on tasks. Differences of two
backbones have the standard error of the rows alone, and one seed.

    python -m tests.benchmarks.backbone_table.looks
"""

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from autobert_zero_hf.search.replay import BackboneTable, Look
from autobert_zero_hf.search.space.candidate import Candidate

from autobert_zero_hf import architecture
from tests.benchmarks.biws_ranking import tau

FOLDER = Path(__file__).parent
JUDGE = "tasks-100"


def less(one: Look, other: Look) -> list[float | None]:
    """The difference of two scores, and its standard error."""
    assert one.score is not None and other.score is not None
    errors = one.standard_error, other.standard_error
    error = None if None in errors else math.hypot(*errors)  # type: ignore[arg-type]
    return [round(one.score - other.score, 4), error and round(error, 4)]


def _rows(scores: np.ndarray) -> list[dict[str, Any]]:
    return [{"score": score} for score in scores]


def main() -> None:
    table = BackboneTable.load(FOLDER)
    judge = table.looks[JUDGE]
    identities = [each for each in table.backbones if each in judge and judge[each].score is not None]
    judged = np.array([judge[each].score for each in identities])
    better = judged >= np.median(judged)
    bert = Candidate(tuple(architecture("bert", 4))).identity
    others = [each for each in identities if each != bert]
    facts: dict[str, Any] = {"backbones": len(identities), "BERT on tasks": less(judge[bert], Look(0.0, 0.0, 0.0))}
    for name, look in table.looks.items():
        scores = np.array([look[each].score for each in identities])
        first = max(others, key=lambda each, look=look: look[each].score)  # type: ignore[misc]
        facts[name] = {
            "seconds, median": round(statistics.median(each.seconds for each in look.values()), 1),
            f"with {JUDGE}": tau(*(_rows(each) for each in (scores, judged))),
            f"with {JUDGE}, among the better half": tau(*(_rows(each[better]) for each in (scores, judged))),
            "BERT's place": 1 + int((scores > look[bert].score).sum()),
            "the first of the others": list(table.backbones[first].layers),
            "less BERT by this look": less(look[first], look[bert]),
            "less BERT on tasks": less(judge[first], judge[bert]),
            "its place on tasks": 1 + int((judged > judge[first].score).sum()),
        }
    print(json.dumps(facts, indent=1))
    (FOLDER / "looks.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
