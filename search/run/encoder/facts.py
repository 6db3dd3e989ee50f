"""What a run that makes an encoder faster found for a budget, as plain data."""

from typing import Any

import numpy as np

from ...blocks.assembly import rank_correlation
from ...blocks.quality import Figure, Quality
from ...runtime.block_records import Assembled, Encoder, Healed
from ...runtime.history import History
from ...runtime.run_folder import BEST, DROPPED


def describe_budget(name: str, history: History, encoder: Encoder) -> dict[str, Any]:
    """A row of the table: what was found for a budget, the best layer dropping, and which of them is better.

    Args:
        name: of the budget.
        history: of the run.
        encoder: what both are compared with.
    """
    assembled = history.find(Assembled, "budget", name)
    assert assembled is not None
    qualities, facts = dict[str, Quality](), dict[str, Any]()
    for which in (BEST, DROPPED):
        healed, measured = history.find(Healed, "identity", f"{name}/{which}"), history.measured(f"{name}/{which}")
        assert healed is not None and measured is not None
        qualities[which] = _quality_of(healed)
        facts[which] = {
            "layers": healed.layers,
            "parameters": healed.parameters,
            "latency": {"median": measured.median, "p95": measured.p95, "interval": list(measured.interval)},
            "speed_up": measured.speed_up_over(encoder),
            "verdict": measured.verdict,
            **{
                figure: {"value": each.value, "standard_error": each.error}
                for figure, each in qualities[which].known.items()
            },
        }
    found, other = qualities[BEST].known, qualities[DROPPED].known
    differences = {
        figure: {
            "value": found[figure].value - other[figure].value,
            "standard_error": found[figure].difference_error(other[figure].parts),
        }
        for figure in found
    }
    return {
        "budget": name,
        "target_ms": assembled.target,
        **facts,
        "differences": differences,
        "before_healing": {"predicted": assembled.predicted, BEST: assembled.error, DROPPED: assembled.kept_error},
        "kendall_tau": rank_correlation(assembled.random_predicted, assembled.random_errors),
        "tried": [assembled.tried_predicted, assembled.tried_errors],
        "random": [assembled.random_predicted, assembled.random_errors],
    }


def _quality_of(event: Healed) -> Quality:
    """The figures of a model, as its event has them."""
    parts = (event.errors, event.neighbours, event.cosines, event.agreements)
    return Quality(*(None if each is None else Figure.mean(np.asarray(each, dtype=np.float64)) for each in parts))  # type: ignore[arg-type]
