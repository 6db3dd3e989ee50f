"""How many more candidates an hour do two processes evaluate than one? One thread each; wanted: 1.8 times as many.

Whole searches by the command line, in turns; a candidate's time is that of the journal, from the end of the super-net
to the last candidate. Needs two idle cores; about 10 minutes:

    python -m tests.benchmarks.throughput
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.paired import keep

ROUNDS, CANDIDATES = 3, 64
OPTIONS = ("--candidates", str(CANDIDATES), "--supernet-steps", "20", "--final-steps", "0")
LAUNCH = ("-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1", "--mixed_precision", "no")


def candidates_an_hour(processes: int, folder: Path) -> float:
    """Of one search."""
    launch = [*LAUNCH, "--num_processes", str(processes)] if processes > 1 else []
    command = [sys.executable, *launch, "-m", "autobert_zero_hf", "search", "--output-dir", str(folder), *OPTIONS]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, stdout=subprocess.DEVNULL)
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    times = {kind: [e["elapsed"] for e in events if e["event"] == kind] for kind in ("supernet", "candidate")}
    return 3600 * len(times["candidate"]) / (max(times["candidate"]) - times["supernet"][0])


def main() -> None:
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            for processes, found in rates.items():
                found.append(candidates_an_hour(processes, Path(folder) / f"{processes}-{turn}"))
                print(f"{processes} processes: {found[-1]:,.0f} candidates an hour", flush=True)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    results = {
        "candidates an hour, one process": [round(rate) for rate in rates[1]],
        "candidates an hour, two processes": [round(rate) for rate in rates[2]],
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio, median": round(statistics.median(ratios), 3),
    }
    print(results)
    keep(__file__, "cpu", f"the quickstart's {CANDIDATES} candidates, one thread a process", results)


if __name__ == "__main__":
    main()
