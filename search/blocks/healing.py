"""Healing: a model that was put together learns, as a whole, to give what the encoder that it was made of gives.

Shapes: B texts, N tokens, C hidden size.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroModel, AutoBertZeroPreTrainedModel
from autobert_zero_hf.training.replayable.loop import learning_rate_at, make_optimizer, set_learning_rate

from ..recipe.block_options import HealingOptions
from .predictions import divergence, predictions
from .quality import pooled

_EVERY = 7
"""Of the words, one in so many is predicted in a step: to predict all would take longer than all layers."""


def heal(
    student: AutoBertZeroPreTrainedModel,
    teacher: AutoBertZeroPreTrainedModel,
    kept: Sequence[int],
    batches: Iterable[tuple[Tensor, Tensor]],
    options: HealingOptions,
    first_token: bool,
    after_step: Callable[[int, float], None],
) -> None:
    """Train a student in place; its embeddings and its head stay as they are, those of the teacher.

    The loss is a sum of errors, each a share of the squares of what is wanted: that of the last hidden states, the mean
    over the teacher's layers of those of the hidden states before, and that of the texts' vectors; and, where there is
    a head, the divergence of what it predicts, per word or per text.

    Args:
        student: what learns; it is left in evaluation mode.
        teacher: the encoder, which has the same embeddings and head.
        kept: for each layer of the student, which of the teacher's it stands for, from 0.
        batches: tokens and which of them are real, (B, N) both, one pair a step.
        options: of the training.
        first_token: whether a text's vector is that of its first token; else the mean over real tokens.
        after_step: called with the number of steps done, and the loss.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """
    # Dropout would teach the student another function than the one that it is to give.
    student.eval()
    base, source = student.base_model, teacher.base_model
    assert isinstance(base, AutoBertZeroModel) and isinstance(source, AutoBertZeroModel)
    layers = [*base.layers, *([base.final_norm] if base.has_final_norm else [])]
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    student.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = make_optimizer(parameters, options.healing_learning_rate)
    depth = len(source.layers)
    for step, (input_ids, mask) in enumerate(batches):
        set_learning_rate(optimizer, learning_rate_at(step, options.healing_steps, options.healing_learning_rate))
        inputs = {"input_ids": input_ids, "attention_mask": None if bool(mask.all()) else mask}
        with torch.no_grad():
            wanted = source(**inputs, output_hidden_states=True)
        given = base(**inputs, output_hidden_states=True)
        weights = mask[:, :, None].float()
        loss = _error(given.last_hidden_state, wanted.last_hidden_state, weights)
        for place, layer in enumerate(kept):
            if layer < depth - 1 and options.hidden_weight:
                error = _error(given.hidden_states[place + 1], wanted.hidden_states[layer + 1], weights)
                loss = loss + options.hidden_weight / depth * error
        if options.vector_weight:
            ours, theirs = (pooled(each.last_hidden_state, mask, first_token) for each in (given, wanted))
            loss = loss + options.vector_weight * (ours - theirs).square().sum() / theirs.square().sum()
        if options.prediction_weight:
            places = mask.bool() & (torch.arange(mask.shape[1])[None] % _EVERY == step % _EVERY)
            with torch.no_grad():
                taught = predictions(teacher, wanted, places)
            if taught is not None and len(taught):  # short texts may have no word at these places
                predicted = predictions(student, given, places)
                assert predicted is not None
                loss = loss + options.prediction_weight * divergence(predicted, taught)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step + 1}")
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        after_step(step + 1, loss.item())
    student.requires_grad_(True)


def _error(given: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """The squared errors at real tokens, as a share of the squares of what is wanted."""
    return ((given - wanted) * weights).square().sum() / (wanted * weights).square().sum()
