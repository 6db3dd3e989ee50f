"""How near a model is to the encoder that it was made of, where nobody has labels: by held-out text alone.

Shapes: S sentences, C hidden size, R rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from autobert_zero_hf.model import AutoBertZeroPreTrainedModel
from autobert_zero_hf.standard_error import if_known

from .predictions import of_whole_texts, predictions

NEIGHBOURS = 10
_BATCH = 32

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure of a model, and what it is the mean of.

    Args:
        value: the figure.
        parts: what each row, or each sentence, adds: their mean is the figure.
    """

    value: float
    parts: Numbers

    @classmethod
    def mean(cls, parts: Numbers) -> "Figure":
        """The mean of some numbers."""
        return cls(float(parts.mean()), parts)

    @property
    def error(self) -> float | None:
        """The standard error; None where there is nothing to tell it from."""
        return self.difference_error(np.zeros_like(self.parts))

    def difference_error(self, other: Numbers) -> float | None:
        """The standard error of the difference from another, row by row; None as above."""
        if len(self.parts) < 2:
            return None
        return if_known(float((self.parts - other).std(ddof=1) / np.sqrt(len(self.parts))))


@dataclass(frozen=True)
class Quality:
    """The figures of a model.

    Args:
        error: the relative squared error of the last hidden states on held-out rows; lower is better.
        neighbours: the share of a sentence's ten nearest neighbours that stay.
        cosine: between the vectors of a sentence, of the model and of the encoder.
        agreement: the share of words of held-out rows, or of held-out sentences, of which the head says the same as the
            encoder's; None where it chooses nothing.
    """

    error: Figure
    neighbours: Figure
    cosine: Figure
    agreement: Figure | None = None

    @property
    def known(self) -> dict[str, Figure]:
        """The figures that the model has, by name."""
        return {name: figure for name, figure in vars(self).items() if figure is not None}


@dataclass(frozen=True)
class Sentences:
    """Held-out sentences as batches of tokens.

    Args:
        batches: of (input_ids, attention_mask), sentences of like lengths together.
        order: the place of each sentence, batch by batch, among all.
    """

    batches: Sequence[tuple[Tensor, Tensor]]
    order: Tensor

    @classmethod
    def of(cls, ids: Sequence[Sequence[int]], padding: int) -> "Sentences":
        """Batches of sentences.

        Args:
            ids: the tokens of each.
            padding: the token that fills up.
        """
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        batches = [
            padded([ids[place] for place in order[first : first + _BATCH]], padding)
            for first in range(0, len(order), _BATCH)
        ]
        return cls(batches, torch.tensor(order, dtype=torch.long))

    @torch.no_grad()
    def encoded(self, model: AutoBertZeroPreTrainedModel, first_token: bool) -> tuple[Tensor, Tensor | None]:
        """The unit vectors of all sentences, and what the head says of each, if it says something of whole texts.

        Args:
            model: a model with its head.
            first_token: whether a sentence's vector is that of its first token; else the mean over real tokens.

        Returns:
            (S, C), and (S,) classes or None.
        """
        vectors, said = list[Tensor](), list[Tensor]()
        for ids, mask in self.batches:
            encoded = model.base_model(input_ids=ids, attention_mask=mask)
            vectors.append(pooled(encoded.last_hidden_state, mask, first_token).float())
            if (
                of_whole_texts(model)
                and (likeliest := _likeliest(predictions(model, encoded, mask.bool()))) is not None
            ):
                said.append(likeliest)
        places = self.order.argsort()
        units = nn.functional.normalize(torch.cat(vectors)[places], dim=-1)
        return units, torch.cat(said)[places] if said else None


def _likeliest(logits: Tensor | None) -> Tensor | None:
    """The words or classes that a head holds for the likeliest; None where it has no choice."""
    return None if logits is None or logits.shape[-1] < 2 else logits.argmax(-1)


def padded(ids: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Sentences side by side, and which of their tokens are real; (B, N) both."""
    rows = [torch.tensor(each) for each in ids]
    real = [torch.ones_like(each) for each in rows]
    return pad_sequence(rows, batch_first=True, padding_value=padding), pad_sequence(real, batch_first=True)


def pooled(hidden_states: Tensor, mask: Tensor, first_token: bool) -> Tensor:
    """The vector of each text: (B, N, C), (B, N) -> (B, C)."""
    if first_token:
        return hidden_states[:, 0]
    weights = mask[:, :, None].to(hidden_states.dtype)
    return (hidden_states * weights).sum(1) / weights.sum(1)


def neighbours(vectors: Tensor) -> Tensor:
    """The nearest of each of some unit vectors, by the cosine: (S, C) -> (S, `NEIGHBOURS` or S - 1)."""
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-2)
    return similarity.topk(min(NEIGHBOURS, len(vectors) - 1)).indices


class Judge:
    """Compares models with the encoder that they were made of.

    Args:
        source: the encoder, with its head.
        rows: held-out rows of real tokens alone, (R, N).
        sentences: held-out sentences.
        first_token: how a sentence's vector is made; see `Sentences.encoded`.
    """

    def __init__(self, source: AutoBertZeroPreTrainedModel, rows: Tensor, sentences: Sentences, first_token: bool):
        self.rows = rows
        self.sentences = sentences
        self.first_token = first_token
        self._wanted, words = self._encoded(source)
        self._vectors, texts = sentences.encoded(source, first_token)
        self._said = words if texts is None else texts
        self._neighbours = neighbours(self._vectors)

    def __call__(self, model: AutoBertZeroPreTrainedModel) -> Quality:
        """The figures of a model, with its head."""
        given, words = self._encoded(model)
        vectors, texts = self.sentences.encoded(model, self.first_token)
        errors = (given - self._wanted).square().sum((1, 2)).double().numpy()
        squares = self._wanted.square().sum((1, 2)).double().numpy()
        same = (neighbours(vectors)[:, :, None] == self._neighbours[:, None, :]).any(2).double().mean(1)
        agreement, said = None, words if texts is None else texts
        if said is not None and self._said is not None:
            agreement = Figure.mean((said == self._said).double().view(len(said), -1).mean(1).numpy())
        return Quality(
            Figure.mean(errors / squares.mean()),
            Figure.mean(same.numpy()),
            Figure.mean((vectors * self._vectors).sum(1).double().numpy()),
            agreement,
        )

    @torch.no_grad()
    def _encoded(self, model: AutoBertZeroPreTrainedModel) -> tuple[Tensor, Tensor | None]:
        """The last hidden states of the rows, (R, N, C), and what the head says of each word, (R, N), if it does."""
        states, said = list[Tensor](), list[Tensor]()
        for rows in self.rows.split(_BATCH):
            encoded = model.base_model(input_ids=rows)
            states.append(encoded.last_hidden_state.float())
            if of_whole_texts(model):
                continue
            if (likeliest := _likeliest(predictions(model, encoded, torch.ones_like(rows).bool()))) is not None:
                said.append(likeliest.view_as(rows))
        return torch.cat(states), torch.cat(said) if said else None
