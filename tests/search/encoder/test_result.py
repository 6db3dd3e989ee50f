"""A trained encoder, made faster: what a run leaves."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from autobert_zero_hf.search import shrink
from autobert_zero_hf.search.publish.encoder_table import MODELS, verdicts
from autobert_zero_hf.search.recipe.block_options import BlockRecipe
from autobert_zero_hf.search.recipe.shrink_options import ShrinkOptions
from autobert_zero_hf.search.run.encoder_shrink import shrink_encoder
from autobert_zero_hf.search.runtime.block_records import Assembled, Healed, Quantised
from autobert_zero_hf.search.runtime.codec import encode_all
from autobert_zero_hf.search.runtime.events import KINDS
from autobert_zero_hf.search.runtime.journal import read_history
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    PreTrainedTokenizerBase,
)

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForSequenceClassification
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model_folder import find_model
from autobert_zero_hf.progress.plan import Plan
from tests.task_folders import write_demo_tasks

from .runs import OPTIONS, run


def test_each_budget_has_a_model_with_the_encoder_s_head_and_what_it_is_compared_with(
    finished: Path, bert: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    table = json.loads((finished / "shrink.json").read_text())
    source = AutoModelForMaskedLM.from_pretrained(bert).eval()
    assert [row["budget"] for row in table["budgets"]] == ["1.5x", "2x"]
    for row in table["budgets"]:
        for which in ("best", "dropped"):
            place, facts = finished / row["budget"] / which, row[which]
            model = AutoModelForMaskedLM.from_pretrained(place).eval()
            assert list(model.config.layers) == facts["layers"]
            assert model.num_parameters() == facts["parameters"]
            assert torch.equal(model.get_input_embeddings().weight, source.get_input_embeddings().weight)
            inputs = tokenizer("the cat sat", return_tensors="pt")
            assert model(**inputs).logits.shape == source(**inputs).logits.shape
            assert facts["speed_up"]["median"] >= float(row["budget"][:-1]) * (0.95 if which == "dropped" else 1)
            assert 0 < facts["error"]["value"] < 3 and 0 <= facts["neighbours"]["value"] <= 1
        assert len(row["dropped"]["layers"]) < 3
        assert row["differences"]["error"]["value"] == pytest.approx(
            row["best"]["error"]["value"] - row["dropped"]["error"]["value"]
        )
        assert len(row["tried"][0]) == len(row["tried"][1]) == OPTIONS["assemblies"]
        assert len(row["random"][0]) == len(row["random"][1]) >= 20 and -1 <= row["kendall_tau"] <= 1
    words = (finished / "shrink.md").read_text()
    assert "layers left out" in words and str(bert) not in words


def test_an_encoder_of_another_family_keeps_its_tokenizer_and_positions(
    roberta: Path, text: Path, same_latencies: None, tmp_path: Path
) -> None:
    run(roberta, text, tmp_path / "faster", 1.5)
    best, source = tmp_path / "faster" / "1.5x" / "best", AutoModelForMaskedLM.from_pretrained(roberta).eval()
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(best).eval(), AutoTokenizer.from_pretrained(best)
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(roberta).get_vocab()
    assert (model.config.positions, model.config.pad_token_id, tokenizer.model_max_length) == ("counted", 1, 64)
    ours, theirs = (each.base_model.embeddings.position_embeddings.weight for each in (model, source))
    assert torch.equal(ours, theirs[2:])
    rows = tokenizer(["A short one.", "The minister said that the economy grew."], padding=True, return_tensors="pt")
    assert model(**rows).logits.shape == source(**rows).logits.shape


def test_its_events_come_back_from_lines_byte_by_byte(finished: Path) -> None:
    journal = (finished / "journal.jsonl").read_bytes()
    history = read_history(finished / "journal.jsonl")
    assert encode_all(history.events) == journal
    own = {kind for kind in KINDS.values() if kind.__module__ == Healed.__module__}
    assert {kind for kind in own if kind is not Quantised} <= {type(event) for event in history.events}


def test_what_was_chosen_is_the_best_that_was_tried_and_at_least_as_good_as_the_sums(finished: Path) -> None:
    for event in read_history(finished / "journal.jsonl").of(Assembled):
        assert event.error == min(event.tried_errors) <= event.tried_errors[0]


@pytest.mark.usefixtures("same_latencies")
def test_tasks_are_compared_seed_by_seed(finished: Path, bert: Path, text: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "faster"))
    data = write_demo_tasks(tmp_path / "tasks", load_demo().select(range(0, 2000, 8)))
    options = ShrinkOptions(
        speedup=[2], evaluate_on=["topics"], data=str(data), evaluate_seeds=2, evaluate_rows=40, evaluate_epochs=1
    )
    facts = shrink_encoder(BlockRecipe({**OPTIONS, "source": str(bert), "text": [str(text)]}), options, folder)
    scores = {row["model"].removeprefix(f"{folder}/"): row["scores"] for row in facts["evaluation"]["results"]}
    assert set(scores) == {str(bert), *(f"{name}/{which}" for name in ("1.5x", "2x") for which in ("best", "dropped"))}
    for name, said in zip(("1.5x", "2x"), verdicts(facts), strict=True):
        one, other = (best - dropped for best, dropped in zip(*(scores[f"{name}/{w}"] for w in MODELS), strict=True))
        # Of two numbers the standard error is half of what they are apart.
        mean, error = (one + other) / 2, abs(one - other) / 2
        if error < 1e-12:
            wanted = "not known"
        elif abs(mean) < 2 * error:
            wanted = f"not clear ({abs(mean) / error:.1f} standard errors)"
        else:
            better = "layer by layer" if mean > 0 else "layers left out"
            wanted = f"{better} is better, by {abs(mean) / error:.1f} standard errors"
        assert said.endswith(f"; tasks: {wanted}.")
    assert "| tasks |" in (folder / "shrink.md").read_text()


MIXED = [BERT_ATTENTION, "conv(5)", f"window(4, {BERT_ATTENTION})", "none + mlp(24)", "fourier + none"]


def test_a_model_of_this_package_of_all_sorts_of_layers_is_an_encoder_too(
    tokenizer: PreTrainedTokenizerBase, text: Path, tmp_path: Path, same_latencies: None
) -> None:
    torch.manual_seed(0)
    config = AutoBertZeroConfig(
        layers=MIXED,
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
        block="modernbert",
        local_rope_theta=100.0,
        num_labels=3,
        initializer_range=0.2,
    )
    source = AutoBertZeroForSequenceClassification(config).eval()
    source.save_pretrained(tmp_path / "own")
    tokenizer.save_pretrained(tmp_path / "own")
    found = run(tmp_path / "own", text, tmp_path / "faster", 1.2)
    (row,) = found["budgets"]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "faster" / "1.2x" / "best").eval()
    assert isinstance(model, AutoBertZeroForSequenceClassification) and model.config.positions == "rotary"
    assert torch.equal(model.classifier.weight, source.classifier.weight)
    assert 0 <= row["best"]["agreement"]["value"] <= 1 and row["best"]["speed_up"]["median"] >= 1.2
    assert row["before_healing"]["best"] <= row["before_healing"]["dropped"]


def test_of_a_single_layer_nothing_can_be_left_out_and_that_is_said(
    tokenizer: PreTrainedTokenizerBase, text: Path, tmp_path: Path, same_latencies: None
) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40}
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, **sizes)).save_pretrained(tmp_path / "one")
    tokenizer.save_pretrained(tmp_path / "one")
    found = run(tmp_path / "one", text, tmp_path / "faster", 1.4)
    assert found["budgets"][0]["dropped"]["verdict"] == "outside"
    assert "1.4x: no layers that are left out come to that speed" in (tmp_path / "faster" / "shrink.md").read_text()


def test_one_of_sentences_stays_one(
    bert: Path, text: Path, tmp_path: Path, tokenizer: PreTrainedTokenizerBase, same_latencies: None
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = tmp_path / "encoder"
    BertModel.from_pretrained(bert).save_pretrained(folder / "plain")
    tokenizer.save_pretrained(folder / "plain")
    body = Transformer(str(folder / "plain"))
    SentenceTransformer(modules=[body, Pooling(32, pooling_mode="cls")]).save(str(folder / "whole"))
    run(folder / "whole", text, tmp_path / "faster", 1.5)
    made = SentenceTransformer(str(tmp_path / "faster" / "1.5x" / "best"))
    assert made[1].pooling_mode in ("cls", ("cls",), ["cls"])
    assert (folder / "whole" / "1_Pooling" / "config.json").read_bytes() == (
        tmp_path / "faster" / "1.5x" / "best" / "1_Pooling" / "config.json"
    ).read_bytes()
    (folder / "whole" / "1_Pooling" / "config.json").write_text("[")
    with pytest.raises(AutoBertZeroError, match=r"config\.json cannot be read"):
        run(folder / "whole", text, tmp_path / "other", 1.5)
    inputs = tokenizer("the minister said", return_tensors="pt")
    model = AutoModel.from_pretrained(tmp_path / "faster" / "1.5x" / "best").eval()
    with torch.no_grad():
        first = model(**inputs).last_hidden_state[0, 0]
    torch.testing.assert_close(torch.tensor(made.encode("the minister said")), first, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("lines", [1, 2, 4, 6, -8, None], ids=str)
def test_it_has_a_report_finished_or_not(lines: int | None, finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faster"
    folder.mkdir()
    whole = (finished / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(whole[:lines]))
    if lines is None:
        (folder / "shrink.json").write_bytes((finished / "shrink.json").read_bytes())
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert "an encoder made faster" in page and str(tmp_path) not in page and str(finished) not in page
    assert ("Kendall" in page) is (lines in (-8, None))
    if lines is None:
        assert "; finished." in page and "layer by layer</td>" in page
        command = re.search(r"<pre>(.*)</pre>", page)
        assert command and "--speedup 1.5 2 --output-dir" in command[1]
    else:
        assert "; not finished." in page


def test_a_model_is_pushed_with_a_card_that_has_the_baseline_beside_it(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "faster"))
    assert main(["push", str(folder / "2x" / "best"), "someone/faster", "--dry-run", "--license", "mit"]) == 0
    for card in (folder / "2x" / "best" / "hub" / "README.md", folder / "2x" / "best" / "README.md"):
        text = card.read_text()
        assert "# bert, " in text and "(layers left out)" in text and "predictions of the head" in text
    assert "license: mit" in (folder / "2x" / "best" / "hub" / "README.md").read_text()
    for words in (["push", str(folder), "someone/faster", "--dry-run"], ["show", str(folder)]):
        assert main(words) == 1
    said = capsys.readouterr().err
    assert f"give the folder of one, {folder / '1.5x' / 'best'} or {folder / '2x' / 'best'}" in said
    assert f"did you mean one of 2, such as {folder / '1.5x' / 'best'}?" in said


def test_where_a_model_is_wanted_a_budget_is_its_best(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = tmp_path / "runs" / "2x"
    shutil.copytree(finished / "2x", budget)
    said = f"{budget} is the folder of a run: its best/ is taken\n"
    assert find_model(str(budget)) == str(budget / "best")
    assert capsys.readouterr().err == said
    assert main(["show", str(budget)]) == 0
    assert capsys.readouterr().err == said
    assert main(["push", str(budget), "someone/faster", "--dry-run"]) == 0
    assert (budget / "hub" / "config.json").read_text() == (budget / "best" / "config.json").read_text()
    capsys.readouterr()
    assert main(["show", str(finished)]) == 1
    assert capsys.readouterr().err == (
        f"error: {finished} holds runs, and is no model: did you mean one of 2, such as {finished / '1.5x' / 'best'}?\n"
    )


def test_one_call_from_python(bert: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, places = Plan.begin, list[str]()

    def noted(plan: Plan, name: str, about: str = "") -> None:
        begin(plan, name, about)
        places.append(plan.says_place())

    monkeypatch.setattr(Plan, "begin", noted)
    found = shrink(str(bert), tmp_path / "faster", text=[str(text)], speedup=[1.3], **OPTIONS)
    (row,) = found["budgets"]
    assert AutoModel.from_pretrained(row["folder"]).config.layers == row["best"]["layers"]
    assert places == [f"phase {number} of 8" for number in range(1, 9)], "each phase stands in the plan"
    with pytest.raises(AutoBertZeroError, match="unknown option 'steps'"):
        shrink(str(bert), tmp_path / "other", speedup=[2], steps=3)
