"""What the explorer shows, as HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ..model import AutoBertZeroConfig, FormulaError, parse_layer
from ..model.axes import show_axes
from ..model.backbone import AttentionLayer
from ..model.canonical import canonicalise
from ..model.cost import Cost, layer_cost
from ..rendering import draw_backbone, draw_graph, to_latex, to_svg
from ..rendering.picture import Picture
from ..search.publish.report_facts import ReportFacts

_TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

_CANDIDATE = _TEMPLATES.from_string("""\
<h3>Candidate {{ record.number }}</h3>
<p>{% if record.score is not none %}Score {{ "%.4f" | format(record.score) }}{% if record.standard_error %} ±
{{ "%.4f" | format(record.standard_error) }}{% endif %}{% else %}Failed: {{ record.failure }}, {{ record.detail }}
{% endif %}; generation {{ record.generation }}, made by: {{ record.origin }};
{{ "{:,}".format(cost.parameters) }} parameters and {{ "{:,}".format(cost.operations) }} operations a token in its
layers.</p>
<div class="picture">{{ picture }}</div>
<ol>
{% for layer in record.layers %}
<li><code>{{ layer }}</code></li>
{% endfor %}
</ol>
{% if ancestors | length > 1 %}
<p>Where it comes from:</p>
<ul>
{% for each in ancestors %}
<li>{{ each.number }}: {{ "%.4f" | format(each.score) if each.score is not none else each.failure }}, {{ each.origin }}
</li>
{% endfor %}
</ul>
{% endif %}
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
<div class="picture">{{ picture }}</div>
""")

_ERROR = _TEMPLATES.from_string('<p class="error">This is not a layer:</p><pre class="error">{{ message }}</pre>')


def table(
    facts: ReportFacts, containing: str = "", kind: str = "all", least: float | None = None
) -> list[tuple[int, float | None, str, str]]:
    """The candidates that pass a filter, the best first: number, score, how it was made, layers.

    Args:
        facts: the search.
        containing: a text that one of the layers must contain, such as `softmax` or `conv(9)`.
        kind: "all", "random", "mutated" or "failed".
        least: the lowest score.
    """
    rows = []
    for record in facts.candidates:
        score = record["score"]
        kinds = {"all", "failed" if score is None else "scored", "mutated" if record["parent"] else "random"}
        if kind not in kinds or not any(containing.strip() in layer for layer in record["layers"]):
            continue
        if least is not None and (score is None or score < least):
            continue
        rows.append((record["number"], score, record["origin"], " | ".join(record["layers"])))
    return sorted(rows, key=lambda row: (row[1] is None, -(row[1] or 0.0)))


def show_candidate(facts: ReportFacts, number: int, config: AutoBertZeroConfig) -> str:
    """A candidate: score, picture, formulas, cost, lineage.

    Args:
        facts: the search.
        number: of the candidate.
        config: the sizes of all candidates; the length of the text is that of their rows.
    """
    record = next(record for record in facts.candidates if record["number"] == number)
    own = AutoBertZeroConfig(**{**config.to_dict(), **record.get("sizes", {}), "layers": list(record["layers"])})
    tokens = facts.recipe["sequence_length"]
    cost = sum((layer_cost(layer, own, tokens) for layer in record["layers"]), Cost())
    return _CANDIDATE.render(
        record=record, cost=cost, picture=_drawn(draw_backbone(record["layers"])), ancestors=ancestors(facts, record)
    )


def ancestors(facts: ReportFacts, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A candidate and those that it comes from, the first one first."""
    by_identity = {each["identity"]: each for each in facts.candidates}
    chain = [record]
    while (parent := by_identity.get(chain[-1]["parent"])) is not None:
        chain.append(parent)
    return chain[::-1]


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
    attention = isinstance(layer, AttentionLayer)
    rows = []
    if isinstance(layer, AttentionLayer):
        graph = layer.graph
        texts: list[str] = []
        for node, axes in zip(graph.nodes, layer.typed.axes, strict=True):
            operands = ", ".join(texts[place] for place in node.operands)
            texts.append(f"{node.name}({operands})" if operands else node.name)
            rows.append((texts[-1], show_axes(axes)))
    return _FORMULA.render(
        plan="+".join(layer.plan.kinds) if isinstance(layer, AttentionLayer) else "convolution",
        cost=layer_cost(text, config, tokens),
        latex=to_latex(text),
        normal=str(canonicalise(layer.graph)) if isinstance(layer, AttentionLayer) else "",
        rows=rows if attention else [],
        config=config,
        tokens=tokens,
        picture=_drawn(
            draw_graph(layer.graph, "") if isinstance(layer, AttentionLayer) else draw_backbone([str(layer)])
        ),
    )


def _drawn(picture: Picture) -> Markup:
    return Markup(to_svg(picture))
