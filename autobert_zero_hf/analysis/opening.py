"""Models by name, and the texts that they are measured on."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..conversion.checkpoint import open_encoder
from ..data.corpus import load_documents
from ..data.fitting import fit_length, load_tokenizer
from ..errors import AutoBertZeroError
from .layers import Analysis, analyse, texts_of_batch

TEXTS = 64


def analyse_model(source: str, text: Sequence[str], tokens: int, texts: int = TEXTS) -> Analysis:
    """Open a model, or an encoder of a family that is read, and measure its layers.

    Args:
        source: a folder or Hub name.
        text: files of plain text; documents are taken evenly spread over them.
        tokens: the longest text, in tokens.
        texts: how many documents at most.

    Raises:
        AutoBertZeroError: if there is no such model or text, or the texts are too short.
    """
    documents = load_documents(text, least=1)["text"]
    chosen = [documents[number] for number in range(0, len(documents), max(1, len(documents) // texts))][:texts]
    model = open_encoder(source)
    tokenizer = fit_length(load_tokenizer(source), model.config)

    longest = min(tokens, tokenizer.model_max_length)
    many = texts_of_batch(longest)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(chosen), many):
            batch = tokenizer(
                chosen[first : first + many],
                truncation=True,
                max_length=longest,
                padding=True,
                return_tensors="pt",
            )
            yield torch.as_tensor(batch["input_ids"]), torch.as_tensor(batch["attention_mask"])

    try:
        return analyse(model, batches())
    except ValueError as error:
        raise AutoBertZeroError(f"{', '.join(text)}: {error}") from error
