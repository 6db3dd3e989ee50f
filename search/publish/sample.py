"""What a model answers to a text, for its card."""

from collections.abc import Callable
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase, pipeline

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.model.card import pipeline_tag
from autobert_zero_hf.model.excerpts import excerpt

BLANK = "[...]"
ENGLISH = "The minister said that the [...] will be ready next year."
"""What English models are shown by where nothing else is given."""
_SHOWN = ("fill-mask", "text-classification", "token-classification")
_MOST = 5


def sample_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str | None, language: str | None
) -> str | None:
    """A call of transformers' pipeline and what it gives, in Markdown.

    Args:
        model: with a head for masked words, texts or tokens.
        tokenizer: its own.
        text: to answer to, with `[...]` in the place of a masked word; a sentence of English where none is given.
        language: of the model, as the Hub writes it; None where it is not known.

    Returns:
        None for another head, and where no text is given and the model does not know the words of the English one.

    Raises:
        AutoBertZeroError: if a model of masked words is given a text that leaves out none, or another one a text that
            leaves out some; if the text is too long; if the head has no sample.
    """
    task = pipeline_tag(type(model).__name__)
    if task not in _SHOWN:
        if text is not None:
            raise AutoBertZeroError(f"--example: a {type(model).__name__} has no sample output; leave it out")
        return None
    masked = task == "fill-mask"
    english = ENGLISH if masked else ENGLISH.replace(BLANK, "work")
    words = english if text is None else text
    # The name that the tokenizer has for it, which a reader would have to type.
    asked = words.replace(BLANK, str(tokenizer.mask_token)) if masked else words
    if (refusal := _refusal(model, tokenizer, words, asked, masked)) is not None:
        if text is None:
            return None
        raise AutoBertZeroError(f"--example {excerpt(text)}: {refusal}")
    if text is None and (language not in (None, "en") or tokenizer.unk_token_id in tokenizer(asked)["input_ids"]):
        return None
    options: dict[str, Any] = {"top_k": 3} if masked else {}
    made: Callable[..., Any] = pipeline  # whose types ask for a task that is known beforehand
    answer = made(task, model=model, tokenizer=tokenizer, device="cpu", **options)(asked)
    lines = [_line(each) for each in answer[:_MOST]] or ["nothing"]
    return f'`pipeline({task!r}, ...)` answers to "{escaped([asked])[0]}":\n\n' + "\n".join(lines)


def _refusal(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, words: str, asked: str, masked: bool
) -> str | None:
    """Why a model has no answer to a text; None where it has one."""
    if masked and tokenizer.mask_token is None:
        return "the tokenizer has no mask; leave it out"
    if not words.strip():
        return "it is empty"
    if words.count(BLANK) != masked:
        return f"this model takes a text with {f'one {BLANK}, the word that is left out' if masked else f'no {BLANK}'}"
    tokens, longest = len(tokenizer(asked)["input_ids"]), model.config.max_position_embeddings
    return f"it has {tokens} tokens, and this model takes {longest}: shorten it" if tokens > longest else None


def _line(answer: dict) -> str:
    said = answer.get("token_str") or answer.get("word")
    label = answer.get("label") or answer.get("entity")
    named = ": ".join(escaped([part.strip()])[0] for part in (said, label) if part)
    return f"- {named} ({answer['score']:.3f})"
