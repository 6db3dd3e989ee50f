"""Searches in several blocks: candidates that have one of them, and a baseline that is the best of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.publish.facts import read_search
from autobert_zero_hf.search.publish.history import ROWS, stage_history
from autobert_zero_hf.search.runtime.journal import read_history
from datasets import load_dataset
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.search.small_search import candidates_in, command, in_order, journal, rewrite, search, words
from tests.terminal import kill_when

SEVERAL = ["bert", "pre_norm", "modernbert"]
OPTIONS = {
    "blocks": " ".join(SEVERAL),
    "inherit-from": "parent",
    "write-back": "",
    "max-parameters": 40_000,
    "front": 2,
    "mixed-precision": "no",
}


@pytest.fixture(scope="module")
def found(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a search of blocks that nothing disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("blocks") / "whole"
    return folder, search(text, folder, **OPTIONS)


def candidates(folder: Path) -> list[dict[str, Any]]:
    """The events, in the order in which candidates were asked for."""
    events = [event for event in journal(folder) if event["event"] == "candidate"]
    return sorted(events, key=lambda event: event["number"])


def test_candidates_have_one_of_the_blocks_and_children_may_change_it(found: tuple[Path, str]) -> None:
    events = candidates(found[0])
    assert {event["block"] for event in events} == set(SEVERAL)
    known = read_history(found[0] / "journal.jsonl").candidates
    assert [each.candidate.identity for each in known] == [event["identity"] for event in events]
    by_identity = {event["identity"]: event for event in events}
    moved = [event for event in events if "change block to" in event["origin"]]
    assert moved and all(by_identity[event["parent"]]["block"] != event["block"] for event in moved)


def test_the_winner_and_its_bert_stand_in_the_winners_block(found: tuple[Path, str]) -> None:
    folder, printed = found
    trained = {event["name"]: event for event in journal(folder) if event["event"] == "trained"}
    assert trained["best"]["block"] == trained["bert"]["block"]
    assert f"parameters (block {trained['best']['block']}):" in printed
    for name, event in trained.items():
        model = AutoModelForMaskedLM.from_pretrained(folder / name)
        assert (model.config.block, model.config.layers) == (event["block"], event["layers"])
        assert model.num_parameters() == event["parameters"]
    members = json.loads((folder / "front.json").read_text())["members"]
    assert {member["folder"]: member["block"] for member in members if member["folder"] == "best"} == {
        "best": trained["best"]["block"]
    }


def test_a_killed_search_of_blocks_goes_on_to_the_same(found: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    kill_when(lambda: candidates_in(folder) >= 7, words(text, folder, **OPTIONS))
    search(text, folder, processes=2, **OPTIONS)
    assert in_order(folder) == in_order(found[0])
    one, two = (load_file(run / "best" / "model.safetensors") for run in (folder, found[0]))
    assert all(torch.equal(one[key], two[key]) for key in two)


def test_the_history_says_the_block(found: tuple[Path, str], tmp_path: Path) -> None:
    stage_history(read_search(found[0]), tmp_path / "history", "someone/search", "someone/model", {})
    rows = load_dataset("parquet", data_files=str(tmp_path / "history" / ROWS), split="train")
    assert list(rows["block"]) == [event["block"] for event in candidates(found[0])]
    assert "| `block` | what stands around its mixers" in (tmp_path / "history" / "README.md").read_text()


def test_a_block_that_the_recipe_lacks_is_damage(
    found: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(found[0])
    next(event for event in events if event["event"] == "candidate")["block"] = "res_post_norm"
    rewrite(tmp_path, events)
    assert main(["report", str(tmp_path)]) == 1
    assert "`block` is 'res_post_norm', and the recipe has ['bert', 'pre_norm'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"blocks": "bert prenorm"}, "blocks"),
        ({"blocks": "bert bert"}, "blocks given more than once: ['bert']"),
        ({"blocks": "bert pre_norm", "search_sizes": "heads", "sandwich": ""}, "leave sandwich out, or blocks"),
    ],
)
def test_blocks_that_cannot_be_searched_are_refused(
    text: Path, tmp_path: Path, given: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main(words(text, tmp_path / "run", **given)) != 0
    except SystemExit as ended:
        assert ended.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "run" / "journal.jsonl").exists()


def test_the_baseline_is_the_best_of_several_blocks(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From new weights, for the steps of the super-net and its own: what a whole training of that BERT comes to."""
    few = {"supernet_steps": 40, "candidates": 2, "population": 2, "final_steps": 0, "mixed_precision": "no"}
    folder = tmp_path / "run"
    few |= {"block": "bert", "supernet_learning_rate": 1e-6, "baseline_rates": 1}  # what inherits knows nothing
    given = command(text, folder, **few, baseline_blocks="pre_norm bert")[3:]
    assert main(given) == 0
    trained = {event["name"]: event for event in journal(folder) if event["event"] == "trained"}
    printed = capsys.readouterr().out
    block = trained["bert"].get("block", "bert")
    assert f"; in the block {block}, the best of bert, pre_norm)" in printed
    assert block == "pre_norm"
    model = AutoModelForMaskedLM.from_pretrained(folder / "bert")
    assert model.config.block == block and model.config.layers == [BERT_ATTENTION] * 2
    card = (folder / "bert" / "README.md").read_text()
    assert "random weights, then 40 steps of" in card and "in the block pre_norm, the best of" in card
    # Finished, it is read again, with the card of a page.
    assert main(given) == 0
    assert main(["push", str(folder / "bert"), "someone/bert", "--dry-run"]) == 0
    assert "random weights, then 40 steps" in capsys.readouterr().out
