"""Weight sharing: one set of weights that holds every candidate, branch by branch and size by size.

Each layer keeps two branches (BIWS, arXiv 2107.07445): an attention, whose only weights are the four linears around the
formula, and a convolution with the largest kernel of the space, of which a smaller one is the centre slice; and one for
each other kind of layer that has weights of its own. Embeddings, feed-forward blocks, norms and the masked-LM head are
shared. A candidate activates one branch a layer. One that has sizes of its own has the bottom layers, and of each
weight the slice that `slicing` names (AutoTinyBERT, 2021.acl-long.400).

The super-net is a dictionary of weights, by the names that they have in a stand-alone model. A candidate runs as the
stand-alone model would, on these weights or slices of them (`torch.func.functional_call`): what is extracted computes
bit by bit what ran inside, and gradients reach the shared weights through the slices.

Shapes: B batch, N tokens, C the candidate's hidden size, V vocabulary.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers.initialization import no_init_weights
from transformers.modeling_outputs import MaskedLMOutput

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM

from ..space.candidate import in_block
from ..space.sizes import Sizes
from .slicing import copy_overlap, cut

_SKELETONS = 64
_Shape = tuple[tuple[str, ...], Sizes, str | None]
"""Layers, sizes and block of a backbone."""


class SuperNet(nn.Module):
    """Shared weights for every backbone of a space.

    Args:
        config: the largest sizes, which are those of a candidate that has none of its own. The content of its `layers`
            counts where there are no `branches`.
        branches: a line for each branch of a layer, such as `SearchSpace.branches` gives; None where all candidates are
            sub-models of one backbone, `config.layers`: then there are its branches alone.
        seed: of the initial weights.
        blocks: those that candidates may have of their own, each with all weights of its own; none where all have the
            configuration's.
    """

    def __init__(
        self, config: AutoBertZeroConfig, branches: Sequence[str] | None, seed: int, blocks: Sequence[str] = ()
    ):
        super().__init__()
        self.config = config
        self.sizes = Sizes.of(config)
        self._like = {block: in_block(config, block) for block in blocks or (None,)}
        self._skeletons: OrderedDict[_Shape, AutoBertZeroForMaskedLM] = OrderedDict()
        backbones = [config.layers]
        if branches is not None:
            backbones = [[branch] * config.num_hidden_layers for branch in branches]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            weights: dict[str, nn.Parameter] = {}
            for (block, like), layers in product(self._like.items(), backbones):
                model = AutoBertZeroForMaskedLM(self.sizes.config(like, layers))
                weights = {**{_name(name, block): own for name, own in model.named_parameters()}, **weights}
        self._names = tuple(weights)
        self.weights = nn.ParameterList(weights.values())

    @property
    def named_weights(self) -> dict[str, nn.Parameter]:
        """The shared weights, by the names that they have in a model; before these the block, where it has its own."""
        return dict(zip(self._names, self.weights, strict=True))

    def forward(
        self,
        layers: Sequence[str],
        input_ids: Tensor,
        labels: Tensor,
        sizes: Sizes | None = None,
        attention_mask: Tensor | None = None,
        block: str | None = None,
    ) -> MaskedLMOutput:
        """Run a backbone on the shared weights.

        Args:
            layers: the backbone.
            input_ids: (B, N).
            labels: (B, N), -100 where nothing is asked; only the other places are decoded.
            sizes: those of the backbone; the largest by default.
            attention_mask: (B, N), 0 for padding; None where there is none.
            block: that of the backbone, where blocks have weights of their own.
        """
        skeleton = self.skeleton(layers, sizes, block)
        batch = {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask, "sparse_prediction": True}
        return functional_call(skeleton, self._weights_of(skeleton, block), kwargs=batch)

    def encode(
        self,
        layers: Sequence[str],
        input_ids: Tensor,
        sizes: Sizes | None = None,
        attention_mask: Tensor | None = None,
        block: str | None = None,
    ) -> Tensor:
        """The last hidden states of a backbone, (B, N, C); no word is predicted. The arguments are those of a run."""
        skeleton = self.skeleton(layers, sizes, block)
        prefix = f"{skeleton.base_model_prefix}."
        weights = {n.removeprefix(prefix): w for n, w in self._weights_of(skeleton, block, prefix).items()}
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        return functional_call(skeleton.base_model, weights, kwargs=batch).last_hidden_state

    def extract(
        self, layers: Sequence[str], sizes: Sizes | None = None, block: str | None = None
    ) -> AutoBertZeroForMaskedLM:
        """A stand-alone model with a copy of its weights; its outputs are equal bit by bit."""
        model = self._empty(tuple(layers), self.sizes if sizes is None else sizes, block)
        shared = self._weights_of(model, block)
        model.load_state_dict(
            {name: nn.Parameter(w.detach().clone()) for name, w in shared.items()}, assign=True, strict=False
        )
        model.tie_weights()
        return model.to(self.weights[0].device)

    def absorb(
        self,
        layers: Sequence[str],
        weights: Mapping[str, Tensor],
        sizes: Sizes | None = None,
        block: str | None = None,
    ) -> None:
        """Take over the weights of a stand-alone model of such a shape, by name, where it was cut from."""
        shared = self.named_weights
        for name, _ in self.skeleton(layers, sizes, block).named_parameters():
            ours = shared[_name(name, block)]
            copy_overlap(name, ours, self.sizes, weights[name], self.sizes if sizes is None else sizes)

    def _empty(self, layers: Sequence[str], sizes: Sizes, block: str | None) -> AutoBertZeroForMaskedLM:
        with torch.device("meta"), no_init_weights():
            model = AutoBertZeroForMaskedLM(sizes.config(self._like[block], layers))
        model.tie_weights()
        return model

    def skeleton(
        self, layers: Sequence[str], sizes: Sizes | None = None, block: str | None = None
    ) -> AutoBertZeroForMaskedLM:
        """A model without weights of its own, for its code, in the mode of the super-net; the last few are kept."""
        key = tuple(layers), self.sizes if sizes is None else sizes, block
        if key not in self._skeletons:
            self._skeletons[key] = self._empty(*key)
            if len(self._skeletons) > _SKELETONS:
                self._skeletons.popitem(last=False)
        self._skeletons.move_to_end(key)
        return self._skeletons[key].train(self.training)

    def _weights_of(self, model: AutoBertZeroForMaskedLM, block: str | None, prefix: str = "") -> dict[str, Tensor]:
        """The parts of the shared weights that a model runs on, of those whose names begin so."""
        shared, sizes = self.named_weights, Sizes.of(model.config)
        return {
            name: cut(name, shared[_name(name, block)], self.sizes, own.shape, sizes)
            for name, own in model.named_parameters()
            if name.startswith(prefix)
        }


def _name(name: str, block: str | None) -> str:
    """The name of a shared weight, of its name in a model."""
    return name if block is None else f"{block}/{name}"
