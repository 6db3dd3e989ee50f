"""A layer as a line of LaTeX, as papers write it: softmax(QKᵀ/√d)V."""

from collections.abc import Callable

from ..model import AttentionGraph, parse_layer

_SUM, _NEGATED, _PRODUCT, _ATOM = range(4)
"""How strongly the parts of an expression hold together, from the loosest."""

Expression = tuple[str, int]


def to_latex(layer: str) -> str:
    r"""A layer in LaTeX's mathematics mode; of LaTeX's packages it needs none.

    The inputs are the matrices Q, K and V, tokens by features, and d is the size of a head. A similarity and a distance
    are those of each row of the one with each row of the other.

    Raises:
        FormulaError: (a ValueError) for a line that is not a legal layer.

    >>> print(to_latex("matmul(softmax(scale(matmul(q, transpose(k)))), v)"))
    \mathrm{softmax}\left(\frac{Q K^{\top}}{\sqrt{d}}\right) V
    >>> print(to_latex("conv(9)"))
    \mathrm{LightConv}_{9}\left(X\right)
    """
    parsed = parse_layer(layer)
    mixer = parsed.mixer.latex(_graph)
    if parsed.feed_forward is None:
        return mixer
    # What stands after the plus is no summand.
    return rf"{mixer} \quad \mathrm{{FFN}}_{{{parsed.feed_forward.width}}}"


def _graph(graph: AttentionGraph) -> str:
    expressions: list[Expression] = []
    for node in graph.nodes:
        operands = [expressions[place] for place in node.operands]
        if node.is_input:
            expressions.append((node.name.upper(), _ATOM))
        elif node.name in _WRITTEN:
            expressions.append(_WRITTEN[node.name](*operands))
        else:
            name = node.name.replace("_", r"\_")
            expressions.append(_call(rf"\mathrm{{{name}}}", *operands))
    return expressions[-1][0]


def _within(expression: Expression, least: int) -> str:
    """In parentheses if it holds together less than it must."""
    text, strength = expression
    return text if strength >= least else rf"\left({text}\right)"


def _call(name: str, *operands: Expression) -> Expression:
    # A power of it must not be taken for one of its last factor.
    return rf"{name}\left({', '.join(text for text, _ in operands)}\right)", _PRODUCT


def _sum(a: Expression, b: Expression) -> Expression:
    text, strength = b
    return (f"{a[0]} - {text.removeprefix('-')}" if strength == _NEGATED else f"{a[0]} + {text}"), _SUM


_WRITTEN: dict[str, Callable[..., Expression]] = {
    "neg": lambda a: (f"-{_within(a, _PRODUCT)}", _NEGATED),
    "transpose": lambda a: (rf"{_within(a, _ATOM)}^{{\top}}", _PRODUCT),
    "scale": lambda a: (rf"\frac{{{a[0]}}}{{\sqrt{{d}}}}", _PRODUCT),
    "softmax": lambda a: _call(r"\mathrm{softmax}", a),
    "logsigmoid": lambda a: _call(r"\log\sigma", a),
    "softsign": lambda a: _call(r"\mathrm{softsign}", a),
    "add": _sum,
    "matmul": lambda a, b: (f"{_within(a, _PRODUCT)} {_within(b, _PRODUCT)}", _PRODUCT),
    "cosine_similarity": lambda a, b: _call(r"\cos", a, b),
    "euclidean_distance": lambda a, b: _call(r"\mathrm{dist}", a, b),
}
"""How the operations are written; any other is written as a function of its name."""
