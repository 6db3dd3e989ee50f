"""W-PCA (arXiv 2504.15983): what an untrained model can tell apart, times what it can learn.

How well it ranks the candidates of two spaces, and what it costs, is in `tests/benchmarks/zero_cost.json`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .counts import cost_of_layers
from .proxy import Score
from .table import ScreenKind, register_screen

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from autobert_zero_hf.model import AutoBertZeroForMaskedLM

_ROWS_OF_A_PASS = 32


@dataclass(frozen=True)
class WeightWeightedPca:
    """W-PCA: what the feed-forward blocks can tell apart, times what the layers can learn.

    Of each layer the principal components that the inputs of the feed-forward activation need for a share of their
    variance; their sum over the layers, times the layers' number of parameters. The paper measures untrained models.
    The weighted sum is not given an error: it is that of the given rows.

    Args:
        input_ids: (R, N), rows of real tokens without padding; R * N should be well above the feed-forward size.
        share: eta, the share of the variance, 0.99 in the paper.

    Raises:
        ValueError: if the share is not between 0 and 1, or there are fewer than two tokens.
    """

    input_ids: "Tensor"
    share: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"the share of variance lies between 0 and 1, not at {self.share}")
        if self.input_ids.numel() < 2:
            raise ValueError("principal components need two tokens at least")

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The product; the model's mode is restored.

        Raises:
            FloatingPointError: if an activation is not finite.
        """
        import torch

        layers: Any = model.base_model.layers
        blocks = [_Moments(linear) for layer in layers if (linear := layer.before_activation) is not None]
        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                for rows in self.input_ids.split(_ROWS_OF_A_PASS):
                    model.base_model(input_ids=rows.to(model.device))
        finally:
            model.train(training)
            for block in blocks:
                block.handle.remove()
        components = sum(principal_components(block.covariance(), self.share) for block in blocks)
        parameters = cost_of_layers(model.config, self.input_ids.shape[1]).parameters
        return Score(float(components * parameters), 0.0)


class _Moments:
    """The sums of a linear layer's outputs and of their products, over all passes, in double precision."""

    def __init__(self, linear: "Module"):
        self.count = 0
        self.sums: Any = 0.0
        self.products: Any = 0.0
        self.handle = linear.register_forward_hook(self._add)

    def _add(self, module: "Module", inputs: "tuple[Tensor, ...]", output: "Tensor") -> None:  # noqa: ARG002
        flat = output.flatten(0, 1).double()  # (B, N, F) -> (B * N, F)
        self.count += len(flat)
        self.sums = self.sums + flat.sum(0)
        self.products = self.products + flat.T @ flat

    def covariance(self) -> "Tensor":
        mean = self.sums / self.count
        covariance: Tensor = self.products / self.count - mean.outer(mean)
        return covariance


def principal_components(covariance: "Tensor", share: float) -> int:
    """The fewest principal components that have at least this share of the variance; 0 where nothing varies.

    Args:
        covariance: (F, F).
        share: of the variance.

    Raises:
        FloatingPointError: if something is not finite.
    """
    import torch

    if not torch.isfinite(covariance).all():
        raise FloatingPointError("the inputs of a feed-forward activation are not finite")
    variances = torch.linalg.eigvalsh(covariance).flip(0).clamp_min(0)
    total = variances.sum()
    return int((variances.cumsum(0) < share * total).sum()) + 1 if total > 0 else 0


register_screen(ScreenKind("w-pca", "principal components times parameters (W-PCA)", WeightWeightedPca))
