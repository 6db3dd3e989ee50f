"""Token uniformity, and what layers contribute, measured on text.

Tokens that become alike from layer to layer, so that words can hardly be told apart at the top, are what AutoBERT-Zero
set out against (Gao et al., 2022, section 1; Dong et al., 2021, arXiv 2103.03404).

Shapes: B texts, N tokens, C features, H heads.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from ..model import AutoBertZeroPreTrainedModel

_TOKENS = 2_048
"""Of a batch."""


@dataclass(frozen=True)
class Analysis:
    """What was measured, layer by layer.

    Args:
        token_cosine: the mean cosine between two tokens of a text, of the embeddings and after each layer: with 1, all
            tokens are the same but for their lengths.
        change: of each layer, one less the mean cosine between what a token is before it and after it: with 0, the
            layer might be left out ("block influence", Men et al., 2024, arXiv 2403.03853).
        attention_entropy: of each layer, the mean entropy of its attention weights as a share of that of a look at all
            tokens alike: with 0, each token looks at one, with 1, at all. None where a layer has no such weights.
    """

    token_cosine: list[float]
    change: list[float]
    attention_entropy: list[float | None]


@dataclass
class _Mean:
    total: float = 0.0
    count: int = 0

    def add(self, values: Tensor) -> None:
        self.total += float(values.double().sum())
        self.count += values.numel()

    @property
    def value(self) -> float:
        return round(self.total / self.count, 6)


@dataclass
class _Sums:
    """Of a model of so many layers."""

    layers: int
    cosine: list[_Mean] = field(init=False)
    change: list[_Mean] = field(init=False)
    entropy: dict[int, _Mean] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cosine = [_Mean() for _ in range(self.layers + 1)]
        self.change = [_Mean() for _ in range(self.layers)]


def texts_of_batch(tokens: int) -> int:
    """How many texts of so many tokens each to measure at once."""
    return max(1, _TOKENS // tokens)


@torch.no_grad()
def analyse(model: AutoBertZeroPreTrainedModel, batches: Iterable[tuple[Tensor, Tensor]]) -> Analysis:
    """Measure what the layers of a model make of some texts.

    Args:
        model: with any head; its mode and its attention implementation are restored.
        batches: token ids, (B, N), and 1 for each that is no padding, (B, N); at least two in one of the texts. Each
            layer makes matrices of (B, H, N, N): `texts_of_batch` says how many texts are few enough.

    Raises:
        ValueError: if no text has two tokens.
    """
    base: Any = model.base_model
    sums = _Sums(base.config.num_hidden_layers)
    training, implementation = base.training, base.config._attn_implementation
    base.eval()
    base.set_attn_implementation("eager")  # which alone gives weights
    try:
        with _weights_of(base.layers) as weights:
            for input_ids, mask in batches:
                ids, real = input_ids.to(base.device), mask.to(base.device).bool()
                weights.clear()
                states = base(input_ids=ids, attention_mask=real.long(), output_hidden_states=True).hidden_states
                _add(sums, [each.float() for each in states], weights, real)
    finally:
        base.set_attn_implementation(implementation)
        base.train(training)
    if not sums.cosine[0].count:
        raise ValueError("no text has two tokens, whose likeness could be measured")
    return Analysis(
        token_cosine=[each.value for each in sums.cosine],
        change=[each.value for each in sums.change],
        attention_entropy=[
            sums.entropy[layer].value if layer in sums.entropy else None for layer in range(sums.layers)
        ],
    )


def _add(sums: _Sums, states: list[Tensor], weights: dict[int, Tensor], real: Tensor) -> None:
    """Add what a batch comes to.

    Args:
        sums: what is added to.
        states: of the embeddings and of each layer, (B, N, C).
        weights: by the number of the layer, (B, H, N, N).
        real: which tokens are, (B, N).
    """
    counts = real.sum(-1).double()
    enough = counts > 1
    pairs = (counts * (counts - 1))[enough]
    for mean, state in zip(sums.cosine, states, strict=True):
        directions = normalize(state, dim=-1) * real[..., None]
        # The square of a sum of unit vectors has each pair twice, and each with itself once.
        together = directions.sum(1).double().square().sum(-1) - counts
        mean.add(together[enough] / pairs)
    for mean, before, after in zip(sums.change, states, states[1:], strict=False):
        mean.add(1 - cosine_similarity(before, after, dim=-1)[real])
    for layer, each in weights.items():
        looks = enough[:, None] & real
        of_head = -torch.special.xlogy(each, each).float().sum(-1) / counts.clamp(min=2).log().float()[:, None, None]
        sums.entropy.setdefault(layer, _Mean()).add(of_head.transpose(1, 2)[looks])


@contextmanager
def _weights_of(layers: Iterable[nn.Module]) -> Iterator[dict[int, Tensor]]:
    """What the mixers of the layers give besides their output, by the number of the layer, while it is asked for."""
    found: dict[int, Tensor] = {}
    hooks = []
    for number, layer in enumerate(layers):
        if name := layer.mixer_name:

            def keep(_: nn.Module, __: Any, output: Any, number: int = number) -> None:
                if isinstance(output, tuple) and output[1] is not None:
                    found[number] = output[1]

            hooks.append(getattr(layer, str(name)).register_forward_hook(keep))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
