"""What a model answers to a text, for its card."""

from transformers import PreTrainedModel, PreTrainedTokenizerBase, pipeline

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.model.card import pipeline_tag

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
            leaves out some; if the head has no sample.
    """
    task = pipeline_tag(type(model).__name__)
    if task not in _SHOWN:
        if text is not None:
            raise AutoBertZeroError(f"--example: a {type(model).__name__} has no sample output; leave it out")
        return None
    masked = task == "fill-mask"
    if text is None:
        words = ENGLISH if masked else ENGLISH.replace(BLANK, "work")
        unknown = tokenizer.unk_token_id in tokenizer(ENGLISH.replace(BLANK, " "))["input_ids"]
        if unknown or language not in (None, "en"):
            return None
    else:
        words = text
        if (words.count(BLANK) == 1) != masked or BLANK in words.replace(BLANK, "", 1):
            wanted = f"one {BLANK}, the word that is left out" if masked else f"no {BLANK}"
            raise AutoBertZeroError(f"--example {text!r}: this model takes a text with {wanted}")
    # The name that the tokenizer has for it, which a reader would have to type.
    asked = words.replace(BLANK, str(tokenizer.mask_token)) if masked else words
    answer = pipeline(task, model=model, tokenizer=tokenizer, device="cpu", **({"top_k": 3} if masked else {}))(asked)
    lines = [_line(each) for each in answer[:_MOST]] or ["nothing"]
    return f'`pipeline({task!r}, ...)` answers to "{escaped([asked])[0]}":\n\n' + "\n".join(lines)


def _line(answer: dict) -> str:
    said = answer.get("token_str") or answer.get("word")
    label = answer.get("label") or answer.get("entity")
    named = ": ".join(escaped([part.strip()])[0] for part in (said, label) if part)
    return f"- {named} ({answer['score']:.3f})"
