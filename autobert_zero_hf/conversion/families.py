"""The families that there are: a line each makes a row known."""

from .bert import Bert
from .distilbert import DistilBert
from .electra import Electra
from .family import FAMILIES
from .pypi_autobert import PyPIAutobert
from .roberta import Roberta, XLMRoberta

__all__ = ["FAMILIES", "Bert", "DistilBert", "Electra", "PyPIAutobert", "Roberta", "XLMRoberta"]
