"""In which block does a search from text find most: how far apart are backbones, and what stands first?

The 24 random backbones of `biws_ranking`, each trained from scratch in each block (1,600 steps of 8 rows) and scored on
all held-out rows, and scored by inheritance as the quickstart does. Of each block: the spread of the scores beside the
error of one, how far the best is above the same block with standard attention in every layer, the better of three
learning rates, Kendall's tau of what the quickstart's proxy says, and what stands first: backbones of attentions alone,
of convolutions alone, or of both. It resumes; the parts may run side by side:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.blocks runs/blocks scratch [BLOCK ...] [--share 1/2]
    OMP_NUM_THREADS=1 python -m tests.benchmarks.blocks runs/blocks inherited [BLOCK ...]
    python -m tests.benchmarks.blocks runs/blocks [--so-far [BLOCK ...]]

`--so-far` computes nothing, and compares the backbones that are there in all of these blocks, or all that were begun.
"""

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.space.candidate import Candidate

from autobert_zero_hf import architecture
from tests.benchmarks.biws_ranking import LEARNING_RATE, SCRATCH_STEPS, Row, backbones, from_scratch, tau, timed
from tests.benchmarks.experiment import Experiment, fill, rows_of
from tests.benchmarks.paired import machine

BLOCKS: dict[str, dict[str, Any]] = {
    "bert": {"block": "bert"},
    "bert, rotary": {"block": "bert", "positions": "rotary"},
    "pre_norm, rotary": {"block": "pre_norm", "positions": "rotary"},
    "modernbert": {"block": "modernbert"},
    "res_post_norm, rotary": {"block": "res_post_norm", "positions": "rotary"},
}
PRECISION = "no"
RATES = (LEARNING_RATE, 3e-3, 3e-4)
"""Of the same block with standard attention; that of all others first."""
FIRST = 6
"""Backbones that stand first."""


def kind(layers: Sequence[str]) -> str:
    """What the layers of a backbone are."""
    convolutions = sum(layer.startswith("conv") for layer in layers)
    return {0: "attentions", len(layers): "convolutions"}.get(convolutions, "both")


def in_block(name: str, folder: Path) -> Experiment:
    """The quickstart in a block, in float32, which is as fast as bf16 where the processor does not multiply it."""
    return Experiment(folder, mixed_precision=PRECISION, **BLOCKS[name])


class FromScratch:
    """Trains a backbone in a block; a row is named by the block, the learning rate and the backbone."""

    def __init__(self, folder: Path):
        self.experiments = {name: in_block(name, folder) for name in BLOCKS}
        self.layers = {"BERT": tuple(architecture("bert", 4)), **backbones()}

    def names(self, blocks: Sequence[str]) -> list[str]:
        """Backbone by backbone, so that what there is so far can be compared."""
        usual = [f"{block}/{LEARNING_RATE}/{backbone}" for backbone in self.layers for block in blocks]
        return usual + [f"{block}/{rate}/BERT" for rate in RATES[1:] for block in blocks]

    def __call__(self, name: str) -> Row:
        block, rate, backbone = name.split("/")
        return from_scratch(self.experiments[block], self.layers[backbone], float(rate))


def inherited(folder: Path, blocks: Sequence[str]) -> dict[str, dict[str, Row]]:
    """The scores of the quickstart's proxy, by block."""
    rows, layers = {}, backbones()
    for block in blocks:
        place = folder / f"super-net-{list(BLOCKS).index(block)}"
        experiment = in_block(block, place)

        @timed
        def score(name: str, experiment: Experiment = experiment) -> Row:
            result = experiment.estimator().evaluate(Candidate(layers[name]))
            return {"score": result.score, "standard_error": result.standard_error, "failure": result.detail}

        rows[block] = fill(place / "inherited.jsonl", layers, score)
    return rows


def scored_already(folder: Path, blocks: Sequence[str]) -> dict[str, dict[str, Row]]:
    """The same, of the blocks that have all of them."""
    files = {block: folder / f"super-net-{list(BLOCKS).index(block)}" / "inherited.jsonl" for block in blocks}
    read = {block: {row["name"]: row for row in rows_of(file)} for block, file in files.items()}
    return {block: rows for block, rows in read.items() if len(rows) == len(backbones())}


def complete(folder: Path, blocks: list[str]) -> tuple[dict[str, Row], dict[str, tuple[str, ...]], list[str]]:
    """The rows that there are, the backbones that were trained in all of these blocks, and the blocks.

    Args:
        folder: of the experiment.
        blocks: none for all that were begun.
    """
    rows = {row["name"]: row for row in rows_of(folder / "scratch.jsonl")}
    blocks = blocks or [block for block in BLOCKS if f"{block}/{LEARNING_RATE}/BERT" in rows]
    known = {
        name: layers
        for name, layers in backbones().items()
        if all(f"{block}/{LEARNING_RATE}/{name}" in rows for block in blocks)
    }
    return rows, known, blocks


def facts_of(block: str, layers: dict[str, tuple[str, ...]], scratch: dict[str, Row], proxy: dict[str, Row]) -> Row:
    """What a search of this block has to choose from."""
    rows = [scratch[f"{block}/{LEARNING_RATE}/{name}"] for name in layers]
    # A backbone whose training failed ranks last.
    best = sorted(layers, key=lambda name: -(scratch[f"{block}/{LEARNING_RATE}/{name}"]["score"] or 0.0))
    scores = sorted((row["score"] or 0.0 for row in rows), reverse=True)
    berts = {rate: row["score"] for rate in RATES if (row := scratch.get(f"{block}/{rate}/BERT"))}
    error = statistics.median(row["standard_error"] for row in rows if row["score"] is not None)
    return {
        "best": round(scores[0], 4),
        "median": round(statistics.median(scores), 4),
        "worst": round(scores[-1], 4),
        "spread in errors": round(statistics.pstdev(scores) / error, 1),
        "spread of the better half in errors": round(statistics.pstdev(scores[: len(scores) // 2]) / error, 1),
        "error of one": round(error, 5),
        "BERT-like, by learning rate": {rate: score and round(score, 4) for rate, score in berts.items()},
        "best less BERT-like": round(scores[0] - max(score or 0.0 for score in berts.values()), 4),
        "first": dict(Counter(kind(layers[name]) for name in best[:FIRST])),
        "all": dict(Counter(kind(each) for each in layers.values())),
        "best backbone": " | ".join(layers[best[0]]),
        **({"proxy": tau([proxy[name] for name in layers], rows)} if proxy else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", nargs="?", choices=("scratch", "inherited"))
    parser.add_argument("blocks", nargs="*", choices=[*BLOCKS, []], default=[])
    parser.add_argument("--so-far", nargs="*", choices=BLOCKS, metavar="BLOCK")
    parser.add_argument("--share", default="1/1", help="of the backbones from scratch, side by side with others")
    given = parser.parse_args()
    number, many = map(int, given.share.split("/"))
    given.blocks = given.blocks or list(BLOCKS)
    if given.part == "inherited":
        inherited(given.folder, given.blocks)
        return
    proxy: dict[str, dict[str, Row]] = {}
    if given.so_far is not None:
        scratch, layers, given.blocks = complete(given.folder, given.so_far)
        proxy = scored_already(given.folder, given.blocks)
    else:
        training, layers = FromScratch(given.folder), backbones()
        names = training.names(given.blocks)[number - 1 :: many]
        scratch = fill(given.folder / "scratch.jsonl", names, timed(training))
        if given.part == "scratch":
            return
        proxy = inherited(given.folder, given.blocks)
    facts = {
        "what": f"{len(layers)} backbones, seed 0; from scratch {SCRATCH_STEPS} steps of 8 rows at {LEARNING_RATE}",
        "machine": machine(),
        "blocks": {block: facts_of(block, layers, scratch, proxy.get(block, {})) for block in given.blocks},
        "scratch": list(scratch.values()),
        "inherited": {block: list(rows.values()) for block, rows in proxy.items()},
    }
    print(json.dumps(facts["blocks"], indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
