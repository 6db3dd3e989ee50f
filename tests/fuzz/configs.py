"""Configurations: fields of hostile values, one or several at a time, as arguments and as files."""

import contextlib
import dataclasses
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO
from autobert_zero_hf.training.pretraining.starting_point import read_config

from .hostile import failure_of, hostile_value, main, mutated

OWN = sorted({field.name for field in dataclasses.fields(AutoBertZeroConfig)} & set(AutoBertZeroConfig.__annotations__))
"""What transformers' own classes make of the fields that they have for all models is theirs."""


def fields(rng: random.Random) -> dict[str, Any]:
    """Those of one configuration."""
    found: dict[str, Any] = {"layers": list(AUTOBERT_ZERO[:2])} if rng.random() < 0.5 else {}
    for _ in range(rng.choice((1, 1, 2, 4))):
        name = rng.choice([*OWN, "layers", "num_hidden_layers", "num_labels"])
        found[name] = hostile_value(rng)
        if name == "layers" and rng.random() < 0.7:
            found[name] = [mutated(rng.choice(AUTOBERT_ZERO), rng) for _ in range(rng.choice((1, 2, 12, 1025)))]
        if name == "num_labels" and not isinstance(found[name], int):
            del found[name]
    return found


def make(chosen: dict[str, Any]) -> None:
    """A configuration, and what is read of it."""
    with contextlib.suppress(StrictDataclassError):  # a wrong type, in the library's own words, however long
        str(AutoBertZeroConfig(**chosen).layer_types)


def run(count: int, seed: int) -> list[str]:
    """The failures among so many configurations; a tenth of them are files."""
    rng = random.Random(seed)
    failures = []
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            chosen = fields(rng)
            if number % 10:
                failure = failure_of(chosen, lambda: make(chosen), (ValueError,))  # noqa: B023
            else:
                content = json.dumps({"model_type": "autobert_zero", **chosen})
                Path(place, "config.json").write_text(
                    mutated(content, rng) if rng.random() < 0.5 else content, errors="replace"
                )
                failure = failure_of(content, lambda: read_config(place), (AutoBertZeroError,))
            failures += [failure] * (failure is not None)
    return failures


if __name__ == "__main__":
    main(run, 3000)
