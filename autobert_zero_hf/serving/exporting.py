"""A trained model and its tokenizer in a folder, as a runtime serves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from ..conversion.loading import load, unreadable_refused
from ..data.corpus import CorpusError, load_documents
from ..data.fitting import fit_length, load_tokenizer
from ..data.packing import pack
from ..errors import AutoBertZeroError
from ..model_folder import find_model
from ..writing import written_whole
from .runtimes import RUNTIMES, Inputs, exported, loaded

_ROWS = 300
"""Of text, of which the scales of activations are taken; NNCF's own default."""
_LENGTH = 128
"""Tokens of such a row, all of them real: NNCF wants rows of one length, and padding would be counted in."""


def export(
    model: str,
    runtime: str,
    output_dir: str | Path,
    *,
    text: str | Sequence[str] = (),
    rows: int = _ROWS,
    threads: int = 1,
    seed: int = 0,
) -> Any:
    """Write a model as ONNX Runtime or OpenVINO run it, in float32 or in int8, with its tokenizer.

    Args:
        model: a folder or Hub name, with any head or none; also that of a run.
        runtime: "onnx", "onnx-int8", "openvino" or "openvino-int8".
        output_dir: a new folder.
        text: a file of plain text, or several, like what is to come; "openvino-int8" needs it, the others do
            not read it.
        rows: how many rows of 128 tokens of it are read.
        threads: of the model that is returned.
        seed: of which rows.

    Returns:
        The model as it was written, running: called with what the tokenizer gives, it gives what the model does.
        `transformers.exporters.ExportedModel.from_pretrained(output_dir, device="cpu")` opens it again. What stands
        where no token is means nothing.

    Raises:
        AutoBertZeroError: if there is no such model, runtime or text, something is not installed, or the folder is not
            new.
    """
    if runtime not in (names := [name for name in RUNTIMES if name != "torch"]):
        raise AutoBertZeroError(f"runtime {runtime!r} is not known: give one of {', '.join(names)}")
    if rows < 1:
        raise AutoBertZeroError(f"rows={rows}: at least one row of text is needed")
    text = [text] if isinstance(text, str) else list(text)
    RUNTIMES[runtime].check(f"the runtime {runtime}")
    folder = Path(output_dir)
    if folder.exists():
        raise AutoBertZeroError(f"{folder} exists, and what it holds would be lost: give another output_dir")
    calibrated = runtime == "openvino-int8"
    if calibrated and not text:
        raise CorpusError(f"{runtime} takes the scales of activations from real text: give text=['my.txt']")
    network, tokenizer = _open(find_model(model))
    # Two texts of several lengths, so that neither number is taken for a constant.
    example = dict(tokenizer(["One text.", "Another, which is longer."], padding=True, return_tensors="pt"))
    calibration = [_like(example, ids) for ids in _rows(text, tokenizer, rows, seed)] if calibrated else []
    found = exported(network, runtime, example, calibration)
    with written_whole(folder) as place:
        found.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return loaded(found, runtime, threads)


def _open(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    with unreadable_refused(f"cannot load a model from {name!r}", name):
        config = AutoConfig.from_pretrained(name)
        head = (config.architectures or [""])[0]
        kind = getattr(transformers, head, None) or _own(head) or AutoModel
        network: PreTrainedModel = load(kind, name, dtype=torch.float32)[0]
    return network.eval(), fit_length(load_tokenizer(name), config)


def _own(head: str) -> Any:
    from .. import model

    return getattr(model, head, None)


def _rows(text: Sequence[str], tokenizer: PreTrainedTokenizerBase, count: int, seed: int) -> list[Tensor]:
    """Rows of real tokens alone, (1, N) each."""
    length = min(_LENGTH, tokenizer.model_max_length)
    packed = pack(load_documents(text), tokenizer, length)
    if not len(packed):
        raise CorpusError(f"{', '.join(text)} holds less than {length} tokens: give more text")
    some = packed.shuffle(seed=seed).select(range(min(count, len(packed))))
    return [row[None] for row in some["input_ids"]]


def _like(example: Inputs, ids: Tensor) -> Inputs:
    """What a model is given for rows of real tokens alone: that by the same names as in an example."""
    values = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    return {name: values[name] for name in example}
