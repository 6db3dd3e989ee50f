"""The charts of a report."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autobert_zero_hf.charts import COLOURS
from autobert_zero_hf.standard_error import length_of_bar, plus_minus

from ..runtime.records import Evaluated
from .report_facts import ReportFacts, Visits, expected_best, score_of
from .verdict import Costs

_WIDE = (8.0, 3.6)
_GREY = "#777777"


def scores_over_evaluations(facts: ReportFacts) -> Figure:
    """Each candidate's score, the best so far, and what random search finds with as many, as far as it is known."""
    figure, axes = _new(*_WIDE)
    numbers, scores = [each.number for each in facts.scored], [score_of(each) for each in facts.scored]
    for random, colour, label in ((True, _GREY, "random"), (False, COLOURS[0], "mutated")):
        of_kind = [each for each in facts.scored if (each.parent is None) is random]
        if of_kind:
            places, values = [each.number for each in of_kind], [score_of(each) for each in of_kind]
            errors = [length_of_bar(each.standard_error) for each in of_kind]
            style: dict[str, Any] = {"fmt": "o", "markersize": 3, "linewidth": 0.6, "alpha": 0.6}
            drawn = axes.errorbar(places, values, errors, color=colour, label=f"candidate, {label}", **style)
            drawn.lines[0].set_gid(dots(label))
    last = facts.candidates[-1].number
    if facts.baseline_score is not None:
        score, error = facts.baseline_score
        axes.axhline(score, color=COLOURS[1], linewidth=1.2, label="BERT, scored as a candidate")
        axes.axhspan(score - (error or 0.0), score + (error or 0.0), color=COLOURS[1], alpha=0.12, linewidth=0)
    if (constant := facts.search.constant_answer) is not None:
        axes.axhline(constant.score, color=_GREY, linewidth=0.8, label="a constant answer")
    axes.step(numbers, list(accumulate(scores, max)), where="post", color=COLOURS[0], label="best so far")
    random_best = expected_best(facts.random_scores)
    axes.plot(range(1, len(random_best) + 1), random_best, color=_GREY, linestyle="--", label="random search, expected")
    if random_best and last > len(random_best):
        axes.plot([len(random_best), last], [random_best[-1]] * 2, color=_GREY, linestyle=":", linewidth=1)
    _finish(axes, "candidates evaluated", facts.search.score_name)
    return figure


def labels_of_dots(drawn: Sequence[Evaluated]) -> dict[str, list[str]]:
    """What the dots of a chart stand for, by the names of their groups.

    Args:
        drawn: those that have a dot: in `scores_over_evaluations` all with a score, in `scores_over_costs` `costed`.
    """
    kinds = {dots("random"): False, dots("mutated"): True}
    return {name: [describe(each) for each in drawn if bool(each.parent) is bred] for name, bred in kinds.items()}


def costed(facts: ReportFacts, costs: Costs) -> list[Evaluated]:
    """The candidates with a score whose cost is known: not those with operations that are not registered here."""
    return [each for each in facts.scored if costs(each.candidate) is not None]


def describe(event: Evaluated) -> str:
    """A candidate in a line: number, score, layers."""
    return (
        f"candidate {event.number}: {plus_minus(event.score or 0.0, event.standard_error)}; {' | '.join(event.layers)}"
    )


def dots(kind: str) -> str:
    """The name of a group of dots in a chart."""
    return f"dots-{kind}"


def scores_over_costs(facts: ReportFacts, costs: Costs) -> Figure:
    """Each candidate's score over the multiplications of a token in its layers."""
    figure, axes = _new(*_WIDE)
    for random, colour, label in ((True, _GREY, "random"), (False, COLOURS[0], "mutated")):
        known = [(each, costs(each.candidate)) for each in facts.scored if (each.parent is None) is random]
        points = [(cost.operations / 1e6, score_of(each)) for each, cost in known if cost is not None]
        if points:
            across, up = zip(*points, strict=True)
            (drawn,) = axes.plot(across, up, "o", color=colour, markersize=4, alpha=0.6, label=f"candidate, {label}")
            drawn.set_gid(dots(label))
    _finish(axes, "million multiplications of a token, in all layers", facts.search.score_name)
    return figure


def finalists(facts: ReportFacts) -> Figure:
    """The accuracy of the models that were trained on, with its standard error."""
    trained = [each.event for each in facts.trained()]
    figure, axes = _new(8.0, 0.7 + 0.35 * len(trained))
    names = [each.name for each in trained]
    values = [each.accuracy for each in trained]
    errors = [length_of_bar(each.standard_error) for each in trained]
    axes.errorbar(values, range(len(names)), xerr=errors, fmt="o", color=COLOURS[0], capsize=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("accuracy on held-out masked words, after the same further training")
    axes.grid(axis="x", color="#eeeeee")
    return figure


def losses(facts: ReportFacts) -> Figure | None:
    """The losses of the super-net and of the last trainings, over their steps; None where none are known."""
    net = facts.history.supernet
    curves = {"super-net": net.loss_curve if net else None}
    curves |= {each.event.name: each.event.loss_curve for each in facts.trained()}
    known = {name: curve for name, curve in curves.items() if curve}
    if not known:
        return None
    figure, axes = _new(*_WIDE)
    for number, (name, curve) in enumerate(known.items()):
        places = [(place + 0.5) / len(curve) for place in range(len(curve))]
        colour = _GREY if name == "super-net" else COLOURS[(number - 1) % len(COLOURS)]
        axes.plot(places, curve, color=colour, label=name, linewidth=1.4)
    axes.set_xlim(0, 1)
    _finish(axes, "share of the steps of each training", "loss")
    return figure


def priorities(history: Sequence[tuple[int, dict[str, float]]]) -> Figure:
    """The probability that OP-NAS gives each operation, over the evaluations."""
    figure, axes = _new(*_WIDE)
    evaluated = [place for place, _ in history]
    styles = ("-", "--", ":")
    for number, name in enumerate(history[-1][1]):
        colour, style = COLOURS[number % len(COLOURS)], styles[number // len(COLOURS) % len(styles)]
        probabilities = [each[name] for _, each in history]
        axes.plot(evaluated, probabilities, style, color=colour, label=name, marker=".", markersize=4)
    axes.axhline(1 / len(history[-1][1]), color=_GREY, linewidth=0.8)
    _finish(axes, "candidates evaluated", "probability")
    return figure


def depths(types: Visits, kernels: Visits, depth: int, sizes: Sequence[int]) -> Figure:
    """Where convolutions stand, and which kernels they have: among all candidates, and among the best quarter."""
    figure = Figure(figsize=(8.0, 1.4 + 0.5 * depth), layout="constrained")
    grid = figure.subplots(1, 3, width_ratios=(1.2, 1, 1), sharey=True)
    height = 0.38
    for shift, counter, colour, label in (
        (-height / 2, types.every, _GREY, "all"),
        (height / 2, types.best, COLOURS[0], "best quarter"),
    ):
        shares = [counter[place, "convolution"] / max(1, _layers_at(counter, place)) for place in range(depth)]
        grid[0].barh([place + shift for place in range(depth)], shares, height, color=colour, label=label)
    grid[0].set_xlim(0, 1)
    grid[0].set_xlabel("share of convolutions")
    grid[0].set_yticks(range(depth), [f"layer {place + 1}" for place in range(depth)])
    _legend(grid[0])
    for axes, counter, title in ((grid[1], kernels.every, "kernels, all"), (grid[2], kernels.best, "kernels, best")):
        totals = [max(1, sum(counter[place, size] for size in sizes)) for place in range(depth)]
        shares_of = [[counter[place, size] / totals[place] for size in sizes] for place in range(depth)]
        axes.imshow(shares_of, aspect="auto", cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set_xlabel(title)
    grid[0].set_ylim(depth - 0.5, -0.5)
    return figure


def operations(visits: Visits, total: int, best: int) -> Figure:
    """The share of candidates that have an operation, among all and among the best quarter."""
    names = sorted(visits.every, key=lambda name: (-visits.every[name], name))
    figure, axes = _new(8.0, 0.9 + 0.32 * len(names))
    height = 0.38
    rows = range(len(names))
    every = [visits.every[name] / total for name in names]
    of_best = [visits.best[name] / best for name in names]
    axes.barh([row - height / 2 for row in rows], every, height, color=_GREY, label="all")
    axes.barh([row + height / 2 for row in rows], of_best, height, color=COLOURS[0], label="best quarter")
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the candidates that have it")
    _legend(axes)
    return figure


def front(facts: dict[str, Any], name: str) -> Figure:
    """The best compromises: scores over latencies, or multiplications; the larger a dot, the more parameters.

    Args:
        facts: what `front.json` says.
        name: of the scores.
    """
    members, cost = facts["members"], facts["objectives"][1]
    figure, axes = _new(*_WIDE)
    most = max(member["parameters"] for member in members)
    for kept, colour, label in ((False, _GREY, "on the front"), (True, COLOURS[0], "kept as a model")):
        those = [member for member in members if (member["folder"] is not None) is kept]
        if those:
            places, scores = [each[cost] for each in those], [each["score"] for each in those]
            axes.scatter(places, scores, [80 * each["parameters"] / most for each in those], color=colour, label=label)
    for member in members:
        if member["folder"] is not None:
            axes.annotate(member["folder"], (member[cost], member["score"]), (6, 4), textcoords="offset points")
    _finish(axes, "predicted milliseconds" if cost == "predicted_ms" else "multiplications of a token", name)
    return figure


def _layers_at(counter: Any, place: int) -> int:
    return sum(many for (depth, _), many in counter.items() if depth == place)


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(color="#eeeeee")
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the chart, where it hides nothing."""
    labels = axes.get_legend_handles_labels()[1]
    columns = 5 if max(map(len, labels), default=0) < 20 else 3
    axes.legend(
        frameon=False,
        fontsize=8,
        ncols=min(columns, len(labels) or 1),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
    )
