"""What a super-net learns: the masked words, or, in smaller sub-models, how the largest one predicts them.

A teacher of its own kind is in `distillation`.

Shapes: M masked words of a batch, V vocabulary.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.model import AutoBertZeroForMaskedLM

from ..space.candidate import Candidate
from .supernet import SuperNet


class Objective(Protocol):
    """A loss of candidates on a super-net.

    Attributes:
        net: the super-net.
        beside: what is learnt beside the super-net, and is no part of the models that are cut from it.
    """

    net: SuperNet
    beside: nn.Module

    def loss(self, candidate: Candidate, batch: MaskedBatch, number: int) -> Tensor:
        """The loss of a candidate.

        Args:
            candidate: the candidate.
            batch: masked rows, on the super-net's device.
            number: of the batch; while it is the same, so are the batch and the weights.
        """
        ...

    def alone(self, model: AutoBertZeroForMaskedLM, inherits: bool) -> nn.Module:
        """What gives a stand-alone model its loss, of `input_ids` and `labels`, when it is trained on.

        Args:
            model: the model.
            inherits: whether it was cut from the super-net.
        """
        ...


@dataclass
class MaskedLm:
    """The cross-entropy of the masked words, as BERT has it.

    Args:
        net: the super-net.
    """

    net: SuperNet
    beside: nn.Module = field(default_factory=nn.Module)

    def loss(self, candidate: Candidate, batch: MaskedBatch, number: int) -> Tensor:  # noqa: ARG002
        """The loss of a candidate."""
        return _run(self.net, candidate, batch).loss

    def alone(self, model: AutoBertZeroForMaskedLM, inherits: bool) -> nn.Module:  # noqa: ARG002
        """The model itself, which learns masked words alone."""
        return model


class InPlaceDistillation(MaskedLm):
    """The masked words for the largest sub-model; for the others, its predictions of them (arXiv 1903.05134).

    The predictions are those of the same moment, without dropout. They are computed once a batch in each process, and
    not taken from the training of the largest sub-model, so that they are the same wherever that is trained.

    Args:
        net: the super-net.
        largest: the sub-model that the others learn from.
    """

    def __init__(self, net: SuperNet, largest: Candidate):
        super().__init__(net)
        self.largest = largest
        self._taught: tuple[int, Tensor] | None = None

    def loss(self, candidate: Candidate, batch: MaskedBatch, number: int) -> Tensor:
        """The loss of a candidate."""
        if candidate == self.largest:
            return super().loss(candidate, batch, number)
        if self._taught is None or self._taught[0] != number:
            self._taught = number, self._predictions(batch)
        # (M, V), as in a super-net the masked words alone are decoded.
        logits = _run(self.net, candidate, batch).logits
        return nn.functional.cross_entropy(logits.float(), self._taught[1])

    @torch.no_grad()
    def _predictions(self, batch: MaskedBatch) -> Tensor:
        training = self.net.training
        self.net.eval()
        logits = _run(self.net, self.largest, batch).logits
        self.net.train(training)
        return logits.float().softmax(-1)


def _run(net: SuperNet, candidate: Candidate, batch: MaskedBatch) -> Any:
    return net(candidate.layers, batch.input_ids, batch.labels, candidate.sizes, block=candidate.block)
