"""Distillation: a model learns its teacher's last hidden states and soft labels besides the masked words.

Shapes: B batch, N tokens, C the student's hidden size, T the teacher's, M masked words, V vocabulary.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from autobert_zero_hf.conversion import from_encoder
from autobert_zero_hf.conversion.family import family_of
from autobert_zero_hf.conversion.loading import load, unreadable_refused
from autobert_zero_hf.data.fitting import knows_words
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroPreTrainedModel

from .options import DistillationOptions


def load_teacher(source: str, soft_labels: bool) -> PreTrainedModel:
    """A teacher, in evaluation mode; one of a family that is read becomes a model of this package.

    Such a one decodes the masked words alone.

    Args:
        source: a folder or Hub name.
        soft_labels: whether its predictions are wanted, and not its hidden states alone.

    Raises:
        AutoBertZeroError: if there is none, if weights of its layers are missing, or if it has no head that predicts
            words and one is wanted.
    """
    with unreadable_refused(f"cannot load a masked-LM model to learn from at {source!r}", source):
        loaded: Any = load(AutoModelForMaskedLM, source)
    teacher, new = loaded
    anew = sorted(name for name in new if name.endswith("weight"))
    if gaps := [name for name in anew if name.startswith(f"{teacher.base_model_prefix}.")]:
        raise AutoBertZeroError(f"the teacher {source} lacks {len(gaps)} weights, {gaps[0]} for one: give a whole one")
    if anew and soft_labels:
        raise AutoBertZeroError(
            f"the teacher {source} has no head that predicts words ({anew[0]} is missing): give --soft-label-weight 0 "
            "to learn from its hidden states alone"
        )
    if family_of(teacher) is not None:
        with suppress(AutoBertZeroError):  # what cannot be one of ours teaches as it is
            teacher = from_encoder(teacher)
    return teacher.eval().requires_grad_(False)


def check_teacher(
    teacher: PreTrainedModel, source: str, tokenizer: PreTrainedTokenizerBase, vocab_size: int, length: int
) -> None:
    """Refuse a teacher whose words are not those of the student, or that takes shorter rows.

    Args:
        teacher: the teacher.
        source: where it is from, with its tokenizer if it has one.
        tokenizer: the student's.
        vocab_size: that of the student's embeddings.
        length: tokens of a row.

    Raises:
        AutoBertZeroError: if it does not fit.
    """
    advice = "give a teacher of the student's vocabulary, or begin from scratch, with the teacher's"
    check_vocabulary(f"the teacher {source}", teacher, source, "the student", tokenizer, vocab_size, advice)
    if (longest := getattr(teacher.config, "max_position_embeddings", length)) < length:
        raise AutoBertZeroError(f"--sequence-length {length}: the teacher {source} takes {longest} tokens at most")


def check_vocabulary(
    name: str,
    model: PreTrainedModel,
    source: str,
    other_name: str,
    tokenizer: PreTrainedTokenizerBase,
    vocab_size: int,
    advice: str,
) -> None:
    """Refuse a model whose words are not those of another.

    Args:
        name: of the model, in messages.
        model: the model.
        source: where it is from, with its tokenizer if it has one.
        other_name: of the other, in messages.
        tokenizer: the other's.
        vocab_size: that of the other's embeddings.
        advice: what to do.

    Raises:
        AutoBertZeroError: if they differ.
    """
    if model.config.vocab_size != vocab_size:
        raise AutoBertZeroError(
            f"{name} has a vocabulary of {model.config.vocab_size:,} entries, {other_name} one of {vocab_size:,}: "
            f"{advice}"
        )
    try:
        own = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError):
        own = None
    # Without a tokenizer of its own, the sizes are all that is known.
    known = own.get_vocab() if own is not None and knows_words(own) else {}
    if different := len(known.items() - tokenizer.get_vocab().items()):
        raise AutoBertZeroError(
            f"{name} and {other_name} have vocabularies of {vocab_size:,} entries each, of which {different:,} differ: "
            f"{advice}"
        )


class Distillation:
    """Adds to a student's loss in training what it differs from its teacher.

    The hidden states are compared at all real tokens, through a linear layer that is learnt where the widths differ
    (Jiao et al. 2020, arXiv 1909.10351, equation 8); the predictions at the masked words, softened by a temperature
    whose square makes up for the smaller gradients (Hinton et al. 2015, arXiv 1503.02531, section 2). It hooks itself
    into the student, so that it belongs to the forward pass that several processes share.

    Args:
        student: a model of this package with the head "ForMaskedLM" or "ForPreTraining"; it is called with
            `sparse_prediction=True`.
        teacher: gives hidden states on demand, and logits.
        options: the weights.
        autocast: the precision of the teacher.
    """

    def __init__(
        self,
        student: AutoBertZeroPreTrainedModel,
        teacher: PreTrainedModel,
        options: DistillationOptions,
        autocast: Callable[[], AbstractContextManager] = nullcontext,
    ):
        self.student = student
        self.teacher = teacher
        self.options = options
        self.autocast = autocast
        self.sparse = isinstance(teacher, AutoBertZeroPreTrainedModel)
        self.taken = {"input_ids", "attention_mask", "token_type_ids"} & set(signature(teacher.forward).parameters)
        if self.sparse:
            self.taken.add("labels")
        widths = student.config.hidden_size, teacher.config.hidden_size
        # Part of the student, so that it is trained and saved in checkpoints with it.
        self.projection = nn.Identity() if widths[0] == widths[1] else nn.Linear(*widths)
        student.add_module("teacher_projection", self.projection)
        self._hidden: Tensor | None = None
        self._hooks = [
            student.base_model.register_forward_hook(self._keep_hidden),
            student.register_forward_hook(self._add_loss, with_kwargs=True),
        ]

    def end(self) -> None:
        """Leave the student by itself."""
        for hook in self._hooks:
            hook.remove()
        del self.student.teacher_projection

    def _keep_hidden(self, module: nn.Module, args: Any, output: Any) -> None:
        self._hidden = output.last_hidden_state if module.training else None

    def _add_loss(self, module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        if self._hidden is None:
            return
        hidden, self._hidden = self._hidden, None
        labels = kwargs["labels"]
        asked = labels != -100
        real = kwargs.get("attention_mask")
        real = torch.ones_like(asked) if real is None else real.bool()
        taught_hidden, taught = self._teach(kwargs, asked)
        # (B, N, C) -> (B, N, T)
        projected = self.projection(hidden).float()
        loss = self.options.hidden_weight * nn.functional.mse_loss(projected[real], taught_hidden[real].float())
        if self.options.soft_label_weight:
            logits = output.prediction_logits if "prediction_logits" in output else output.logits
            loss = loss + self.options.soft_label_weight * self._divergence(logits, taught)
        if (total := kwargs.get("num_items_in_batch")) is not None:  # means over parts of a batch, which are added up
            loss = loss * asked.sum() / total
        output.loss = output.loss + loss

    @torch.no_grad()
    def _teach(self, inputs: dict[str, Any], asked: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's last hidden states, (B, N, T), and its logits of the masked words, (M, V)."""
        if self.teacher.device != asked.device:
            nn.Module.to(self.teacher, asked.device)
        known = {name: inputs[name] for name in self.taken if name in inputs}
        if self.sparse:
            known["sparse_prediction"] = True
        with self.autocast():
            output = self.teacher(**known, output_hidden_states=True)
        return output.hidden_states[-1], output.logits if self.sparse else output.logits[asked]

    def _divergence(self, logits: Tensor, taught: Tensor) -> Tensor:
        """The Kullback-Leibler divergence of the teacher's predictions from the student's, (M, V) each, per word."""
        temperature = self.options.temperature
        student, teacher = (nn.functional.log_softmax(each.float() / temperature, -1) for each in (logits, taught))
        return nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2
