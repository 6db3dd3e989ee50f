"""What a search runs on: written at its beginning, since another machine may come to other scores."""

import platform
from importlib.metadata import version
from typing import Any

import torch

from autobert_zero_hf import __version__

from ..estimation.hardware import processor, usable_cores

PACKAGES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


def environment() -> dict[str, Any]:
    """This machine, and the versions that decide what a search comes to; nothing that names the machine or its user."""
    accelerators = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    own = {"python": platform.python_version(), "autobert-zero-hf": __version__}
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "accelerators": accelerators,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {**own, **{name: version(name) for name in PACKAGES}},
    }
