"""The report of a search: one HTML file that needs no network, made of its journal, finished or not."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import yaml
from markupsafe import Markup
from matplotlib.figure import Figure

from autobert_zero_hf import __version__
from autobert_zero_hf.analysis.chart import draw_analyses
from autobert_zero_hf.model import FormulaError
from autobert_zero_hf.options import with_defaults
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg

from ..recipe.choices import decisive
from ..recipe.files import load_options
from ..recipe.options import option_groups
from ..runtime.records import Evaluated
from ..runtime.run_folder import finalists_of
from . import report_charts as charts
from .facts import SearchFacts
from .report_facts import Finalist, ReportFacts, changed_options, differences
from .rungs import rungs_of
from .templates import report_environment
from .verdict import Costs, Verdict
from .worth import RandomDraws, Ties, level_with_best

_TOP = 20


def write_report(facts: ReportFacts, dated: bool = True) -> str:
    """The text of the HTML file; the same for the same facts where it does not tell when it was written."""
    environment = report_environment()
    environment.filters["drawn"] = _drawn
    environment.filters["latex"] = _latex
    return environment.get_template("report.html").render(
        **_contents(facts), made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC" if dated else None
    )


def _drawn(layers: Sequence[str]) -> str:
    """The picture of a backbone; what is wrong with it, where it has none."""
    try:
        return Markup(to_svg(draw_backbone(layers)))
    except FormulaError as error:
        return Markup('<pre class="unreadable">{}</pre>').format(error)


def _latex(layer: str) -> str:
    """A layer as LaTeX; as it is where it cannot be read."""
    try:
        return to_latex(layer)
    except FormulaError:
        return layer


def _contents(facts: ReportFacts) -> dict[str, Any]:
    types, kernels = facts.visits_by_depth()
    history, recipe = facts.priorities(), facts.recipe
    depth = max((len(each.layers) for each in facts.candidates), default=0)
    trained, correlation, front = facts.trained(), facts.rank_correlation(), facts.front()
    costs, level = Costs(facts.history), level_with_best(facts.history)
    return {
        "name": facts.search.folder.path.resolve().name,
        "facts": facts,
        "unreadable": facts.unreadable(),
        "version": __version__,
        "strategy": facts.search.strategy,
        "proxy": facts.search.proxy,
        "seconds": facts.seconds(),
        "environment": facts.environment,
        "per_hour": _per_hour(facts),
        "lineage": [(each, _step(before, each)) for before, each in pairwise([None, *facts.lineage()]) if each],
        "failures": facts.failures().most_common(),
        "rejections": sorted(facts.rejections().items(), key=lambda item: -item[1]),
        "verdict": Verdict.of(facts.history, costs),
        "level": level,
        "trained": trained,
        "correlation": correlation,
        "top": [(each, costs(each.candidate)) for each in facts.ranked[:_TOP]],
        "score_name": facts.search.score_name,
        "front": front,
        "front_chart": charts.front(front, facts.search.score_name) if front else None,
        "baseline": finalists_of(recipe)[1],
        "rungs": rungs_of(facts.history),
        "rates": len(recipe["baseline_rates"]),
        "blocks": recipe["baseline_blocks"],
        "worth": [each for each in (RandomDraws.of(facts.history), Ties.of(facts.history)) if each],
        "command": command_of(facts.search),
        "recipe": yaml.safe_dump(recipe, sort_keys=False),
        "scores_chart": charts.scores_over_evaluations(facts) if facts.scored else None,
        "labels": charts.labels_of_dots(facts.scored),
        "cost_labels": charts.labels_of_dots(charts.costed(facts, costs)),
        "costs_chart": charts.scores_over_costs(facts, costs) if charts.costed(facts, costs) else None,
        "layers_chart": _layers_chart(trained),
        "finalists_chart": charts.finalists(facts) if trained else None,
        "losses_chart": charts.losses(facts),
        "priorities_chart": charts.priorities(history) if len(history) > 1 else None,
        "depths_chart": charts.depths(types, kernels, depth, recipe["kernel_sizes"]) if facts.candidates else None,
        "operations_chart": _operations_chart(facts),
    }


def _operations_chart(facts: ReportFacts) -> Figure | None:
    visits = facts.visits_of_operations()
    if not visits.every or not facts.best_count:
        return None
    return charts.operations(visits, len(facts.candidates), facts.best_count)


def _layers_chart(trained: Sequence[Finalist]) -> Figure | None:
    analyses = {each.event.name: each.event.analysis for each in trained if each.event.analysis is not None}
    return draw_analyses(analyses) if analyses else None


def _step(before: Evaluated | None, after: Evaluated) -> list[tuple[str, str, str]]:
    return [] if before is None else differences(before.candidate, after.candidate)


def _per_hour(facts: ReportFacts) -> float | None:
    """Candidates an hour, from the first one to the last."""
    times = [each.elapsed for each in facts.candidates]
    if not times:
        return None
    spent = max(times) - min(times)
    return 3600 * (len(times) - 1) / spent if spent else None


def command_of(search: SearchFacts) -> str:
    """The command line that does the same search again; it says so where only Python can."""
    usual = with_defaults(option_groups(), load_options("quickstart"))
    words = ["autobert-zero", "search", "--output-dir", "runs/again"]
    for module in search.modules:
        words += ["--import", module]
    changed = changed_options(decisive(search.recipe), usual)
    if "positions" in changed and changed["positions"] is None:  # those of the block, which brings them
        changed["block"] = search.recipe["block"]
    for name, value in changed.items():
        if value is None:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, value if isinstance(value, list) else [value])]
    objects = ", ".join(f"{what}={name}(...)" for what, name in search.objects.items())
    return shlex.join(words) + (f"  # in Python, as search(recipe, ..., {objects})" if objects else "")
