"""The grid of an evaluation, its table and its picture."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.claims import ReplacedError
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.tasks.spans import SpanOptions
from autobert_zero_hf.training.finetuning.evaluation import Grid
from autobert_zero_hf.training.finetuning.evaluation_report import as_markdown, as_picture, short_names
from autobert_zero_hf.training.finetuning.training import FineTuningOptions
from tests.task_folders import write_demo_tasks
from tests.terminal import kill_when, run_together


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", load_demo().select(range(0, 2125, 20)))


@pytest.fixture(scope="module")
def models(
    tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, layers in (("hybrid", tiny_settings["layers"]), ("convolution", ["conv(3)", "conv(3)"])):
        config = AutoBertZeroConfig(**{**tiny_settings, "layers": layers, "classifier_pooling": "mean"})
        AutoBertZeroForMaskedLM(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return [str(folder / "hybrid"), str(folder / "convolution")]


MakeGrid = Callable[..., Grid]


@pytest.fixture
def make_grid(models: list[str], data: Path, tmp_path: Path) -> MakeGrid:
    def make(tasks: tuple[str, ...] = ("mrpc", "long_words"), **options: Any) -> Grid:
        loaded = [load_task(name, folder=data) for name in tasks]
        grid = Grid(tmp_path / "grid", models, loaded, FineTuningOptions(**options), SpanOptions(), 3)
        grid.close()
        return grid

    return make


def write_cells(grid: Grid, result: Callable[[Any], dict[str, Any]]) -> None:
    """Fill a grid without training."""
    rows = [json.dumps({"cell": cell.identity, "result": result(cell)}) + "\n" for cell in grid.cells]
    (grid.folder / "cells.jsonl").write_text("".join(rows))


def test_the_table_by_hand(make_grid: MakeGrid, models: list[str]) -> None:
    """Two learning rates, three seeds: the rate of the highest mean is taken, and what diverged is counted."""
    options = {"learning_rate": [1e-3, 1e-2], "epochs": [2.0]}

    def result(cell: Any) -> dict[str, Any]:
        if cell.task == "long_words" and cell.model == models[1]:
            return {"scores": {}, "diverged": True}
        if cell.seed == 2 and cell.model == models[1]:
            return {"scores": {}, "diverged": True}
        score = 0.1 * cell.seed + (0.5 if cell.trial.learning_rate == 1e-2 else 0.3)
        return {"scores": {cell.task: {"f1": score, "score": score, "standard_error": 0.05}}, "seconds": 2.0}

    write_cells(make_grid(**options), result)
    grid = make_grid(**options)
    summary = grid.summary()
    assert (summary["cells"], summary["cells_done"], len(grid.cells)) == (24, 24, 24)
    assert summary["seconds"] == 2.0 * (12 + 4)
    first, second, third, fourth = summary["results"]
    # Of 0.5, 0.6, 0.7: the mean 0.6, and 0.1 / sqrt(3).
    assert (first["model"], first["task"], first["learning_rate"], first["trials"]) == (models[0], "mrpc", 1e-2, 2)
    assert first["scores"] == pytest.approx([0.5, 0.6, 0.7])
    assert (first["score"], first["standard_error"]) == pytest.approx((0.6, 0.1 / math.sqrt(3)))
    assert first["rows_standard_error"] == pytest.approx(0.05)
    assert first["values"] == {"f1": pytest.approx(0.6)}
    # Of 0.5, 0.6, the third having diverged: 0.55, and 0.05 * sqrt(2) / sqrt(2).
    assert (second["score"], second["standard_error"], second["diverged"]) == pytest.approx((0.55, 0.05, 1))
    assert third["task"] == "long_words"
    assert (fourth["score"], fourth["diverged"]) == (None, 3)
    # The mean over tasks of the first model: 0.6 twice, errors of 0.0577 each.
    (mean,) = summary["means"]
    assert mean["model"] == models[0]
    assert (mean["score"], mean["standard_error"]) == pytest.approx((0.6, 0.1 / math.sqrt(3) / math.sqrt(2)))
    assert summary["tasks"]["mrpc"]["baseline"] == grid.tasks["mrpc"].baseline > 0
    assert summary["tasks"]["mrpc"]["metric"] == "accuracy and F1"

    table = as_markdown(summary).splitlines()
    assert table[0] == "| task | score | rows | constant answer | hybrid | convolution |"
    rows, baseline = len(grid.tasks["mrpc"].validation), grid.tasks["mrpc"].baseline
    assert table[2] == (
        f"| mrpc | accuracy and F1 | {rows} | {baseline:.3f} | 0.600 ± 0.058 (0.050) | "
        "0.550 ± 0.050 (0.050), 1 diverged |"
    )
    assert table[3].endswith("| 0.000 | 0.600 ± 0.058 (0.050) | diverged |")
    other = summary["tasks"]["long_words"]["metric"]
    assert table[4] == f"| mean | accuracy and F1; {other} | | | 0.600 ± 0.041 |  |"
    assert any(line.startswith("The mean is of scores that are not alike") for line in table)
    alike = {**summary, "tasks": dict.fromkeys(summary["tasks"], summary["tasks"]["mrpc"])}
    assert "| mean | | | | 0.600 ± 0.041 |  |" in as_markdown(alike) and "not alike" not in as_markdown(alike)
    assert "- mrpc, hybrid: learning rate 0.01, batch 16, 2 epochs, best of 2 trials" in table
    picture = ElementTree.fromstring(as_picture(summary))
    texts = ["".join(text.itertext()).strip() for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"hybrid", "convolution", "a constant answer", "mrpc", "long_words", other} <= set(texts)
    assert (texts.count("0.600"), texts.count("0.550")) == (2, 1)


def test_a_table_of_half_the_cells_says_so(make_grid: MakeGrid) -> None:
    grid = make_grid(tasks=("mrpc",))
    write_cells(grid, lambda cell: {"scores": {"mrpc": {"score": 0.5, "standard_error": None}}})
    lines = (grid.folder / "cells.jsonl").read_text().splitlines(keepends=True)
    (grid.folder / "cells.jsonl").write_text(lines[0])
    summary = make_grid(tasks=("mrpc",)).summary()
    assert summary["results"][0]["standard_error"] is None
    assert len(summary["results"]) == 1
    assert summary["means"] == []
    markdown = as_markdown(summary)
    assert "**1 of 6 fine-tunings are done.**" in markdown
    assert "| 0.500 ± unknown (unknown) |  |" in markdown
    as_picture(summary)
    as_picture(make_grid(tasks=("topics",)).summary())


def test_a_cell_is_known_again_by_all_that_it_depends_on(make_grid: MakeGrid, models: list[str], data: Path) -> None:
    grid = make_grid(tasks=("mrpc",))
    write_cells(grid, lambda cell: {"scores": {"mrpc": {"score": 0.5, "standard_error": 0.1}}})

    def done(**options: Any) -> int:
        return make_grid(tasks=("mrpc",), **options).summary()["cells_done"]

    assert done() == 6
    assert done(seed=1) == 4, "two seeds are the same"
    for change in (
        {"max_length": 32},
        {"epochs": [1.0]},
        {"patience": 2},
        {"train_rows": 20},
        {"group_by_length": False},
    ):
        assert done(**change) == 0, change
    weights = Path(models[0]) / "model.safetensors"
    before = weights.read_bytes()
    try:
        weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert done() == 3, "the cells of the other model"
    finally:
        weights.write_bytes(before)
    assert done() == 6


def test_a_cell_is_known_again_wherever_its_model_lies(
    make_grid: MakeGrid, models: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = make_grid(tasks=("mrpc",))
    write_cells(grid, lambda cell: {"scores": {"mrpc": {"score": 0.5, "standard_error": 0.1}}})
    shutil.copytree(models[1], tmp_path / "copy")
    monkeypatch.chdir(Path(models[0]).parent)
    task = [load_task("mrpc", folder=data)]
    again = Grid(grid.folder, ["./hybrid/", str(tmp_path / "copy")], task, FineTuningOptions(), SpanOptions(), 3)
    again.close()
    assert again.summary()["cells_done"] == 6
    assert [row["model"] for row in again.summary()["results"]] == ["./hybrid/", str(tmp_path / "copy")]


def test_short_names_tell_models_apart() -> None:
    assert short_names(["a/b/best", "bert"]) == {"a/b/best": "best", "bert": "bert"}
    assert short_names(["a/x/best", "b/x/best"]) == {"a/x/best": "a/x/best", "b/x/best": "b/x/best"}


def test_damage_and_company_are_refused(make_grid: MakeGrid, models: list[str], data: Path) -> None:
    grid = make_grid(tasks=("mrpc",))
    write_cells(grid, lambda cell: {"scores": {}})
    with (grid.folder / "cells.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(AutoBertZeroError, match=r"cells.jsonl, line 7, is damaged"):
        make_grid(tasks=("mrpc",))
    (grid.folder / "cells.jsonl").unlink()
    task = [load_task("mrpc", folder=data)]
    first = Grid(grid.folder, models, task, FineTuningOptions(), SpanOptions(), 1)
    with pytest.raises(AutoBertZeroError, match="another process is at work"):
        Grid(grid.folder, models, task, FineTuningOptions(), SpanOptions(), 1)
    first.close()


def test_cells_are_not_written_to_the_grid_of_another(models: list[str], data: Path, tmp_path: Path) -> None:
    folder, task = tmp_path / "grid", load_task("mrpc", folder=data)
    grid = Grid(folder, models[:1], [task], FineTuningOptions(epochs=[0.1]), SpanOptions(), 3)

    def take(_: Any) -> None:
        (folder / "cells.jsonl").unlink()
        (folder / "cells.jsonl").write_text("of another\n")

    with pytest.raises(ReplacedError, match=r"cells\.jsonl was replaced while this process wrote to it, and its 1 "):
        grid.fill(take)
    assert (folder / "cells.jsonl").read_text() == "of another\n"
    grid.close()


def without_seconds(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
    for row in rows:
        assert row["result"].pop("seconds") > 0
    return rows


def test_an_evaluation_that_was_killed_goes_on(
    models: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--models", models[0], "--data", str(data), "--tasks", "topics", "long_words", "--seeds", "2"]
    # With groups both seeds say the same of all topics, which has no error.
    words += ["--max-length", "32", "--epochs", "1", "--learning-rate", "0.003", "--no-group-by-length", "--output-dir"]
    folder = tmp_path / "killed"
    cells = folder / "cells.jsonl"
    kill_when(lambda: cells.exists() and cells.read_bytes().count(b"\n") >= 1, [*words, str(folder)])
    before = cells.read_bytes()
    done = before.count(b"\n")
    assert 1 <= done < 4
    with cells.open("ab") as file:
        file.write(b'{"cell": {"mod')  # as if it had been killed while it wrote
    assert main([*words, str(folder)]) == 0
    printed = capsys.readouterr().err
    assert f"; 4 fine-tunings, {done} of them there already\n" in printed
    assert printed.count(", seed ") == 4 - done
    assert cells.read_bytes().startswith(before[: before.rindex(b"\n") + 1])
    assert main([*words, str(tmp_path / "unbroken")]) == 0
    assert without_seconds(folder) == without_seconds(tmp_path / "unbroken")
    names = {file.name for file in folder.iterdir()}
    assert names == {*("cells.jsonl", ".cells.jsonl.lock"), *(f"evaluation.{end}" for end in ("json", "md", "svg"))}
    summary = json.loads((folder / "evaluation.json").read_text())
    assert summary["cells"] == summary["cells_done"] == 4
    assert {(row["task"], row["seeds"]) for row in summary["results"]} == {("topics", 2), ("long_words", 2)}
    assert all(row["standard_error"] is not None for row in summary["results"])
    assert "| long_words | Pearson and Spearman | 22 | 0.000 |" in (folder / "evaluation.md").read_text()


def test_two_processes_come_to_the_scores_of_one(models: list[str], data: Path, tmp_path: Path) -> None:
    """They share the rows of each step, and one of them writes."""
    model = AutoBertZeroForMaskedLM.from_pretrained(
        models[0], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model.save_pretrained(tmp_path / "model")
    BertTokenizer.from_pretrained(models[0]).save_pretrained(tmp_path / "model")
    words = ["evaluate", "--models", str(tmp_path / "model"), "--data", str(data), "--tasks", "long_words"]
    words += ["--seeds", "1", "--max-length", "32", "--epochs", "1", "--learning-rate", "0.003"]
    words += ["--train-rows", "80", "--output-dir"]  # whole batches: what a last one lacks is filled up
    ended, said = run_together(2, [*words, str(tmp_path / "two")])
    assert ended == 0, said
    assert said.count("Written: ") == 1
    assert main([*words, str(tmp_path / "one")]) == 0
    (one,), (two,) = without_seconds(tmp_path / "one"), without_seconds(tmp_path / "two")
    assert one["cell"] == two["cell"]
    scores = one["result"]["scores"]["long_words"]
    assert scores["score"] != 0
    assert two["result"]["scores"]["long_words"] == pytest.approx(scores, rel=1e-3)


def test_what_cannot_be_evaluated_is_said_before_the_work(
    models: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--data", str(data), "--output-dir", str(tmp_path / "out"), "--models", models[0]]
    for more, reason in (
        ([str(tmp_path / "none"), "--tasks", "mrpc"], "none': there is no such folder"),
        (["--tasks", "mrpc", "sst2"], "unknown task 'sst2': in"),
        (["--tasks", "mrpc", "--max-length", "65"], "takes 64 tokens at most"),
        (["--tasks", "mrpc", "--seeds", "0"], "seeds must be at least 1"),
        (["--tasks", "mrpc", "--seed", str(2**32 - 2)], "the last seed would be above 4294967295"),
        (["--tasks", "mrpc", "--no-answer-threshold", "inf"], "no_answer_threshold must be a number, not inf"),
        (
            ["--tasks", "mrpc", "topics", "--data", str(data / "mrpc")],
            f"{data / 'mrpc'} is one data set: give one name for its task, or all, and not 2",
        ),
        (["--tasks", "mrpc", "--learning-rate", "-1"], "learning_rate must be at least 0"),
    ):
        assert main([*words, *more]) == 1
        captured = capsys.readouterr()
        assert reason in captured.err
        assert ", seed" not in captured.err
    assert not (tmp_path / "out" / "cells.jsonl").exists()
