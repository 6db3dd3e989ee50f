"""Bi-branch weight sharing (BIWS): one set of weights that holds every candidate (arXiv 2107.07445).

Each layer keeps two branches: an attention, whose only weights are the four linears around the formula, and a
convolution with the largest kernel of the space, of which a smaller one is the centre slice. Embeddings, feed-forward
blocks, norms and the masked-LM head are shared. A candidate activates one branch a layer.

The super-net is a dictionary of weights, by the names that they have in a stand-alone model. A candidate runs as the
stand-alone model would, on these weights or slices of them (`torch.func.functional_call`): what is extracted computes
bit by bit what ran inside, and gradients reach the shared weights through the slices.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers.initialization import no_init_weights
from transformers.modeling_outputs import MaskedLMOutput

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.model.architectures import BERT_ATTENTION

_SKELETONS = 64


class SuperNet(nn.Module):
    """Shared weights for every backbone of a space.

    Args:
        config: the sizes of every candidate; its `layers` count, but their content does not.
        max_kernel_size: the largest convolution of the space, in tokens.
        seed: of the initial weights.
    """

    def __init__(self, config: AutoBertZeroConfig, max_kernel_size: int, seed: int):
        super().__init__()
        self.config = config
        self.max_kernel_size = max_kernel_size
        self._skeletons: OrderedDict[tuple[str, ...], AutoBertZeroForMaskedLM] = OrderedDict()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            branches = [self._config([branch] * config.num_hidden_layers) for branch in self._branches()]
            weights: dict[str, nn.Parameter] = {}
            for branch in branches:
                weights = {**dict(AutoBertZeroForMaskedLM(branch).named_parameters()), **weights}
        self._names = tuple(weights)
        self.weights = nn.ParameterList(weights.values())

    def _branches(self) -> tuple[str, str]:
        # Standard attention uses all three projections, so it has every weight that any attention needs.
        return BERT_ATTENTION, f"conv({self.max_kernel_size})"

    def _config(self, layers: Sequence[str]) -> AutoBertZeroConfig:
        sizes = self.config.to_dict()
        sizes.update(layers=list(layers), sparse_prediction=True)
        return AutoBertZeroConfig(**sizes)

    def forward(self, layers: Sequence[str], input_ids: Tensor, labels: Tensor) -> MaskedLMOutput:
        """Run a backbone on the shared weights.

        Args:
            layers: the backbone.
            input_ids: (B, N).
            labels: (B, N), -100 where nothing is asked; only the other places are decoded.
        """
        skeleton = self._skeleton(tuple(layers))
        skeleton.train(self.training)
        return functional_call(skeleton, self._weights_of(skeleton), kwargs={"input_ids": input_ids, "labels": labels})

    def extract(self, layers: Sequence[str]) -> AutoBertZeroForMaskedLM:
        """A stand-alone model with a copy of its weights; its outputs are equal bit by bit."""
        model = self._empty(layers)
        shared = self._weights_of(model)
        model.load_state_dict(
            {name: nn.Parameter(w.detach().clone()) for name, w in shared.items()}, assign=True, strict=False
        )
        model.tie_weights()
        return model.to(self.weights[0].device)

    @torch.no_grad()
    def absorb(self, layers: Sequence[str], weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of a stand-alone model of these layers, by name; of a smaller kernel, as the centre."""
        for name, shared in self._weights_of(self._skeleton(tuple(layers))).items():
            shared.copy_(weights[name])

    def _empty(self, layers: Sequence[str]) -> AutoBertZeroForMaskedLM:
        with torch.device("meta"), no_init_weights():
            model = AutoBertZeroForMaskedLM(self._config(layers))
        model.tie_weights()
        return model

    def _skeleton(self, layers: tuple[str, ...]) -> AutoBertZeroForMaskedLM:
        """A model without weights of its own, for its code; the last few are kept."""
        if layers not in self._skeletons:
            self._skeletons[layers] = self._empty(layers)
            if len(self._skeletons) > _SKELETONS:
                self._skeletons.popitem(last=False)
        self._skeletons.move_to_end(layers)
        return self._skeletons[layers]

    def _weights_of(self, skeleton: AutoBertZeroForMaskedLM) -> dict[str, Tensor]:
        shared = dict(zip(self._names, self.weights, strict=True))
        return {name: centre(shared[name], own.shape) for name, own in skeleton.named_parameters()}


def centre(weight: Tensor, shape: torch.Size) -> Tensor:
    """The weight itself, or, for a smaller kernel, a view of its centre along the last axis."""
    if weight.shape == shape:
        return weight
    start = (weight.shape[-1] - shape[-1]) // 2
    return weight[..., start : start + shape[-1]]
