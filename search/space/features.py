"""What a backbone is made of, counted: what a model of scores sees of it."""

import math
from collections import Counter
from collections.abc import Iterator

from autobert_zero_hf.model import AttentionGraph, parse_layer
from autobert_zero_hf.model.canonical import simplify

from .candidate import Candidate

_TURNED = "transpose"
"""It says how the next operation reads its operand, and is none by itself."""


def features(candidate: Candidate) -> dict[str, float]:
    """What a backbone is made of, by name.

    How many layers are of each kind, with its numbers, and how many have each feed-forward block of their own; how
    often each operation but `transpose` occurs in the normal forms of the formulas, and how often on each other, or on
    an input, transposed or not; the block, and the sizes as powers of 2, where these are searched. Where in the stack a
    layer stands is left out.

    >>> found = features(Candidate(("conv(9)", "conv(9)", "matmul(softmax(matmul(q, transpose(k))), v)")))
    >>> found["convolution 9"], found["softmax of matmul"]
    (2, 1)
    """
    found: Counter[str] = Counter()
    for text in candidate.layers:
        layer = parse_layer(text)
        found[" ".join(map(str, (layer.mixer.kind, *layer.mixer.values.values())))] += 1
        if layer.feed_forward is not None:
            found[f"+ {layer.feed_forward}"] += 1
        if layer.mixer.graph is not None:
            found.update(_operations(simplify(layer.mixer.graph)))
    if candidate.block is not None:
        found[f"block {candidate.block}"] = 1
    sizes = {} if candidate.sizes is None else candidate.sizes.to_dict()
    return {**found, **{name: math.log2(value) for name, value in sizes.items()}}


def _operations(graph: AttentionGraph) -> Iterator[str]:
    for node in graph.operations:
        if node.name != _TURNED:
            yield node.name
            for operand in node.operands:
                while graph.nodes[operand].name == _TURNED:
                    (operand,) = graph.nodes[operand].operands
                yield f"{node.name} of {graph.nodes[operand].name}"
