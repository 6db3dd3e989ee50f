"""The encoder that is to become faster, as somebody has it: model, head, tokenizer, and what makes sentence vectors."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.conversion.checkpoint import open_encoder
from autobert_zero_hf.conversion.loading import unreadable_refused
from autobert_zero_hf.data.fitting import check_special_tokens, fit_length, load_tokenizer, take_special_tokens
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroModel, AutoBertZeroPreTrainedModel
from autobert_zero_hf.reading import parse_json

_MODULES = "modules.json"
_OF_SENTENCES = (_MODULES, "sentence_bert_config.json", "config_sentence_transformers.json")
"""What sentence-transformers writes beside a model."""


@dataclass(frozen=True)
class Source:
    """An encoder.

    Args:
        name: its folder or Hub name.
        model: as a model of this package, with its head.
        tokenizer: its own.
        sentence_files: the folder that holds what sentence-transformers reads; None where it is no such encoder.
    """

    name: str
    model: AutoBertZeroPreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sentence_files: Path | None

    @property
    def base(self) -> AutoBertZeroModel:
        """The model without its head."""
        base = self.model.base_model
        assert isinstance(base, AutoBertZeroModel)
        return base

    @property
    def first_token(self) -> bool:
        """Whether its sentence vectors are those of the first token; by default they are means over real tokens.

        Raises:
            AutoBertZeroError: if what says so is damaged.
        """
        if self.sentence_files is None:
            return False
        for file in self.sentence_files.glob("*Pooling*/config.json"):
            facts = _read(file, dict)
            return bool(facts.get("pooling_mode_cls_token")) or facts.get("pooling_mode") in ("cls", ["cls"])
        return False

    def copy_sentence_files(self, folder: Path) -> None:
        """Have a model that was made of this one be an encoder of sentences, too, if this one is."""
        if self.sentence_files is not None:
            for path in _sentence_files(self.sentence_files):
                target = folder / path.relative_to(self.sentence_files)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def open_source(name: str) -> Source:
    """Open an encoder.

    Args:
        name: a folder or Hub name.

    Raises:
        AutoBertZeroError: if there is none, no conversion reads it, or it has no tokenizer of BERT's kind.
    """
    model = open_encoder(name)
    tokenizer = load_tokenizer(name)
    check_special_tokens(tokenizer)
    take_special_tokens(model, tokenizer)
    fit_length(tokenizer, model.config)
    return Source(name, model.eval(), tokenizer, _find_sentence_files(name))


def _find_sentence_files(name: str) -> Path | None:
    """The folder of an encoder of sentences, here or as it came from the Hub; None for any other."""
    folder = Path(name)
    if not folder.is_dir():
        patterns = [*_OF_SENTENCES, "*_*/config.json", "*_*/*.safetensors"]
        with unreadable_refused(f"what belongs to {name!r} beside its model cannot be had", name):
            folder = Path(snapshot_download(name, allow_patterns=patterns))
    return folder if (folder / _MODULES).is_file() else None


def _sentence_files(folder: Path) -> list[Path]:
    """What belongs to an encoder of sentences beside its model, and lies within its folder."""
    modules = [each for each in _read(folder / _MODULES, list) if isinstance(each, dict)]
    parts = [folder / path for each in modules if isinstance(path := each.get("path"), str) and path]
    inside = [part for part in parts if part.resolve().parent == folder.resolve()]
    found = [folder / name for name in _OF_SENTENCES] + [file for part in inside for file in part.rglob("*")]
    return [file for file in found if file.is_file()]


def _read(file: Path, kind: type) -> Any:
    """What a file of an encoder of sentences holds.

    Raises:
        AutoBertZeroError: if it is damaged.
    """
    try:
        facts = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise AutoBertZeroError(f"{file} cannot be read ({error}): restore it") from error
    if not isinstance(facts, kind):
        raise AutoBertZeroError(f"{file} holds no {'list' if kind is list else 'mapping'}: restore it")
    return facts
