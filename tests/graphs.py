"""Random legal attention graphs for property tests."""

import random

from autobert_zero_hf.search.space.sampling import sample_graph
from hypothesis import strategies as st

from autobert_zero_hf.model.axes import TypedGraph, infer_axes
from autobert_zero_hf.model.operations import operation_names


def random_graph(seed: int, max_operations: int = 12) -> TypedGraph:
    return infer_axes(sample_graph(random.Random(seed), operation_names(), max_operations))


typed_graphs = st.integers(0, 2**32 - 1).map(random_graph)
