"""A trained encoder, made faster: whole runs on a small BERT and real text."""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search import shrink
from autobert_zero_hf.search.blocks import prices
from autobert_zero_hf.search.latency.hardware import Hardware
from autobert_zero_hf.search.latency.measuring import Latency
from autobert_zero_hf.search.publish.encoder_table import MODELS, verdicts
from autobert_zero_hf.search.recipe.block_options import BlockRecipe
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.recipe.shrink_options import ShrinkOptions
from autobert_zero_hf.search.run.encoder import timing
from autobert_zero_hf.search.run.encoder_shrink import shrink_encoder
from autobert_zero_hf.search.runtime.block_records import Assembled, Healed, LayerParts
from autobert_zero_hf.search.runtime.codec import encode_all
from autobert_zero_hf.search.runtime.journal import Journal, read_history
from autobert_zero_hf.search.runtime.records import KINDS
from datasets import Dataset
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    PreTrainedTokenizerBase,
)

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForSequenceClassification
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.cost import layer_cost
from tests.running import Running
from tests.search.small_search import LAUNCH
from tests.small_disk import fill, mounted
from tests.task_folders import write_demo_tasks
from tests.terminal import run_together

OPTIONS: dict[str, Any] = {
    "sequence_length": 24,
    "calibration_rows": 32,
    "swap_rows": 8,
    "formula_candidates": 6,
    "part_steps": 3,
    "assemblies": 8,
    "healing_steps": 6,
    "healing_batch_size": 4,
    "latency_tokens": 24,
    "latency_passes": 3,
}


@pytest.fixture(scope="session")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "news.txt"
    path.write_text("\n\n".join(documents["text"][:60]))
    return path


@pytest.fixture(scope="session")
def bert(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with the head that predicts words; its weights are large enough that layers do something."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40}
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=3, initializer_range=0.2, **sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def by_work(models: Sequence[Any], options: LatencyOptions) -> list[Latency]:
    """Latencies that follow from the models alone, for runs that are compared."""

    def latency(model: Any) -> Latency:
        config = model.config
        layers = sum(layer_cost(line, config, options.latency_tokens).operations for line in config.layers)
        took = 0.1 + layers / 1e5
        return Latency(took, took, (took, took), options.latency_passes, 0.0, Hardware.here(options))

    return [latency(model) for model in models]


def beside(reference: Any, usual: float, models: Sequence[Any], options: LatencyOptions) -> list[Latency]:
    return by_work(models, options)


@pytest.fixture
def same_latencies(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (prices, timing):
        monkeypatch.setattr(module, "measure", by_work)
        monkeypatch.setattr(module, "measure_beside", beside)


def run(bert: Path, text: Path, folder: Path, *speedups: float, **options: Any) -> dict[str, Any]:
    recipe = BlockRecipe({**OPTIONS, "source": str(bert), "text": [str(text)], **options})
    return shrink_encoder(recipe, ShrinkOptions(speedup=list(speedups)), folder)


def told(folder: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    own = ("elapsed", "crc", "identity", "environment", "waited")
    return [
        {name: value for name, value in event.items() if name not in own or event["event"] == "healed"}
        | {"elapsed": 0, "crc": 0}
        for event in events
    ]


@pytest.fixture(scope="session")
def finished(bert: Path, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (prices, timing):
            patch.setattr(module, "measure", by_work)
            patch.setattr(module, "measure_beside", beside)
        folder = tmp_path_factory.mktemp("runs") / "faster"
        run(bert, text, folder, 1.5, 2)
    yield folder


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


def test_its_events_come_back_from_lines_byte_by_byte(finished: Path) -> None:
    journal = (finished / "journal.jsonl").read_bytes()
    history = read_history(finished / "journal.jsonl")
    assert encode_all(history.events) == journal
    own = {kind for kind in KINDS.values() if kind.__module__ == Healed.__module__}
    assert own <= {type(event) for event in history.events} and len(own) == 5


def test_what_was_chosen_is_the_best_that_was_tried_and_at_least_as_good_as_the_sums(finished: Path) -> None:
    for event in read_history(finished / "journal.jsonl").of(Assembled):
        assert event.error == min(event.tried_errors) <= event.tried_errors[0]


@pytest.mark.usefixtures("same_latencies")
def test_a_finished_run_does_nothing_and_a_further_budget_uses_its_library(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    finished = Path(shutil.copytree(finished, tmp_path / "faster"))
    before = (finished / "journal.jsonl").read_bytes()
    models = {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")}
    run(bert, text, finished, 1.5, 2)
    events = [json.loads(line) for line in (finished / "journal.jsonl").read_bytes()[len(before) :].splitlines()]
    assert not events
    run(bert, text, finished, 2.5)
    events = [json.loads(line) for line in (finished / "journal.jsonl").read_bytes()[len(before) :].splitlines()]
    assert {event["event"] for event in events} == {"budgets", "assembled", "healed", "measured"}
    assert all(path.stat().st_mtime_ns == time for path, time in models.items())
    table = json.loads((finished / "shrink.json").read_text())
    assert [row["budget"] for row in table["budgets"]] == ["1.5x", "2x", "2.5x"]
    assert AutoModel.from_pretrained(finished / "2.5x" / "best").config.num_hidden_layers >= 1


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


def parts_in(folder: Path) -> list[tuple[int, str, list[float]]]:
    """What a run made of each layer, as far as it is."""
    journal = folder / "journal.jsonl"
    made = read_history(journal).of(LayerParts) if journal.is_file() and journal.stat().st_size else []
    return sorted((each.layer, each.digest, each.losses) for each in made)


def killed_after(kind: str, number: int) -> Callable[..., None]:
    """Runs until so many events of a kind are written, and is then killed."""

    def child(bert: Path, text: Path, folder: Path) -> None:
        seen = 0
        append = Journal.append

        def appended(self: Journal, event: Any) -> None:
            nonlocal seen
            append(self, event)
            seen += event.name_in_journal == kind
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

        Journal.append = appended  # type: ignore[method-assign]
        run(bert, text, folder, 1.5, 2)

    return child


@pytest.mark.usefixtures("same_latencies")
@pytest.mark.parametrize("kind, number", [("parts", 2), ("price", 5), ("assembled", 1), ("healed", 3)])
def test_a_run_that_was_killed_comes_to_the_same_end(
    kind: str, number: int, finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "faster"
    process = get_context("fork").Process(target=killed_after(kind, number), args=(bert, text, folder))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    run(bert, text, folder, 1.5, 2)
    ours, theirs = ([event for event in told(each) if event["event"] != "budgets"] for each in (folder, finished))
    assert ours == theirs


@pytest.mark.usefixtures("same_latencies")
@pytest.mark.parametrize(
    "kind, number, lost", [("price", 3, "layer-001.safetensors"), ("parts", 3, "journal.jsonl"), ("healed", 2, "best")]
)
def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_room(
    kind: str, number: int, lost: str, finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as disk, pytest.MonkeyPatch.context() as patch:
        seen, append, folder = 0, Journal.append, disk / "faster"

        def appended(self: Journal, event: Any) -> None:
            nonlocal seen
            append(self, event)
            seen += event.name_in_journal == kind
            if seen == number:
                fill(disk, leave=4096 if lost != "journal.jsonl" else 0)

        patch.setattr(Journal, "append", appended)
        with pytest.raises(AutoBertZeroError) as caught:
            run(bert, text, folder, 1.5, 2)
        said = str(caught.value)
        assert lost in said and "No space left on device" in said and "make room on that disk" in said
        assert not list(folder.rglob(".*partial"))
        (disk / "ballast").unlink()
        patch.undo()
        run(bert, text, folder, 1.5, 2)
        ours, theirs = ([event for event in told(each) if event["event"] != "budgets"] for each in (folder, finished))
        assert ours == theirs


def test_a_killed_process_ends_the_launch_with_the_cause_and_the_rest_is_done_later(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    """Latencies are really measured here, so that what is chosen by them may differ."""
    folder = tmp_path / "lost"
    given = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["shrink", str(bert), "--text", str(text), "--speedup", "1.2", "--output-dir", str(folder), *given]
    launch = [sys.executable, *LAUNCH, "--num_processes", "2", "--main_process_port", "0", "-m", "autobert_zero_hf"]
    running = Running(["-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])", *launch, *words])
    running.wait_until(lambda: bool(parts_in(folder)))
    running.worker(1).send_signal(signal.SIGKILL)
    said = running.fails()
    assert said[-1] == (
        "error: process 2 of 2 was killed (SIGKILL: by hand, or by a system that ran out of memory): the same command "
        "goes on where it stopped"
    )
    assert not any("Traceback" in line for line in said)
    assert main(words) == 0
    assert parts_in(folder) == parts_in(finished)


def test_a_model_or_a_library_that_was_changed_is_refused(
    bert: Path, text: Path, tmp_path: Path, same_latencies: None
) -> None:
    folder = tmp_path / "faster"
    run(bert, text, folder, 2)
    history = read_history(folder / "journal.jsonl")
    assert len(history.of(LayerParts)) == 3 and len(history.of(Healed)) == 2
    for file in (folder / "library" / "layer-002.safetensors", folder / "2x" / "best" / "config.json"):
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        with pytest.raises(AutoBertZeroError, match="is not what this run"):
            run(bert, text, folder, 2)
        file.write_bytes(whole)
    run(bert, text, folder, 2)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"speedup": "500"}, "no assembly of .* the fastest takes"),
        ({"speedup": "0.5"}, "--speedup 0.5: a model that is faster"),
        ({}, "give a budget"),
        ({"speedup": "2", "sequence-length": "64"}, "--sequence-length 64: .* takes 40 tokens at most"),
        ({"speedup": "2", "latency-tokens": "64"}, "--latency-tokens 64: .* takes 40 tokens at most"),
        ({"speedup": "2", "supernet-steps": "5"}, "--supernet-steps: of use with --method super-net alone"),
        ({"speedup": "2", "vocab-size": "500"}, "--vocab-size: of use with --method super-net alone"),
        ({"latency-ms": "5000"}, "5000ms: the encoder takes .* ms as it is"),
        ({"speedup": "2", "kernel-sizes": "4"}, "kernel_sizes: a convolution takes an odd kernel size"),
        ({"speedup": "2", "windows": "9999999"}, "windows: a window takes a number of tokens on either side"),
        ({"speedup": "2", "formulas": "conv(3)"}, "formulas: 'conv.3.' is a convolution, and no formula"),
        ({"speedup": "2", "formulas": "matmul("}, "formulas: the formula ends where an operation"),
        ({"speedup": "2", "max-parameters": "5"}, "belong to --method super-net"),
        ({"speedup": "2", "method": "super-net"}, "SOURCE.*: of use with --method blocks alone"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(
    options: dict[str, str], said: str, bert: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"sequence-length": "24", "latency-tokens": "24", "calibration-rows": "8", "swap-rows": "4"} | options
    if "method" in options:
        given = options
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    folder = tmp_path / "faster"
    assert main(["shrink", str(bert), "--text", str(text), "--output-dir", str(folder), *words]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert re.search(said, "\n".join(lines)), lines
    assert not list(folder.rglob("*x/*"))


@pytest.mark.parametrize(
    "content, said",
    [
        ("一二三四五六七 \n\n" * 60, "of another language"),
        ("a word\n\n" * 3, "at least 10 are needed"),
        ("short text\n" * 40, "at least 8 of each are needed"),
    ],
    ids=["another language", "too little", "too few rows"],
)
def test_text_that_is_of_no_use_is_refused(content: str, said: str, bert: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{number} {line}\n" for number, line in enumerate(content.splitlines())))
    with pytest.raises(AutoBertZeroError, match=said):
        run(bert, path, tmp_path / "faster", 2)
    assert not (tmp_path / "faster").exists()


def test_text_without_lines_of_some_words_is_refused(bert: Path, documents: Dataset, tmp_path: Path) -> None:
    words = dict.fromkeys(
        word for text in documents["text"] for word in text.split() if word.isalpha() and len(word) < 4
    )
    (tmp_path / "words.txt").write_text("\n".join(word for word in words))
    with pytest.raises(AutoBertZeroError, match=r"the held-out text has \d+ lines of three tokens or more|at least 8"):
        run(bert, tmp_path / "words.txt", tmp_path / "faster", 2, sequence_length=8)


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
        block="pre_norm",
        positions="rotary",
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


def test_what_others_left_unfinished_in_the_folders_beside_it_stays(bert: Path, text: Path, tmp_path: Path) -> None:
    """A run cleans up after itself alone: another may be at work in a folder of the same one."""
    others = [tmp_path / "first" / ".best.partial", tmp_path / ".tokenizer.partial"]
    own = tmp_path / "2x" / ".best.partial"
    for place in (*others, own):
        place.mkdir(parents=True)
    with pytest.raises(AutoBertZeroError, match="no assembly"):
        run(bert, text, tmp_path, 500)
    assert all(place.is_dir() for place in others) and not own.exists()


def test_encoders_that_no_conversion_reads_are_refused_by_name(text: Path, tmp_path: Path) -> None:
    (tmp_path / "gpt").mkdir()
    (tmp_path / "gpt" / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(AutoBertZeroError, match="is a gpt2 model: give a checkpoint of BERT"):
        run(tmp_path / "gpt", text, tmp_path / "faster", 2)


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


def test_two_processes_share_the_layers_and_find_the_same_parts(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    """Latencies are really measured here, so that what is chosen by them may differ."""
    given = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    folder = tmp_path / "two"
    ended, said = run_together(
        2, ["shrink", str(bert), "--text", str(text), "--speedup", "1.2", "--output-dir", str(folder), *given]
    )
    assert ended == 0, said
    assert "| 1.2x | layer by layer |" in said
    assert parts_in(folder) == parts_in(finished)


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
    assert f"give one of them, such as {folder / '1.5x' / 'best'}" in said


def test_one_call_from_python(bert: Path, text: Path, tmp_path: Path) -> None:
    found = shrink(str(bert), tmp_path / "faster", text=[str(text)], speedup=[1.3], **OPTIONS)
    (row,) = found["budgets"]
    assert AutoModel.from_pretrained(row["folder"]).config.layers == row["best"]["layers"]
    with pytest.raises(AutoBertZeroError, match="unknown option 'steps'"):
        shrink(str(bert), tmp_path / "other", speedup=[2], steps=3)
