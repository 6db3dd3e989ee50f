"""Proxies that need no training: counts of parameters and operations, and W-PCA (arXiv 2504.15983).

They screen candidates before any is trained. How well each ranks the candidates of two spaces, and what it costs, is in
`tests/benchmarks/zero_cost.json`.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from scipy.stats import kendalltau, spearmanr
from torch import Tensor

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.model.cost import Cost, layer_cost

from ..space.candidate import Candidate
from .proxy import Score

_ROWS_OF_A_PASS = 32


class ZeroCostProxy(Protocol):
    """A `Proxy` that looks at a model as it is: nothing is trained, and no labels are needed."""

    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        """As in `Proxy`; the model is not changed."""
        ...


@dataclass(frozen=True)
class CountedProxy:
    """The number of parameters of the layers, or the operations of a token in them: the larger, the better.

    Counts have no error. They are finite whatever the weights are.

    Args:
        what: "parameters" or "operations".
        tokens: N, the length of the sequence, on which operations depend.
    """

    what: str
    tokens: int

    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The count."""
        cost = _cost(model.config, self.tokens)
        return Score(float({"parameters": cost.parameters, "operations": cost.operations}[self.what]), 0.0)


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

    input_ids: Tensor
    share: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"the share of variance lies between 0 and 1, not at {self.share}")
        if self.input_ids.numel() < 2:
            raise ValueError("principal components need two tokens at least")

    @torch.no_grad()
    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The product; the model's mode is restored.

        Raises:
            FloatingPointError: if an activation is not finite.
        """
        layers: Any = model.base_model.layers
        blocks = [_Moments(layer.mlp.up_proj) for layer in layers if layer.has_mlp]
        training = model.training
        model.eval()
        try:
            for rows in self.input_ids.split(_ROWS_OF_A_PASS):
                model.base_model(input_ids=rows.to(model.device))
        finally:
            model.train(training)
            for block in blocks:
                block.handle.remove()
        components = sum(principal_components(block.covariance(), self.share) for block in blocks)
        parameters = _cost(model.config, self.input_ids.shape[1]).parameters
        return Score(float(components * parameters), 0.0)


class _Moments:
    """The sums of a linear layer's outputs and of their products, over all passes, in double precision."""

    def __init__(self, linear: torch.nn.Module):
        self.count = 0
        self.sums: Tensor | float = 0.0
        self.products: Tensor | float = 0.0
        self.handle = linear.register_forward_hook(self._add)

    def _add(self, module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG002
        flat = output.flatten(0, 1).double()  # (B, N, F) -> (B * N, F)
        self.count += len(flat)
        self.sums = self.sums + flat.sum(0)
        self.products = self.products + flat.T @ flat

    def covariance(self) -> Tensor:
        mean = torch.as_tensor(self.sums / self.count)
        return torch.as_tensor(self.products / self.count) - mean.outer(mean)


def principal_components(covariance: Tensor, share: float) -> int:
    """The fewest principal components that have at least this share of the variance; 0 where nothing varies.

    Args:
        covariance: (F, F).
        share: of the variance.

    Raises:
        FloatingPointError: if something is not finite.
    """
    if not torch.isfinite(covariance).all():
        raise FloatingPointError("the inputs of a feed-forward activation are not finite")
    variances = torch.linalg.eigvalsh(covariance).flip(0).clamp_min(0)
    total = variances.sum()
    return int((variances.cumsum(0) < share * total).sum()) + 1 if total > 0 else 0


def _cost(config: AutoBertZeroConfig, tokens: int) -> Cost:
    return sum((layer_cost(text, config, tokens) for text in config.layers), Cost())


NAMES = ("parameters", "operations", "w-pca")


def make_zero_cost_proxy(name: str, input_ids: Tensor) -> ZeroCostProxy:
    """A proxy by its name.

    Args:
        name: one of `NAMES`.
        input_ids: (R, N), rows of real tokens; those that count look at their length only.
    """
    if name == "w-pca":
        return WeightWeightedPca(input_ids)
    return CountedProxy(name, input_ids.shape[1])


@dataclass(frozen=True)
class Untrained:
    """What a zero-cost proxy says of a candidate's untrained model: the same weights for the same candidate.

    Args:
        proxy: looks at the model.
        like: the config of every candidate in all that it does not say itself.
        seed: of the weights.
    """

    proxy: ZeroCostProxy
    like: AutoBertZeroConfig
    seed: int

    def __call__(self, candidate: Candidate) -> float:
        """The score; minus infinity where something is not finite."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = AutoBertZeroForMaskedLM(candidate.config(self.like))
        try:
            return self.proxy(model, lambda _: None).value
        except FloatingPointError:
            return float("-inf")


@dataclass(frozen=True)
class RankAgreement:
    """How well a proxy ranks candidates as their trained scores do: 1 as these, 0 by chance, -1 the other way round.

    Args:
        kendall: tau.
        spearman: rho.
        candidates: how many were compared.
    """

    kendall: float
    spearman: float
    candidates: int

    @classmethod
    def of(cls, proxy: Sequence[float], trained: Sequence[float]) -> "RankAgreement":
        """Of two scores of the same candidates; not a number where one of them is the same for all."""
        with warnings.catch_warnings():  # scipy's, of what is not a number here
            warnings.simplefilter("ignore")
            kendall, spearman = (float(measure(proxy, trained).statistic) for measure in (kendalltau, spearmanr))
        return cls(kendall, spearman, len(proxy))

    def __str__(self) -> str:
        if math.isnan(self.kendall):
            return f"no ranks to compare over {self.candidates} candidates"
        return f"Kendall's tau {self.kendall:.2f}, Spearman's rho {self.spearman:.2f} over {self.candidates} candidates"
