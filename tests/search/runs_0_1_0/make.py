"""Makes the runs of version 0.1.0 that lie beside this script: `python make.py FOLDER`, where 0.1.0 is installed.

Each run is started by its own command on `../journals/text.txt`. Those that are not finished were killed in the phase
that they are named for; the finished ones beside them were gone on with from there. What a search found stands in
`summary.json`, as that version told it. What resuming makes again is left out: but for one, super-nets that were
trained to their end, and the code and cards in the folders of models.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from autobert_zero_hf.search.run.summary import search_result

import autobert_zero_hf

TEXT = Path(__file__).resolve().parents[1] / "journals" / "text.txt"
SIZES = {
    "vocab-size": 120,
    "sequence-length": 16,
    "num-layers": 2,
    "hidden-size": 8,
    "num-attention-heads": 2,
    "intermediate-size": 16,
    "supernet-steps": 70,
    "supernet-learning-rate": 0.02,
    "supernet-batch-size": 4,
    "backbones-per-step": 3,
    "population": 4,
    "parents": 2,
    "candidate-steps": 2,
    "candidate-batch-size": 4,
    "candidate-learning-rate": 0.02,
    "proxy": "loss",
    "evaluation-rows": 20,
    "candidates": 8,
    "final-steps": 40,
    "mixed-precision": "no",
}
LATENCY = {"latency-ms": 1.5, "latency-samples": 24, "latency-passes": 4, "latency-tokens": 16}
JOINT = {
    **SIZES,
    **LATENCY,
    "search-sizes": "heads",
    "min-hidden-size": 4,
    "hidden-step": 4,
    "min-intermediate-size": 8,
    "intermediate-step": 8,
    "front": 2,
    "supernet-steps": 10,
}
SHRINK = {name: value for name, value in JOINT.items() if name not in ("front", "latency-ms", "search-sizes")}
SHRINK |= {"max-parameters": "900 500", "latency-ms": 1.0, "candidates": 5}
SHRINK |= {"hidden-step": 2, "intermediate-step": 2}


def begin(command: str, folder: Path, options: dict[str, object]) -> subprocess.Popen[bytes]:
    words = [word for name, value in options.items() for word in (f"--{name}", *str(value).split())]
    run = [sys.executable, "-m", "autobert_zero_hf", command, "--output-dir", folder.name, "--text", TEXT.name, *words]
    return subprocess.Popen(run, cwd=folder.parent)


def finish(command: str, folder: Path, options: dict[str, object]) -> None:
    assert begin(command, folder, options).wait() == 0


def kill(command: str, folder: Path, options: dict[str, object], when: Callable[[], bool]) -> None:
    process = begin(command, folder, options)
    while not when():
        assert process.poll() is None, f"{folder} was finished before it was killed"
        time.sleep(0.0005)
    process.kill()
    process.wait()


def lines(file: Path, holding: bytes = b"") -> int:
    return sum(holding in line for line in file.read_bytes().split(b"\n")[:-1]) if file.exists() else 0


def tidy(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        drop = path.suffix in (".py", ".lock") or path.name in ("README.md", "logs", "energy.json")
        drop |= path.name.startswith(".") or (
            path.name == "supernet.pt" and path.parent.name not in ("finished", "in_supernet")
        )
        if drop:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def main() -> None:
    assert autobert_zero_hf.__version__ == "0.1.0"
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True)
    shutil.copy(TEXT, out)
    finish("search", out / "finished", SIZES)
    for name, when in {
        "in_supernet": lambda journal: (journal.parent / "supernet.pt").exists(),
        "in_candidates": lambda journal: lines(journal, b'"event": "candidate"') >= 5,
        "in_final_training": lambda journal: lines(journal, b'"event": "trained"') >= 1,
    }.items():
        kill("search", out / name, SIZES, lambda name=name, when=when: when(out / name / "journal.jsonl"))
    kill("search", out / "in_latency", JOINT, lambda: lines(out / "in_latency" / "latency.jsonl") > 8)
    joint = out / "joint_in_final_training"
    kill("search", joint, JOINT, lambda: lines(joint / "journal.jsonl", b'"event": "trained"') >= 1)
    finish("search", shutil.copytree(joint, out / "joint"), JOINT)
    shrink = out / "shrink_in_second_budget"
    second = shrink / "900-parameters" / "journal.jsonl"
    kill("shrink", shrink, SHRINK, lambda: lines(second, b'"event": "candidate"') >= 2)
    finish("shrink", shutil.copytree(shrink, out / "shrink"), SHRINK)
    (out / TEXT.name).unlink()
    for folder in (
        out / "finished",
        out / "joint",
        *(file.parent for file in (out / "shrink").glob("*/journal.jsonl")),
    ):
        found = {**search_result(folder), "folder": "", "written": []}
        (folder / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    tidy(out)


if __name__ == "__main__":
    main()
