"""Checkpoints of other packages in: BERT, and the package autobert of PyPI."""

from .bert import from_bert
from .checkpoint import convert_checkpoint
from .heads import HEADS

__all__ = ["HEADS", "convert_checkpoint", "from_bert"]
