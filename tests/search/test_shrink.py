"""Sizes for several budgets, as a user runs it: a super-net, a search a budget, models that load, and their table."""

import json
import os
import re
import shutil
from argparse import ArgumentParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from autobert_zero_hf.search.latency.band import LatencyBand
from autobert_zero_hf.search.publish.description import final_training
from autobert_zero_hf.search.publish.facts import read_facts
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.limits import make_proposing
from autobert_zero_hf.search.run.super_net_shrink import ShrinkOptions, budgets_of
from autobert_zero_hf.search.space.sizes import Sizes
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    MPNetConfig,
)

from autobert_zero_hf import architecture
from autobert_zero_hf.api.shrink import chosen_recipe
from autobert_zero_hf.commands.help import HelpParser
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.commands.shrink import add_parser
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from tests.task_folders import write_demo_tasks
from tests.terminal import kill_when, run, run_together

from .small_search import in_order, journal, often_saving, without_times

OPTIONS = {
    "vocab-size": 800,
    "sequence-length": 32,
    "num-layers": 2,
    "hidden-size": 32,
    "num-attention-heads": 2,
    "intermediate-size": 64,
    "min-hidden-size": 8,
    "hidden-step": 8,
    "min-intermediate-size": 16,
    "intermediate-step": 16,
    "supernet-steps": 10,
    "supernet-batch-size": 4,
    "backbones-per-step": 3,
    "population": 4,
    "parents": 2,
    "evaluation-rows": 40,
    "candidates": 6,
    "final-steps": 4,
    "final-batch-size": 4,
    "mixed-precision": "no",
    "latency-samples": 20,
    "latency-passes": 4,
    "latency-tokens": 32,
}
BUDGETS = ("--max-parameters", "12000", "6000")


def words(text: Path, folder: Path, *more: str) -> list[str]:
    sizes = [word for name, value in OPTIONS.items() for word in (f"--{name}", str(value))]
    return ["shrink", "--method", "super-net", "--output-dir", str(folder), "--text", str(text), *sizes, *more]


def shrink(text: Path, folder: Path, *more: str, status: int = 0) -> str:
    ended, said = run(words(text, folder, *more))
    assert ended == status, said
    return said


@pytest.fixture(scope="module")
def shrunk(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shrunk") / "small"
    shrink(text, folder, *BUDGETS)
    return folder


def test_each_budget_has_a_model_that_loads_and_keeps_to_it(shrunk: Path) -> None:
    facts = json.loads((shrunk / "shrink.json").read_text())
    assert [row["budget"] for row in facts["budgets"]] == ["12000-parameters", "6000-parameters"]
    tokenizer = AutoTokenizer.from_pretrained(shrunk / "12000-parameters" / "best")
    for row, most in zip(facts["budgets"], (12_000, 6_000), strict=True):
        for name in ("best", "scratch"):
            model = AutoModelForMaskedLM.from_pretrained(shrunk / row["budget"] / name)
            config = model.config
            assert {size: getattr(config, size) for size in row["sizes"]} == row["sizes"]
            assert model.num_parameters() == row["parameters"]
            assert sum(p.numel() for p in model.base_model.layers.parameters()) <= most
            assert model(**tokenizer("A budget.", return_tensors="pt")).logits.isfinite().all()
    markdown = (shrunk / "shrink.md").read_text()
    assert all(f"| {row['budget']} |" in markdown for row in facts["budgets"])
    assert ElementTree.parse(shrunk / "shrink.svg").getroot().tag.endswith("svg")


def test_each_budget_has_a_report(shrunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(shrunk / "6000-parameters"), "--output", str(page)]) == 0
    assert "scratch is the baseline" in page.read_text()
    assert main(["report", str(shrunk), "--output", str(page)]) == 1
    assert "give the folder of one, " in capsys.readouterr().err


def test_the_scratch_model_has_nothing_of_the_super_net(shrunk: Path) -> None:
    trained = {event["name"]: event for event in journal(shrunk / "6000-parameters") if event["event"] == "trained"}
    assert trained["best"]["layers"] == trained["scratch"]["layers"]
    assert trained["best"]["sizes"] == trained["scratch"]["sizes"]
    best, scratch = (
        AutoModelForMaskedLM.from_pretrained(shrunk / "6000-parameters" / name).get_input_embeddings().weight
        for name in ("best", "scratch")
    )
    net = torch.load(shrunk / "supernet.pt", weights_only=True)["weights"]["weights.0"]
    width = best.shape[1]
    assert (best - net[:, :width]).abs().mean() < 0.2 * (scratch - net[:, :width]).abs().mean()


def test_a_budget_more_is_searched_on_the_same_super_net(text: Path, shrunk: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shrunk, tmp_path / "small"))
    before = (folder / "supernet.pt").read_bytes()
    printed = shrink(text, folder, *BUDGETS, "9000", "--evaluate-on", "no_task", status=1)
    assert "unknown task 'no_task'" in printed
    assert not (folder / "9000-parameters").exists()
    printed = shrink(text, folder, *BUDGETS, "9000")
    assert "Super-net" not in printed
    assert "\n9000-parameters (3 of 3): Candidates: 6 evaluated, " in printed
    assert (folder / "supernet.pt").read_bytes() == before
    assert len(json.loads((folder / "shrink.json").read_text())["budgets"]) == 3
    for name in ("12000-parameters", "6000-parameters"):
        assert (folder / name / "journal.jsonl").read_bytes() == (shrunk / name / "journal.jsonl").read_bytes()


def test_killed_at_any_time_it_comes_to_the_same(text: Path, shrunk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    moments = [
        lambda: (folder / "supernet.pt").exists(),
        lambda: "candidate" in _text(folder / "12000-parameters" / "journal.jsonl"),
        lambda: "trained" in _text(folder / "6000-parameters" / "journal.jsonl"),
    ]
    for moment in moments:
        kill_when(moment, often_saving(words(text, folder, *BUDGETS)))
    shrink(text, folder, *BUDGETS)
    for name in ("12000-parameters", "6000-parameters"):
        assert without_times(folder / name) == without_times(shrunk / name)
        for file in ("best/model.safetensors", "scratch/model.safetensors"):
            assert (folder / name / file).read_bytes() == (shrunk / name / file).read_bytes()


def test_two_processes_find_the_same(text: Path, shrunk: Path, tmp_path: Path) -> None:
    ended, said = run_together(2, words(text, tmp_path / "two", *BUDGETS))
    assert ended == 0, said
    for name in ("12000-parameters", "6000-parameters"):
        assert in_order(tmp_path / "two" / name) == in_order(shrunk / name)
        weights = [folder / name / "best" / "model.safetensors" for folder in (tmp_path / "two", shrunk)]
        assert weights[0].read_bytes() == weights[1].read_bytes()


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_a_latency_that_none_meets_is_said_before_training(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fast"
    printed = shrink(text, folder, "--latency-ms", "0.0001", status=1)
    assert "no backbone of the space is predicted to take" in printed
    assert "the closest takes" in printed
    assert not (folder / "supernet.pt").exists()
    # What is known of one model's latency says nothing of another's.
    sizes = {"hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 2, "intermediate_size": 256}
    other = str(tmp_path / "bert")
    BertForMaskedLM(BertConfig(vocab_size=900, max_position_embeddings=64, **sizes)).save_pretrained(other)
    assert main(words(text, folder, "--speedup-over", other, "--speedup", "1e6")) == 1
    assert "the closest takes" in capsys.readouterr().err
    largest, base = (event for event in journal(folder) if event["event"] == "base")
    assert (largest["model"], base["model"]) == (None, other)
    assert base["median"] > largest["median"]
    # The same model elsewhere is not measured again.
    shutil.copytree(other, tmp_path / "copy")
    assert main(words(text, folder, "--speedup-over", str(tmp_path / "copy"), "--speedup", "1e6")) == 1
    assert "the closest takes" in capsys.readouterr().err
    assert [event["event"] for event in journal(folder)].count("base") == 2


def test_a_number_of_parameters_that_none_has_is_said_before_training(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(text, tmp_path / "tiny", "--max-parameters", "700")) == 1
    # One layer of hidden size 8: four linears from or to a head of 16, two to or from 16, and two norms.
    assert "max_parameters=700 is less than any backbone of these sizes has, 880;" in capsys.readouterr().err
    assert not (tmp_path / "tiny" / "supernet.pt").exists()


def test_a_budget_that_leaves_nothing_is_said() -> None:
    recipe = Recipe.from_dict({"strategy": "random", "search_sizes": "heads"})
    make_proposing(recipe, LatencyBand(lambda _: 5.0, 5.0))
    with pytest.raises(RecipeError, match=r"strategy random finds no backbone within .* 1,000 too slow.*: give wider"):
        make_proposing(recipe, LatencyBand(lambda _: 5.0, 1.0))


def test_the_layers_of_a_recipe_are_shrunk_unless_others_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text("num_layers: 2\nlayers: [conv(3), conv(5)]\nsearch_sizes: heads\n")
    words = [
        "shrink",
        "--method",
        "super-net",
        "--output-dir",
        str(tmp_path / "x"),
        "--recipe",
        str(tmp_path / "recipe.yaml"),
    ]
    assert main([*words, "--num-layers", "3", "--max-parameters", "1"]) == 1
    assert "layers has 2 lines, num_layers is 3" in capsys.readouterr().err
    assert main([*words, "--num-layers", "3", "--architecture", "bert"]) == 1
    assert "give a budget" in capsys.readouterr().err


def test_latencies_are_measured_and_a_discovered_backbone_is_shrunk(
    text: Path, finished: tuple[Path, str], tmp_path: Path
) -> None:
    found = finished[0] / "best"
    words = ["--architecture", str(found), "--strategy", "random", "--speedup-over", str(found), "--speedup"]
    # How fast this machine is, is not known: a speed-up that none reaches says what is near, by samples that are kept.
    refused = shrink(text, tmp_path / "small", *words, "1000", status=1)
    (closest,) = re.findall(r"the closest takes ([0-9.]+) ms", refused)
    (base,) = [event for event in journal(tmp_path / "small") if event["event"] == "base"]
    printed = shrink(text, tmp_path / "small", *words, str(base["median"] / float(closest)))
    facts = json.loads((tmp_path / "small" / "shrink.json").read_text())
    (row,) = facts["budgets"]
    assert facts["base"]["median"] == base["median"]
    assert row["latency"]["median"] > 0
    speed_up = row["speed_up"]
    assert speed_up["median"] == pytest.approx(base["median"] / row["latency"]["median"])
    assert speed_up["interval"][0] <= speed_up["median"] <= speed_up["interval"][1]
    assert speed_up["interval"][1] == pytest.approx(base["interval"][1] / row["latency"]["interval"][0])
    assert "Speed-up: over" in printed
    layers = json.loads((found / "config.json").read_text())["layers"]
    small = json.loads((tmp_path / "small" / row["budget"] / "best" / "config.json").read_text())["layers"]
    assert small == layers[: len(small)]
    assert read_facts(tmp_path / "small" / row["budget"]).finalist == "best"


def test_a_checkpoint_to_begin_with_says_layers_and_sizes(shrunk: Path, tmp_path: Path) -> None:
    """Those that are given win; fewer layers are the bottom ones."""
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40}
    BertForMaskedLM(BertConfig(vocab_size=800, **sizes)).save_pretrained(tmp_path / "bert")

    def recipe(*words: str) -> Recipe:
        parser = ArgumentParser()
        add_parser(parser.add_subparsers(parser_class=HelpParser))
        given = vars(parser.parse_args(["shrink", "--method", "super-net", "--output-dir", "x", *words]))
        return chosen_recipe(
            {name: value for name, value in given.items() if name not in ("source", "method", "output_dir", "run")}
        )

    whole = recipe("--supernet-from", str(tmp_path / "bert"))
    assert whole.sub_models.layers == architecture("bert", 3)
    assert whole.largest == Sizes(3, 24, 40, 4, 6)
    part = recipe("--supernet-from", str(tmp_path / "bert"), "--num-layers", "2", "--intermediate-size", "32")
    assert part.sub_models.layers == architecture("bert", 2)
    assert part.largest == Sizes(2, 24, 32, 4, 6)
    ours = shrunk / "12000-parameters" / "best"
    config = AutoConfig.from_pretrained(ours)
    found = recipe("--supernet-from", str(ours))
    assert found.sub_models.layers == config.layers
    assert found.largest == Sizes.of(config)
    assert recipe().largest == Sizes(4, 256, 1024, 4, 64), "the recipe's"
    sizes = {"dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 12}
    DistilBertConfig(vocab_size=50, **sizes).save_pretrained(tmp_path / "distilled")
    assert recipe("--supernet-from", str(tmp_path / "distilled")).largest == Sizes(1, 8, 12, 2, 4)
    MPNetConfig().save_pretrained(tmp_path / "other")
    with pytest.raises(AutoBertZeroError, match="is a mpnet model: give one of BERT, Dis"):
        recipe("--supernet-from", str(tmp_path / "other"))


def test_the_card_says_where_the_weights_come_from() -> None:
    recipe = Recipe.from_dict(
        {
            "search_sizes": "head_dim",
            "num_layers": 2,
            "layers": ["conv(3)", "conv(5)"],
            "supernet_from": "models/bert",
            "supernet_loss": "both",
            "teacher": "/home/someone/teacher",
            "text": ["news.txt"],
            "supernet_steps": 70,
            "final_steps": 9,
        }
    )
    cut, scratch = final_training(recipe, "best", None), final_training(recipe, "scratch", None)
    assert "of news.txt, and the attention scores and hidden states of teacher: weights inherited" in cut
    assert (
        "(AutoTinyBERT; begun with weights of models/bert; 70 steps of masked words and the attention scores and" in cut
    )
    assert "the attention scores and hidden states of teacher: random weights, then 9 steps of 8 rows" in scratch
    assert "super-net" not in scratch
    for told in (cut, scratch):
        assert told.endswith("The vocabulary is that of models/bert.")
        assert "someone" not in told


def test_what_learns_from_a_teacher_is_chosen_by_a_task_and_fine_tuned(
    text: Path, shrunk: Path, tmp_path: Path
) -> None:
    """From the teacher's own weights on: what is cut out stays near them."""
    data = write_demo_tasks(tmp_path / "tasks", load_demo().select(range(0, 2000, 8)))
    teacher, folder = tmp_path / "bert", tmp_path / "taught"
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=800, max_position_embeddings=32, **sizes)).save_pretrained(teacher)
    AutoTokenizer.from_pretrained(shrunk / "tokenizer").save_pretrained(teacher)
    words = ["--supernet-from", str(teacher), "--teacher", str(teacher), "--supernet-loss", "distillation"]
    words += ["--search-sizes", "head_dim", "--proxy", "tasks", "--tasks", "topics", "--task-data", str(data)]
    words += ["--task-steps", "2", "--supernet-steps", "4", "--candidates", "2", "--max-parameters", "12000"]
    words += ["--evaluate-on", "topics", "--data", str(data), "--evaluate-seeds", "2", "--evaluate-rows", "40"]
    printed = shrink(text, folder, *words)
    assert "The winners were chosen by topics, which flatters them there." in printed
    assert "| tasks | tasks, from scratch |" in printed
    facts = json.loads((folder / "shrink.json").read_text())
    assert len(facts["evaluation"]["results"][0]["scores"]) == 2
    (candidate, *_) = (event for event in journal(folder / "12000-parameters") if event["event"] == "candidate")
    assert 0 <= candidate["score"] <= 1
    bert = BertForMaskedLM.from_pretrained(teacher).get_input_embeddings().weight
    near, far = (
        (AutoModelForMaskedLM.from_pretrained(folder / "12000-parameters" / name).get_input_embeddings().weight)
        for name in ("best", "scratch")
    )
    width = near.shape[1]
    assert (near - bert[:, :width]).abs().mean() < 0.5 * (far - bert[:, :width]).abs().mean()
    card = (folder / "12000-parameters" / "best" / "README.md").read_text()
    assert "4 steps of the attention scores and hidden states of bert with 3 backbones" in card
    assert shrink(text, folder, *words).endswith(printed[printed.index("| budget |") :]), "again, nothing is done"


def test_a_teacher_of_another_vocabulary_is_refused_with_both_sizes(
    shrunk: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForMaskedLM(BertConfig(vocab_size=900, max_position_embeddings=64, **sizes)).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(shrunk / "tokenizer").save_pretrained(tmp_path / "bert")
    taught = ["--teacher", str(tmp_path / "bert"), "--supernet-loss", "both"]
    assert main(words(text, tmp_path / "taught", *BUDGETS, *taught)) == 1
    said = capsys.readouterr().err
    assert "900" in said
    assert "800" in said
    assert not (tmp_path / "taught" / "journal.jsonl").exists(), "another teacher can be tried there"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "give a budget"),
        ({"speedup": [2.0]}, "give both, or neither"),
        ({"speedup_over": "models/bert"}, "give both, or neither"),
        ({"latency_ms": [2.0, -1.0]}, r"latency_ms must be .* not \[2.0, -1.0\]"),
        ({"max_parameters": [5], "evaluate_seeds": 0}, "evaluate_seeds must be .* not 0"),
    ],
)
def test_budgets_that_say_nothing_are_refused(options: dict, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        budgets_of(ShrinkOptions(**options))


def test_a_budget_given_twice_is_one() -> None:
    budgets = budgets_of(ShrinkOptions(latency_ms=[4.0, 4], max_parameters=[5, 5]))
    assert [budget.name for budget in budgets] == ["4ms", "5-parameters"]
    assert os.path.basename(budgets[0].name) == budgets[0].name
    near = budgets_of(ShrinkOptions(latency_ms=[1.2345678, 1.2345679]))
    assert [budget.name for budget in near] == ["1.2345678ms", "1.2345679ms"]
