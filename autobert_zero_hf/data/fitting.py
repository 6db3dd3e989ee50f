"""A tokenizer and a model that go together: the special tokens, and how long a text may be."""

from typing import Any

from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..conversion.loading import unreadable_refused
from ..errors import AutoBertZeroError
from ..model.block import COUNTED

_NEEDED = ("cls", "sep", "pad")
"""What rows begin, end and are padded with."""


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or Hub name.

    Raises:
        AutoBertZeroError: if there is none.
    """
    with unreadable_refused(f"cannot load a tokenizer from {source!r}", source):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source)
    if not knows_words(tokenizer):
        raise AutoBertZeroError(f"no tokenizer is found at {source!r}: its files belong beside the model")
    return tokenizer


def knows_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it is of files: where there are none, transformers makes one that knows special tokens alone."""
    return bool(set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens))


def check_special_tokens(tokenizer: PreTrainedTokenizerBase, *more: str) -> None:
    """Refuse a tokenizer that lacks a token that rows begin, end or are padded with.

    Args:
        tokenizer: the tokenizer.
        more: further tokens that are needed, such as "mask".

    Raises:
        AutoBertZeroError: naming those that are missing.
    """
    missing = [name for name in (*_NEEDED, *more) if getattr(tokenizer, f"{name}_token_id") is None]
    if missing:
        raise AutoBertZeroError(
            f"the tokenizer has no {' and no '.join(missing)} token: give a --tokenizer of BERT's kind, or a model "
            "that has such a one"
        )


def special_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int | None]:
    """The special tokens as a configuration has them; a padding token always, for without it 0 would be taken for it.

    An embedding never learns the entry that is its padding.
    """
    others = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id")}
    known = {name: value for name, value in others.items() if value is not None}
    return {"pad_token_id": tokenizer.pad_token_id, **known}


def take_special_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Have a model's configuration name the special tokens of its tokenizer, and its embeddings that padding.

    Args:
        model: the model; its weights stay as they are.
        tokenizer: its tokenizer.

    Returns:
        What `other_padding` says of it before.

    Raises:
        AutoBertZeroError: if the model counts positions from the padding that it knows, and the tokenizer has another.
    """
    said, ids = other_padding(model.config, tokenizer), special_ids(tokenizer)
    if said and getattr(model.config, "positions", None) == COUNTED:
        raise AutoBertZeroError(
            f"the model counts the tokens that are not {model.config.pad_token_id}, its padding, and the tokenizer's "
            f"padding is token {tokenizer.pad_token_id}: give the tokenizer that the model was trained with"
        )
    if max((value for value in ids.values() if value is not None), default=0) < model.config.vocab_size:
        for name, value in ids.items():
            setattr(model.config, name, value)
        embeddings: Any = model.get_input_embeddings()
        embeddings.padding_idx = ids["pad_token_id"]
    return said


def other_padding(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """A warning where a model's configuration and its tokenizer disagree on the padding; none where they agree."""
    if (said := config.pad_token_id) == (pad := tokenizer.pad_token_id):
        return []
    return [f"the tokenizer's padding is token {pad}, and is taken; the model's configuration said {said}"]


def fit_length(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig) -> PreTrainedTokenizerBase:
    """The tokenizer, which from now on cuts texts to what a model has positions for, or sooner, as it did before."""
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None:
        tokenizer.model_max_length = min(tokenizer.model_max_length, longest)
    return tokenizer
