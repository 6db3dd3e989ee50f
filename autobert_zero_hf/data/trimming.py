"""A model that knows the words of some texts alone: half of a small model's weights are those of words it never meets.

What a tokenizer makes of these texts stays as it was, and so does what the model computes of them. WordPiece takes the
longest entry that fits, and Unigram the likeliest pieces, so that an entry which no text led to can be taken out
without a change; of BPE the merges stay that lead to an entry which is kept.
"""

import json
import string
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import AutoBertZeroError

_BATCH = 256


def used_ids(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> set[int]:
    """The entries of a vocabulary that texts come to, its special tokens among them."""
    found = set(tokenizer.all_special_ids)
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            found.update(*tokenizer(batch, verbose=False)["input_ids"])
            batch = []
    if batch:
        found.update(*tokenizer(batch, verbose=False)["input_ids"])
    return found


def trimmed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]
) -> PreTrainedTokenizerBase:
    """Leave the words of some texts alone in a model, and give the tokenizer that goes with it.

    Single characters stay where a word that is kept has them, and those of ASCII always, so that other words of the
    same script come apart rather than become unknown.

    Args:
        model: a model of this package; its embeddings and decoder are left with the rows of what is kept.
        tokenizer: its tokenizer, which stays as it is.
        texts: whose words are kept.

    Returns:
        The new tokenizer. The model's configuration has its size; its special tokens are for the caller to take.

    Raises:
        AutoBertZeroError: if the tokenizer is none of WordPiece, BPE or Unigram.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    state = json.loads(backend.to_str()) if backend is not None else {"model": {"type": "none"}}
    kind = state["model"]["type"]
    if kind not in _KINDS:
        raise AutoBertZeroError(
            f"--trim-vocabulary: the tokenizer is of the kind {kind}, and those whose words can be left out are of "
            f"{', '.join(_KINDS)}"
        )
    vocabulary = tokenizer.get_vocab()
    words = {number: word for word, number in vocabulary.items()}
    used = {words[number] for number in used_ids(tokenizer, texts) if number in words}
    used |= {token["content"] for token in state["added_tokens"]}
    kept = sorted((word for word in _KINDS[kind](state["model"], used)), key=vocabulary.__getitem__)
    new_ids = {word: number for number, word in enumerate(kept)}
    changed = deepcopy(tokenizer)
    changed._tokenizer = Tokenizer.from_str(json.dumps(_renumbered(state, new_ids)))
    _take_rows(model, torch.tensor([vocabulary[word] for word in kept]))
    return changed


def _of_word_pieces(model: Mapping[str, Any], used: set[str]) -> set[str]:
    prefix = model["continuing_subword_prefix"]
    letters = _letters(word.removeprefix(prefix) for word in used)
    single = {form for letter in letters for form in (letter, prefix + letter)}
    return used | (single & model["vocab"].keys())


def _letters(words: Iterable[str]) -> set[str]:
    return {*string.printable, *"".join(words)}


def _of_merges(model: dict[str, Any], used: set[str]) -> set[str]:
    """Besides what is used, what it is merged of, down to single characters, and these all."""
    of: dict[str, list[Sequence[str]]] = {}
    for pair in model["merges"]:
        of.setdefault("".join(pair), []).append(pair)
    kept = {word for word in model["vocab"] if len(word) == 1}
    waiting = list(used)
    while waiting:
        word = waiting.pop()
        if word not in kept:
            kept.add(word)
            waiting += [part for pair in of.get(word, ()) for part in pair]
    return kept


def _of_pieces(model: Mapping[str, Any], used: set[str]) -> set[str]:
    letters = _letters(used)
    return used | {piece for piece, _ in model["vocab"] if piece in letters}


_KINDS = {"WordPiece": _of_word_pieces, "BPE": _of_merges, "Unigram": _of_pieces}
"""What is kept for the sake of words that are used, by the kind of tokenizer."""


def _renumbered(state: dict[str, Any], new_ids: Mapping[str, int]) -> dict[str, Any]:
    """A tokenizer's state with what is kept alone, by new numbers."""
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = dict(new_ids)
    else:
        scores = dict(model["vocab"])
        model["vocab"] = [[word, scores[word]] for word in new_ids if word in scores]
        model["unk_id"] = None if model["unk_id"] is None else new_ids[list(scores)[model["unk_id"]]]
    if "merges" in model:
        whole = [pair for pair in model["merges"] if {*pair, "".join(pair)} <= new_ids.keys()]
        model["merges"] = whole
    for token in state["added_tokens"]:
        token["id"] = new_ids[token["content"]]
    processor = state.get("post_processor") or {}
    for name in ("sep", "cls"):
        if name in processor:
            processor[name][1] = new_ids[processor[name][0]]
    for each in processor.get("special_tokens", {}).values():
        each["ids"] = [new_ids[token] for token in each["tokens"]]
    if state.get("padding"):
        state["padding"]["pad_id"] = new_ids[state["padding"]["pad_token"]]
    return state


@torch.no_grad()
def _take_rows(model: PreTrainedModel, rows: torch.Tensor) -> None:
    """Leave these rows of the embeddings of words and of their decoder."""
    embeddings: Any = model.get_input_embeddings()
    decoder: Any = model.get_output_embeddings()
    tied = decoder is not None and decoder.weight is embeddings.weight
    rows = rows.to(embeddings.weight.device)
    embeddings.weight = nn.Parameter(embeddings.weight[rows].clone())
    embeddings.num_embeddings = len(rows)
    if decoder is not None:
        decoder.weight = embeddings.weight if tied else nn.Parameter(decoder.weight[rows].clone())
        decoder.out_features = len(rows)
        decoder.bias = nn.Parameter(decoder.bias[rows].clone())
    model.config.vocab_size = len(rows)
