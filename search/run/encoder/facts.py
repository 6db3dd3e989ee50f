"""What a run that makes an encoder faster found for a budget, as plain data."""

from typing import Any

import numpy as np

from ...blocks.assembly import rank_correlation
from ...blocks.quality import Figure, Quality
from ...runtime.block_records import Assembled, Encoder, Healed, Quantised
from ...runtime.history import History
from ...runtime.run_folder import BEST, DROPPED

ENCODER = "encoder"
"""What the journal calls it among models that were judged."""


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
        quantised = history.find(Quantised, "identity", f"{name}/{which}")
        qualities[which] = _quality_of(quantised or healed)
        facts[which] = {
            "layers": healed.layers,
            "parameters": healed.parameters,
            "latency": {"median": measured.median, "p95": measured.p95, "interval": list(measured.interval)},
            "speed_up": measured.speed_up_over(encoder),
            "verdict": measured.verdict,
            **_described(qualities[which]),
        }
        if quantised is not None:
            facts[which]["in_float32"] = _described(_quality_of(healed))
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


def describe_quantised(history: History) -> dict[str, Any]:
    """The figures of the encoder itself in int8, as `quantised`; nothing where nothing is served so."""
    event = history.find(Quantised, "identity", ENCODER)
    return {} if event is None else {"quantised": _described(_quality_of(event))}


def figures_of(quality: Quality) -> dict[str, list[float] | None]:
    """The figures of a model, as an event has them."""
    names = {"error": "errors", "neighbours": "neighbours", "cosine": "cosines", "agreement": "agreements"}
    parts = {word: getattr(quality, name) for name, word in names.items()}
    return {
        word: None if each is None else [round(float(part), 6) for part in each.parts] for word, each in parts.items()
    }


def _described(quality: Quality) -> dict[str, dict[str, float | None]]:
    return {name: {"value": each.value, "standard_error": each.error} for name, each in quality.known.items()}


def _quality_of(event: Healed | Quantised) -> Quality:
    """The figures of a model, as its event has them."""
    parts = (event.errors, event.neighbours, event.cosines, event.agreements)
    return Quality(*(None if each is None else Figure.mean(np.asarray(each, dtype=np.float64)) for each in parts))  # type: ignore[arg-type]
