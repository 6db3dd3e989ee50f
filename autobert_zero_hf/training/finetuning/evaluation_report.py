"""An evaluation as a table in Markdown, and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from matplotlib.figure import Figure

from autobert_zero_hf.charts import COLOURS, to_svg
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.standard_error import length_of_bar, plus_minus, say_error

_SPREAD = 0.7
"""Of the room of a task, how much its models take."""


def short_names(models: Sequence[str]) -> dict[str, str]:
    """The last parts of their paths that tell models apart."""
    parts = {model: PurePath(model).parts or (model,) for model in models}
    for length in range(1, max(map(len, parts.values())) + 1):
        names = {model: "/".join(each[-length:]) for model, each in parts.items()}
        if len(set(names.values())) == len(models):
            break
    return names


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The table: a row a task, a column a model.

    Args:
        summary: what `evaluation.json` says.
    """
    names = {model: escaped(name) for model, name in short_names(summary["models"]).items()}
    results = {(row["task"], row["model"]): row for row in summary["results"]}
    seeds = len(summary["seeds"])
    lines = [
        "| task | score | rows | constant answer | " + " | ".join(names.values()) + " |",
        "|---" * (4 + len(names)) + "|",
    ]
    for task, facts in summary["tasks"].items():
        cells = [_cell(results.get((task, model)), seeds) for model in names]
        lines.append(
            f"| {escaped(task)} | {facts['metric']} | {facts['rows']:,} | {facts['baseline']:.3f} | "
            f"{' | '.join(cells)} |"
        )
    if summary["means"]:
        means = {row["model"]: row for row in summary["means"]}
        means_of = "; ".join(_unlike(summary))
        cells = [_cell(means.get(model), seeds) for model in names]
        lines.append("| mean | " + f"{means_of} ".lstrip() + f"| | | {' | '.join(cells)} |")
    notes = [
        f"Mean over {seeds} seed{'s' * (seeds > 1)} ± its standard error; in brackets the standard error of one score "
        "over the rows it is measured on. "
        "Scores are on the validation split, on which the best epoch was chosen, and the hyper-parameters if there "
        "were several; a constant answer is the training rows' most frequent class or answer, or their mean.",
        "",
        *(
            f"- {escaped(task)}, {names[model]}: {_chosen(row)}"
            for (task, model), row in results.items()
            if row["seeds"]
        ),
    ]
    if summary["means"] and _unlike(summary):
        notes.insert(
            0, "The mean is of scores that are not alike, as that of GLUE is: compare models by it, and say no more.\n"
        )
    if summary["cells_done"] < summary["cells"]:
        notes.insert(0, f"**{summary['cells_done']} of {summary['cells']} fine-tunings are done.**\n")
    return "\n".join([*lines, "", *notes, ""])


def _unlike(summary: Mapping[str, Any]) -> list[str]:
    """The scores of the tasks, where they are not one and the same."""
    metrics = list(dict.fromkeys(escaped(facts["metric"]) for facts in summary["tasks"].values()))
    return metrics if len(metrics) > 1 else []


def _cell(row: Mapping[str, Any] | None, seeds: int) -> str:
    if row is None:
        return ""
    if row["score"] is None:
        return "diverged"
    text = plus_minus(row["score"], row["standard_error"], 3) if seeds > 1 else f"{row['score']:.3f}"
    if "rows_standard_error" in row:
        text += f" ({say_error(row['rows_standard_error'], 3)})"
    return text + (f", {row['diverged']} diverged" if row.get("diverged") else "")


def _chosen(row: Mapping[str, Any]) -> str:
    chosen = f"learning rate {row['learning_rate']:.2g}, batch {row['batch_size']}, {row['epochs']:g} epochs"
    return f"{chosen}, best of {row['trials']} trials" if row["trials"] > 1 else chosen


def as_picture(summary: Mapping[str, Any]) -> str:
    """The scores as an SVG: a dot for each model, a bar at the constant answer's score.

    Each has two standard errors: a line with caps for that over seeds, a wide pale one for that over rows.

    Args:
        summary: what `evaluation.json` says.
    """
    names, tasks = short_names(summary["models"]), list(summary["tasks"])
    figure = Figure(figsize=(8.0, 1.2 + len(tasks) * (0.2 + 0.22 * len(names))), layout="constrained")
    axes = figure.subplots()
    for number, (model, name) in enumerate(names.items()):
        rows = [row for row in summary["results"] if row["model"] == model and row["score"] is not None]
        places = [tasks.index(row["task"]) + (number - (len(names) - 1) / 2) * _SPREAD / len(names) for row in rows]
        scores = [row["score"] for row in rows]
        errors = [length_of_bar(row["standard_error"]) for row in rows]
        colour = COLOURS[number % len(COLOURS)]
        of_rows = [row.get("rows_standard_error") or 0.0 for row in rows]
        lows, highs = ([score + sign * error for score, error in zip(scores, of_rows, strict=True)] for sign in (-1, 1))
        axes.hlines(places, lows, highs, color=colour, alpha=0.3, linewidth=6)
        axes.errorbar(scores, places, xerr=errors, fmt="o", color=colour, label=name, capsize=2)
        for row, place in zip(rows, places, strict=True):
            axes.annotate(
                f"{row['score']:.3f}",
                (row["score"] + max(row["standard_error"] or 0.0, row.get("rows_standard_error") or 0.0), place),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    baselines = [facts["baseline"] for facts in summary["tasks"].values()]
    axes.vlines(
        baselines,
        [place - _SPREAD / 2 for place in range(len(tasks))],
        [place + _SPREAD / 2 for place in range(len(tasks))],
        color="#777777",
        linewidth=2.5,
        label="a constant answer",
    )
    axes.set_yticks(range(len(tasks)), [f"{task}\n{facts['metric']}" for task, facts in summary["tasks"].items()])
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.set_xlim(right=1.08)
    axes.set_xlabel("score; standard errors over seeds (line) and over rows (wide)")
    axes.grid(axis="x", color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    return to_svg(figure)
