"""What was made of a trained encoder for several budgets, beside layers left out, as a table and as a picture."""

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autobert_zero_hf.charts import COLOURS, to_svg
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.places import without_places
from autobert_zero_hf.standard_error import if_known, length_of_bar, plus_minus

from ..runtime.run_folder import BEST, DROPPED

_CLEAR = 2
"""Standard errors from which one is said to be better."""
MODELS = {BEST: "layer by layer", DROPPED: "layers left out"}
FIGURES = {
    "error": ("error of the last hidden states", -1),
    "neighbours": ("nearest neighbours that stay", 1),
    "cosine": ("cosine with the encoder's vector", 1),
    "agreement": ("predictions that agree", 1),
}
"""The figures of a model, each in words, and whether more of it is better."""


def as_markdown(facts: Mapping[str, Any]) -> str:
    """The table: two rows a budget.

    Args:
        facts: what `shrink.json` says.
    """
    encoder, tasks, figures = facts["encoder"], _means(facts), figures_in(facts)
    head = ["budget", "model", "speed-up (95%)", "ms", "parameters", *figures]
    head += ["tasks"] * bool(tasks)
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    whole = ["", "the encoder", "1", f"{encoder['median']:.2f}", f"{encoder['parameters']:,}"]
    whole += [_of_encoder(encoder, figure) for figure in figures]
    whole += [_score(tasks.get(()))] if tasks else []
    lines.append(f"| {' | '.join(whole)} |")
    for row in facts["budgets"]:
        for name, words in MODELS.items():
            model = row[name]
            low, high = model["speed_up"]["interval"]
            cells = [
                row["budget"] if name == BEST else "",
                words,
                f"{model['speed_up']['median']:.2f} ({low:.2f} to {high:.2f})",
                f"{model['latency']['median']:.2f}",
                f"{model['parameters']:,}",
                *(plus_minus(model[figure]["value"], model[figure]["standard_error"], 3) for figure in figures),
            ]
            cells += [_score(tasks.get((row["budget"], name)))] if tasks else []
            lines.append(f"| {' | '.join(cells)} |")
    said = [f"- {verdict}" for verdict in verdicts(facts)]
    return "\n".join([*lines, "", *said, "", *_notes(facts), ""])


def _of_encoder(encoder: Mapping[str, Any], figure: str) -> str:
    """How near the encoder is to itself: wholly, or as nearly as int8 lets it be."""
    if (quantised := encoder.get("quantised")) is None:
        return "0" if figure == "error" else "1"
    return plus_minus(quantised[figure]["value"], quantised[figure]["standard_error"], 3)


def _score(found: tuple[float, float | None] | None) -> str:
    return "" if found is None else plus_minus(*found)


def figures_in(facts: Mapping[str, Any]) -> list[str]:
    """The names of the figures that the models of a table have."""
    return [figure for figure in FIGURES if all(figure in row["differences"] for row in facts["budgets"])]


def verdicts(facts: Mapping[str, Any]) -> list[str]:
    """Which is better, for each budget and figure, and by how many standard errors."""
    said = []
    for row in facts["budgets"]:
        if row[DROPPED]["verdict"] == "outside":
            said.append(
                f"{row['budget']}: no layers that are left out come to that speed; the model beside it is slower."
            )
            continue
        parts = []
        for figure in figures_in(facts):
            words, sign = FIGURES[figure]
            difference, error = (row["differences"][figure][name] for name in ("value", "standard_error"))
            parts.append(f"{words}: {_which_is_better(sign * difference, error)}")
        if (on_tasks := _difference_on_tasks(facts, row["budget"])) is not None:
            parts.append(f"tasks: {_which_is_better(*on_tasks)}")
        said.append(f"{row['budget']}: {'; '.join(parts)}.")
    return said


def _which_is_better(gain: float, error: float | None) -> str:
    if not error:
        return "not known"
    times = abs(gain) / error
    if times < _CLEAR:
        return f"not clear ({times:.1f} standard errors)"
    return f"{MODELS[BEST if gain > 0 else DROPPED]} is better, by {times:.1f} standard errors"


def _difference_on_tasks(facts: Mapping[str, Any], budget: str) -> tuple[float, float | None] | None:
    """What the model of a budget has more than that with layers left out, the mean over the tasks, seed by seed.

    None where they were not fine-tuned with the same seeds.
    """
    scores: dict[str, list[list[float]]] = {BEST: [], DROPPED: []}
    for row in (facts["evaluation"] or {"results": []})["results"]:
        place = PurePath(row["model"])
        if place.parent.name == budget and place.name in scores:
            scores[place.name].append(row.get("scores", []))
    lengths = {len(each) for found in scores.values() for each in found}
    if len(lengths) != 1 or 0 in lengths or len(scores[BEST]) != len(scores[DROPPED]):
        return None
    by_seed = np.mean(scores[BEST], axis=0) - np.mean(scores[DROPPED], axis=0)
    error = float(by_seed.std(ddof=1) / np.sqrt(len(by_seed))) if len(by_seed) > 1 else math.nan
    return float(by_seed.mean()), if_known(error)


def _notes(facts: Mapping[str, Any]) -> list[str]:
    encoder = facts["encoder"]
    low, high = encoder["interval"]
    notes = [
        f"Speed-up: over {escaped(without_places(facts['source']))} as a model of this package, "
        f"{encoder['median']:.2f} ms ({low:.2f} to {high:.2f}) on {encoder['hardware']}. Error: squared, of the last "
        "hidden states on held-out rows, as a share of their squares; neighbours: the share of the ten nearest "
        "of each held-out sentence that stay; each ± its standard error. The model with layers left out is the best of "
        "several such, and has learnt from the encoder by the same text and steps."
    ]
    for row in facts["budgets"]:
        before, tau = row["before_healing"], row["kendall_tau"]
        near = len(row["random"][0])
        rank = "" if tau is None else f"; over {near} random assemblies near the budget Kendall's tau is {tau:.2f}"
        notes.append(
            f"{row['budget']}, before it learnt: predicted error {before['predicted']:.3f}, real {before[BEST]:.3f} "
            f"(layers left out {before[DROPPED]:.3f}){rank}."
        )
    if encoder.get("quantised") is not None:
        errors = [(name, row["budget"], row[name]["in_float32"]["error"]["value"]) for row in facts["budgets"]
                  for name in MODELS]  # fmt: skip
        said = ", ".join(f"{MODELS[name]} {budget} {error:.3f}" for name, budget, error in errors)
        notes.append(
            "All of these are computed in int8, as their time was measured; the models in the folders are in float32, "
            f"with errors of: {said}."
        )
    if (evaluation := facts["evaluation"]) is not None:
        seeds = len(evaluation["seeds"])
        names = ", ".join(escaped(list(evaluation["tasks"])))
        notes.append(f"Tasks: mean of {names} over {seeds} seed{'s' * (seeds > 1)} ± its standard error.")
    return notes


def as_picture(facts: Mapping[str, Any]) -> str:
    """The figures over the speed-up, as SVG.

    Args:
        facts: what `shrink.json` says.
    """
    return to_svg(as_figure(facts))


def as_figure(facts: Mapping[str, Any]) -> Figure:
    """The picture of the table, as a figure of matplotlib."""
    tasks, rows = _means(facts), facts["budgets"]
    figures = [*list(FIGURES)[:2], *["tasks"] * bool(tasks)]
    figure = Figure(figsize=(4.0 * len(figures), 3.6), layout="constrained")
    for name, axes in zip(figures, figure.subplots(1, len(figures), squeeze=False)[0], strict=True):
        for (which, label), colour in zip(MODELS.items(), COLOURS, strict=False):
            points = sorted(
                (row[which]["speed_up"]["median"], *score)
                for row in rows
                if (score := _point(row, which, name, tasks)) is not None
            )
            bars = [length_of_bar(error) for _, _, error in points]
            places, values = [point[0] for point in points], [point[1] for point in points]
            axes.errorbar(places, values, bars, marker="o", capsize=3, color=colour, label=label)
        whole = {"error": 0.0, "neighbours": 1.0, "tasks": tasks.get((), (None,))[0]}[name]
        if whole is not None:
            axes.plot([1.0], [whole], marker="s", color="#444444", linestyle="none", label="the encoder")
        axes.set_xlabel("times as fast")
        axes.set_ylabel("mean of the tasks" if name == "tasks" else FIGURES[name][0])
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#eeeeee")
        axes.legend(frameon=False, fontsize=8)
    return figure


def _point(
    row: Mapping[str, Any], which: str, name: str, tasks: Mapping[tuple[str, ...], tuple[float, float | None]]
) -> tuple[float, float | None] | None:
    """A figure of a model with its error; None where it was not measured."""
    if name == "tasks":
        return tasks.get((row["budget"], which))
    return row[which][name]["value"], row[which][name]["standard_error"]


def _means(facts: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[float, float | None]]:
    """The mean over the tasks with its standard error, by budget and model, that of the encoder by nothing."""
    evaluation = facts["evaluation"]
    if evaluation is None:
        return {}
    rows = evaluation["means"] or evaluation["results"]  # of one task alone there is no mean
    known = {(row["budget"], name) for row in facts["budgets"] for name in MODELS}
    found: dict[tuple[str, ...], tuple[float, float | None]] = {}
    for row in rows:
        place = PurePath(row["model"]).parts[-2:]
        found[place if place in known else ()] = (row["score"], row["standard_error"])
    return found
