"""Opening checkpoints, which are anybody's: what they hold is looked at, and what cannot be read is said in a line."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from pickle import UnpicklingError
from typing import Any, TypeVar

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, WEIGHTS_INDEX_NAME, WEIGHTS_NAME

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig
from ..model.excerpts import shortened

ModelT = TypeVar("ModelT", bound=PreTrainedModel)

_WEIGHTS = (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME, WEIGHTS_NAME, WEIGHTS_INDEX_NAME)
"""In the order in which transformers looks for them."""
_OF_BACKBONE = {"embeddings", "encoder", "transformer", "layers", "final_norm"}
"""Parts of the names of weights that are no head's, in the words of the families and in ours."""
_LONGEST = 300
"""Characters of what a library says."""
_SPEAKING = (OSError, ValueError, RuntimeError, SafetensorError, StrictDataclassError)
"""Errors whose message says what is wrong; that of others is part of it only."""


@contextmanager
def unreadable_refused(failing: str, source: str | Path) -> Iterator[None]:
    """Whatever a library raises meanwhile, because of the files that it reads, is an error that names them.

    Args:
        failing: how the message begins, such as "cannot load the model 'x'".
        source: the folder or Hub name that is read.

    Raises:
        AutoBertZeroError: for every error of a library, if the index of the weights names files elsewhere, or, before
            the Hub is asked, if a folder is meant and is not there.
    """
    if told := missing_folder(str(source)):
        raise AutoBertZeroError(f"{failing}: {told}")
    try:
        _check_index(Path(source))
        yield
    except AutoBertZeroError:
        raise
    # Of all kinds: the parsers of configurations, pickles and tokenizers raise whatever they stumble upon.
    except Exception as error:
        said = _reason(error, _weights_file(Path(source)))
        asked_hub = "" if Path(source).exists() else "there is no such folder here, and of the Hub this is said: "
        raise AutoBertZeroError(f"{failing}: {asked_hub}{said}") from error


def check_finite(model: PreTrainedModel, source: str | Path) -> None:
    """Refuse weights that are no numbers, as a training that diverged leaves them.

    Raises:
        AutoBertZeroError: if a weight is NaN or infinite; it names the first.
    """
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and (bad := int((~weight.isfinite()).sum())):
            raise AutoBertZeroError(
                f"the weights in {_weights_file(Path(source)) or source} are not all numbers: {bad:,} of the "
                f"{weight.numel():,} in {name} are NaN or infinite; give a model whose training did not diverge"
            )


def _weights_file(folder: Path) -> Path | None:
    """The file that transformers reads the weights of a folder from, or the index of several."""
    return next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)


def _check_index(folder: Path) -> None:
    """Refuse an index that leads out of its folder."""
    index = _weights_file(folder)
    if index is None or index.name not in (SAFE_WEIGHTS_INDEX_NAME, WEIGHTS_INDEX_NAME):
        return
    try:
        names = list(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise AutoBertZeroError(
            f"{index} is no index of weights ({type(error).__name__}: {_line(error)}): make or download it again"
        ) from error
    for name in names:
        if not isinstance(name, str) or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise AutoBertZeroError(
                f"{index} names {_line(repr(name), 80)} as a file of weights, which is none in {folder}: make or "
                "download it again"
            )


def _reason(error: Exception, weights: Path | None) -> str:
    """What went wrong, in a line that names the file, and what to do where the error does not say it."""
    where = str(weights) if weights else "a file of it"
    if isinstance(error, UnpicklingError | EOFError):
        return (
            f"{where} is damaged, or a pickle of more than weights, which could run code: have the model saved again, "
            "as safetensors"
        )
    if isinstance(error, _SPEAKING):
        if isinstance(error, SafetensorError) or "PytorchStreamReader" in str(error):
            return f"{where} is damaged or cut off ({_line(error)}): make or download it again"
        # Where a line of the configuration is wrong, a caret shows the place: such a message keeps its lines.
        return shortened(str(error), 2000) if "^" in str(error) else _line(error)
    said = f"{type(error).__name__}: {_line(error)}"
    return f"its files, among them {where}, are not those of a model ({said}): make or download them again"


def _line(error: object, longest: int = _LONGEST) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def missing_folder(source: str) -> str:
    """What to say of a folder that is meant and not there; empty where it is, or may be a name of the Hub."""
    place = Path(source)
    meant = source.startswith((".", "~", os.sep)) or source.endswith(os.sep) or source.count(os.sep) > 1
    if os.path.lexists(place) or not (meant or (os.sep in source and place.parent.is_dir())):
        return ""
    there = [each.name for each in sorted(place.parent.glob("*")) if each.is_dir()] if place.parent.is_dir() else []
    hint = f"; {place.parent} holds {shortened(', '.join(there), 200)}" if there else ""
    return f"there is no such folder{hint}"


def shared_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration of another model says that ours says by the same name."""
    names = {field.name for field in dataclasses.fields(AutoBertZeroConfig)} - {"architectures"}
    return {name: value for name, value in config.items() if name in names}


def load(
    model_class: type[ModelT], source: str, weights: Mapping[str, Tensor] | None = None, **load_options: Any
) -> tuple[ModelT, set[str]]:
    """Open a checkpoint, whose head may start anew, but never a part of its backbone.

    Args:
        model_class: a head of BERT, or one of ours.
        source: where the checkpoint is.
        weights: what was read there, where it is not for `model_class` to read it.
        load_options: those of `from_pretrained`.

    Returns:
        The model, and the names of the weights that started anew.

    Raises:
        AutoBertZeroError: if one of them is a weight of the embeddings or of a layer, or if a weight is no number.
    """
    place = source if weights is None else None
    loaded: Any = model_class.from_pretrained(place, state_dict=weights, output_loading_info=True, **load_options)
    model, info = loaded
    check_finite(model, source)
    anew = info["missing_keys"] | {name for name, *_ in info["mismatched_keys"]}
    gaps = sorted(name for name in anew if _OF_BACKBONE & set(name.split(".")))
    if gaps:
        raise AutoBertZeroError(
            f"{source} lacks {len(gaps)} weights of its backbone, or has them in another size, {gaps[0]} for one: "
            "give a checkpoint that is whole, and whose config.json belongs to it"
        )
    return model, anew
