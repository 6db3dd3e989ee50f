"""Checkpoints of other packages in: BERT and its family, and the package autobert of PyPI."""

from .checkpoint import convert_checkpoint
from .families import FAMILIES
from .family import from_encoder
from .heads import HEADS

from_bert = from_encoder
"""Its name while BERT alone was read."""

__all__ = ["FAMILIES", "HEADS", "convert_checkpoint", "from_bert", "from_encoder"]
