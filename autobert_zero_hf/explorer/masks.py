"""Masked words filled by the models of a search, for the explorer's page."""

from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import pipeline

from ..conversion.loading import check_finite, unreadable_refused
from ..errors import AutoBertZeroError

_LONGEST = 10_000
"""Characters of a text, more than which are not cut to tokens at all."""
_SHOWN = 8


class MaskFiller:
    """A model of a search, opened when it is first asked.

    Args:
        folder: of the model, with its tokenizer.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def _pipeline(self) -> Any:
        opened = pipeline("fill-mask", model=str(self.folder))
        check_finite(opened.model, self.folder)
        return opened

    def fill(self, text: str) -> dict[str, float]:
        """The likeliest words for the one mask of a text, each with its probability.

        Raises:
            AutoBertZeroError: if there is not one mask in it, it is too long for the model, or the model cannot be
                opened; in the words of the page.
        """
        with unreadable_refused(f"The model {self.folder.name} cannot be used", self.folder):
            fill = self._pipeline
            self._check(fill, text)
            return {found["token_str"]: found["score"] for found in fill(text, top_k=_SHOWN)}

    @staticmethod
    def _check(fill: Any, text: str) -> None:
        mask, longest = fill.tokenizer.mask_token, fill.model.config.max_position_embeddings
        if len(text) > _LONGEST:
            raise AutoBertZeroError(f"The text has {len(text):,} characters, {_LONGEST:,} are taken: shorten it.")
        tokens = fill.tokenizer(text, verbose=False)["input_ids"]
        if (masks := tokens.count(fill.tokenizer.mask_token_id)) != 1:
            raise AutoBertZeroError(f"Write {mask} once, where a word is wanted; the text has {masks or 'none'}.")
        if len(tokens) > longest:
            raise AutoBertZeroError(
                f"The text has {len(tokens):,} tokens, with those at its beginning and end, and this model takes "
                f"{longest:,}: shorten it."
            )
