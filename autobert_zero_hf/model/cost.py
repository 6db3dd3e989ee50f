"""What an attention or a convolution costs, counted from axes: no tensor is made."""

from .backbone import ConvolutionLayer, Layer
from .lowering import Apply, Plan, Product
from .operations import Axis


def mixer_operations(layer: Layer, tokens: int, num_heads: int, head_size: int) -> int:
    """The operations a token of a layer's graph or convolution, without the linear layers around it.

    A product or comparison counts a multiplication and addition for each pair of numbers that meet, as one operation;
    anything else one operation for each number that it gives. Graphs are counted as their plans run them.

    Args:
        layer: the layer.
        tokens: N, the length of the sequence; attention costs more on longer ones.
        num_heads: H.
        head_size: D.
    """
    if isinstance(layer, ConvolutionLayer):
        return layer.kernel_size * num_heads * head_size
    return num_heads * _plan_operations(layer.plan, tokens, head_size) // tokens


def _plan_operations(plan: Plan, tokens: int, head_size: int) -> int:
    sizes = {Axis.TOKENS: tokens, Axis.FEATURES: head_size}
    total = 0
    for step, (rows, columns) in zip(plan.steps, plan.axes, strict=True):
        if isinstance(step, Product):
            total += step.order(tokens, head_size)[0]
            # Of an attention that is the product with the value; the kernel does scores, scale and softmax besides.
            total += sum(tokens**2 * (head_size + bool(weights.scales) + 1) for weights in step.weights)
            total += sum(tokens * head_size * weights.negated for weights in step.weights)
        elif isinstance(step, Apply) and step.operation.name != "transpose":
            reduces = step.operation.reduces
            met = sizes[step.axes[0][reduces[0]]] if len(reduces) == 2 else 1
            total += sizes[rows] * sizes[columns] * met
    return total
