"""Models of a tokenizer that is not BERT's: what each command that writes a model says of the two."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.search_run import search
from datasets import Dataset
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, pipeline

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.training.pretraining.options import PreTrainingOptions
from autobert_zero_hf.training.pretraining.training import pretrain
from tests.search.small_search import SMALLEST, journal, rewrite
from tests.special_tokens import write_tokenizer
from tests.task_folders import write_task

SIZES: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
TRAINING: dict[str, Any] = {"sequence_length": 32, "batch_size": 8, "max_steps": 3, "mixed_precision": "no"}


@pytest.fixture(scope="module")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("text") / "news.txt"
    file.write_text("\n\n".join(documents["text"][:40]))
    return str(file)


@pytest.fixture(scope="module")
def tokenizer_folder(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(documents.select(range(40)), folder)
    return str(folder)


@pytest.fixture(scope="module")
def bert(tokenizer_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of these words whose configuration says, as BERT's does by default, that it pads with token 0."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, max_position_embeddings=32, **SIZES)
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def check(folder: Path) -> None:
    """What is saved goes together, and cuts what is too long for it."""
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (1, 0, 2)
    assert tokenizer.model_max_length == config.max_position_embeddings == 32


@pytest.mark.parametrize("source", ["tokenizer", "teacher"])
def test_a_pre_training_takes_the_special_tokens(
    source: str, text: str, tokenizer_folder: str, bert: Path, tmp_path: Path
) -> None:
    given = {
        "tokenizer": {"tokenizer": tokenizer_folder, "layers": ["conv(3)"], **SIZES},
        "teacher": {"teacher": str(bert), "layers": ["conv(3)"], **SIZES},
    }[source]
    pretrain(tmp_path / "model", PreTrainingOptions(text=[text], **TRAINING, **given))
    check(tmp_path / "model")
    words = AutoModelForMaskedLM.from_pretrained(tmp_path / "model").get_input_embeddings()
    assert words.padding_idx == 1
    if source == "tokenizer":
        fill = pipeline("fill-mask", str(tmp_path / "model"), device="cpu")
        assert fill("the <mask> said " + "on monday " * 100, tokenizer_kwargs={"truncation": True})


def test_the_word_that_begins_every_text_learns_again(
    text: str, tokenizer_folder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a model whose configuration took it for the padding."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    # Not tied: the decoder would teach it.
    sizes = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 32, "tie_word_embeddings": False}
    config = AutoBertZeroConfig(layers=["conv(3)"], **sizes)
    old = tmp_path / "old"
    AutoBertZeroForMaskedLM(config).save_pretrained(old)
    tokenizer.save_pretrained(old)
    pretrain(tmp_path / "new", PreTrainingOptions(text=[text], **TRAINING, model=str(old)))
    assert "the tokenizer's padding is token 1, and is taken; the model's configuration said 0" in caplog.text
    check(tmp_path / "new")
    before, after = (
        AutoModelForMaskedLM.from_pretrained(each).get_input_embeddings().weight for each in (old, tmp_path / "new")
    )
    assert not before[0].any() and after[0].any()

    rows = [{"sentence": sentence, "label": place % 2} for place, sentence in enumerate(["on monday", "the man"] * 4)]
    write_task(tmp_path / "tasks" / "days", {"names": ["no", "yes"]}, rows, rows)
    words = ["finetune", "--model", str(old), "--data", str(tmp_path / "tasks"), "--task", "days", "--epochs", "1"]
    caplog.clear()
    assert main([*words, "--output-dir", str(tmp_path / "tuned")]) == 0
    assert caplog.text.count("the tokenizer's padding is token 1, and is taken") == 1
    check(tmp_path / "tuned")
    assert (
        "the tokenizer's padding is token 1"
        in json.loads((tmp_path / "tuned" / "result.json").read_text())["warnings"][0]
    )


def test_what_is_converted_goes_together(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(bert), "--output-dir", str(tmp_path / "ours")]) == 0
    said = f"warning: {bert}: the tokenizer's padding is token 1, and is taken; the model's configuration said 0\n"
    assert capsys.readouterr().err == said
    check(tmp_path / "ours")


@pytest.mark.parametrize("source", ["teacher", "supernet_from"])
def test_a_search_takes_the_special_tokens(source: str, text: str, bert: Path, tmp_path: Path) -> None:
    options = {**SMALLEST, "text": [text], "teacher": str(bert), source: str(bert)}
    recipe, folder = Recipe.from_dict(options), tmp_path / "run"
    search(recipe, folder)
    check(folder / "best")
    check(folder / "bert")
    events = journal(folder)
    assert events[1].pop("pad_token_id") == 1
    # One that an older version began goes on with the padding that its super-net was trained with.
    rewrite(folder, events[:-3])
    search(recipe, folder)
    assert AutoConfig.from_pretrained(folder / "best").pad_token_id == 0


def test_a_search_needs_the_special_tokens(text: str, bert: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    BertForMaskedLM.from_pretrained(bert).save_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(bert)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(model)
    with pytest.raises(AutoBertZeroError, match="the tokenizer has no pad token: give"):
        search(Recipe.from_dict({**SMALLEST, "text": [text], "teacher": str(model)}), tmp_path / "run")
    assert not (tmp_path / "run" / "journal.jsonl").exists()
