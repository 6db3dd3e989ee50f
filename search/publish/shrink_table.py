"""What `shrink` found for several budgets, as a table in Markdown and as a picture."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from matplotlib.figure import Figure

from autobert_zero_hf.charts import COLOURS, to_svg
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.places import without_places
from autobert_zero_hf.standard_error import length_of_bar, plus_minus

from ..space.sizes import Sizes
from .facts import ConstantAnswer

_MODELS = {"best": "cut from the super-net", "scratch": "the same from scratch"}


def as_markdown(facts: Mapping[str, Any]) -> str:
    """The table: a row a budget.

    Args:
        facts: what `shrink.json` says.
    """
    base, tasks = facts["base"], _means(facts)
    head = [
        "budget",
        "measured ms (95%)",
        "speed-up (95%)",
        "sizes",
        "parameters",
        "masked words",
        "from scratch",
        "gain",
    ]
    if tasks:
        head += ["tasks", "tasks, from scratch"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in facts["budgets"]:
        latency = row["latency"]
        cells = [
            row["budget"],
            "" if latency is None else f"{latency['median']:.2f} ({_interval(latency)}), {latency['verdict']}",
            "" if row["speed_up"] is None else f"{row['speed_up']['median']:.2f} ({_interval(row['speed_up'])})",
            str(Sizes(**row["sizes"])),
            f"{row['parameters']:,}",
            plus_minus(row["accuracy"], row["standard_error"]),
            plus_minus(row["scratch_accuracy"], row["scratch_standard_error"]),
            plus_minus(row["difference"], row["difference_standard_error"], signed=True),
        ]
        if tasks:
            scores = [tasks[row["budget"], name] for name in _MODELS]
            of_seeds = len(facts["evaluation"]["seeds"]) > 1
            cells += [plus_minus(*score) if of_seeds else f"{score[0]:.4f}" for score in scores]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [
        "Masked words: accuracy on held-out rows ± its standard error, after the same last training of the model that "
        "was cut from the super-net and of the same one from scratch; gain: the difference on the same words."
    ]
    levels = {row["budget"]: row.get("constant_answer") for row in facts["budgets"]}
    notes += [f"{budget}: {ConstantAnswer(**level)}" for budget, level in levels.items() if level is not None]
    if any(row["latency"] is None for row in facts["budgets"]):
        notes.append("A budget of parameters is one of the layers alone; those in the table are of the whole model.")
    if base:
        what = escaped(without_places(base["model"])) or "the largest sub-model"
        notes.append(f"Speed-up: over {what}, {base['median']:.2f} ms ({_interval(base)}).")
    if tasks:
        seeds = len(facts["evaluation"]["seeds"])
        names = ", ".join(escaped(list(facts["evaluation"]["tasks"])))
        notes.append(f"Tasks: mean of {names} over {seeds} seed{'s' * (seeds > 1)} ± its standard error.")
        if chose := [task for task in facts["tasks_that_chose"] if task in facts["evaluation"]["tasks"]]:
            notes.append(f"The winners were chosen by {', '.join(chose)}, which flatters them there.")
    return "\n".join([*lines, "", *notes, ""])


def as_picture(facts: Mapping[str, Any]) -> str:
    """The scores over latencies, or over parameters where none were measured, as SVG.

    Args:
        facts: what `shrink.json` says.
    """
    rows, tasks = facts["budgets"], _means(facts)
    timed = all(row["latency"] for row in rows)
    across = [row["latency"]["median"] if timed else row["parameters"] for row in rows]
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    for number, axes in enumerate(figure.subplots(1, 2 if tasks else 1, squeeze=False)[0]):
        for (name, label), colour in zip(_MODELS.items(), COLOURS, strict=False):
            prefix = "" if name == "best" else "scratch_"
            scores = (
                [tasks[row["budget"], name] for row in rows]
                if number
                else [(row[f"{prefix}accuracy"], row[f"{prefix}standard_error"]) for row in rows]
            )
            points = sorted(zip(across, scores, strict=True))
            places, values = [x for x, _ in points], [score for _, (score, _) in points]
            errors = [length_of_bar(error) for _, (_, error) in points]
            axes.errorbar(places, values, errors, marker="o", capsize=3, color=colour, label=label)
        axes.set_xlabel("milliseconds" if timed else "parameters")
        axes.set_ylabel("mean of the tasks" if number else "accuracy on held-out masked words")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#eeeeee")
        axes.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def _means(facts: Mapping[str, Any]) -> dict[tuple[str, str], tuple[float, float | None]]:
    """By budget and model, the mean over the tasks with its standard error; empty where there are none."""
    evaluation = facts["evaluation"]
    if evaluation is None:
        return {}
    rows = evaluation["means"] or evaluation["results"]  # of one task alone there is no mean
    return {PurePath(row["model"]).parts[-2:]: (row["score"], row["standard_error"]) for row in rows}  # type: ignore[misc]


def _interval(measured: Mapping[str, Any]) -> str:
    return " to ".join(f"{edge:.2f}" for edge in measured["interval"])
