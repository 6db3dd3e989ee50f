"""BERT's masking of words, whole ones too, as a function of the row and a random generator alone.

transformers' collator masks whole words as well, but counts punctuation to the word beside it, replaces every masked
token by [MASK], and draws from one generator for all rows, which a resumed training would have to wind forward.

Shapes: N tokens of a row.
"""

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from ..errors import AutoBertZeroError

CONTINUATION = "##"
"""What WordPiece writes before a piece that goes on with a word."""


class Masking:
    """Masked words of a row: 80% become [MASK], 10% another word, 10% stay (Devlin et al. 2019, section 3.1).

    As in BERT's own code, the share is one of each row's tokens, here rounded at random, and a whole word that would
    exceed it is passed over; at least one word is masked.

    Args:
        tokenizer: knows [MASK] and the other special tokens, which are never masked.
        probability: the share of the tokens.
        whole_words: whether all pieces of a word are masked together; each piece is drawn for itself.

    Raises:
        AutoBertZeroError: if the tokenizer has no mask token, or no pieces of words to tell whole words by.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, probability: float = 0.15, whole_words: bool = False):
        if tokenizer.mask_token_id is None:
            raise AutoBertZeroError("the tokenizer has no mask token: give a model, or a --tokenizer, of masked words")
        vocabulary = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.mask_token_id = tokenizer.mask_token_id
        self.probability = probability
        self.special = np.zeros(len(vocabulary), dtype=bool)
        self.special[tokenizer.all_special_ids] = True
        self.continues = np.zeros(len(vocabulary), dtype=bool)
        if whole_words:
            self.continues[:] = [token.startswith(CONTINUATION) for token in vocabulary]
            if not self.continues.any():
                raise AutoBertZeroError(
                    f"--whole-word-masking tells words by WordPiece's {CONTINUATION}, which no entry of this "
                    "vocabulary begins with: leave it out, or give --vocabulary wordpiece or a --tokenizer of its kind"
                )

    def __call__(
        self, input_ids: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Mask a row.

        Args:
            input_ids: (N,); not changed.
            rng: what is drawn from.

        Returns:
            The masked row and its labels, -100 where nothing is asked, as everywhere in a row of special tokens alone;
            (N,) each.
        """
        if not self.finds_words(input_ids):
            return input_ids.copy(), np.full_like(input_ids, -100)
        places = np.flatnonzero(~self.special[input_ids])
        # A special token ends a word, too: the piece after it begins one.
        begins = ~self.continues[input_ids[places]] | (np.diff(places, prepend=-2) > 1)
        word_of_place = np.cumsum(begins) - 1
        asked = places[np.isin(word_of_place, self._choose(np.bincount(word_of_place), rng))]
        labels = np.full_like(input_ids, -100)
        labels[asked] = input_ids[asked]
        masked = input_ids.copy()
        chance = rng.random(len(asked))
        masked[asked[chance < 0.8]] = self.mask_token_id
        others = asked[(chance >= 0.8) & (chance < 0.9)]
        masked[others] = rng.integers(len(self.special), size=len(others))
        return masked, labels

    def finds_words(self, input_ids: NDArray[np.int64]) -> bool:
        """Whether there is anything to mask."""
        return not self.special[input_ids].all()

    def _choose(self, lengths: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
        """Words, given the number of pieces of each."""
        order = rng.permutation(len(lengths))
        left = max(1, int(lengths.sum() * self.probability + rng.random()))
        chosen = []
        for word in order:
            if lengths[word] <= left:
                chosen.append(word)
                left -= lengths[word]
                if left == 0:
                    break
        return chosen or [order[0]]
