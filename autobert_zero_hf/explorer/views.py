"""What the explorer shows, as HTML."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ..model import AutoBertZeroConfig, FormulaError, parse_layer
from ..model.axes import axes_by_operation, show_axes
from ..model.canonical import canonicalise
from ..model.cost import Cost, layer_cost
from ..rendering import draw_backbone, draw_graph, to_latex, to_svg
from ..rendering.picture import Picture
from ..search.publish.report_facts import ReportFacts, differences
from ..search.runtime.records import Evaluated
from ..standard_error import plus_minus

_TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_TEMPLATES.filters["plus_minus"] = plus_minus

_CANDIDATE = _TEMPLATES.from_string("""\
<h3>Candidate {{ record.number }}</h3>
<p>{% if record.score is not none %}Score {{ record.score | plus_minus(record.standard_error) }}
{%- else %}Failed: {{ record.failure }}, {{ record.detail }}
{% endif %}; generation {{ record.generation }}, made by: {{ record.origin }}{% if cost %};
{{ "{:,}".format(cost.parameters) }} parameters and {{ "{:,}".format(cost.operations) }} operations a token in its
layers{% endif %}.</p>
<div class="picture" tabindex="0" role="group" aria-label="Picture of the backbone">{{ picture }}</div>
<ol>
{% for layer in record.layers %}
<li><code>{{ layer }}</code></li>
{% endfor %}
</ol>
{% if steps %}
<p>Where it comes from:</p>
<ul>
{% for each, changes in steps %}
<li>{{ each.number }}: {{ "%.4f" | format(each.score) if each.score is not none else each.failure }}, {{ each.origin }}
{% for place, before, after in changes %}
<br>{{ place }}: <code>{{ before or "nothing" }}</code> → <code>{{ after or "nothing" }}</code>
{% endfor %}
</li>
{% endfor %}
</ul>
{% endif %}
""")

_COMPARISON = _TEMPLATES.from_string("""\
<h3>Candidate {{ one.number }} and candidate {{ other.number }}</h3>
<table class="comparison">
<tr><th scope="col"></th><th scope="col">A: {{ one.number }}</th><th scope="col">B: {{ other.number }}</th></tr>
{% for name, a, b in rows %}
<tr{% if a != b %} class="differs"{% endif %}><th scope="row">{{ name }}{% if a != b %} ≠{% endif %}</th>
<td>{{ a }}</td><td>{{ b }}</td></tr>
{% endfor %}
</table>
<div class="beside">
{% for name, picture in (("A", pictures[0]), ("B", pictures[1])) %}
<div><h4>{{ name }}</h4>
<div class="picture" tabindex="0" role="group" aria-label="Picture of {{ name }}">{{ picture }}</div></div>
{% endfor %}
</div>
""")

_FORMULA = _TEMPLATES.from_string("""\
<p>Plan: {{ plan }}. Cost at width {{ config.hidden_size }} with {{ config.num_attention_heads }} heads, among
{{ tokens }} tokens: {{ "{:,}".format(cost.parameters) }} parameters, {{ "{:,}".format(cost.operations) }} operations a
token.</p>
<p>LaTeX: <code>{{ latex }}</code></p>
{% if rows %}
<p>Normal form: <code>{{ normal }}</code></p>
<table><tr><th>operation</th><th>gives</th></tr>
{% for text, axes in rows %}
<tr><td><code>{{ text }}</code></td><td>{{ axes }}</td></tr>
{% endfor %}
</table>
{% endif %}
<div class="picture" tabindex="0" role="group" aria-label="Picture of the formula">{{ picture }}</div>
""")

_ERROR = _TEMPLATES.from_string(
    '<p class="error" role="alert">This is not a layer:</p><pre class="error">{{ message }}</pre>'
)


def matching(
    facts: ReportFacts, containing: str = "", kind: str = "all", least: float | None = None
) -> list[Evaluated]:
    """The candidates that pass a filter, the best first.

    Args:
        facts: the search.
        containing: a text that one of the layers must contain, such as `softmax` or `conv(9)`.
        kind: "all", "random", "mutated" or "failed".
        least: the lowest score.
    """
    found = []
    for each in facts.candidates:
        kinds = {"all", "failed" if each.score is None else "scored", "mutated" if each.parent else "random"}
        if kind not in kinds or not any(containing.strip() in layer for layer in each.layers):
            continue
        if least is not None and (each.score is None or each.score < least):
            continue
        found.append(each)
    return sorted(found, key=lambda each: (each.score is None, -(each.score or 0.0)))


def show_candidate(facts: ReportFacts, number: Any, config: AutoBertZeroConfig) -> str:
    """A candidate: score, picture, formulas, cost, lineage.

    Args:
        facts: the search.
        number: of the candidate; nothing is shown for what is none.
        config: the sizes of all candidates; the length of the text is that of their rows.
    """
    shown = _find(facts, number)
    if shown is None:
        return ""
    chain = facts.ancestors(shown)
    steps = [(each, differences(before.candidate, each.candidate)) for before, each in pairwise(chain)]
    return _CANDIDATE.render(
        record=shown,
        cost=_cost(shown, config, facts.recipe["sequence_length"]),
        picture=_picture(shown.layers),
        steps=[(chain[0], []), *steps] if steps else [],
    )


def compare(facts: ReportFacts, first: Any, second: Any, config: AutoBertZeroConfig) -> str:
    """Two candidates side by side, and what differs.

    Args:
        facts: the search.
        first: the number of the one; nothing is shown for what is none.
        second: that of the other.
        config: as for one candidate.
    """
    one, other = _find(facts, first), _find(facts, second)
    if one is None or other is None:
        return ""
    rows = [("score", *map(_score, (one, other)))]
    costs = [_cost(each, config, facts.recipe["sequence_length"]) for each in (one, other)]
    for name, unit in (("parameters", "parameters of the layers"), ("operations", "operations a token")):
        shown = [f"{getattr(cost, name):,}" if cost else "not legal" for cost in costs]
        rows.append((unit, shown[0], shown[1]))
    places = range(max(len(one.layers), len(other.layers)))
    layers = [[each.layers[place : place + 1] for place in places] for each in (one, other)]
    for place, (a, b) in enumerate(zip(*layers, strict=True), start=1):
        rows.append(
            (f"layer {place}", *(Markup("<code>{}</code>").format(each[0]) if each else "none" for each in (a, b)))
        )
    rows += [("block", one.block, other.block)] if one.block and other.block else []
    sizes = [_sizes(each) for each in (one, other)]
    rows += [(name.replace("_", " "), *(str(each.get(name, "")) for each in sizes)) for name in sizes[0] | sizes[1]]
    rows.append(("made by", one.origin, other.origin))
    pictures = [_picture(each.layers) for each in (one, other)]
    return _COMPARISON.render(one=one, other=other, rows=rows, pictures=pictures)


def _find(facts: ReportFacts, number: Any) -> Evaluated | None:
    # A cell of a table may hold the number as a text.
    return next((each for each in facts.candidates if str(each.number) == str(number)), None)


def _score(event: Evaluated) -> str:
    return f"failed: {event.failure}" if event.score is None else plus_minus(event.score, event.standard_error)


def _sizes(event: Evaluated) -> dict[str, int]:
    """By name; none where candidates had none of their own."""
    return event.sizes.to_dict() if event.sizes else {}


def _cost(event: Evaluated, config: AutoBertZeroConfig, tokens: int) -> Cost | None:
    """Of all layers; None for a candidate that is not legal, which is a failure like others."""
    layers = ["conv(3)"] * len(event.layers)  # of any kind: the sizes alone are wanted
    sizes = {**_sizes(event), "num_hidden_layers": len(layers)}
    own = AutoBertZeroConfig(**{**config.to_dict(), **sizes, "layers": layers})
    try:
        return sum((layer_cost(layer, own, tokens) for layer in event.layers), Cost())
    except FormulaError:
        return None


def _picture(layers: Sequence[str]) -> Markup:
    try:
        return _drawn(draw_backbone(layers))
    except FormulaError as error:
        return Markup(_ERROR.render(message=str(error)))


def show_formula(text: str, config: AutoBertZeroConfig, tokens: int) -> str:
    """A layer that somebody typed: axes, normal form, plan, cost and picture; or what is wrong with it, and where.

    Args:
        text: the layer.
        config: the sizes.
        tokens: the length of the text.
    """
    if not text.strip():
        return ""
    try:
        layer = parse_layer(text)
    except FormulaError as error:
        return _ERROR.render(message=str(error))
    graph, typed = layer.mixer.graph, layer.mixer.typed
    rows = [(each, show_axes(axes)) for each, axes in axes_by_operation(typed)] if typed else []
    return _FORMULA.render(
        plan=layer.mixer.runs_as,
        cost=layer_cost(text, config, tokens),
        latex=to_latex(text),
        normal="" if graph is None else str(canonicalise(graph)),
        rows=rows,
        config=config,
        tokens=tokens,
        picture=_drawn(draw_backbone([str(layer)]) if graph is None else draw_graph(graph, "")),
    )


def _drawn(picture: Picture) -> Markup:
    return Markup(to_svg(picture))
