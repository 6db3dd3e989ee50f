"""How many parameters a whole model may have."""

from dataclasses import dataclass

from autobert_zero_hf.model import AutoBertZeroConfig
from autobert_zero_hf.model.cost import model_parameters

from .candidate import Candidate


@dataclass(frozen=True)
class ParameterLimit:
    """Rejects candidates whose model is too large, embeddings counted in; for a strategy's `reject`.

    `Budget` bounds the layers alone: embeddings are the same for all candidates of one hidden size. Where sizes are
    searched they are not, and are the larger part of a small model.

    Args:
        like: the config of every candidate in all that it does not say itself.
        most: parameters of embeddings, layers and pooler together.

    Raises:
        ValueError: if `most` is less than 1.
    """

    like: AutoBertZeroConfig
    most: int

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"a limit of {self.most} parameters: it must be at least 1")

    def count(self, candidate: Candidate) -> int:
        """The parameters of a candidate's model."""
        if candidate.sizes is not None:
            return model_parameters(candidate.sizes.config(self.like, candidate.layers))
        sizes = {**self.like.to_dict(), "num_hidden_layers": None, "layers": list(candidate.layers)}
        return model_parameters(AutoBertZeroConfig(**sizes))

    def __call__(self, candidate: Candidate) -> str | None:
        """The reason to reject it, or None; of a few words, so that it can be counted."""
        return "too many parameters" if self.count(candidate) > self.most else None
