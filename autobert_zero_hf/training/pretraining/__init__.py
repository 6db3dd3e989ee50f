"""Pre-training."""

from typing import TYPE_CHECKING

from autobert_zero_hf.lazily import lazy_names

if TYPE_CHECKING:
    from .options import PreTrainingOptions
    from .training import pretrain

__all__ = ["PreTrainingOptions", "pretrain"]

__getattr__, __dir__ = lazy_names(__name__, {"PreTrainingOptions": "options", "pretrain": "training"})
