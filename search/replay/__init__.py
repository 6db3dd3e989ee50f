"""Searches that are replayed on a table of backbones which were measured once, so that strategies cost seconds.

`BackboneTable.load(folder)` reads a table, `replay(...)` runs a strategy on it, and `climb(...)` rungs.
"""

from .replay import Replayed, climb, replay
from .space import TableMutations, TableSpace
from .table import BackboneTable, Look

__all__ = ["BackboneTable", "Look", "Replayed", "TableMutations", "TableSpace", "climb", "replay"]
