"""What is refused before a page is made, what is never followed, and what others wrote is text."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, BertConfig

from autobert_zero_hf.commands.main import main
from tests.search.small_search import journal, rewrite
from tests.terminal import Piped

from .staging import FINE_TUNED, PRE_TRAINED, card_of, section, stage, write


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
