"""The first tab: all candidates as dots and in a table; one that is clicked is shown, or compared with a pinned one."""

import re
from typing import Any

import gradio as gr
from matplotlib.figure import Figure

from ..charts import to_inline_svg
from ..model import AutoBertZeroConfig
from ..search.publish.report_charts import (
    costed,
    labels_of_dots,
    scores_over_costs,
    scores_over_evaluations,
)
from ..search.publish.report_facts import ReportFacts
from ..search.publish.verdict import Costs
from ..search.runtime.records import Evaluated
from .controls import text_of
from .views import compare, matching, show_candidate

_COLUMNS: dict[str, tuple[Any, int]] = {
    "candidate": ("number", 100),
    "score": ("str", 90),
    "±": ("str", 80),
    "parameters of layers": ("number", 120),
    "multiplications a token": ("number", 130),
    "ms": ("str", 80),
    "made by": ("str", 300),
    "layers": ("str", 700),
}
"""Their kinds, and their widths in pixels. Milliseconds stand there where some were measured."""
_NEAREST_DOT = """
element.addEventListener("click", event => {
  let nearest = 24, told = "";
  for (const dot of element.querySelectorAll("use")) {
    const title = dot.querySelector("title"), box = dot.getBoundingClientRect();
    const away = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    if (title && away < nearest) [nearest, told] = [away, title.textContent];
  }
  const number = told.match(/\\d+/);
  if (number) trigger("select", { number: Number(number[0]) });
});
"""
"""Dots are small, and fingers are not: a click means the dot that is nearest, within 24 pixels."""


_TO_WHAT_IS_SHOWN = '() => { document.querySelector("#shown").scrollIntoView({ behavior: "smooth", block: "center" }) }'


def show_candidates(facts: ReportFacts, config: AutoBertZeroConfig) -> None:
    """The tab's contents.

    Args:
        facts: the search.
        config: the sizes of its candidates.
    """
    costs = Costs(facts.history)
    charts = [gr.HTML(each, elem_classes="chart", js_on_load=_NEAREST_DOT) for each in _charts(facts, costs)]
    with gr.Row():
        containing = gr.Textbox(label="a layer contains", placeholder="softmax, or conv(9)")
        kind = gr.Dropdown(["all", "random", "mutated", "failed"], value="all", label="which")
        least = gr.Number(label="score at least (0: any)", value=0)
    rows_of = {each.number: _row(facts, each, costs) for each in facts.candidates}
    columns = [name for name in _COLUMNS if name != "ms" or any(row[name] for row in rows_of.values())]

    def cells(events: list[Evaluated]) -> list[list[Any]]:
        return [[rows_of[each.number][name] for name in columns] for each in events]

    rows = gr.Dataframe(
        cells(matching(facts)),
        headers=columns,
        datatype=[_COLUMNS[name][0] for name in columns],
        column_widths=[_COLUMNS[name][1] for name in columns],
        interactive=False,
        wrap=True,
        max_height=400,
        elem_id="candidates",
    )
    pin = gr.Button("Pin", visible=False)
    shown = gr.HTML(elem_classes="shown", elem_id="shown")
    number, pinned = gr.State(None), gr.State(None)
    filters: list[Any] = [containing, kind, least]

    def filtered(text: Any, which: Any, lowest: Any) -> list[list[Any]]:
        least = lowest if isinstance(lowest, int | float) else 0.0
        return cells(matching(facts, text_of(text), text_of(which), least or None))

    def show(wanted: Any, kept: Any) -> tuple[Any, Any, str]:
        if kept in (None, wanted):
            return wanted, _button(wanted, kept), show_candidate(facts, wanted, config)
        return wanted, _button(wanted, kept), compare(facts, kept, wanted, config)

    def chosen(kept: Any, event: gr.EventData) -> tuple[Any, Any, Any]:
        wanted = _number(event)
        known = any(each.number == wanted for each in facts.candidates)
        return show(wanted, kept) if known else (gr.skip(), gr.skip(), gr.skip())

    def turned(wanted: Any, kept: Any) -> tuple[Any, Any]:
        kept = wanted if kept is None else None
        return kept, _button(wanted, kept)

    for control in filters:
        control.change(filtered, filters, rows, show_progress="hidden", preprocess=False)
    sources: list[Any] = [*charts, rows]
    for clicked in sources:
        told = clicked.select(chosen, pinned, [number, pin, shown], show_progress="hidden", preprocess=False)
        told.then(None, js=_TO_WHAT_IS_SHOWN)
    pin.click(turned, [number, pinned], [pinned, pin], show_progress="hidden", preprocess=False)


def _charts(facts: ReportFacts, costs: Costs) -> list[str]:
    if not facts.scored:
        return []
    drawn: list[tuple[str, str, Figure, list[Evaluated]]] = [
        ("scores", "Scores in the order of the search", scores_over_evaluations(facts), facts.scored)
    ]
    if known := costed(facts, costs):
        drawn.append(("costs", "Scores over costs", scores_over_costs(facts, costs), known))
    return [
        to_inline_svg(figure, name, f"{title}; a click shows the candidate", labels_of_dots(events))
        for name, title, figure, events in drawn
    ]


def _row(facts: ReportFacts, event: Evaluated, costs: Costs) -> dict[str, Any]:
    """What the table says of a candidate, by columns."""
    cost, latency = costs(event.candidate), facts.history.measured(event.identity)
    return {
        "candidate": event.number,
        "score": "failed" if event.score is None else f"{event.score:.4f}",
        "±": "" if event.standard_error is None else f"{event.standard_error:.4f}",
        "parameters of layers": cost and cost.parameters,
        "multiplications a token": cost and cost.operations,
        "ms": "" if latency is None else f"{latency.median:.2f}",
        "made by": event.origin,
        "layers": " | ".join(event.layers),
    }


def _button(number: Any, pinned: Any) -> Any:
    """What the button does: keep the candidate that is shown, to compare the next ones with it, or let it go."""
    said = f"Pin candidate {number}: compare the next with it" if pinned is None else f"Unpin candidate {pinned}"
    return gr.Button(said, visible=number is not None)


def _number(event: gr.EventData) -> int | None:
    """The candidate whose dot or row is clicked; None for what is neither, since anybody may send anything."""
    for name in ("number", "row_value"):
        try:
            value = getattr(event, name)
        except (AttributeError, TypeError):  # of an event without it, or without anything
            continue
        found = value[0] if isinstance(value, list) and value else value
        if isinstance(found, int | str) and re.fullmatch(r"\d{1,9}", str(found)):
            return int(found)
    return None
