"""Module replacing (BERT-of-Theseus, Xu et al. 2020, arXiv 2002.02925): layers of a BERT give way to discovered ones.

At each training step every successor layer stands in for its predecessors with a probability that rises; the others
run as they are. Predecessors and embeddings are frozen until all layers are replaced; from then on the successor is
trained by itself. The head is trained from the first step on, where the paper freezes it, because many a BERT comes
without one.
"""

from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroModel, AutoBertZeroPreTrainedModel

from .options import ReplacingOptions


class ReplacedLayer(nn.Module):
    """A layer and those that it replaces; whether it does is told from outside, but in evaluation it always does.

    Args:
        predecessors: layers of the BERT, one after another; they are frozen.
        successor: the layer in their place.
    """

    def __init__(self, predecessors: list[nn.Module], successor: nn.Module):
        super().__init__()
        self.predecessors = nn.ModuleList(predecessors).requires_grad_(False)
        self.successor = successor
        self.replaced = True

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        for layer in [self.successor] if self.replaced or not self.training else self.predecessors:
            hidden_states = layer(hidden_states, *args, **kwargs)
        return hidden_states


class ModuleReplacing(TrainerCallback):
    """Draws at each step which layers are replaced; from the seed and the step alone, in all processes the same.

    Args:
        predecessor: a BERT as a model of this package; it is taken apart.
        successor: of the same head and sizes, but for the layers. It gets the predecessor's embeddings and head, and
            its layers begin with those weights of the first of their predecessors that they know: the feed-forward
            block, the norms and, in an attention, the projections of the same name.
        options: the probability.
        steps: of the training.
        seed: of the draws.

    Raises:
        AutoBertZeroError: if the number of the predecessor's layers is not a multiple of the successor's.
    """

    def __init__(
        self,
        predecessor: AutoBertZeroPreTrainedModel,
        successor: AutoBertZeroPreTrainedModel,
        options: ReplacingOptions,
        steps: int,
        seed: int,
    ):
        self.base = _base(successor)
        old, new = _base(predecessor).layers, self.base.layers
        each, left = divmod(len(old), len(new))
        if left or not each:
            raise AutoBertZeroError(
                f"the BERT's {len(old)} layers cannot be replaced by {len(new)}: give a "
                "backbone of as many layers, or of a half, a third and so on"
            )
        self.initial_rate = options.replacing_rate
        self.replacing_steps = round(options.replacing_steps * steps)
        self.seed = seed
        _inherit(predecessor, successor, each)
        self.layers = [
            ReplacedLayer(list(old[place * each : (place + 1) * each]), layer) for place, layer in enumerate(new)
        ]
        self.base.layers = nn.ModuleList(self.layers)
        # What the base model prepares for fused attentions the predecessors need, too.
        self.has_fused_attention = self.base.has_fused_attention
        self.base.has_fused_attention = True

    def rate(self, step: int) -> float:
        """The probability with which a layer is replaced at a step, from 0."""
        if step >= self.replacing_steps:
            return 1.0
        return self.initial_rate + (1 - self.initial_rate) * step / self.replacing_steps

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Draws which layers are replaced in this step."""
        rate = self.rate(state.global_step)
        draws = np.random.default_rng([self.seed, state.global_step]).random(len(self.layers))
        for layer, draw in zip(self.layers, draws, strict=True):
            layer.replaced = bool(draw < rate)
        self.base.embeddings.requires_grad_(rate == 1)

    def end(self) -> None:
        """Leave the successor by itself."""
        self.base.layers = nn.ModuleList(layer.successor for layer in self.layers)
        self.base.has_fused_attention = self.has_fused_attention
        self.base.embeddings.requires_grad_(True)


def _base(model: AutoBertZeroPreTrainedModel) -> AutoBertZeroModel:
    base = model.base_model
    assert isinstance(base, AutoBertZeroModel)
    return base


def _inherit(predecessor: AutoBertZeroPreTrainedModel, successor: AutoBertZeroPreTrainedModel, each: int) -> None:
    """Give a successor, each of whose layers replaces `each`, the weights that it has by the same name and shape."""
    prefix = f"{successor.base_model_prefix}.layers."
    own, weights = successor.state_dict(), {}
    for name, weight in predecessor.state_dict().items():
        if name.startswith(prefix):
            number, _, rest = name.removeprefix(prefix).partition(".")
            if int(number) % each:
                continue
            name = f"{prefix}{int(number) // each}.{rest}"
        if name in own and own[name].shape == weight.shape:
            weights[name] = weight
    successor.load_state_dict(weights, strict=False)
    successor.tie_weights()
