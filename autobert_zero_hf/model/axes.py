"""The axes of every node of an attention graph: an operation is legal by axes, not by luck of equal sizes."""

from dataclasses import dataclass

from .graph import AttentionGraph
from .operations import TOKENS_BY_FEATURES, Axes, AxesError, operation, show_axes, swapped


@dataclass(frozen=True)
class TypedGraph:
    """A legal graph and the axes of each of its nodes."""

    graph: AttentionGraph
    axes: tuple[Axes, ...]


def infer_axes(graph: AttentionGraph) -> TypedGraph:
    """Type a graph, and check that its output is tokens x features, so that layers stack.

    Raises:
        FormulaError: at the first operation that is unknown, has the wrong number of operands or operands of the wrong
            axes; the message shows the place.
    """
    axes: list[Axes] = []
    for place, node in enumerate(graph.nodes):
        if node.is_input:
            axes.append(TOKENS_BY_FEATURES)
            continue
        try:
            rule = operation(node.name)
        except KeyError as unknown:
            raise graph.error(unknown.args[0], place) from None
        if len(node.operands) != rule.arity:
            many = "one operand" if rule.arity == 1 else f"{rule.arity} operands"
            raise graph.error(f"{node.name} takes {many}, not {len(node.operands)}", place)
        try:
            axes.append(rule.axes(*(axes[o] for o in node.operands)))
        except AxesError as illegal:
            raise graph.error(f"{node.name}: {illegal}", place) from None
    if axes[-1] != TOKENS_BY_FEATURES:
        raise graph.error(
            f"the output of an attention layer is {show_axes(TOKENS_BY_FEATURES)}, but this formula gives "
            f"{show_axes(axes[-1])}",
            len(graph.nodes) - 1,
        )
    return TypedGraph(graph, tuple(axes))


def axes_by_operation(typed: TypedGraph) -> list[tuple[str, Axes]]:
    """Each operation of a graph as a formula, in the order in which they are run, and the axes of what it gives."""
    texts: list[str] = []
    for node in typed.graph.nodes:
        texts.append(node.name if node.is_input else f"{node.name}({', '.join(texts[o] for o in node.operands)})")
    rows = zip(typed.graph.nodes, texts, typed.axes, strict=True)
    return [(text, axes) for node, text, axes in rows if not node.is_input]


def compares(typed: TypedGraph, one: str, other: str) -> bool:
    """Whether an operation sums the products of an input's features with another's, or compares them otherwise.

    >>> def said(text):
    ...     return compares(infer_axes(AttentionGraph.parse(text)), "q", "k")
    >>> said("matmul(softmax(matmul(q, transpose(k))), v)"), said("matmul(softmax(matmul(q, transpose(q))), k)")
    (True, False)
    >>> said("matmul(q, matmul(transpose(v), k))")  # q meets the features of v alone
    False
    """
    owners: list[tuple[frozenset[str], frozenset[str]]] = []
    for node in typed.graph.nodes:
        if node.is_input:
            owners.append((frozenset(), frozenset({node.name})))
            continue
        rule, operands = operation(node.name), [owners[o] for o in node.operands]
        if len(operands) == 1:
            owners.append(operands[0][::-1] if rule.axes is swapped else operands[0])
            continue
        first, second = operands
        if not rule.reduces:
            owners.append((first[0] | second[0], first[1] | second[1]))
            continue
        # -1 are the columns, -2 the rows; what is left of each operand are the axes of the result.
        summed, beside = (each[axis] for each, axis in zip(operands, rule.reduces, strict=True))
        if (one in summed and other in beside) or (other in summed and one in beside):
            return True
        owners.append((first[-3 - rule.reduces[0]], second[-3 - rule.reduces[1]]))
    return False


def mixes_tokens(typed: TypedGraph) -> bool:
    """Whether a token's output can depend on other tokens: whether an operation reduces a token axis."""
    return any(
        operation(node.name).reduces_tokens([typed.axes[o] for o in node.operands]) for node in typed.graph.operations
    )
