"""Is the backbone that a search found worth it? From scratch, beside BERT, convolution alone and the paper's pattern.

Each backbone (4 layers, width 128) is trained from scratch by masked language modelling for 1, 4 and 16 times 400 steps
of 8 rows, with its own schedule and several seeds, on the same text, and scored on text that neither the training nor
the search has seen. DATA is what `real_data.py` builds: text/*/train.txt to train and to search on, text/*/
validation.txt to score on. The backbone comes from the folder of a search on the same text:

    autobert-zero search --text DATA/text/*/train.txt --output-dir runs/search
    python -m tests.benchmarks.winner runs/winner DATA runs/search

It resumes. With names of backbones at the end, only theirs are trained; then several may run side by side.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from autobert_zero_hf import AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.training.corpus import load_documents
from autobert_zero_hf.training.masked_lm import MaskedBatch, MaskedRows, evaluate_masked_lm, pack
from autobert_zero_hf.training.masked_lm_training import train_masked_lm
from autobert_zero_hf.training.tokenization import train_tokenizer
from tests.benchmarks.experiment import Experiment, fill

SEEDS = {1: 3, 4: 3, 16: 1}
"""How many seeds, by how many times 400 steps."""
STEPS, ROWS, LEARNING_RATE = 400, 8, 1e-3
NUM_LAYERS = 4

BASELINES = {
    "bert": tuple(architecture("bert", NUM_LAYERS)),
    "convolution": ("conv(9)",) * NUM_LAYERS,
    "autobert-zero": tuple(architecture("autobert-zero", NUM_LAYERS)),
}


def files(data: Path, part: str) -> list[str]:
    return [str(data / "text" / name / f"{part}.txt") for name in ("anarchism", "bbc", "brown")]


class Training:
    """Trains and scores a backbone; its weights are kept in `folder`, one file a row."""

    def __init__(self, folder: Path, data: Path, backbones: dict[str, tuple[str, ...]]):
        self.folder = folder
        self.backbones = backbones
        self.experiment = Experiment(folder)
        options = self.experiment.recipe.data
        train, validation = (load_documents(files(data, part)) for part in ("train", "validation"))
        self.tokenizer = train_tokenizer(train, options.vocab_size, options.sequence_length)
        self.tokenizer.save_pretrained(folder / "tokenizer")
        self.rows, held_out = (
            MaskedRows(pack(each, self.tokenizer, options.sequence_length), self.tokenizer)
            for each in (train, validation)
        )
        self.held_out: MaskedBatch = held_out.batch(list(range(len(held_out))), seed=0)

    def __call__(self, name: str) -> dict[str, Any]:
        backbone, times, seed = name.split("/")
        torch.manual_seed(int(seed))
        config = self.experiment.config(self.backbones[backbone], len(self.tokenizer))
        model = AutoBertZeroForMaskedLM(config)
        start = time.process_time()
        steps = STEPS * int(times)
        train_masked_lm(model, self.rows, steps, ROWS, LEARNING_RATE, int(seed), self.experiment.accelerator.autocast)
        seconds = time.process_time() - start
        score = evaluate_masked_lm(model, self.held_out)
        model.config.sparse_prediction = False
        model.save_pretrained(self.folder / "models" / name)
        return {
            "backbone": backbone,
            "times": int(times),
            "seed": int(seed),
            "accuracy": round(score.value, 6),
            "standard_error": round(score.standard_error, 6),
            "correct": list(score.totals),
            "masked": list(score.masked),
            "seconds": round(seconds, 1),
        }


def names(backbones: Iterable[str]) -> list[str]:
    """Short runs first, so that what there is can be looked at early."""
    return [f"{name}/{times}/{seed}" for times, seeds in SEEDS.items() for seed in range(seeds) for name in backbones]


def main() -> None:
    folder, data, search, *only = (sys.argv[1], sys.argv[2], *sys.argv[3:])
    best = Path(search) / "best" / "config.json"
    found = {"winner": tuple(json.loads(best.read_text())["layers"])} if best.exists() else {}
    backbones = {**found, **BASELINES}
    training = Training(Path(folder), Path(data), backbones)
    for name in only or list(backbones):
        assert name in backbones, f"{name} is none of {', '.join(backbones)}"
    fill(Path(folder) / "pretraining.jsonl", names(only or backbones), training)


if __name__ == "__main__":
    main()
