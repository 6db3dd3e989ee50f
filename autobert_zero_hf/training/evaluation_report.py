"""An evaluation as a table in Markdown, and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind, too
_MARGIN, _SCALE, _ROW, _GAP, _LABELS = 16, 480, 16, 14, 190


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
    names = short_names(summary["models"])
    results = {(row["task"], row["model"]): row for row in summary["results"]}
    lines = [
        "| task | score | rows | constant answer | " + " | ".join(names.values()) + " |",
        "|---" * (4 + len(names)) + "|",
    ]
    for task, facts in summary["tasks"].items():
        cells = [_cell(results.get((task, model))) for model in names]
        lines.append(
            f"| {task} | {facts['metric']} | {facts['rows']:,} | {facts['baseline']:.3f} | {' | '.join(cells)} |"
        )
    if summary["means"]:
        means = {row["model"]: row for row in summary["means"]}
        lines.append(f"| mean | | | | {' | '.join(_cell(means.get(model)) for model in names)} |")
    seeds = len(summary["seeds"])
    notes = [
        f"Mean over {seeds} seed{'s' * (seeds > 1)} ± its standard error; in brackets the standard error of one score "
        "over the rows it is measured on. "
        "Scores are on the validation split, on which the best epoch was chosen, and the hyper-parameters if there "
        "were several; a constant answer is the training rows' most frequent class or answer, or their mean.",
        "",
        *(f"- {task}, {names[model]}: {_chosen(row)}" for (task, model), row in results.items() if row["seeds"]),
    ]
    if summary["cells_done"] < summary["cells"]:
        notes.insert(0, f"**{summary['cells_done']} of {summary['cells']} fine-tunings are done.**\n")
    return "\n".join([*lines, "", *notes, ""])


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["score"] is None:
        return "diverged"
    text = f"{row['score']:.3f}"
    if row["standard_error"] is not None:
        text += f" ± {row['standard_error']:.3f}"
    if row.get("rows_standard_error") is not None:
        text += f" ({row['rows_standard_error']:.3f})"
    return text + (f", {row['diverged']} diverged" if row.get("diverged") else "")


def _chosen(row: Mapping[str, Any]) -> str:
    chosen = f"learning rate {row['learning_rate']:.2g}, batch {row['batch_size']}, {row['epochs']:g} epochs"
    return f"{chosen}, best of {row['trials']} trials" if row["trials"] > 1 else chosen


def as_picture(summary: Mapping[str, Any]) -> str:
    """The scores as an SVG: a dot with its standard error for each model, a bar at the constant answer's score.

    Args:
        summary: what `evaluation.json` says.
    """
    names = short_names(summary["models"])
    rows = [row for row in summary["results"] if row["score"] is not None]
    spread = [row["score"] - (row["standard_error"] or 0.0) for row in rows]
    low = min([0.0, *spread, *(facts["baseline"] for facts in summary["tasks"].values())])
    block = _ROW * len(names) + _GAP
    top = 2 * _MARGIN + _ROW
    height = top + block * len(summary["tasks"]) + 2 * _ROW
    width = _LABELS + _SCALE + 90

    def across(value: float) -> float:
        return round(_LABELS + _SCALE * (value - low) / (1.0 - low), 1)

    svg = Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "width": str(width),
         "height": str(height), "font-family": "sans-serif", "font-size": "12"},
    )  # fmt: skip
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    colours = {model: _COLOURS[place % len(_COLOURS)] for place, model in enumerate(names)}
    place = float(_MARGIN)
    for model, name in names.items():
        _dot(svg, place, _MARGIN, colours[model])
        _text(svg, place + 9, _MARGIN + 4, name)
        place += 30 + 7.5 * len(name)
    bottom = top + block * len(summary["tasks"]) - _GAP / 2
    for tenth in range(int(low * 5), 6):
        value = tenth / 5
        _line(svg, across(value), top - 4, across(value), bottom, "#dddddd")
        _text(svg, across(value), bottom + 16, f"{value:g}", "middle")
    for number, (task, facts) in enumerate(summary["tasks"].items()):
        middle = top + block * number + _ROW * len(names) / 2
        _text(svg, _LABELS - 12, middle + 4, task, "end")
        _line(svg, across(facts["baseline"]), middle - _ROW * len(names) / 2, across(facts["baseline"]),
              middle + _ROW * len(names) / 2, "#777777", 3)  # fmt: skip
        for row in rows:
            if row["task"] == task:
                height_of = top + block * number + _ROW * (list(names).index(row["model"]) + 0.5)
                colour, error = colours[row["model"]], row["standard_error"] or 0.0
                _line(svg, across(row["score"] - error), height_of, across(row["score"] + error), height_of, colour, 2)
                _dot(svg, across(row["score"]), height_of, colour)
                _text(svg, across(row["score"] + error) + 8, height_of + 4, f"{row['score']:.3f}")
    _text(svg, _LABELS, height - 8, "± standard error over seeds; grey: a constant answer")
    indent(svg, " ")
    return tostring(svg, encoding="unicode") + "\n"


def _line(svg: Element, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke-width": width}
    SubElement(svg, "line", {"stroke": colour, **{name: f"{value:g}" for name, value in ends.items()}})


def _dot(svg: Element, x: float, y: float, colour: str) -> None:
    SubElement(svg, "circle", {"cx": f"{x:g}", "cy": f"{y:g}", "r": "4", "fill": colour})


def _text(svg: Element, x: float, y: float, text: str, anchor: str = "start") -> None:
    SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}).text = text
