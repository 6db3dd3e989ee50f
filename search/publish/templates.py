"""The templates of reports, and what they may call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from matplotlib.figure import Figure

from autobert_zero_hf.charts import to_inline_svg
from autobert_zero_hf.progress.steps import clock
from autobert_zero_hf.standard_error import plus_minus


def _chart(figure: Figure, name: str, title: str, labels: Mapping[str, Sequence[str]] = MappingProxyType({})) -> Markup:
    return Markup(to_inline_svg(figure, name, title, labels))


def report_environment() -> Environment:
    """An environment that reads the templates beside this file, and escapes what is put into them."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clock"] = clock
    environment.filters["chart"] = _chart
    environment.filters["plus_minus"] = plus_minus
    return environment
