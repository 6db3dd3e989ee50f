"""The energy that a search takes, estimated by codecarbon where it is installed (the extra `carbon`)."""

import importlib.metadata
import importlib.util
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        tracker.stop()
        if (found := tracker.final_emissions_data) is not None and path.parent.is_dir():
            try:
                _add(path, found.energy_consumed, found.duration / 3600)
            except WritingError as error:  # nothing that a search depends on, and it may be ending of the same cause
                logger.warning("%s", error)


def _start() -> Any:
    from codecarbon import OfflineEmissionsTracker

    # It speaks while it is made, before it hears how much it should say.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    # The country decides about carbon dioxide, of which nothing is said here; without one it would ask a server.
    tracker = OfflineEmissionsTracker(
        country_iso_code="USA", output_methods=[], log_level="critical", allow_multiple_runs=True
    )
    tracker.start()
    return tracker


def _add(path: Path, kilowatt_hours: float, hours: float) -> None:
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"kilowatt_hours": 0.0, "hours": 0.0}
    facts = {
        "kilowatt_hours": before["kilowatt_hours"] + kilowatt_hours,
        "hours": before["hours"] + hours,
        "measured_by": f"codecarbon {importlib.metadata.version('codecarbon')}",
    }
    with written_whole(path) as partial:
        partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
