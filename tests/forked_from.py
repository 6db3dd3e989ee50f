"""What commands would do again and again, once, in the process from which `tests/terminal.py` forks them."""

import gc
import tempfile
from pathlib import Path

from autobert_zero_hf.search.runtime.energy import measured_energy

# The meter of energy asks other programs about the machine, for seconds, and keeps what it was told.
with tempfile.TemporaryDirectory() as nothing, measured_energy(Path(nothing) / "energy.json", begin=True):
    pass
# What is imported stays: no command need look through it, and so copy it, for what could be thrown away.
gc.collect()
gc.freeze()
