"""Healing: models that were put together learn, each as a whole, to give what the encoder they were made of gives.

Shapes: B texts, N tokens, C hidden size.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroModel, AutoBertZeroPreTrainedModel
from autobert_zero_hf.training.replayable.loop import learning_rate_at, make_optimizer, set_learning_rate

from ..recipe.block_options import HealingOptions
from .predictions import divergence, predictions
from .quality import pooled

_EVERY = 7
"""Of the words, one in so many is predicted in a step: to predict all would take longer than all layers."""


class Student:
    """A model that learns; its embeddings and its head stay as they are, those of the encoder.

    Args:
        name: of what learns, for messages.
        model: the same.
        kept: for each of its layers, which of the encoder's it stands for, from 0.
    """

    def __init__(self, name: str, model: AutoBertZeroPreTrainedModel, kept: Sequence[int]):
        self.name = name
        self.model = model
        self.kept = kept
        base = model.base_model
        assert isinstance(base, AutoBertZeroModel)
        self.base = base
        layers = [*base.layers, *([base.final_norm] if base.has_final_norm else [])]
        self.parameters = [parameter for layer in layers for parameter in layer.parameters()]
        # Dropout would teach another function than the one that is to be given.
        model.eval().requires_grad_(False)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.optimizer = make_optimizer(self.parameters, 0.0)

    def learn(self, lesson: "Lesson", options: HealingOptions, learning_rate: float) -> float:
        """One step.

        Args:
            lesson: what the encoder makes of some texts.
            options: the weights of the errors.
            learning_rate: of this step.

        Returns:
            The loss before it.

        Raises:
            FloatingPointError: if it is not finite.
        """
        loss = self._loss(lesson, options)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of {self.name} is {loss.item()}")
        set_learning_rate(self.optimizer, learning_rate)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def _loss(self, lesson: "Lesson", options: HealingOptions) -> Tensor:
        mask, wanted = lesson.mask, lesson.wanted
        given = self.base(**lesson.inputs, output_hidden_states=True)
        weights = mask[:, :, None].float()
        loss = _error(given.last_hidden_state, wanted.last_hidden_state, weights)
        depth = len(wanted.hidden_states) - 1
        for place, layer in enumerate(self.kept):
            if layer < depth - 1 and options.hidden_weight:
                error = _error(given.hidden_states[place + 1], wanted.hidden_states[layer + 1], weights)
                loss = loss + options.hidden_weight / depth * error
        if options.vector_weight:
            ours, theirs = (pooled(each.last_hidden_state, mask, lesson.first_token) for each in (given, wanted))
            loss = loss + options.vector_weight * (ours - theirs).square().sum() / theirs.square().sum()
        if lesson.taught is not None:
            predicted = predictions(self.model, given, lesson.places)
            assert predicted is not None
            loss = loss + options.prediction_weight * divergence(predicted, lesson.taught)
        return loss


class Lesson:
    """What the encoder makes of some texts: what is to be learnt in a step, by one student or several.

    Args:
        teacher: the encoder, with its head.
        input_ids: (B, N).
        mask: which tokens are real, (B, N).
        places: the tokens whose predictions are learnt, (B, N); None for none.
        first_token: whether a text's vector is that of its first token; else the mean over real tokens.
    """

    @torch.no_grad()
    def __init__(
        self,
        teacher: AutoBertZeroPreTrainedModel,
        input_ids: Tensor,
        mask: Tensor,
        places: Tensor | None,
        first_token: bool,
    ):
        self.mask = mask
        self.first_token = first_token
        self.inputs: Mapping[str, Any] = {
            "input_ids": input_ids,
            "attention_mask": None if bool(mask.all()) else mask,
        }
        self.wanted = teacher.base_model(**self.inputs, output_hidden_states=True)
        self.places = torch.zeros_like(mask).bool() if places is None else places
        taught = None if places is None else predictions(teacher, self.wanted, places)
        # Short texts may have no word at these places.
        self.taught = taught if taught is not None and len(taught) else None


def heal(
    students: Sequence[Student],
    teacher: AutoBertZeroPreTrainedModel,
    batches: Iterable[tuple[Tensor, Tensor]],
    options: HealingOptions,
    first_token: bool,
    after_step: Callable[[int, Sequence[float]], None],
) -> None:
    """Train students in place, side by side, so that the encoder reads each text once; none learns from another.

    The loss is a sum of errors, each a share of the squares of what is wanted: that of the last hidden states, the mean
    over the teacher's layers of those of the hidden states before, and that of the texts' vectors; and, where there is
    a head, the divergence of what it predicts, per word or per text.

    Args:
        students: what learns; their models are left in evaluation mode.
        teacher: the encoder, which has the same embeddings and head.
        batches: tokens and which of them are real, (B, N) both, one pair a step.
        options: of the training.
        first_token: whether a text's vector is that of its first token; else the mean over real tokens.
        after_step: called with the number of steps done, and the loss of each student.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """
    for step, (input_ids, mask) in enumerate(batches):
        rate = learning_rate_at(step, options.healing_steps, options.healing_learning_rate)
        places = mask.bool() & (torch.arange(mask.shape[1])[None] % _EVERY == step % _EVERY)
        lesson = Lesson(teacher, input_ids, mask, places if options.prediction_weight else None, first_token)
        after_step(step + 1, [student.learn(lesson, options, rate) for student in students])
    for student in students:
        student.model.requires_grad_(True)


def _error(given: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """The squared errors at real tokens, as a share of the squares of what is wanted."""
    return ((given - wanted) * weights).square().sum() / (wanted * weights).square().sum()
