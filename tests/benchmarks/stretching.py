"""Does a backbone that is found small stay good when it is large, and do tiled weights save steps?

16 random backbones of `biws_ranking`, from scratch at 4 layers of width 128 and stretched to 8 layers of width 256,
after equally many tokens (800 steps of 8 rows), scored on all held-out rows: Kendall's tau between both. The best three
and BERT's are then trained large on weights that are tiled from the small ones, for a quarter and for half of the
steps, beside new weights after as many. It resumes, and parts and shares of them may run side by side:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.stretching runs/stretching small
    OMP_NUM_THREADS=1 python -m tests.benchmarks.stretching runs/stretching large [--share 1/2]
    OMP_NUM_THREADS=1 python -m tests.benchmarks.stretching runs/stretching [tiled --share 1/2]
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from autobert_zero_hf import AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.training.pretraining.stretching import Stretch
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.biws_ranking import Row, backbones, tau, timed
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

BACKBONES, BEST = 16, 3
STEPS, RATES = 800, {"small": 1e-3, "large": 5e-4}
"""0.128 / width, as `pretrain` has it."""
TO = Stretch(8, 256)
BERT = "BERT"


class Training:
    """Trains backbones of both sizes; a row is named by the size, the steps, how weights begin, and the backbone."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.experiment = Experiment(folder, mixed_precision="no")
        chosen = list(backbones().items())[:BACKBONES]
        self.layers = {BERT: tuple(architecture("bert", 4)), **dict(chosen)}
        self.held_out = self.experiment.held_out.batch(list(range(len(self.experiment.held_out))), seed=0)

    def begun_anew(self, size: str) -> list[str]:
        """Of one size, from new weights."""
        return [f"{size}/{STEPS}/new/{name}" for name in self.layers]

    def continued(self, names: Sequence[str]) -> list[str]:
        """Large ones after a part of the steps, from tiled and from new weights."""
        return [
            f"large/{STEPS // share}/{begun}/{name}" for name in names for share in (4, 2) for begun in ("tiled", "new")
        ]

    def __call__(self, row: str) -> Row:
        size, steps, begun, name = row.split("/")
        place = self.folder / "small" / name.partition(":")[0]
        torch.manual_seed(0)
        config = self.experiment.config(self.layers[name])
        if begun == "tiled":
            model = TO.model(AutoBertZeroForMaskedLM.from_pretrained(place), seed=0)
        else:
            model = AutoBertZeroForMaskedLM(config if size == "small" else TO.config(config))
        before = evaluate_masked_lm(model, self.held_out).value
        try:
            train_masked_lm(model, self.experiment.train, int(steps), 8, RATES[size], 0, nullcontext)
            score = evaluate_masked_lm(model, self.held_out)
        except FloatingPointError as error:
            return {"score": None, "failure": str(error)}
        if size == "small":
            model.save_pretrained(place)
        return {"before": before, "score": score.value, "standard_error": score.standard_error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", nargs="?", choices=("small", "large", "tiled"))
    parser.add_argument("--share", default="1/1")
    given = parser.parse_args()
    number, many = map(int, given.share.split("/"))
    training = Training(given.folder)

    def filled(part: str, names: list[str]) -> dict[str, Row]:
        return fill(given.folder / f"{part}.jsonl", names, timed(training))

    def by_backbone(size: str) -> dict[str, Row]:
        rows = filled(size, training.begun_anew(size))
        return {name.rpartition("/new/")[2]: row for name, row in rows.items()}

    if given.part in ("small", "large"):
        filled(given.part, training.begun_anew(given.part)[number - 1 :: many])
        return
    small = by_backbone("small")
    ranked = sorted((name for name in small if name != BERT), key=lambda name: -(small[name]["score"] or 0.0))
    tiled = filled("tiled", training.continued([*ranked[:BEST], BERT])[number - 1 :: many])
    if given.part:
        return
    large = by_backbone("large")
    facts = {
        "what": f"quickstart recipe; {STEPS} steps of 8 rows from scratch, 4 x 128 and 8 x 256",
        "machine": machine(),
        "ranks": tau([small[name] for name in ranked], [large[name] for name in ranked]),
        "small": small,
        "large": large,
        "tiled": tiled,
    }
    print(json.dumps({name: facts[name] for name in ("ranks", "tiled")}, indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
