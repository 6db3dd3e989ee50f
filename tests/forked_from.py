"""What commands would do again and again, once, in the process from which `tests/terminal.py` forks them."""

import gc
import tempfile
from pathlib import Path

from autobert_zero_hf.search.runtime.energy import measured_energy

# The meter of energy asks other programs about the machine, for seconds, and keeps what it was told.
with tempfile.TemporaryDirectory() as nothing, measured_energy(Path(nothing) / "energy.json", begin=True):
    pass
# Accelerate collects garbage around each training: no need to look through all that is imported.
gc.collect()
gc.freeze()
