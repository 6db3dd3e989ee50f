"""Trained models as other runtimes than PyTorch serve them, in float32 and in int8: `export`."""

from .exporting import export
from .runtimes import RUNTIMES, Runtime, RuntimeMissingError

__all__ = ["RUNTIMES", "Runtime", "RuntimeMissingError", "export"]
