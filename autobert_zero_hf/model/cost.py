"""What an attention graph or a convolution costs, counted from axes: no tensor is made."""

from .axes import TypedGraph
from .backbone import ConvolutionLayer, Layer
from .operations import Axis, operation


def mixer_operations(layer: Layer, tokens: int, num_heads: int, head_size: int) -> int:
    """The operations a token of a layer's graph or convolution, without the linear layers around it.

    A product or comparison counts a multiplication and addition for each pair of numbers that meet, as one operation;
    anything else one operation for each number that it gives. Graphs are counted as they are written.

    Args:
        layer: the layer.
        tokens: N, the length of the sequence; attention costs more on longer ones.
        num_heads: H.
        head_size: D.
    """
    if isinstance(layer, ConvolutionLayer):
        return layer.kernel_size * num_heads * head_size
    return num_heads * _graph_operations(layer.typed, tokens, head_size) // tokens


def _graph_operations(typed: TypedGraph, tokens: int, head_size: int) -> int:
    sizes = {Axis.TOKENS: tokens, Axis.FEATURES: head_size}
    total = 0
    for node, (rows, columns) in zip(typed.graph.nodes, typed.axes, strict=True):
        if node.is_input or node.name == "transpose":
            continue
        reduces = operation(node.name).reduces
        met = sizes[typed.axes[node.operands[0]][reduces[0]]] if len(reduces) == 2 else 1
        total += sizes[rows] * sizes[columns] * met
    return total
