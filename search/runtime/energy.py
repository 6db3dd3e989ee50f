"""The energy that a search takes, estimated by codecarbon where it is installed (the extra `carbon`)."""

import importlib.metadata
import importlib.util
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.writing import WritingError, written_whole

logger = logging.getLogger(__name__)


@contextmanager
def measured_energy(path: Path, begin: bool) -> Iterator[None]:
    """Add the energy of the whole machine while the context lasts to what a file says; nothing without codecarbon.

    A process that is killed adds nothing, so the file says for how long was measured, too.

    Args:
        path: the file, as JSON: `kilowatt_hours`, `hours`, `measured_by`.
        begin: whether to measure at all; of several processes one does.
    """
    if not begin or importlib.util.find_spec("codecarbon") is None:
        yield
        return
    tracker = _start()
    try:
        yield
    finally:
        if tracker is not None:
            tracker.stop()
            found = getattr(tracker, "final_emissions_data", None)
            if found is None:
                logger.warning("the energy is not measured: codecarbon cannot, here or by its configuration")
            elif path.parent.is_dir():
                _add(path, found.energy_consumed, found.duration / 3600)


def _start() -> Any:
    """The meter; None where it cannot measure here, which is no reason to end a search."""
    from codecarbon import OfflineEmissionsTracker

    # It speaks while it is made, before it hears how much it should say.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    try:
        # The country decides about carbon dioxide, of which nothing is said here; without one it would ask a server.
        tracker = OfflineEmissionsTracker(
            country_iso_code="USA", output_methods=[], log_level="critical", allow_multiple_runs=True
        )
        tracker.start()
    except Exception as error:  # whatever the tools that it asks make of this machine
        logger.warning("the energy is not measured: codecarbon cannot start (%s)", " ".join(str(error).split()))
        return None
    return tracker


def _add(path: Path, kilowatt_hours: float, hours: float) -> None:
    """Nothing that a search depends on, and it may be ending of the same cause: what fails is said, and not raised."""
    facts: dict[str, Any] = {"kilowatt_hours": 0.0, "hours": 0.0}
    try:
        if path.exists():
            facts = parse_json(path.read_bytes())
        facts = {
            "kilowatt_hours": facts["kilowatt_hours"] + kilowatt_hours,
            "hours": facts["hours"] + hours,
            "measured_by": f"codecarbon {importlib.metadata.version('codecarbon')}",
        }
        with written_whole(path) as partial:
            partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    except WritingError as error:
        logger.warning("%s", error)
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s): the energy of this run is not added to it", path, error)
