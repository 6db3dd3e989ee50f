"""How do time and memory of `shrink SOURCE` grow with the depth of the encoder? No claim of quality.

BERTs of 6 and of 12 layers, width 256, pre-trained for 100 steps on BBC news, each made twice as fast in a process of
its own, with the same few steps. DATA holds text/bbc/train.txt. About half an hour on one core. It resumes; the memory
is then not known, since a process that goes on has not done all of the work:

    python -m tests.benchmarks.faster_deep DATA RUN
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.paired import machine

DEPTHS = (6, 12)
SIZES = (
    "--hidden-size 256 --num-attention-heads 8 --intermediate-size 1024 --initializer-range 0.02 "
    "--architecture bert --max-steps 100 --batch-size 8"
)
SHRINKING = "--speedup 2 --part-steps 30 --healing-steps 200"
PHASES = {"encoder": "latency of the encoder", "parts": "parts", "price": "prices", "assembled": "assembly",
          "healed": "healing", "measured": "measuring"}  # fmt: skip


def main(data: Path, run: Path) -> None:
    text, found = ["--text", str(data / "text" / "bbc" / "train.txt")], []
    for depth in DEPTHS:
        source, faster = run / f"bert-{depth}", run / f"faster-{depth}"
        call(["pretrain", "--num-layers", str(depth), *SIZES.split(), *text, "--output-dir", str(source)])
        whole = not (faster / "journal.jsonl").exists()
        peak = call(["shrink", str(source), *SHRINKING.split(), *text, "--output-dir", str(faster)])
        facts, seconds = json.loads((faster / "shrink.json").read_text()), by_phase(faster)
        (row,) = facts["budgets"]
        kept = ("error", "speed_up")
        found.append({
            "layers": depth, "parameters": facts["encoder"]["parameters"], "ms": facts["encoder"]["median"],
            "seconds": seconds, "all seconds": round(sum(seconds.values()), 1), "peak_gib": peak if whole else None,
            "parts": sum(len(each["lines"]) for each in events(faster) if each["event"] == "parts"),
            **{which: {name: row[which][name] for name in kept} for which in ("best", "dropped")},
        })  # fmt: skip
        print(json.dumps(found[-1], indent=1))
    results = {"what": f"{SIZES}; {SHRINKING}", "machine": machine(), "depths": found}
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")


def call(words: list[str]) -> float:
    """Run a command in a process of its own; the GiB that it had in memory at most."""
    process = subprocess.Popen([sys.executable, "-m", "autobert_zero_hf", *words])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(words)}")
    return round(usage.ru_maxrss / 2**20, 2)


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def by_phase(folder: Path) -> dict[str, float]:
    """The seconds up to each event since the one before, by what was done meanwhile."""
    seconds, before = dict.fromkeys(PHASES.values(), 0.0), 0.0
    for event in events(folder):
        if event["event"] in PHASES:
            seconds[PHASES[event["event"]]] += event["elapsed"] - before
        before = event["elapsed"]
    return {name: round(each, 1) for name, each in seconds.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
