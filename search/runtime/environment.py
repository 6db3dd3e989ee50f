"""What a search runs on: written at its beginning, since another machine may come to other scores."""

import platform
from importlib.metadata import version
from typing import Any

import torch

from ..estimation.hardware import processor, usable_cores

PACKAGES = ("autobert-zero-hf", "torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


def environment() -> dict[str, Any]:
    """This machine, and the versions that decide what a search comes to; nothing that names the machine or its user."""
    accelerators = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "accelerators": accelerators,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
