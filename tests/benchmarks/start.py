"""How long does it take until a command says its first word?

Processor seconds, user and system together, of whole processes, in turn; `hf --help`, the command of the Hub's client,
is the measure, and `import torch` what each of them cost at least while they imported it. Medians of ten rounds after
one that does not count. About two minutes on one core:

    python -m tests.benchmarks.start
"""

import os
import resource
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.benchmarks.paired import keep

ROUNDS = 10
SCRIPTS = Path(sysconfig.get_path("scripts"))
OURS = str(SCRIPTS / "autobert-zero")
FORMULA = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
COMMANDS = {
    "hf --help": [str(SCRIPTS / "hf"), "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
    "import autobert_zero_hf": [sys.executable, "-c", "import autobert_zero_hf"],
    "autobert-zero --help": [OURS, "--help"],
    "autobert-zero report --help": [OURS, "report", "--help"],
    "autobert-zero serach": [OURS, "serach"],
    "autobert-zero --print-completion bash": [OURS, "--print-completion", "bash"],
    "autobert-zero show FORMULA": [OURS, "show", FORMULA],
    "autobert-zero show autobert-zero": [OURS, "show", "autobert-zero"],
}


def processor_seconds(command: list[str]) -> float:
    """Of a process and what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=os.sep)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure, print and keep."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(ROUNDS + 1):
        for name, command in COMMANDS.items():
            spent = processor_seconds(command)
            if number:
                seconds[name].append(spent)
    hub = seconds["hf --help"]
    results = {
        name: {
            "seconds": round(statistics.median(own), 3),
            "times_hf": round(statistics.median(o / h for o, h in zip(own, hub, strict=True)), 3),
        }
        for name, own in seconds.items()
    }
    for name, result in results.items():
        print(f"{result['seconds']:7.3f} s  {result['times_hf']:5.2f}  {name}")
    keep(__file__, "cpu", "processor seconds of whole processes, and times those of `hf --help`", results)


if __name__ == "__main__":
    main()
