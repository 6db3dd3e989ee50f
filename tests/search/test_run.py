"""Whole searches, small but real, as a user runs them: in processes of their own, one of them killed."""

import json
import platform
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerBase

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.auto_map import code_files
from tests.search.small_search import (
    candidates_in,
    in_order,
    journal,
    often_saving,
    rewrite,
    search,
    tensorboard_scalars,
    without_times,
    words,
)
from tests.terminal import kill_when, run


def test_a_search_finds_distinct_candidates_and_reports_both_numbers(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    events = journal(folder)
    kinds = [event["event"] for event in events]
    before, after = ["start", "data", "supernet", "constant_answer"], ["baseline", "trained", "trained", "finished"]
    assert kinds == [*before, *["candidate"] * 13, *after]
    candidates = [event for event in events if event["event"] == "candidate"]
    assert sorted(event["number"] for event in candidates) == list(range(1, 14))
    assert len({event["identity"] for event in candidates}) == 13
    known: set[str] = set()
    for event in candidates:
        assert event["parent"] is None or event["parent"] in known
        known.add(event["identity"])
    best, bert = (event for event in events if event["event"] == "trained")
    # Of several with that score, the first that was asked for.
    assert (
        best["layers"]
        == max(sorted(candidates, key=lambda event: event["number"]), key=lambda event: event["score"] or -1.0)[
            "layers"
        ]
    )
    assert bert["layers"] == [BERT_ATTENTION] * 2
    (baseline,) = (event for event in events if event["event"] == "baseline")
    assert baseline["layers"] == bert["layers"] and 0 < baseline["score"] < 1
    versions = events[0]["environment"]["versions"]
    assert versions["torch"] == torch.__version__ and versions["python"] == platform.python_version()
    assert platform.node() not in json.dumps(events[0]["environment"])
    for event in (best, bert):
        assert f"{event['accuracy']:.4f} ± {event['standard_error']:.4f}" in printed
        assert event["accuracy"] == sum(event["correct"]) / sum(event["masked"])
    assert best["masked"] == bert["masked"], "both are scored on the same masks"
    counts = events[-1]["rejections"]
    assert counts and all(isinstance(count, int) and count > 0 for count in counts.values())
    words = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    assert f"\nRejected before training: {words}\n" in printed
    for phase in ("Super-net: 12 steps, ", "Candidates: 13 evaluated, ", "Final training: 24 steps, "):
        assert phase in printed


@pytest.mark.parametrize("name", ["best", "bert"])
def test_what_is_found_loads_and_has_the_score_that_was_written(finished: tuple[Path, str], name: str) -> None:
    folder = finished[0] / name
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *(Path(file).name for file in code_files()),
    }
    written = next(event for event in journal(finished[0]) if event.get("name") == name)
    assert json.loads((folder / "config.json").read_text())["layers"] == written["layers"]
    model = AutoModelForMaskedLM.from_pretrained(folder)
    assert model.num_parameters() == written["parameters"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    out = model(**tokenizer("the [MASK] said on monday", return_tensors="pt"))
    assert out.logits.shape == (1, len(tokenizer("the [MASK] said on monday")["input_ids"]), 800)
    card = (folder / "README.md").read_text()
    assert name == "bert" or "The best of 13 candidates" in card
    assert all(f"`{layer}`" in card for layer in written["layers"])
    assert f"{written['accuracy']:.4f} ± {written['standard_error']:.4f}" in card


def test_another_process_computes_the_same_bit_by_bit(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder = finished[0] / "best"
    tokens = torch.randint(5, 800, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        here = AutoModel.from_pretrained(folder).eval()(tokens).last_hidden_state
    script = (
        "import sys, torch, autobert_zero_hf\n"
        "from safetensors.torch import save_file\n"
        "from transformers import AutoModel\n"
        "model = AutoModel.from_pretrained(sys.argv[1]).eval()\n"
        "tokens = torch.randint(5, 800, (2, 20), generator=torch.Generator().manual_seed(0))\n"
        "save_file({'out': model(tokens).last_hidden_state.detach()}, sys.argv[2])\n"
    )
    ended, said = run(["-c", script, folder, tmp_path / "out"])
    assert ended == 0, said
    assert torch.equal(load_file(tmp_path / "out")["out"], here)


def test_candidates_that_learnt_nothing_are_counted(finished: tuple[Path, str], text: Path) -> None:
    folder, printed = finished
    events = journal(folder)
    (level,) = (event["score"] for event in events if event["event"] == "constant_answer")
    # Computed anew: the most frequent word of the training rows, on the rows that candidates are scored on.
    parts = load_documents([str(text)]).train_test_split(test_size=0.1, seed=0)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    train, held_out = (pack(parts[name], tokenizer, 32) for name in ("train", "test"))
    words = train[:]["input_ids"]
    frequent = words[~torch.isin(words, torch.tensor(tokenizer.all_special_ids))].bincount().argmax()
    labels = MaskedRows(held_out, tokenizer).batch(list(range(40)), seed=0).labels
    assert level == (labels == frequent).sum().item() / (labels != -100).sum().item() > 0
    scores = [event["score"] for event in events if event["event"] == "candidate"]
    never_left = sum(score is not None and score <= level for score in scores)
    said = "score of answering the most frequent word of the training.\n"
    assert f"{level:.4f}, the {said}" in printed
    assert ("Every candidate" if not never_left else f"\n{never_left} of 13 candidates") in printed


def test_a_search_of_an_older_version_goes_on_and_finds_the_level(
    finished: tuple[Path, str], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "older"
    shutil.copytree(finished[0], folder)
    events = [event for event in journal(folder) if event["event"] not in ("constant_answer", "finished")]
    rewrite(folder, events)
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0
    assert "the score of answering" not in (tmp_path / "report.html").read_text()
    search(text, folder, report_to="tensorboard")
    assert in_order(folder) == in_order(finished[0])


def test_a_finished_search_says_so_and_does_nothing(finished: tuple[Path, str], text: Path) -> None:
    folder, printed = finished
    before = (folder / "journal.jsonl").read_bytes()
    again = search(text, folder)
    assert "is finished: 13 candidates were evaluated" in again
    assert again[again.index("13 candidates were evaluated, ") :] in printed
    assert (folder / "journal.jsonl").read_bytes() == before


def test_another_recipe_in_the_same_folder_is_refused(finished: tuple[Path, str], text: Path) -> None:
    before = (finished[0] / "journal.jsonl").read_bytes()
    said = search(text, finished[0], status=1, candidates=20, seed=3)
    assert said.startswith("error: ")
    assert "candidates: 13 there, 20 here; seed: 0 there, 3 here" in said
    assert "Traceback" not in said
    assert (finished[0] / "journal.jsonl").read_bytes() == before


def test_a_killed_search_resumes_to_the_same_journal(finished: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    kill_when((folder / "supernet.pt").exists, often_saving(words(text, folder)))
    assert [event["event"] for event in journal(folder)] == ["start", "data"]
    kill_when(lambda: candidates_in(folder) >= 4, words(text, folder))
    known = candidates_in(folder)
    assert 4 <= known < 13
    # Killed within a write, too.
    with (folder / "journal.jsonl").open("ab") as end:
        end.write(b'{"event": "candidate", "num')
    # A tracker is not of the recipe; it is told what is new.
    assert "Resuming the search" in search(text, folder, report_to="tensorboard")
    assert set(tensorboard_scalars(folder)["candidate/failures"]) == set(range(12 + known + 1, 12 + 13 + 1))
    assert without_times(folder) == without_times(finished[0])
    for name in ("best", "bert"):
        one, two = (load_file(run / name / "model.safetensors") for run in (folder, finished[0]))
        assert all(torch.equal(one[key], two[key]) for key in two)


def test_three_processes_find_the_same(finished: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    search(text, tmp_path / "three", processes=3)
    assert journal(tmp_path / "three")[-1]["processes"] == 3
    assert in_order(tmp_path / "three") == in_order(finished[0])
    for name in ("supernet.pt", "best/model.safetensors", "bert/model.safetensors"):
        assert (tmp_path / "three" / name).read_bytes() == (finished[0] / name).read_bytes(), name


def test_a_lost_result_is_made_again(finished: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    shutil.copytree(finished[0], folder)
    shutil.rmtree(folder / "best")
    search(text, folder)
    one, two = (load_file(run / "best" / "model.safetensors") for run in (folder, finished[0]))
    assert all(torch.equal(one[key], two[key]) for key in two)


def test_a_folder_that_is_not_of_a_search_is_left_alone(text: Path, tmp_path: Path) -> None:
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "thesis.txt").write_text("mine")
    assert "(there is no journal)" in search(text, tmp_path, status=1)
    assert (tmp_path / "bert" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("option", ["candidate_learning_rate", "final_learning_rate"])
def test_a_training_that_diverges_is_said_in_one_line(text: Path, tmp_path: Path, option: str) -> None:
    said = search(text, tmp_path / "run", status=1, **{option: 1e30}, candidate_steps=4, supernet_steps=2)
    assert f"--{option.replace('_', '-')}" in said
    assert "Traceback" not in said


def test_a_time_budget_ends_the_search_after_a_generation(text: Path, tmp_path: Path) -> None:
    search(text, tmp_path / "short", hours=0.0)
    events = journal(tmp_path / "short")
    assert sum(event["event"] == "candidate" for event in events) == 6
    assert events[-1]["reason"] == "0 hours are over"


def test_another_text_is_refused_on_resuming(finished: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    folder.mkdir()
    start, *others = journal(finished[0])[:3]
    changed = tmp_path / "news.txt"
    changed.write_text(text.read_text() + "\n\nOne more document, that was not there before.\n" * 3)
    rewrite(folder, [{**start, "recipe": {**start["recipe"], "text": [str(changed)]}}, *others])
    said = search(changed, folder, status=1)
    assert f"holds a search with another recipe (text: what ['{changed}'] holds has changed)" in said
