"""A search from Python: what is given as keywords, and what is found as an object."""

import inspect
import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest
from autobert_zero_hf.search import Recipe, SearchResult, load_options, report, search
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.options import option_groups
from autobert_zero_hf.search.runtime.journal import JournalError
from transformers import AutoModelForMaskedLM

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.options import option_names
from tests.search.old_journals import OLD

SMALL: dict[str, Any] = {
    "text": OLD / "text.txt", "vocab_size": 400, "sequence_length": 16, "num_layers": 2, "hidden_size": 16,
    "intermediate_size": 32, "supernet_steps": 4, "candidate_steps": 1, "candidates": 6, "population": 3, "parents": 2,
    "children": 2, "evaluation_rows": 10, "final_steps": 1, "mixed_precision": "no",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search(output_dir=tmp_path_factory.mktemp("api") / "run", **SMALL)


def test_what_was_found_is_what_the_command_says(found: SearchResult, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["search", "--output-dir", str(found.folder), *words]) == 0
    assert capsys.readouterr().out == f"{found}\n"
    assert main(["search", "--output-dir", str(found.folder), "--json", *words]) == 0
    assert '"candidates": 6' in capsys.readouterr().out and found["candidates"] == 6


def test_the_winner_and_the_bert_beside_it_open(found: SearchResult) -> None:
    for model in (found.best, found.bert):
        opened = AutoModelForMaskedLM.from_pretrained(model.folder)
        assert tuple(opened.config.layers) == model.layers
        assert opened.num_parameters() == model.parameters
    difference = found.difference
    assert difference.value == pytest.approx(found.best.accuracy - found.bert.accuracy)
    assert difference.verdict in {"the same", "not known", "better", "worse", "not clearly different"}


def test_candidates_are_a_table_in_their_order(found: SearchResult) -> None:
    table = found.candidates
    assert list(table["number"]) == [1, 2, 3, 4, 5, 6]
    assert table["parent"].dropna().isin(table["number"]).all() and table["parent"].notna().any()
    best = table.loc[table["score"].idxmax()]
    assert len(best["layers"]) == 2 and table["seconds"].gt(0).all() and best["score"] >= 0


def test_a_study_of_optuna_has_a_trial_for_each_candidate(found: SearchResult, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    found.to_optuna(storage, "first")
    study = optuna.load_study(study_name="first", storage=storage)
    assert [trial.user_attrs["number"] for trial in study.trials] == list(found.candidates["number"])
    assert study.best_value == pytest.approx(found.candidates["score"].max())
    best = found.candidates.loc[found.candidates["score"].idxmax()]
    assert tuple(study.best_params[f"layer {number}"] for number in (1, 2)) == best["layers"]
    assert found.to_optuna().study_name == found.folder.name
    assert [trial.state for trial in study.trials].count(optuna.trial.TrialState.FAIL) == found["failed"]


def test_a_notebook_shows_it(found: SearchResult, tmp_path: Path) -> None:
    shown = found._repr_html_()
    assert "<svg" in shown and found.difference.verdict in shown and str(found.best.folder) in shown
    written = found.report(tmp_path / "report.html")
    assert written.file == tmp_path / "report.html" and "<iframe srcdoc=" in written._repr_html_()
    assert "<html" in written.file.read_text() and "<html" not in written._repr_html_(), "it is a text in an attribute"
    assert report(found.folder, tmp_path / "other.html").file.read_text().count("<svg") > 2


def test_the_same_call_goes_on_and_a_longer_one_grows(found: SearchResult, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(found.folder, tmp_path / "run"))
    again = search(output_dir=folder, **SMALL)
    assert again.facts == {**found.facts, "folder": str(folder), "written": again["written"]}
    longer = search(output_dir=folder, **{**SMALL, "candidates": 8})
    assert list(longer.candidates["number"]) == list(range(1, 9))
    assert longer.candidates["score"][:6].tolist() == found.candidates["score"].tolist()
    with pytest.raises(JournalError, match="vocab_size"):
        search(output_dir=folder, **{**SMALL, "vocab_size": 500})


def test_a_recipe_takes_keywords_over_the_quickstart(found: SearchResult, tmp_path: Path) -> None:
    recipe = Recipe(text=["my.txt"], candidates=100)
    assert recipe == Recipe.from_dict({**load_options("quickstart"), "text": ["my.txt"], "candidates": 100})
    assert Recipe("joint", text=["my.txt"]).joint.search_sizes == load_options("joint")["search_sizes"]
    with pytest.raises(RecipeError, match="the nearest known one is 'candidates'"):
        Recipe(candidate=3)
    with pytest.raises(RecipeError, match="candidates: a Recipe has all options already"):
        search(recipe, tmp_path / "none", candidates=3)
    with pytest.raises(RecipeError, match="hidden_size must be a whole number"):
        search(output_dir=tmp_path / "none", hidden_size="wide")
    assert not (tmp_path / "none").exists()


def test_options_stand_in_the_signature_and_the_help() -> None:
    parameters = inspect.signature(search).parameters
    assert parameters["candidates"].default == load_options("quickstart")["candidates"]
    assert parameters["candidates"].kind is inspect.Parameter.KEYWORD_ONLY
    assert set(option_names(option_groups())) <= set(parameters)
    assert "candidates: " in (search.__doc__ or "") and "Raises:" in (search.__doc__ or "")


def test_a_folder_without_a_search_is_none(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"there is no journal\.jsonl"):
        SearchResult(tmp_path)
