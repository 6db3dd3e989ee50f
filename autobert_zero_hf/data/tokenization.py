"""A tokenizer trained on the text at hand, as the text's script asks for."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer, WordPieceTrainer
from transformers import BertTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .corpus import CorpusError

Pieces = Literal["wordpiece", "bpe"]
"""Of words, as BERT's, or of whatever stands between spaces."""

_PREFIX = "##"
_SPACELESS = frozenset({"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HIRAGANA", "KATAKANA"})
"""Scripts without spaces between words, by their names in Unicode; BERT's tokenizer parts Chinese characters itself."""
_MUCH = 0.1
"""The share of the letters from which on a text is one of such a script, or of words that are too long."""
_LONGEST_WORD = 100
"""Letters that WordPiece takes in a word."""
_ACCENTED = 0.003
"""The share of the letters from which on accents tell words apart: BBC's news have none, German about 0.015."""
_DOCUMENTS, _LETTERS = 2_000, 1_000
"""Of how many documents, and how many letters of each, the script is found."""
_LONGEST_PIECE = 16
"""Letters of a piece at most, where no space ends a word."""
_SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
"""In the order of their numbers, as BertTokenizer has them."""


@dataclass(frozen=True)
class Writing:
    """What a vocabulary makes of a text's letters.

    Args:
        pieces: what words are taken apart to.
        cased: whether upper and lower case stay apart.
        accents: whether accents, vowel signs and the like stay.
    """

    pieces: Pieces = "wordpiece"
    cased: bool = False
    accents: bool = False

    @classmethod
    def of(
        cls, documents: Dataset, pieces: Pieces | None = None, cased: bool = False, accents: bool | None = None
    ) -> Self:
        """What a text asks for: BERT's way where nothing speaks against it.

        Pieces without words where a tenth of the letters are of a script without spaces, or stand in words that
        WordPiece does not take; accents where three letters in a thousand have one.

        Args:
            documents: a data set with a column `text`.
            pieces: chosen already; None to have it found.
            cased: whether upper and lower case stay apart, which no text decides.
            accents: as `pieces`. Where the case stays, accents do, too.
        """
        letters, spaceless, long, accented = 0, 0, 0, 0
        step = max(1, len(documents) // _DOCUMENTS)
        for text in documents.select(range(0, len(documents), step))["text"]:
            for word in text[:_LETTERS].split():
                known = [script for script, _ in map(_letter, word) if script]
                letters += len(known)
                spaceless += sum(script in _SPACELESS for script in known)
                long += len(known) * (len(word) > _LONGEST_WORD)
                accented += sum(has_accent for _, has_accent in map(_letter, word))
        much, many = _MUCH * letters, _ACCENTED * letters
        return cls(
            ("bpe" if max(spaceless, long) > much else "wordpiece") if pieces is None else pieces,
            cased,
            (cased or accented > many) if accents is None else accents,
        )

    def __str__(self) -> str:
        pieces = "WordPieces" if self.pieces == "wordpiece" else "pieces (BPE), which need no spaces between words"
        return f"{pieces}{'' if self.cased else ', in lower case'}{', with accents' if self.accents else ''}"


@cache
def _letter(character: str) -> tuple[str, bool]:
    """The script of a letter, as Unicode names it, and whether it has an accent or is one; no script for others."""
    kind = unicodedata.category(character)
    script = unicodedata.name(character, "").partition(" ")[0] if kind[0] in "LM" else ""
    return script, bool(script) and (kind[0] == "M" or len(unicodedata.normalize("NFD", character)) > 1)


def train_tokenizer(
    documents: Dataset, vocab_size: int, max_length: int = 512, writing: Writing | None = None
) -> PreTrainedTokenizerBase:
    """Train a tokenizer; the same text gives the same one in every process.

    Args:
        documents: a data set with a column `text`.
        vocab_size: the number of entries, special tokens included.
        max_length: the longest input, in tokens, that the models of this tokenizer take.
        writing: what becomes of the text's letters; by default BERT's way, lower case without accents.

    Returns:
        A `BertTokenizer`, or, of pieces that need no spaces, a tokenizer with the same special tokens.

    Raises:
        CorpusError: if the text has more different characters than the vocabulary has room for.
    """
    writing = writing or Writing()
    train = _train_word_pieces if writing.pieces == "wordpiece" else _train_pieces
    return train(documents, vocab_size, max_length, writing)


def _train_word_pieces(documents: Dataset, vocab_size: int, max_length: int, writing: Writing) -> BertTokenizer:
    # By itself BertTokenizer takes accents away where it makes lower case.
    letters: dict[str, Any] = {"do_lower_case": not writing.cased, "strip_accents": not writing.accents}
    special = list(_SPECIAL.values())

    def train(size: int, first: list[str]) -> dict[str, int]:
        backend = BertTokenizer(**letters).backend_tokenizer
        trainer = WordPieceTrainer(
            vocab_size=size, special_tokens=special + first, continuing_subword_prefix=_PREFIX, show_progress=False
        )
        backend.train_from_iterator(_texts(documents), trainer, length=len(documents))
        return backend.get_vocab()

    # The trainer numbers the pieces inside words in the order of a randomly seeded hash map, and breaks ties between
    # merges by number. Numbering them first, in a fixed order, makes the whole vocabulary a function of the text.
    alphabet = train(0, [])
    inner = sorted(piece for piece in alphabet if piece.startswith(_PREFIX) and len(piece) == len(_PREFIX) + 1)
    _check_room(vocab_size, len(alphabet))
    # What is as by default is not written down.
    given: dict[str, Any] = {} if letters == {"do_lower_case": True, "strip_accents": True} else letters
    return BertTokenizer(vocab=train(vocab_size, inner), model_max_length=max_length, **given)


def _train_pieces(documents: Dataset, vocab_size: int, max_length: int, writing: Writing) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE(unk_token=_SPECIAL["unk_token"], fuse_unk=True))
    letters = [normalizers.NFC(), *([] if writing.cased else [normalizers.Lowercase()])]
    letters += [] if writing.accents else [normalizers.NFD(), normalizers.StripAccents()]
    backend.normalizer = normalizers.Sequence(letters)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="never"), pre_tokenizers.Punctuation()]
    )

    backend.decoder = decoders.Metaspace(prepend_scheme="never")

    def train(size: int) -> None:
        special = list(_SPECIAL.values())
        trainer = BpeTrainer(
            vocab_size=size, special_tokens=special, max_token_length=_LONGEST_PIECE, show_progress=False
        )
        backend.train_from_iterator(_texts(documents), trainer, length=len(documents))

    train(0)
    _check_room(vocab_size, backend.get_vocab_size())
    train(vocab_size)
    ends = [(token, backend.token_to_id(token)) for token in (_SPECIAL["cls_token"], _SPECIAL["sep_token"])]
    (first, _), (last, _) = ends
    backend.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=max_length,
        model_input_names=BertTokenizer.model_input_names,
        **_SPECIAL,
    )


def _check_room(vocab_size: int, characters: int) -> None:
    if characters > vocab_size:
        raise CorpusError(
            f"a vocabulary of {vocab_size} entries has no room for the {characters} characters of the text; "
            "give a larger --vocab-size"
        )


def _texts(documents: Dataset) -> Iterator[list[str]]:
    for batch in documents.iter(batch_size=256):
        yield batch["text"]
