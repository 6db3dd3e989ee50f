"""A model that knows the words of some texts alone: half of a small model's weights are those of words it never meets.

What a tokenizer makes of these texts stays as it was, and so does what the model computes of them. WordPiece takes the
longest entry that fits, and Unigram the likeliest pieces, so that an entry which no text led to can be taken out
without a change; of BPE the merges stay that lead to an entry which is kept. It is looked at in the end, text by text.
"""

import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import AutoBertZeroError

_BATCH = 256


def words_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Iterator[list[str]]:
    """The entries of a vocabulary that each text comes to, with the special tokens around it."""
    for first in range(0, len(texts), _BATCH):
        for ids in tokenizer(list(texts[first : first + _BATCH]), verbose=False)["input_ids"]:
            yield list(tokenizer.convert_ids_to_tokens(ids))


def trimmed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> PreTrainedTokenizerBase:
    """Leave the words of some texts alone in a model, and give the tokenizer that goes with it.

    Single characters stay where a word that is kept has them, and those of ASCII always, so that other words of the
    same script come apart rather than become unknown.

    Args:
        model: a model of this package; its embeddings and decoder are left with the rows of what is kept, and its
            configuration with their number and the new numbers of special tokens.
        tokenizer: its tokenizer, which stays as it is.
        texts: whose words are kept.

    Returns:
        The new tokenizer.

    Raises:
        AutoBertZeroError: if the tokenizer is none of WordPiece, BPE or Unigram, has entries that the model has no
            embeddings for, or comes to other words of the texts without the entries that they do not need. Nothing is
            changed then.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    state: Any = json.loads(backend.to_str()) if backend is not None else {"model": {"type": "none"}}
    kind = state["model"]["type"]
    if kind not in _KINDS:
        raise AutoBertZeroError(
            f"--trim-vocabulary: the tokenizer is of the kind {kind}, and those whose words can be left out are of "
            f"{', '.join(_KINDS)}"
        )
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    embeddings = model.config.vocab_size
    if beyond := sorted(word for word, number in vocabulary.items() if number >= embeddings):
        raise AutoBertZeroError(
            f"--trim-vocabulary: the tokenizer has {len(beyond):,} entries, {beyond[0]!r} for one, that the model with "
            f"its {embeddings:,} embeddings does not know: give the tokenizer that belongs to it"
        )
    before = list(words_of(tokenizer, texts))
    used = {word for words in before for word in words} | {token["content"] for token in state["added_tokens"]}
    used |= set(tokenizer.all_special_tokens) & vocabulary.keys()
    kept = sorted(_KINDS[kind](state["model"], used) & vocabulary.keys(), key=vocabulary.__getitem__)
    new_ids = {word: number for number, word in enumerate(kept)}
    changed = deepcopy(tokenizer)
    changed._tokenizer = Tokenizer.from_str(json.dumps(_renumbered(state, new_ids)))
    if differing := sum(one != other for one, other in zip(before, words_of(changed, texts), strict=True)):
        raise AutoBertZeroError(
            f"--trim-vocabulary: without the words that they do not need, {differing:,} of {len(before):,} texts come "
            f"to other words, by a tokenizer of the kind {kind} with parts that are not known here; leave it out"
        )
    _take_rows(model, torch.tensor([vocabulary[word] for word in kept]))
    return changed


def _of_word_pieces(model: Mapping[str, Any], used: set[str]) -> set[str]:
    prefix = model["continuing_subword_prefix"]
    letters = _letters(word.removeprefix(prefix) for word in used)
    return {*used, model["unk_token"], *letters, *(prefix + letter for letter in letters)}


def _letters(words: Iterable[str]) -> set[str]:
    return {*string.printable, *"".join(words)}


def _of_merges(model: Mapping[str, Any], used: set[str]) -> set[str]:
    """Besides what is used, what it is merged of, down to single characters and bytes, and these all."""
    prefix, suffix = (model.get(name) or "" for name in ("continuing_subword_prefix", "end_of_word_suffix"))
    of: dict[str, list[Sequence[str]]] = {}
    for pair in model["merges"]:
        of.setdefault(_merged(pair, prefix), []).append(pair)
    kept = {
        word
        for word in model["vocab"]
        if len(word.removeprefix(prefix).removesuffix(suffix)) <= 1 or re.fullmatch(r"<0x[0-9A-F]{2}>", word)
    }
    waiting = [*used, *([model["unk_token"]] if model.get("unk_token") else [])]
    while waiting:
        word = waiting.pop()
        if word not in kept:
            kept.add(word)
            waiting += [part for pair in of.get(word, ()) for part in pair]
    return kept


def _merged(pair: Sequence[str], prefix: str) -> str:
    return pair[0] + pair[1].removeprefix(prefix)


def _of_pieces(model: Mapping[str, Any], used: set[str]) -> set[str]:
    """Besides what is used the least likely piece, by which what is unknown is judged."""
    scores = dict(model["vocab"])
    unknown = [model["vocab"][model["unk_id"]][0]] if model.get("unk_id") is not None else []
    bytes_ = {piece for piece in scores if re.fullmatch(r"<0x[0-9A-F]{2}>", piece)}
    return {*used, *unknown, *bytes_, min(scores, key=scores.__getitem__), *(_letters(used) & scores.keys())}


_KINDS = {"WordPiece": _of_word_pieces, "BPE": _of_merges, "Unigram": _of_pieces}
"""What is kept for the sake of words that are used, by the kind of tokenizer."""


def _renumbered(state: dict[str, Any], new_ids: Mapping[str, int]) -> dict[str, Any]:
    """A tokenizer's state with what is kept alone, by new numbers."""
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {word: number for word, number in new_ids.items() if word in model["vocab"]}
    else:
        scores = dict(model["vocab"])
        model["vocab"] = [[word, scores[word]] for word in new_ids if word in scores]
        if model["unk_id"] is not None:
            model["unk_id"] = new_ids[list(scores)[model["unk_id"]]]
    if "merges" in model:
        prefix = model.get("continuing_subword_prefix") or ""
        known = new_ids.keys()
        model["merges"] = [pair for pair in model["merges"] if {*pair, _merged(pair, prefix)} <= known]
    for token in state["added_tokens"]:
        token["id"] = new_ids[token["content"]]
    processor = state.get("post_processor") or {}
    for each in (processor, *processor.get("processors", ())):
        for name in ("sep", "cls"):
            if name in each:
                each[name][1] = new_ids[each[name][0]]
        for special in (each.get("special_tokens") or {}).values():
            special["ids"] = [new_ids[token] for token in special["tokens"]]
    if state.get("padding"):
        state["padding"]["pad_id"] = new_ids[state["padding"]["pad_token"]]
    return state


@torch.no_grad()
def _take_rows(model: PreTrainedModel, rows: torch.Tensor) -> None:
    """Leave these rows of the embeddings of words and of their decoder, and special tokens by their new numbers."""
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
    numbers = {old: new for new, old in enumerate(rows.tolist())}
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        said = getattr(model.config, name)
        several = [numbers[each] for each in said if each in numbers] if isinstance(said, list) else None
        setattr(model.config, name, numbers.get(said) if several is None else several)
    embeddings.padding_idx = model.config.pad_token_id
