"""A whole search over layers and sizes, small but real: its front, and the same after a kill, in two processes."""

import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.latency.predictor import LatencyPredictor
from autobert_zero_hf.search.latency.samples import Samples, collect
from autobert_zero_hf.search.publish.description import describe
from autobert_zero_hf.search.publish.facts import read_facts, read_search
from autobert_zero_hf.search.publish.history import ROWS, stage_history
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.strategy.pareto import dominates
from datasets import load_dataset
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from autobert_zero_hf.commands.main import main
from tests.search.small_search import candidates_in, in_order, journal, search, words
from tests.terminal import kill_when

JOINT = {
    "search_sizes": "heads",
    "hidden_step": 8,
    "intermediate_step": 16,
    "embedding_size": 32,
    "min_embedding_size": 8,
    "front": 3,
    "supernet_steps": 8,
    "final_steps": 3,
    "mixed_precision": "no",
}


@pytest.fixture(scope="module")
def joint(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a joint search that nothing disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("joint") / "whole"
    return folder, search(text, folder, **JOINT)


def candidates(folder: Path) -> list[dict[str, Any]]:
    return [event for event in journal(folder) if event["event"] == "candidate"]


def as_candidate(event: dict[str, Any]) -> Candidate:
    return Candidate(tuple(event["layers"]), sizes=Sizes(**event["sizes"]))


def test_candidates_differ_in_sizes_and_keep_to_the_budget(joint: tuple[Path, str]) -> None:
    events = candidates(joint[0])
    assert len(events) == 13
    for event in events:
        assert as_candidate(event).identity == event["identity"]
        assert event["sizes"]["num_hidden_layers"] == len(event["layers"])
    assert len({event["identity"] for event in events}) == 13
    for name in ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "embedding_size"):
        assert len({event["sizes"][name] for event in events}) > 1, name
    by_identity = {event["identity"]: event for event in events}
    children = [event for event in events if event["parent"]]
    assert any(event["sizes"] != by_identity[event["parent"]]["sizes"] for event in children)
    assert any("change sizes in" in event["origin"] for event in children)


def test_the_report_shows_the_front(joint: tuple[Path, str], tmp_path: Path) -> None:
    assert main(["report", str(joint[0]), "--output", str(tmp_path / "report.html")]) == 0
    text = (tmp_path / "report.html").read_text()
    kept = [member for member in json.loads((joint[0] / "front.json").read_text())["members"] if member["folder"]]
    assert kept
    for member in kept:
        assert f"<td>{member['folder']}</td>" in text
        assert f"{member['accuracy']:.4f} ± {member['accuracy_error']:.4f}" in text
        assert f'<td class="number">{member["multiplications"]:,}</td>' in text
    assert "milliseconds, predicted" not in text


def test_the_winner_and_a_bert_of_its_sizes_load(joint: tuple[Path, str]) -> None:
    folder, printed = joint
    trained = {event["name"]: event for event in journal(folder) if event["event"] == "trained"}
    assert trained["best"]["sizes"] == trained["bert"]["sizes"]
    for name, event in trained.items():
        model = AutoModelForMaskedLM.from_pretrained(folder / name)
        own = Sizes.of(model.config).to_dict() | {"embedding_size": model.config.embedding_size}
        assert own == event["sizes"]
        assert model.config.layers == event["layers"]
        assert model.num_parameters() == event["parameters"]
        tokens = AutoTokenizer.from_pretrained(folder / name)("the [MASK] said", return_tensors="pt")
        assert torch.isfinite(model(**tokens).logits).all()
        assert AutoModel.from_pretrained(folder / name).config.hidden_size == event["sizes"]["hidden_size"]
    assert str(Sizes(**trained["best"]["sizes"])) in printed


def test_the_front_is_what_no_candidate_dominates(joint: tuple[Path, str]) -> None:
    folder, printed = joint
    front = json.loads((folder / "front.json").read_text())
    assert front["objectives"] == ["score", "multiplications", "parameters"]
    members = {member["identity"]: member for member in front["members"]}
    scored = {event["identity"]: event for event in candidates(folder) if event["score"] is not None}
    points = {
        identity: (member["score"], -member["multiplications"], -member["parameters"])
        for identity, member in members.items()
    }
    for one in points.values():
        assert not any(dominates(other, one) for other in points.values())
    assert all(member["score"] == scored[identity]["score"] for identity, member in members.items())
    kept = {member["folder"]: member for member in members.values() if member["folder"]}
    assert len(kept) == min(3, len(members))
    folders = {path.name for path in (folder / "front").iterdir()} if (folder / "front").exists() else set()
    assert {name for name in kept if name != "best"} == {f"front/{name}" for name in folders}
    trained = {event["name"]: event for event in journal(folder) if event["event"] == "trained"}
    for name, member in kept.items():
        # Counted without a model, and the same as the model has.
        assert member["parameters"] == trained[name]["parameters"]
        assert member["accuracy"] == trained[name]["accuracy"]
        assert f"  {name:<9} {member['score']:>7.4f}" in printed


def test_a_killed_search_goes_on_in_two_processes_to_the_same(
    joint: tuple[Path, str], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    kill_when(lambda: candidates_in(folder) >= 7, words(text, folder, **JOINT))
    assert candidates_in(folder) < 13
    search(text, folder, processes=2, **JOINT)
    assert in_order(folder) == in_order(joint[0])
    assert json.loads((folder / "front.json").read_text()) == json.loads((joint[0] / "front.json").read_text())
    names = {event["name"] for event in journal(folder) if event["event"] == "trained"}
    assert {"best", "bert"} < names
    for name in names:
        one, two = (load_file(run / name / "model.safetensors") for run in (folder, joint[0]))
        assert all(torch.equal(one[key], two[key]) for key in two)


def test_history_and_cards_say_the_sizes(joint: tuple[Path, str], tmp_path: Path) -> None:
    folder = joint[0]
    found = read_search(folder)
    stage_history(found, tmp_path / "history", "someone/search", "someone/model", {})
    rows = load_dataset("parquet", data_files=str(tmp_path / "history" / ROWS), split="train")
    assert [row["hidden_size"] for row in rows] == [each.sizes.hidden_size for each in found.candidates]
    assert [row["embedding_size"] for row in rows] == [each.sizes.embedding_size for each in found.candidates]
    written = (tmp_path / "history" / "README.md").read_text()
    assert "| `hidden_size` | width of its hidden states |" in written
    assert "| `embedding_size` | width of its embeddings, which" in written
    for name in ("best", "bert", "front/1"):
        facts = read_facts(folder / name)
        assert facts.finalist == name
        card = describe(facts, {})
        sizes = str(found.finalists[name].sizes)
        assert sizes in card.summary
        assert any("Sizes: 1 to 2 layers, hidden 16 to 32, feed-forward 32 to 64, 1 to 2 heads of 16 to 16, "
                   "embeddings 8 to 32" in line
                   and "15,000 parameters in the layers" in line for line in card.searched)  # fmt: skip
        assert len(card.results) == 1
        assert sizes in (folder / name / "README.md").read_text()


def test_a_strategy_of_sizes_needs_them(text: Path, tmp_path: Path) -> None:
    said = search(text, tmp_path / "run", status=1, strategy="evolved")
    assert said.startswith("error: the strategy evolved searches sizes, and here all candidates have the same")
    assert "--search-sizes" in said


def with_samples(folder: Path) -> tuple[Recipe, Samples]:
    """The recipe of a search, and the latencies that it has measured."""
    recipe = Recipe.from_dict(journal(folder)[0]["recipe"])
    config = recipe.make_config(800)
    return recipe, collect(recipe.search_space, config, 0, folder / "latency.jsonl", recipe.latency)


def test_a_latency_is_searched_by_prediction_and_judged_by_measurement(text: Path, tmp_path: Path) -> None:
    refused, folder = tmp_path / "refused", tmp_path / "run"
    options: dict[str, Any] = {
        **JOINT,
        "latency_samples": 24,
        "latency_passes": 4,
        "latency_tokens": 32,
        "strategy": "random",
        "candidates": 6,
        "supernet_steps": 2,
        "max_parameters": 100_000,
    }
    # Nothing is that fast. How fast this machine is, is not known: what is near the samples' middle, can be found.
    said = search(text, refused, status=1, **options, latency_ms=0.001)
    assert "error: no backbone of the space is predicted to take" in said
    assert "the closest takes" in said
    _, before = with_samples(refused)
    middle = round(statistics.median(before.steadied()), 3)
    folder.mkdir()
    shutil.copy(refused / "latency.jsonl", folder)
    samples = (folder / "latency.jsonl").read_bytes()
    printed = search(text, folder, **options, latency_ms=middle)
    assert f"\n{middle:g} ms: Candidates: " in printed
    assert (folder / "latency.jsonl").read_bytes() == samples  # what was measured is not measured again
    events = journal(folder)
    (latency,) = [event for event in events if event["event"] == "latency"]
    assert latency["target"] == middle
    assert latency["samples"] == 24
    recipe, known = with_samples(folder)
    assert known == before
    predict = LatencyPredictor(known, recipe.make_config(800))
    for event in candidates(folder):
        assert 0.85 * latency["target"] <= predict(as_candidate(event)) <= 1.1 * latency["target"]
    measured = {event["identity"]: event for event in events if event["event"] == "measured"}
    trained = [event for event in events if event["event"] == "trained"]
    assert {as_candidate(event).identity for event in trained} <= set(measured)
    for event in measured.values():
        low, high = event["interval"]
        assert low <= event["median"] <= high
    front = json.loads((folder / "front.json").read_text())
    assert front["objectives"] == ["score", "predicted_ms", "parameters"]
    for member in front["members"]:
        assert (member["measured_ms"] is None) == (member["identity"] not in measured)
    assert f"of a target of {latency['target']:.2f} ms" in printed
