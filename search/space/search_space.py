"""What can be found."""

import random
from dataclasses import dataclass

from autobert_zero_hf.model.axes import infer_axes, mixes_tokens
from autobert_zero_hf.model.backbone import MAX_KERNEL_SIZE
from autobert_zero_hf.model.graph import AttentionGraph, FormulaError
from autobert_zero_hf.model.operations import operation_names

from .candidate import Candidate
from .sampling import Weights, sample_graph


@dataclass(frozen=True)
class SearchSpace:
    """Backbones of convolutions and attentions; the two levels of AutoBERT-Zero (arXiv 2107.07445).

    Args:
        num_layers: the layers of a backbone.
        kernel_sizes: the kernels that a convolution may have.
        operations: the operations that an attention may use.
        max_operations: the operations that an attention has at most.

    Raises:
        ValueError: if an operation is not known, or nothing could be sampled.
    """

    num_layers: int
    kernel_sizes: tuple[int, ...] = (3, 5, 7, 9, 15, 31, 65)
    operations: tuple[str, ...] = operation_names()
    max_operations: int = 10

    def __post_init__(self) -> None:
        unknown = sorted(set(self.operations) - set(operation_names()))
        problems = [f"unknown operations {unknown}; known are {list(operation_names())}"] if unknown else []
        if self.num_layers < 1 or self.max_operations < 1 or not self.operations:
            problems.append("a space needs at least one layer, one operation and max_operations of 1 or more")
        if not self.kernel_sizes or any(
            not 1 <= size <= MAX_KERNEL_SIZE or size % 2 == 0 for size in self.kernel_sizes
        ):
            problems.append(f"kernel sizes are odd numbers from 1 to {MAX_KERNEL_SIZE}, not {list(self.kernel_sizes)}")
        if problems:
            raise ValueError("; ".join(problems))
        self.sample_attention(random.Random(0))

    def accepts(self, graph: AttentionGraph) -> bool:
        """Whether an attention belongs to the space: known operations, not too many, legal, and tokens are mixed."""
        if not 0 < len(graph.operations) <= self.max_operations:
            return False
        if any(node.name not in self.operations for node in graph.operations):
            return False
        try:
            return mixes_tokens(infer_axes(graph))
        except FormulaError:
            return False

    def sample(self, rng: random.Random, attention: str | None = None) -> Candidate:
        """A random backbone: each layer a convolution or an attention with even chances.

        Args:
            rng: the source of chance.
            attention: what every attention computes; random ones by default.
        """
        return Candidate(
            tuple(
                self.sample_convolution(rng) if rng.random() < 0.5 else attention or self.sample_attention(rng)
                for _ in range(self.num_layers)
            )
        )

    def sample_convolution(self, rng: random.Random) -> str:
        """A convolution with a random kernel."""
        return f"conv({rng.choice(self.kernel_sizes)})"

    def sample_attention(self, rng: random.Random, weights: Weights | None = None) -> str:
        """A random attention; its operations are drawn evenly, or by these weights."""
        return str(sample_graph(rng, self.operations, self.max_operations, weights))
