"""What a search measures, sent to the trackers of Accelerate while it runs."""

import logging
from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType

from autobert_zero_hf.errors import AutoBertZeroError

from .events import Event
from .journal import Journal
from .records import Evaluated, Trained

PROJECT = "autobert-zero"

logger = logging.getLogger(__name__)


class TrackingError(AutoBertZeroError):
    """A tracker that cannot be used."""


def choose_trackers(names: Sequence[str]) -> list[str]:
    """The trackers to report to.

    Args:
        names: of Accelerate's trackers, or only "all", which are those that are installed, or only "none".

    Raises:
        TrackingError: for a name that is not known, and for a tracker that is not installed.
    """
    known = sorted(kind.value for kind in LoggerType if kind is not LoggerType.ALL)
    installed = sorted(kind.value for kind in get_available_trackers())
    if list(names) == ["none"]:
        return []
    if list(names) == ["all"]:
        if not installed:
            raise TrackingError("report-to all: no tracker is installed: python -m pip install tensorboard")
        return installed
    for name in names:
        if name not in known:
            raise TrackingError(f"report-to must be all, none, or some of {', '.join(known)}, not {' '.join(names)}")
        if name not in installed:
            raise TrackingError(f"report-to {name}: not installed: python -m pip install {name}")
    return list(dict.fromkeys(names))


class Tracking:
    """The metrics of a search, from the main process.

    A step is one of the super-net, then a candidate, then a finalist: trackers want steps that never go back. What an
    earlier run of the search wrote into the journal is not sent again. The super-net's steps after its last checkpoint
    are trained again by a search that goes on, and so are sent again, with the same losses.

    Args:
        accelerator: made with `log_with`; nothing is sent where it has no trackers.
        journal: of the search; the candidates and finalists that are written there are sent.
        supernet_steps: how many steps the super-net has.
    """

    def __init__(self, accelerator: Accelerator, journal: Journal, supernet_steps: int):
        self._accelerator = accelerator
        self._journal = journal
        self._supernet_steps = supernet_steps
        self._broken = False

    def start(self, name: str, recipe: dict[str, Any]) -> None:
        """Begin a run, or go on with that of this search where the tracker can.

        Args:
            name: for the run.
            recipe: shown beside the metrics.

        Raises:
            TrackingError: if a tracker cannot be used, such as one that wants a log-in.
        """
        run = f"{name}-{self._journal.identity}"
        go_on = {
            "trackio": {"name": run, "resume": "allow"},
            "wandb": {"name": name, "id": run, "resume": "allow", "dir": self._accelerator.logging_dir},
        }
        shown = {key: " ".join(map(str, value)) if isinstance(value, list) else value for key, value in recipe.items()}
        config = {key: value for key, value in shown.items() if value is not None}
        try:
            self._accelerator.init_trackers(PROJECT, config, go_on)
        except Exception as error:
            names = ", ".join(map(str, self._accelerator.log_with))
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise TrackingError(
                f"report-to {names}: cannot be started ({said}): mend that, or report elsewhere"
            ) from error
        self._journal.subscribe(self._written)

    def supernet_step(self, step: int, loss: float) -> None:
        """Send a step of the super-net, counted from 1."""
        self._send({"supernet/loss": loss}, step)

    def _written(self, event: Event) -> None:
        """Send an event of the journal, if it is a candidate or a finalist."""
        history, values = self._journal.history, dict[str, Any]()
        if isinstance(event, Evaluated):
            values = {
                f"candidate/{name}": getattr(event, name) for name in ("number", "score", "standard_error", "seconds")
            }
            values["candidate/best_score"] = history.best.score if history.best else None
            values["candidate/failures"] = len(history.candidates) - len(history.scored)
        elif isinstance(event, Trained):
            values = {
                f"final/{event.name}/{name}": getattr(event, name)
                for name in ("accuracy", "standard_error", "parameters")
            }
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            self._send(known, self._supernet_steps + len(history.candidates) + len(history.of(Trained)))

    def _send(self, values: dict[str, Any], step: int) -> None:
        if self._broken:
            return
        try:
            self._accelerator.log(values, step)
        except Exception as error:  # whatever a tracker raises: the search does not end of it
            self._broken = True
            logger.warning(
                "a tracker failed (%s: %s): nothing more is reported, the search goes on, and the journal has it all",
                type(error).__name__,
                error,
            )
