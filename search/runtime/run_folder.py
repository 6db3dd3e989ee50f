"""The folder of a run: the names of what a search, or a shrink, writes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autobert_zero_hf.folders import BEST, JOURNAL, SHRINK_TABLE

BERT = "bert"
"""The finalist that the winner is compared with: a BERT of its sizes."""
SCRATCH = "scratch"
"""The finalist that it is compared with where sizes alone are searched: the same model, begun with random weights."""
DROPPED = "dropped"
"""The folder of an encoder that was made faster by leaving whole layers out, which an assembly is compared with."""
BASELINES = {BERT: "BERT", SCRATCH: "from scratch"}
"""The finalists that a winner is compared with, in words."""
FRONT = "front"
"""The folder of the models of a Pareto front: front/1, and so on."""


def finalists_of(recipe: Mapping[str, Any]) -> tuple[str, str]:
    """The names of a search's winner and of its baseline, by its options."""
    return BEST, SCRATCH if recipe["layers"] else BERT


@dataclass(frozen=True)
class RunFolder:
    """The folder of a search, or of a shrink, which has the folder of a search in it for each of its budgets.

    Args:
        path: of the folder.
    """

    path: Path

    WRITTEN = (
        "energy.json", "recipe.yaml", "tokenizer", "supernet.pt", BEST, BERT, SCRATCH, f"{FRONT}/*", "front.json",
        "candidates/*", "rungs/*", "shrink.*",
    )  # fmt: skip
    """What a run writes whole in its folder, and nobody else: names, and patterns of them."""
    WRITTEN_FOR_ENCODER = (
        "shrink.*", "library/*",
        "[0-9]*x/best", "[0-9]*x/dropped", "[0-9]*ms/best", "[0-9]*ms/dropped",
    )  # fmt: skip
    """The same of a run that makes an encoder faster."""

    @property
    def journal(self) -> Path:
        """The file of the journal."""
        return self.path / JOURNAL

    @property
    def recipe(self) -> Path:
        """The recipe, as a file to search by again."""
        return self.path / "recipe.yaml"

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer."""
        return self.path / "tokenizer"

    @property
    def supernet(self) -> Path:
        """The file of the super-net."""
        return self.path / "supernet.pt"

    @property
    def candidates(self) -> Path:
        """The folder of the weights that others inherit, a file a candidate."""
        return self.path / "candidates"

    @property
    def rungs(self) -> Path:
        """The folder of the weights that a later rung goes on from, a file a candidate."""
        return self.path / "rungs"

    @property
    def latencies(self) -> Path:
        """The file of the latencies that predictions are fitted to."""
        return self.path / "latency.jsonl"

    @property
    def best(self) -> Path:
        """The folder of the winner."""
        return self.finalist(BEST)

    def finalist(self, name: str) -> Path:
        """The folder of a finalist: best, bert, scratch, front/1."""
        return self.path / name

    @property
    def front(self) -> Path:
        """The file that tells of the Pareto front."""
        return self.path / "front.json"

    @property
    def energy(self) -> Path:
        """The file of the energy that was measured."""
        return self.path / "energy.json"

    @property
    def logs(self) -> Path:
        """The folder of trackers that write files."""
        return self.path / "logs"

    @property
    def report(self) -> Path:
        """The file of the report, where it is given no other place."""
        return self.path / "report.html"

    @property
    def library(self) -> Path:
        """The folder of the parts of an encoder's layers, a file a layer."""
        return self.path / "library"

    def budget(self, name: str) -> "RunFolder":
        """The search for a budget of a shrink."""
        return RunFolder(self.path / name)

    @property
    def shrink_table(self) -> Path:
        """The table of a shrink as plain data; beside it, it lies in Markdown and as a picture."""
        return self.path / SHRINK_TABLE

    @property
    def evaluation(self) -> Path:
        """The folder of the fine-tunings of a shrink's models."""
        return self.path / "evaluation"
