"""What a page is made of: files, card, picture, results, recipe, journal; and what is refused."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from autobert_zero_hf.search.publish.facts import read_search
from datasets import load_dataset
from filelock import FileLock
from huggingface_hub import ModelCard, parse_eval_result_entries
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, BertConfig, BertTokenizer

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForQuestionAnswering,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
    __version__,
)
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model import AUTO_MAP
from autobert_zero_hf.places import without_places
from tests.hub.cards import card_errors
from tests.search.small_search import journal, rewrite
from tests.terminal import Piped


def stage(capsys: pytest.CaptureFixture[str], folder: Path, *words: str, repo_id: str = "someone/first") -> str:
    """What `--dry-run` shows."""
    assert main(["push", str(folder), repo_id, "--dry-run", *words]) == 0
    return capsys.readouterr().out


def card_of(folder: Path) -> ModelCard:
    text = (folder / "hub" / "README.md").read_text()
    assert not card_errors(text)
    assert not re.search(r"\{\{ |\{%|\| None|: None|\bnan\b", text), "something was not filled in"
    return ModelCard(text)


def section(card: ModelCard, title: str) -> str:
    return card.text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_a_search_is_shown_whole_and_nothing_is_sent(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    printed = stage(capsys, run, "--push-history", "someone/search")
    files = {file.relative_to(run / "hub").as_posix() for file in (run / "hub").rglob("*") if file.is_file()}
    modules = {place.split(".")[0] + ".py" for place in AUTO_MAP.values()}
    assert files > {
        "README.md", "backbone.svg", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "recipe.yaml", "journal.jsonl",
    } | modules  # fmt: skip
    for name in files:
        assert re.search(rf"^ +[\d,]+  {re.escape(name)}$", printed, re.MULTILINE), name
    assert (run / "hub" / "README.md").read_text() in printed
    assert (run / "hub-history" / "README.md").read_text() in printed
    assert json.loads((run / "hub" / "config.json").read_text())["auto_map"] == AUTO_MAP
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run / "best", run / "hub"))
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    assert {file: file.read_bytes() for file in before} == before


def test_the_card_of_a_winner_tells_the_search_and_both_scores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run, "--license", "apache-2.0", "--language", "en", "--tag", "v1")
    card, events = card_of(run), journal(run)
    best, bert = (event for event in events if event["event"] == "trained")
    assert all(f"| `{layer}` |" in section(card, "Backbone") for layer in best["layers"])
    assert "](backbone.svg)" in card.text
    searched = section(card, "What was searched")
    failed = sum(event.get("score", 0) is None for event in events)
    assert f"13 candidates were evaluated, {failed} of them failed" in searched
    assert "Strategy: OP-NAS, seed 0" in searched
    assert f"Cost: {max(event['elapsed'] for event in events) / 3600:.2f} hours with 1 process" in searched
    results = section(card, "Results")
    assert f"| {best['accuracy']:.4f} ± {best['standard_error']:.4f} |" in results
    assert f"| {bert['accuracy']:.4f} ± {bert['standard_error']:.4f} (a BERT of the same size) |" in results
    assert f"{sum(best['masked']):,} words of {len(best['masked']):,} held-out rows" in results
    read = read_search(run)
    assert "{:+.4f} ± {:.4f}".format(*read.scores["best"].difference(read.scores["bert"])) in results
    assert "then 6 steps of 8 rows of 32 tokens" in section(card, "Training")
    use = section(card, "Use")
    assert use.count('AutoModelForMaskedLM.from_pretrained("someone/first", revision="v1"') == 2
    assert "trust_remote_code=True" in use
    assert "arXiv:2107.07445" in section(card, "Citation") and f"version {__version__}" in section(card, "Citation")
    assert section(card, "Intended use and limits").strip()
    data = card.data
    assert (data.library_name, data.pipeline_tag, data.license, data.language) == (
        "transformers", "fill-mask", "apache-2.0", "en",
    )  # fmt: skip
    assert "nas" in data.tags and data.metrics == ["accuracy"] and data.get("base_model") is None
    (result,) = data.eval_results
    assert result.metric_value == pytest.approx(best["accuracy"], abs=1e-6)
    assert (data.model_name, result.metric_type, result.task_type) == ("first", "accuracy", "fill-mask")
    assert not (run / "hub" / ".eval_results").exists()  # no benchmark of the Hub


def test_the_baseline_of_a_search_has_a_card_of_its_own(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run / "bert")
    card = card_of(run / "bert")
    bert = next(event for event in journal(run) if event.get("name") == "bert")
    assert "# A small BERT" in card.text
    assert f"| {bert['accuracy']:.4f} ± {bert['standard_error']:.4f} |" in section(card, "Results")
    assert "(the backbone that the search found)" in section(card, "Results")


def test_a_search_by_tasks_tells_their_scores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = journal(run)
    events[0]["recipe"] |= {"proxy": "tasks", "tasks": ["rte", "bbc_topics"]}
    scores = {"best": (0.75, 0.02), "bert": (0.5, 0.03)}
    for event in events:
        if event["event"] == "trained":
            event["task_score"], event["task_error"] = scores[event["name"]]
    rewrite(run, events)
    stage(capsys, run)
    card = card_of(run)
    assert "fine-tuning on tasks (rte, bbc_topics; 100 steps on each), after 2" in section(card, "What was searched")
    assert (
        "| rte, bbc_topics | mean score after a short fine-tuning | 0.7500 ± 0.0200 | 0.5000 ± 0.0300 (a BERT of the "
        "same size) | the validation rows that chose the winner, which flatter it |"
    ) in section(card, "Results")
    assert [each.task_type for each in card.data.eval_results] == ["fill-mask"]


def test_pages_name_files_and_not_where_they_lie(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run, "--push-history", "someone/search")
    text = journal(run)[0]["recipe"]["text"]
    assert Path(text[0]).is_absolute()
    for place in (run / "hub", run / "hub-history"):
        for file in place.rglob("*"):
            if file.is_file():
                assert str(Path(text[0]).parent).encode() not in file.read_bytes(), file
        assert yaml.safe_load((place / "recipe.yaml").read_text())["text"] == ["news.txt"]
        events = journal(place)
        assert events[1:] == journal(run)[1:]
    assert without_places({"a": ["/x/one/train.txt", "/x/two/train.txt"], "b": "/x/y", "c": ["runs/a", 3]}) == {
        "a": ["one/train.txt", "two/train.txt"], "b": "y", "c": ["runs/a", 3],
    }  # fmt: skip


def test_the_history_has_a_row_for_each_candidate(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage(capsys, run, "--push-history", "someone/search")
    rows = load_dataset(str(run / "hub-history"), split="train", cache_dir=str(tmp_path / "cache"))
    candidates = sorted((e for e in journal(run) if e["event"] == "candidate"), key=lambda e: e["number"])
    assert rows.to_list() == [{name: each[name] for name in rows.column_names} for each in candidates]
    assert {"number", "layers", "score", "standard_error", "parent", "failure", "seconds"} <= set(rows.column_names)


FINE_TUNED = {
    "model": "runs/none", "task": "stsb", "dataset": "nyu-mll/glue", "dataset_config": "stsb", "pearson": 0.81,
    "spearman": 0.79, "score": 0.8, "standard_error": 0.0125, "baseline": 0.0, "rows": 1500, "epochs": 3.0,
    "learning_rate": 5e-4, "seed": 0, "trials": [{"seed": 0, "score": 0.8}],
}  # fmt: skip
SPANS = {
    "model": "runs/none", "task": "squad", "dataset": "rajpurkar/squad", "exact_match": 0.5, "f1": 0.625,
    "score": 0.625, "standard_error": 0.01, "baseline": 0.02, "rows": 900,
}  # fmt: skip
PRE_TRAINED = {
    "objective": "masked words", "whole_word_masking": True, "teacher": None,
    "text": "/home/me/brown.txt, /home/me/more.txt", "started_from": "model /home/me/none",
    "steps": 1000, "learning_rate": 1e-3, "seconds": 12.5, "held_out_rows": 300,
    "masked_words": 5000, "accuracy": 0.25, "accuracy_standard_error": 0.003, "accuracy_baseline": 0.06, "loss": 4.5,
    "loss_standard_error": 0.02, "loss_baseline": 6.5, "layers": ["conv(3)"],
    "loss_curve": [[500, 5.5], [1000, 4.5]],
    "options": {"seed": 0, "text": ["/home/me/brown.txt", "/home/me/more.txt"], "model": "/home/me/none"},
}  # fmt: skip


@pytest.fixture
def model(tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    AutoBertZeroForSequenceClassification(tiny_config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write(folder: Path, name: str, facts: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(facts))


def test_a_fine_tuned_model_brings_its_result_to_the_card_and_to_the_benchmark(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(model, "result.json", FINE_TUNED)
    stage(capsys, model, "--base-model", "someone/first")
    card = card_of(model)
    assert "| stsb | mean of pearson and spearman | 0.8000 ± 0.0125 | 0.0000 (the same answer to all) |" in card.text
    assert "| learning rate | 0.0005 |" in section(card, "Training")
    data = card.data
    assert (data.pipeline_tag, data.datasets, data.base_model) == (
        "text-classification", ["nyu-mll/glue"], "someone/first",
    )  # fmt: skip
    # Each value under its own metric; their mean is none of the Hub's.
    assert [(each.metric_type, each.metric_value) for each in data.eval_results] == [
        ("pearsonr", 0.81),
        ("spearmanr", 0.79),
    ]
    assert {(each.dataset_type, each.dataset_config) for each in data.eval_results} == {("nyu-mll/glue", "stsb")}
    written = yaml.safe_load((model / "hub" / ".eval_results" / "autobert-zero.yaml").read_text())
    (entry,) = parse_eval_result_entries(written)
    assert (entry.dataset_id, entry.task_id, entry.value) == ("nyu-mll/glue", "stsb", 0.8)
    assert entry.notes == "mean of pearson and spearman, standard error 0.0125, 1,500 held-out rows"
    assert json.loads((model / "hub" / "result.json").read_text()) == FINE_TUNED
    write(model, "result.json", {**FINE_TUNED, "standard_error": None})  # of a single row
    stage(capsys, model)
    assert "| stsb | mean of pearson and spearman | 0.8000 ± unknown | 0.0000" in card_of(model).text
    assert "standard error unknown" in (model / "hub" / ".eval_results" / "autobert-zero.yaml").read_text()


def test_spans_and_pre_training_and_a_grid(
    model: Path, tiny_config: AutoBertZeroConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    AutoBertZeroForQuestionAnswering(tiny_config).save_pretrained(model)
    write(model, "result.json", SPANS)
    write(model, "pretraining.json", PRE_TRAINED)
    grid = {
        "models": ["elsewhere", str(model)],
        "tasks": {"rte": {"metric": "accuracy", "rows": 277, "baseline": 0.53, "dataset": None}},
        "results": [
            {"model": name, "task": "rte", "score": score, "standard_error": None, "rows_standard_error": 0.03,
             "seeds": 1, "values": {"accuracy": score}}
            for name, score in (("elsewhere", 0.9), (str(model), 0.6))
        ],
    }  # fmt: skip
    write(tmp_path, "evaluation.json", grid)
    stage(capsys, model, "--evaluation", str(tmp_path / "evaluation.json"))
    card = card_of(model)
    results = section(card, "Results")
    assert "| squad | f1 | 0.6250 ± 0.0100 | 0.0200 (the same answer to all) | 900 held-out rows |" in results
    assert "| masked words | accuracy | 0.2500 ± 0.0030 | 0.0600 (the most frequent word) | 5,000 words of" in results
    assert "| masked words | loss | 4.5000 ± 0.0200 | 6.5000 (each word by its frequency) |" in results
    assert "| rte | accuracy | 0.6000 ± 0.0300 | 0.5300 (the same answer to all) | 277 held-out rows, fine" in results
    assert "0.9" not in results
    assert "5,000 words of 300 held-out rows of brown.txt, more.txt |" in results
    assert {each.dataset_name for each in card.data.eval_results} == {"squad", "brown.txt, more.txt", "rte"}
    assert not [file for file in (model / "hub").rglob("*") if file.is_file() and b"/home/me" in file.read_bytes()]
    assert "loss curve" not in card.text
    assert "| whole word masking | yes |" in section(card, "Training")
    assert card.data.pipeline_tag == "question-answering"
    assert "AutoModelForQuestionAnswering" in section(card, "Use")


def test_a_model_made_from_a_winner_tells_of_its_search(
    run: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroForSequenceClassification(AutoConfig.from_pretrained(run / "best")).save_pretrained(model)
    write(model, "result.json", {**FINE_TUNED, "model": str(run / "best")})
    (run / "energy.json").write_text('{"kilowatt_hours": 0.0125, "hours": 99, "measured_by": "codecarbon 3.3.2"}')
    stage(capsys, model, "--push-history", "someone/search")
    card = card_of(model)
    searched = section(card, "What was searched")
    assert "13 candidates were evaluated" in searched
    assert "and 0.013 kWh of the whole machine (estimated by codecarbon 3.3.2)" in searched
    assert "[someone/search](https://huggingface.co/datasets/someone/search)" in searched
    assert "a BERT of the same size" not in card.text, "that is the winner's score, not this model's"
    assert (model / "hub" / "journal.jsonl").exists() and (model / "hub-history").exists()


def test_a_model_tells_of_all_that_was_trained_before_it(
    run: Path, model: Path, tokenizer: BertTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fine-tuned from a model that was pre-trained from the winner; its backbone is the winner's."""
    winner = AutoConfig.from_pretrained(run / "best")
    pretrained = tmp_path / "pretrained"
    for folder in (pretrained, model):
        AutoBertZeroForSequenceClassification(winner).save_pretrained(folder)
    tokenizer.save_pretrained(pretrained)
    options = {"model": str(run / "best"), "dataset": "someone/text"}
    write(pretrained, "pretraining.json", {**PRE_TRAINED, "text": "someone/text", "options": options})
    write(model, "result.json", {**FINE_TUNED, "model": str(pretrained)})
    stage(capsys, model)
    card = card_of(model)
    training = section(card, "Training")
    told = (
        "then 6 steps of 8 rows of 32 tokens",
        "Pre-training, by masked",
        "| text | someone/text |",
        "Fine-tuning on",
    )
    assert [training.index(each) for each in told] == sorted(training.index(each) for each in told)
    assert "13 candidates were evaluated" in section(card, "What was searched")
    assert card.data.datasets == ["nyu-mll/glue", "someone/text"]
    assert "masked words" not in section(card, "Results"), "that was measured of the model before"


def test_what_is_made_from_the_baseline_was_not_found_by_the_search(
    run: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroForSequenceClassification(AutoConfig.from_pretrained(run / "bert")).save_pretrained(model)
    write(model, "result.json", {**FINE_TUNED, "model": str(run / "bert")})
    stage(capsys, model)
    card = card_of(model)
    assert "found among" not in card.text and "What was searched" not in card.text
    assert "of news.txt: weights inherited from a super-net" in section(card, "Training")
    assert not (model / "hub" / "journal.jsonl").exists()
    assert main(["push", str(model), "someone/x", "--dry-run", "--push-history", "someone/y"]) == 1


def test_a_model_of_which_nothing_is_known(
    model: Path, tiny_config: AutoBertZeroConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroModel(tiny_config).save_pretrained(model)
    stage(capsys, model)
    card = card_of(model)
    assert "is not recorded" in section(card, "Training")
    assert section(card, "Results").strip() == "None are recorded."
    assert "What was searched" not in card.text
    assert (card.data.pipeline_tag, card.data.eval_results) == ("feature-extraction", None)


def bad_beginnings(model: Path, tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    (tmp_path / "empty").mkdir()
    grid = tmp_path / "grid.json"
    grid.write_text('{"models": ["runs/other"], "tasks": {}, "results": []}')
    return {
        "no folder": ([str(tmp_path / "none"), "someone/x"], "is not a folder"),
        "an empty folder": ([str(tmp_path / "empty"), "someone/x"], "holds neither a search"),
        "half a name": ([str(model), "x"], "the user or organisation is missing"),
        "a name": ([str(model), "someone/a/b"], "is no name of a page on the Hub"),
        "a history of nothing": ([str(model), "someone/x", "--push-history", "someone/y"], "--push-history"),
        "attempts": ([str(model), "someone/x", "--attempts", "0"], "attempts must be at least 1"),
        "a grid of others": ([str(model), "someone/x", "--evaluation", str(grid)], "is of other models (runs/other)"),
        "no grid": ([str(model), "someone/x", "--evaluation", str(tmp_path / "no.json")], "no.json cannot be read"),
    }


def test_bad_input_is_refused_in_a_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, (words, reason) in bad_beginnings(model, tmp_path).items():
        assert main(["push", *words, "--dry-run"]) == 1, name
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1 and reason in said, (name, said)
    assert not (model / "hub").exists()


FOLDERS = (
    "cut", "lacking", "mute", "other", "damaged", "unknown", "nan", "dropped", "adapter", "pickle", "code", "out",
    "index", "link",
)  # fmt: skip


def unusable(run: Path, model: Path, tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """Folders by what is wrong with them."""
    folders = {name: shutil.copytree(model, tmp_path / name) for name in FOLDERS}
    weights = folders["cut"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    some = load_file(model / "model.safetensors")
    save_file({name: some[name] for name in list(some)[3:]}, folders["lacking"] / "model.safetensors", {"format": "pt"})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folders["mute"] / name).unlink()
    BertConfig().save_pretrained(folders["other"])
    (folders["damaged"] / "result.json").write_text("{")
    config = folders["unknown"] / "config.json"
    config.write_text(config.read_text().replace("AutoBertZeroForSequenceClassification", "BertModel"))
    name, weight = next(iter(some.items()))
    save_file({**some, name: weight.log()}, folders["nan"] / "model.safetensors", {"format": "pt"})
    save_file({**some, "extra": weight.clone()}, folders["dropped"] / "model.safetensors", {"format": "pt"})
    (folders["adapter"] / "adapter_config.json").write_text("{}")
    for each in ("pickle", "code", "out", "index"):
        (folders[each] / "model.safetensors").unlink()
    (folders["pickle"] / "pytorch_model.bin").write_bytes(b"\x80\x02not of torch")
    torch.save({"weight": Path}, folders["code"] / "pytorch_model.bin")
    index = json.dumps({"metadata": {}, "weight_map": dict.fromkeys(some, "../../..")})
    (folders["out"] / "model.safetensors.index.json").write_text(index)
    (folders["index"] / "model.safetensors.index.json").write_text("[1]")
    (tmp_path / "private.txt").write_text("{{ messages }} private")
    (folders["link"] / "chat_template.jinja").symlink_to(tmp_path / "private.txt")
    unfinished = shutil.copytree(run, tmp_path / "unfinished")
    lines = (unfinished / "journal.jsonl").read_text().splitlines(keepends=True)
    (unfinished / "journal.jsonl").write_text("".join(lines[:-1]))
    old, damaged, metered = (shutil.copytree(run, tmp_path / name) for name in ("old", "damaged-journal", "metered"))
    events = journal(run)
    rewrite(old, [{**events[0], "version": 1}, *events[1:]])
    (damaged / "journal.jsonl").write_text("".join(lines).replace('"correct":', '"corect":'))
    (metered / "energy.json").write_text('{"kilowatt_hours": 1}')
    return {
        "cut": (folders["cut"], "cannot be loaded"),
        "lacking": (folders["lacking"], "3 are missing or of another shape"),
        "mute": (folders["mute"], "holds no tokenizer"),
        "other": (folders["other"], "holds a bert model, and not one of this package"),
        "damaged": (folders["damaged"], "result.json is damaged"),
        "unknown": (folders["unknown"], "names BertModel in architectures"),
        "nan": (folders["nan"], f"in {name} are NaN or infinite"),
        "dropped": (folders["dropped"], "has no place for (extra), and that would be lost"),
        "adapter": (folders["adapter"], "holds an adapter of PEFT"),
        "pickle": (folders["pickle"], "pytorch_model.bin is damaged, or a pickle of more than weights"),
        "code": (folders["code"], "pytorch_model.bin is damaged, or a pickle of more than weights"),
        "out": (folders["out"], "model.safetensors.index.json names '../../..' as a file of weights"),
        "index": (folders["index"], "model.safetensors.index.json is no index of weights"),
        "link": (folders["link"], f"chat_template.jinja is a link to {tmp_path / 'private.txt'}, outside of the"),
        "unfinished": (unfinished, "is not finished: run it to its end"),
        "old": (old, "is a journal of version 1, not of 2 or 3: use the version of this package"),
        "damaged journal": (damaged, f"line {len(lines) - 2}, is damaged (its checksum is another one"),
        "metered": (metered, "energy.json lacks kilowatt_hours, hours or measured_by"),
    }


def test_what_is_not_whole_is_refused_in_a_line(
    run: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (folder, reason) in unusable(run, model, tmp_path).items():
        assert main(["push", str(folder), "someone/x", "--dry-run"]) == 1, name
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("error: ") and reason in said, (name, said)
        assert not (folder / "hub").exists() and "not foreseen" not in said


def test_links_within_a_folder_and_those_of_the_hubs_cache_are_followed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "models--someone--first"
    snapshot, blobs = page / "snapshots" / "0123abcd", page / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate([*model.iterdir()]):
        file.rename(blobs / str(number))
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    (snapshot / "vocab.txt").symlink_to("tokenizer.json")
    stage(capsys, snapshot)
    assert (snapshot / "hub" / "model.safetensors").is_file()
    (page / "refs").write_text("another file of the cache")
    (snapshot / "notes.txt").symlink_to("../../refs")
    assert main(["push", str(snapshot), "someone/first", "--dry-run"]) == 1
    assert "notes.txt is a link to" in capsys.readouterr().err


def test_a_space_takes_no_files_from_elsewhere(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private, journal_file = tmp_path / "private.txt", run / "journal.jsonl"
    shutil.copy(journal_file, private)
    for file in (journal_file, run / "bert" / "chat_template.jinja"):
        file.unlink(missing_ok=True)
        file.symlink_to(private)
        assert main(["explore", str(run), "--push-space", "someone/first", "--dry-run"]) == 1
        assert f"{file} is a link to {private}" in capsys.readouterr().err
        assert not (run / "hub-space").exists()
        file.unlink()
        shutil.copy(private, journal_file)


def test_a_page_takes_its_place_once_it_is_whole(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(capsys, model)
    before = (model / "hub" / "README.md").read_bytes()
    write(model, "result.json", {**FINE_TUNED, "rows": "many"})  # which the card cannot tell
    assert main(["push", str(model), "someone/x", "--dry-run"]) == 1
    assert f"a card cannot be made of what lies in {model} (result.json: ValueError" in capsys.readouterr().err
    assert (model / "hub" / "README.md").read_bytes() == before
    assert sorted(path.name for path in model.glob(".*")) == [".hub.lock"]


def test_a_folder_that_is_not_of_a_push_stays(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "hub").mkdir()
    (model / "hub" / "notes.txt").write_text("mine")
    assert main(["push", str(model), "someone/x", "--dry-run"]) == 1
    assert "is not of an earlier push, and what it holds would be lost" in capsys.readouterr().err
    assert [file.name for file in (model / "hub").iterdir()] == ["notes.txt"]


def test_where_a_page_is_written_no_link_is_followed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "backbone.svg").write_text("mine")
    (model / ".hub.partial").symlink_to(tmp_path / "there")
    for target in (tmp_path / "there", tmp_path / "nowhere"):
        (model / "hub").symlink_to(target)
        assert main(["push", str(model), "someone/x", "--dry-run"]) == 1
        assert f"{model / 'hub'} is a link to {target}" in capsys.readouterr().err
        (model / "hub").unlink()
    stage(capsys, model)
    assert not (model / "hub").is_symlink() and (model / "hub" / "config.json").is_file()
    assert [file.read_text() for file in (tmp_path / "there").iterdir()] == ["mine"]


HOSTILE = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `b` | c.txt"


def test_what_a_card_tells_of_others_is_text(run: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = journal(run)
    events[0]["recipe"]["text"] = [HOSTILE]
    rewrite(run, events)
    (run / "energy.json").write_text(json.dumps({"kilowatt_hours": 1, "hours": 1, "measured_by": HOSTILE}))
    stage(capsys, run, "--push-history", "someone/search", "--tag", "v1", "--revision", "a'b")
    assert main(["explore", str(run), "--push-space", "someone/space", "--dry-run"]) == 0
    write(model, "result.json", {**FINE_TUNED, "task": HOSTILE, HOSTILE: HOSTILE})
    write(model, "pretraining.json", {**PRE_TRAINED, "teacher": HOSTILE, "options": {"text": [HOSTILE]}})
    stage(capsys, model)
    for place in (run / "hub", run / "hub-history", run / "hub-space", model / "hub"):
        card = (place / "README.md").read_text().split("---\n", 2)[2]
        assert "&#60;img src=x onerror=alert(1)&#62; &#91;a&#93;(javascript:alert(1)) &#96;b&#96; &#124; c.txt" in card
        assert "<img" not in card and "](javascript" not in card and "`b`" not in card
    rows = [line for line in section(card_of(model), "Results").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}


def test_names_of_branches_and_tags_are_looked_at_first(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the rules of `git check-ref-format`."""
    refused = [
        "", " ", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "-x", "/a", "a/", "a//b", ".a", "a/.b",
        "a.", "a.lock", "a.lock/b", "@", "a@{b", "HEAD", "refs/heads/a", "a\tb", "a\x7f", "0" * 40, "x" * 300,
    ]  # fmt: skip
    for option in ("--tag", "--revision"):
        for name in refused:
            assert main(["push", str(model), "someone/x", "--dry-run", f"{option}={name}"]) == 1, name
            said = capsys.readouterr().err
            assert said.startswith(f"error: {option} {name[:80]!r} cannot name a branch or a tag") and len(said) < 300
    assert not (model / "hub").exists()
    stage(capsys, model, "--revision", 'a"b/v1.0-x_y')
    assert 'revision="a\\"b/v1.0-x_y"' in (model / "hub" / "README.md").read_text()


def test_one_push_of_a_folder_at_a_time(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, model)
    with FileLock(model / ".hub.lock"):
        done = Piped(["push", model, "someone/x", "--dry-run"]).end()
        assert done == (1, "", f"error: another push of {model} is under way: let it end, then push again\n")
    stage(capsys, model)


def test_without_a_token_nothing_is_begun(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert main(["push", str(model), "someone/x"]) == 1
    assert "there is no token for the Hub: log in with `hf auth login`" in capsys.readouterr().err
    assert not (model / "hub").exists()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert main(["push", str(model), "someone/x"]) == 1  # the tests are offline
    said = capsys.readouterr().err
    assert "HF_HUB_OFFLINE is set: unset it" in said and "hf_secret" not in said
    assert AutoConfig.from_pretrained(model / "hub").layers
