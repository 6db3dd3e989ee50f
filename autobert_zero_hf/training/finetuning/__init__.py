"""Fine-tuning, and evaluations, which are many of it."""

from typing import TYPE_CHECKING

from autobert_zero_hf.lazily import lazy_names

if TYPE_CHECKING:
    from .options import FineTuningOptions
    from .training import finetune

__all__ = ["FineTuningOptions", "finetune"]

__getattr__, __dir__ = lazy_names(__name__, {"FineTuningOptions": "options", "finetune": "training"})
