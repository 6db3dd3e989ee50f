"""What the experiments share: text, super-net and proxy of a recipe, and tables that are filled row by row."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.from_options import load_tasks, make_estimator
from autobert_zero_hf.search.supernet.biws import SuperNetTraining
from autobert_zero_hf.search.supernet.estimator import Estimator
from autobert_zero_hf.search.supernet.inheritance import Inheritance
from autobert_zero_hf.search.supernet.supernet import SuperNet
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.tokenization import train_tokenizer

BERTS: Mapping[str, Any] = {
    "block": "bert",
    "positions": None,
    "starts": [],
    "final_learning_rate": 1e-3,
    "baseline_rates": [1.0],
}
"""What the quickstart had otherwise when most of the figures that are kept were measured: BERT's block above all."""


class Experiment:
    """The quickstart's text, super-net and proxy as they were in BERT's block, with some options changed.

    Args:
        folder: for the super-net's checkpoint; what is there is not computed again.
        options: those of the recipe that are changed.
    """

    def __init__(self, folder: Path, **options: Any):
        self.folder = folder
        self.recipe = self.make_recipe(**options)
        precision = self.recipe.run.mixed_precision
        self.accelerator = Accelerator(cpu=True, mixed_precision="bf16" if precision == "auto" else precision)
        folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def make_recipe(**options: Any) -> Recipe:
        """The quickstart as it was in BERT's block, with some options changed."""
        return Recipe.from_dict({**load_options("quickstart"), **BERTS, **options})

    def config(self, layers: Sequence[str], vocab_size: int | None = None) -> AutoBertZeroConfig:
        """A backbone's, with the recipe's sizes."""
        sizes = self.recipe.make_config(vocab_size or len(self._text[0])).to_dict()
        return AutoBertZeroConfig(**{**sizes, "layers": list(layers)})

    @cached_property
    def _text(self) -> tuple[PreTrainedTokenizerBase, MaskedRows, MaskedRows]:
        data, seed = self.recipe.data, self.recipe.run.seed
        parts = load_documents(data.text).train_test_split(test_size=data.held_out, seed=seed)
        tokenizer = train_tokenizer(parts["train"], data.vocab_size, data.sequence_length)
        train, test = (MaskedRows(pack(parts[part], tokenizer, data.sequence_length), tokenizer) for part in parts)
        return tokenizer, train, test

    @property
    def train(self) -> MaskedRows:
        """The rows to train on."""
        return self._text[1]

    @property
    def held_out(self) -> MaskedRows:
        """The rows to score on."""
        return self._text[2]

    @cached_property
    def net(self) -> SuperNet:
        """The trained super-net."""
        recipe, (tokenizer, train, _) = self.recipe, self._text
        config = recipe.make_config(len(tokenizer))
        net = SuperNet(config, recipe.search_space.branches(config.intermediate_size), recipe.run.seed)
        checkpoint = self.folder / "supernet.pt"
        training = SuperNetTraining(
            net, recipe.search_space, train, recipe.supernet, recipe.run.seed, self.accelerator, checkpoint
        )
        training.run(
            lambda step, loss: print(f"super-net: step {step}, {loss:.3f}", flush=True) if step % 50 == 0 else None
        )
        return net

    def estimator(self, **options: Any) -> Estimator:
        """The recipe's, with some options changed."""
        recipe = Recipe.from_dict({**self.recipe.to_dict(), **options})
        inheritance = Inheritance(self.net, recipe.inheritance, self.folder / "candidates")
        return make_estimator(
            recipe, inheritance, self.train, self.held_out, load_tasks(recipe, recipe.chosen("proxy")), self.accelerator
        )


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a table as far as it is filled."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def fill(file: Path, names: Iterable[str], compute: Callable[[str], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A table with a row for each name, a JSON object a line; rows that the file has are not computed again."""
    rows = {row["name"]: row for row in rows_of(file)}
    wanted = list(names)
    for name in wanted:
        if name not in rows:
            rows[name] = {"name": name, **compute(name)}
            with file.open("a") as table:
                table.write(json.dumps(rows[name]) + "\n")
                table.flush()
                os.fsync(table.fileno())
            print(f"{len(rows)}/{len(wanted)}: {rows[name]}", flush=True)
    return {name: rows[name] for name in wanted}
