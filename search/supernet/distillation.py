"""What a super-net learns from a teacher: its attention scores and its hidden states (2021.acl-long.400, section 3.2).

Shapes: B batch, N tokens, H heads, D head size, C hidden size, T the teacher's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import MaskedLMOutput

from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import (
    AutoBertZeroForMaskedLM,
    AutoBertZeroPreTrainedModel,
    parse_layer,
)
from autobert_zero_hf.training.pretraining.distillation import check_teacher, load_teacher

from ..space.candidate import Candidate
from ..space.sizes import Sizes, SizesSpace
from .objectives import Objective
from .slicing import cut
from .supernet import SuperNet

_PROJECTIONS = (("query", "key"), ("q_proj", "k_proj"), ("q_lin", "k_lin"))
"""What other models of transformers call the linears of queries and keys."""


def last_projections(encoder: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """The linears that make queries and keys of the last layer's attention scores; None if it has no such scores."""
    if isinstance(encoder, AutoBertZeroPreTrainedModel):
        mixer = parse_layer(encoder.config.layers[-1]).mixer
        if (names := mixer.score_weights) is None:
            return None
        last = encoder.get_submodule(f"layers.{len(encoder.config.layers) - 1}.{mixer.module}")
        return last.get_submodule(names[0]), last.get_submodule(names[1])
    modules = dict(encoder.named_modules())
    for query, key in _PROJECTIONS:
        if places := [name for name in modules if name.endswith(f".{query}")]:
            return modules[places[-1]], modules[f"{places[-1].removesuffix(query)}{key}"]
    return None


@contextmanager
def _outputs_of(modules: tuple[nn.Module, nn.Module] | None) -> Iterator[list[Tensor]]:
    """What two modules give in the run inside the context, in the order of the run."""
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        outputs.append(output)

    hooks = [module.register_forward_hook(keep) for module in modules or ()]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def attention_scores(queries_and_keys: Sequence[Tensor], heads: int) -> Tensor:
    """The scores before the softmax: (B, N, H * D) twice -> (B, H, N, N)."""
    # (B, N, H * D) -> (B, H, N, D)
    queries, keys = (each.float().unflatten(-1, (heads, -1)).transpose(1, 2) for each in queries_and_keys)
    return queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5


@dataclass(frozen=True)
class Encoding:
    """What is compared of a student and its teacher.

    Args:
        hidden_states: the last ones, (B, N, C).
        scores: of the last attention, (B, H, N, N); None where the last layer has none.
    """

    hidden_states: Tensor
    scores: Tensor | None


class Teacher:
    """A frozen encoder that shows its last hidden states and attention scores.

    Args:
        model: any model of transformers that is built as BERT is.
        source: where it is from, for messages.
    """

    def __init__(self, model: PreTrainedModel, source: str):
        self.model = model.requires_grad_(False).eval()
        self.source = source
        self.projections = last_projections(model.base_model)

    @classmethod
    def load(
        cls, source: str, sizes: SizesSpace, tokenizer: PreTrainedTokenizerBase, vocab_size: int, length: int
    ) -> "Teacher":
        """A teacher for sub-models, from a folder or Hub name; it needs no head.

        Args:
            source: the folder or Hub name.
            sizes: those of the sub-models.
            tokenizer: theirs.
            vocab_size: that of their embeddings.
            length: tokens of a row.

        Raises:
            AutoBertZeroError: if there is none, or its vocabulary, its positions or its heads do not fit.
        """
        teacher = cls(load_teacher(source, soft_labels=False), source)
        check_teacher(teacher.model, source, tokenizer, vocab_size, length)
        steps, heads = sizes.num_attention_heads, teacher.heads
        if teacher.projections is not None and not steps.lowest == steps.highest == heads:
            ours = f"{steps.highest}" if steps.lowest == steps.highest else f"{steps.lowest} to {steps.highest}"
            raise AutoBertZeroError(
                f"the teacher {source} has {heads} attention heads, the sub-models have {ours}: attention scores are "
                f'compared head by head, so search with num_attention_heads {heads} and vary "head_dim"'
            )
        return teacher

    @property
    def heads(self) -> int:
        """The number of attention heads, H."""
        return self.model.config.num_attention_heads

    @property
    def hidden_size(self) -> int:
        """The width of the hidden states, T."""
        return self.model.config.hidden_size

    @torch.no_grad()
    def encode(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Encoding:
        """What the teacher makes of rows, (B, N)."""
        if self.model.device != input_ids.device:
            nn.Module.to(self.model, input_ids.device)
        with _outputs_of(self.projections) as outputs:
            hidden = self.model.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return Encoding(hidden, attention_scores(outputs, self.heads) if outputs else None)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The squared error as a share of the squares of what is wanted: 1 for answering nothing but zeros.

    >>> relative_error(torch.tensor([0.0, 3.0]), torch.tensor([4.0, 3.0])).item()
    0.6399999856948853
    """
    return (found - wanted).square().sum() / wanted.square().sum().clamp_min(torch.finfo(wanted.dtype).tiny)


def difference(found: Encoding, taught: Encoding, real: Tensor) -> Tensor:
    """How far a model's encoding of rows is from its teacher's: a share of the teacher's squares for each of the two.

    The paper adds up mean squared errors as they are; MiniLM's hidden states, whose mean square is 0.07, were then not
    learnt at all beside its scores.

    Args:
        found: the model's, its hidden states in the teacher's width.
        taught: the teacher's.
        real: (B, N), False for padding, which counts for nothing.
    """
    loss = relative_error(found.hidden_states[real].float(), taught.hidden_states[real].float())
    if taught.scores is not None and found.scores is not None:
        pairs = real[:, None, :, None] & real[:, None, None, :]
        loss = loss + relative_error(found.scores.masked_fill(~pairs, 0.0), taught.scores.masked_fill(~pairs, 0.0))
    return loss


class TeacherDistillation:
    """The squared errors of the last attention's scores, head by head, and of the last hidden states, added up.

    The scores are those before the softmax, scaled, and zero where padding is. The hidden states go through a linear
    layer to the teacher's width, of which a sub-model uses the slice for its own hidden size; it is learnt, but is not
    part of the models, and begins as the identity, so that what was cut from its teacher begins near it. A sub-model
    whose last layer has no such scores learns the hidden states alone. Without masked words besides, the head that
    predicts them learns nothing.

    Args:
        net: the super-net.
        teacher: its teacher.
        words: what is learnt of masked words besides; None for nothing.
    """

    def __init__(self, net: SuperNet, teacher: Teacher, words: Objective | None = None):
        self.net = net
        self.teacher = teacher
        self.words = words
        self.beside = nn.Module()
        projection = _projection(net.config.hidden_size, teacher.hidden_size)
        self.beside.add_module("teacher_projection", projection.to(net.weights[0].device))
        self._taught: tuple[int, Encoding] | None = None

    def loss(self, candidate: Candidate, batch: MaskedBatch, number: int) -> Tensor:
        """The loss of a candidate."""
        if self._taught is None or self._taught[0] != number:
            self._taught = number, self.teacher.encode(batch.input_ids)
        loss = self.difference(candidate, self._taught[1], batch.input_ids)
        return loss if self.words is None else loss + self.words.loss(candidate, batch, number)

    def difference(
        self, candidate: Candidate, taught: Encoding, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:
        """How far a candidate is from what its teacher makes of the same rows.

        Args:
            candidate: the candidate.
            taught: the teacher's.
            input_ids: (B, N).
            attention_mask: (B, N), 0 for padding, which counts for nothing; None where there is none.
        """
        sizes = self.net.sizes if candidate.sizes is None else candidate.sizes
        skeleton = self.net.skeleton(candidate.layers, sizes, candidate.block)
        with _outputs_of(last_projections(skeleton.base_model)) as outputs:
            hidden = self.net.encode(candidate.layers, input_ids, sizes, attention_mask, candidate.block)
        # (B, N, C) -> (B, N, T)
        projected = nn.functional.linear(hidden, **self._projection_of(sizes))
        scores = attention_scores(outputs, sizes.num_attention_heads) if outputs else None
        real = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        return difference(Encoding(projected, scores), taught, real)

    def _projection_of(self, sizes: Sizes) -> dict[str, Tensor]:
        """The slice of the linear layer for a hidden size, as its arguments."""
        shapes = {"weight": (self.teacher.hidden_size, sizes.hidden_size), "bias": (self.teacher.hidden_size,)}
        return {
            name: cut(f"teacher_projection.{name}", weight, self.net.sizes, shapes[name], sizes)
            for name, weight in self.beside.get_submodule("teacher_projection").named_parameters()
        }

    def alone(self, model: AutoBertZeroForMaskedLM, inherits: bool) -> "Taught":
        """A model that learns masked words, and from the teacher besides."""
        taught = Taught(model, self.teacher)
        if inherits:
            slices = self._projection_of(Sizes.of(model.config))
            taught.projection.load_state_dict({name: weight.detach().clone() for name, weight in slices.items()})
        return taught


class Taught(nn.Module):
    """A stand-alone model that learns masked words, and its teacher's scores and hidden states besides.

    Args:
        model: the model; it is trained in place.
        teacher: its teacher.
    """

    def __init__(self, model: AutoBertZeroForMaskedLM, teacher: Teacher):
        super().__init__()
        self.model = model
        self.projection = _projection(model.config.hidden_size, teacher.hidden_size).to(model.device)
        self.teacher = teacher

    def forward(self, input_ids: Tensor, labels: Tensor, **arguments: Any) -> MaskedLMOutput:
        """What the model, with its `arguments`, says of masked words, (B, N) both, with the sum of both losses."""
        with _outputs_of(last_projections(self.model.base_model)) as outputs:
            found = self.model(input_ids=input_ids, labels=labels, output_hidden_states=True, **arguments)
        scores = attention_scores(outputs, self.model.config.num_attention_heads) if outputs else None
        encoding = Encoding(self.projection(found.hidden_states[-1]), scores)
        real = torch.ones_like(input_ids, dtype=torch.bool)
        return MaskedLMOutput(found.loss + difference(encoding, self.teacher.encode(input_ids), real), found.logits)


def _projection(hidden_size: int, teachers: int) -> nn.Linear:
    """From a hidden size to the teacher's; the identity, as far as both go."""
    projection: nn.Linear = nn.utils.skip_init(nn.Linear, hidden_size, teachers)
    with torch.no_grad():
        projection.weight.copy_(torch.eye(teachers, hidden_size))
        projection.bias.zero_()
    return projection
