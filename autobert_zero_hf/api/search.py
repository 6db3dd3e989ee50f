"""`search` from Python, and what it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.options import option_names
from autobert_zero_hf.rendering import draw_backbone, to_svg
from autobert_zero_hf.search.publish.difference import Difference
from autobert_zero_hf.search.recipe.errors import RecipeError
from autobert_zero_hf.search.recipe.files import load_options, overridden
from autobert_zero_hf.search.recipe.options import option_groups
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run import search_run
from autobert_zero_hf.search.run.starts import best_of
from autobert_zero_hf.search.run.summary import difference_in, in_words, search_result
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.journal import read_history, recorded_recipe
from autobert_zero_hf.search.runtime.run_folder import RunFolder
from autobert_zero_hf.standard_error import plus_minus

from .keywords import plain, with_options
from .report import Report, report
from .result import Result

if TYPE_CHECKING:
    import optuna
    import pandas

    from autobert_zero_hf.search.proxies.proxy import Proxy
    from autobert_zero_hf.search.proxies.table import PreparedProxy
    from autobert_zero_hf.search.space.space import Space
    from autobert_zero_hf.search.strategy.strategy import Strategy

RECIPE = "quickstart"
_OBJECTS = ("strategy", "proxy")
"""What may be an object, or a name."""


@dataclass(frozen=True)
class FoundModel:
    """A model that a search trained to the end; `from_pretrained(model.folder)` opens it.

    Args:
        folder: where it lies.
        layers: its backbone.
        parameters: of the whole model.
        accuracy: on masked words of held-out text.
        standard_error: of that, over the rows.
        facts: all that is known of it, as the command prints it with --json.
    """

    folder: Path
    layers: tuple[str, ...]
    parameters: int
    accuracy: float
    standard_error: float | None
    facts: Mapping[str, Any]

    def __fspath__(self) -> str:
        return str(self.folder)

    def _repr_html_(self) -> str:
        said = f"{self.parameters:,} parameters, accuracy {plus_minus(self.accuracy, self.standard_error)}"
        return f"<div><p>{escape(str(self.folder))}: {said}</p>{to_svg(draw_backbone(self.layers))}</div>"


class SearchResult(Result):
    """A finished search: its winner, what stands beside it, and all candidates.

    Args:
        folder: of the search.

    Raises:
        JournalError: if there is none, or it is not finished.
    """

    def __init__(self, folder: str | Path):
        facts = search_result(Path(folder))
        super().__init__(facts, in_words(facts))
        self.folder = Path(folder)

    @property
    def best(self) -> FoundModel:
        """The winner."""
        return self._model(0)

    @property
    def bert(self) -> FoundModel:
        """What stands beside it: a BERT of its sizes; of sizes alone, the same model trained from scratch."""
        return self._model(1)

    def _model(self, place: int) -> FoundModel:
        name = list(self["models"])[place]
        facts = self["models"][name]
        known = {key: facts[key] for key in ("parameters", "accuracy", "standard_error")}
        return FoundModel(RunFolder(self.folder).finalist(name), tuple(facts["layers"]), **known, facts=facts)

    @property
    def difference(self) -> Difference:
        """How much better the winner is, with the standard error, and which is better in a word."""
        return difference_in(self.facts)

    @cached_property
    def history(self) -> History:
        """Every event of the search."""
        return read_history(RunFolder(self.folder).journal)

    @property
    def candidates(self) -> "pandas.DataFrame":
        """Every candidate in the order in which they came, a row each.

        Columns: `number`, `generation`, `score`, `standard_error`, `failure` (why it has no score), `origin` (how it
        was made), `parent` (its number), `seconds`, `layers`, and `block` and the sizes where they were searched.
        """
        import pandas

        numbers = {event.identity: event.number for event in self.history.candidates}
        rows = [
            {
                "number": event.number,
                "generation": event.generation,
                "score": event.score,
                "standard_error": event.standard_error,
                "failure": event.failure and event.failure.value,
                "origin": event.origin,
                "parent": numbers.get(event.parent) if event.parent else None,
                "seconds": event.seconds,
                "layers": tuple(event.layers),
                **({"block": event.block} if event.block else {}),
                **(event.sizes.to_dict() if event.sizes else {}),
            }
            for event in self.history.candidates
        ]
        table = pandas.DataFrame(rows)
        return table.astype({"parent": "Int64", "score": float, "standard_error": float}) if rows else table

    def report(self, output: str | Path | None = None) -> Report:
        """The search as one HTML file, which a notebook shows.

        Args:
            output: the file; by default `report.html` in the folder of the search.
        """
        return report(self.folder, output)

    def to_optuna(self, storage: Any = None, study_name: str | None = None) -> "optuna.Study":
        """The search as a study of Optuna, for `optuna.visualization` and optuna-dashboard.

        A candidate is a trial; its parameters are its layers, block and sizes; a candidate that failed is a failed
        trial.

        Args:
            storage: a database as Optuna names it, such as "sqlite:///study.db"; by default the memory.
            study_name: by default the name of the folder.

        Raises:
            ModuleNotFoundError: if Optuna is not installed (the extra `optuna`).
        """
        try:
            from .optuna_study import as_study
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(
                "a study needs Optuna: pip install 'autobert-zero-hf[optuna]'", name=missing.name
            ) from missing

        return as_study(self.history, storage, study_name or self.folder.resolve().name)

    def _repr_html_(self) -> str:
        best, bert = self.best, self.bert
        rows = "".join(
            f"<tr><th>{name}</th><td>{plus_minus(each.accuracy, each.standard_error)}</td>"
            f"<td>{each.parameters:,}</td><td>{escape(str(each.folder))}</td></tr>"
            for name, each in (("best", best), (bert.folder.name, bert))
        )
        return (
            f"<div><p>{self['candidates']} candidates; the best less {bert.folder.name}: {escape(str(self.difference))}"
            "</p><table><tr><th></th><th>accuracy on masked words (± standard error)</th><th>parameters</th>"
            f"<th>folder</th></tr>{rows}</table>{to_svg(draw_backbone(best.layers))}</div>"
        )


@with_options(*option_groups(), leave_out=_OBJECTS, defaults=load_options(RECIPE))
@calm()
def search(
    recipe: str | Path | Recipe = RECIPE,
    output_dir: str | Path = "runs/search",
    *,
    report_to: Sequence[str] = ("none",),
    start_from: Sequence[str | Path] = (),
    propose: str | None = None,
    strategy: "Strategy | str | None" = None,
    proxy: "Proxy | PreparedProxy | str | None" = None,
    space: "Space | None" = None,
    **options: Any,
) -> SearchResult:
    """Search for a backbone, as `autobert-zero search` does.

    The same call goes on where it was stopped, and of a finished search it gives the result at once.

    Args:
        recipe: a recipe of this package, a YAML file, or a `Recipe`; options override it.
        output_dir: where to write; a search that was begun there with the same options goes on.
        report_to: names of Accelerate's trackers, "all" that are installed, or "none".
        start_from: folders of other searches, with whose best backbones this one begins.
        propose: the command of a program that proposes backbones besides.
        strategy: a name, or an object, new and with a seed of its own.
        proxy: a name, or an object.
        space: where the strategy looks, an object; by default what the options say.
        options: those of the recipe, by name.

    Returns:
        What was found; `result.best.folder` is for `from_pretrained`.

    Raises:
        RecipeError: if an option is not known, of the wrong type or out of its range, or does not go with others.
        JournalError: if the folder holds another search.
        CorpusError: if the text cannot be had, or is too little.
        LatencyError: if no candidate meets the latency that is wanted, or it cannot be measured.
        WritingError: if something cannot be written.
    """
    objects: dict[str, Any] = {"strategy": strategy, "proxy": proxy}
    if isinstance(recipe, Recipe):
        if given := [*options, *(["start_from"] if start_from else [])]:
            raise RecipeError(
                f"{', '.join(given)}: a Recipe has all options already; give the name of one, or change it"
            )
    else:
        names = {name: objects.pop(name) for name in _OBJECTS if isinstance(objects[name], str)}
        recipe = chosen_recipe(str(recipe), output_dir, {**plain(options, option_groups()), **names}, start_from)
    with own_state():
        search_run.search(recipe, output_dir, report_to, **objects, space=space, propose=propose)
    return SearchResult(output_dir)


def chosen_recipe(
    recipe: str, output_dir: str | Path, given: dict[str, Any], start_from: Collection[str | Path] = ()
) -> Recipe:
    """A recipe by name or file with options in its place, as the search that was begun in a folder had it.

    Args:
        recipe: the name, or a YAML file.
        output_dir: of the search.
        given: the options.
        start_from: folders of other searches, with whose best it begins.
    """
    begun = recorded_recipe(RunFolder(Path(output_dir)).journal)
    known = {name: value for name, value in given.items() if name in option_names(option_groups())}
    options = {**overridden(load_options(recipe, begun, known), known), **given}
    if start_from:
        options["starts"] = [*options.get("starts", []), *best_of([Path(run) for run in start_from], options)]
    return Recipe.from_dict(options, given)
