"""The families that there are: a line each makes a row known."""

from .bert import Bert
from .distilbert import DistilBert
from .electra import Electra
from .family import FAMILIES
from .modernbert import ModernBert
from .pypi_autobert import PyPIAutobert
from .roberta import Roberta, XLMRoberta

__all__ = ["FAMILIES", "Bert", "DistilBert", "Electra", "ModernBert", "PyPIAutobert", "Roberta", "XLMRoberta"]
