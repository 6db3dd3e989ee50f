"""Pre-training from end to end, on real text."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
)

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForPreTraining
from autobert_zero_hf.conversion import convert_checkpoint
from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.auto_map import code_files
from autobert_zero_hf.training.pretraining.data import Examples, RowsByPlace
from autobert_zero_hf.training.pretraining.held_out import evaluate_held_out, word_frequencies
from autobert_zero_hf.training.pretraining.options import PreTrainingOptions
from autobert_zero_hf.training.pretraining.training import pretrain
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm
from tests.taken_folders import taken_from_within

TINY: dict[str, Any] = {
    "vocab_size": 800,
    "sequence_length": 32,
    "layers": ["conv(3)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"],
    "hidden_size": 32,
    "intermediate_size": 64,
    "batch_size": 8,
    "max_steps": 6,
    "evaluation_rows": 60,
    "mixed_precision": "no",
}


@pytest.fixture(scope="module")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("text") / "news.txt"
    file.write_text("\n\n".join(documents["text"][:60]))
    return str(file)


@pytest.fixture(scope="module")
def bert(documents: Dataset, tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "bert"
    torch.manual_seed(3)
    sizes = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48}
    BertForMaskedLM(BertConfig(**sizes, vocab_size=len(tokenizer), max_position_embeddings=64)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def losses(facts: dict[str, Any]) -> list[float]:
    return [loss for _, loss in facts["loss_curve"]]


def test_it_learns_and_leaves_a_whole_folder(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    changes = {"max_steps": 200, "log_steps": 50, "whole_word_masking": True, "evaluation_rows": 300}
    options = PreTrainingOptions(text=[text], **{**TINY, **changes})
    facts = pretrain(folder, options)
    assert facts == json.loads((folder / "pretraining.json").read_text())
    # From that of even answers, the logarithm of the vocabulary, 6.7, nearly down to that of the words' frequencies.
    assert facts["loss"] < facts["loss_baseline"] + 0.3 < 6.5
    assert losses(facts)[-1] < losses(facts)[0] - 0.3
    assert facts["masked_words"] == pytest.approx(facts["held_out_rows"] * 30 * 0.15, rel=0.1)
    assert facts["tokens"] == 200 * 8 * 32 and facts["learning_rate"] == 0.128 / 32
    names = {file.name for file in folder.iterdir()}
    assert names == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("README.md", "pretraining.json"),
        *(Path(file).name for file in code_files()),
    }
    card = (folder / "README.md").read_text()
    assert f"| accuracy | {facts['accuracy']:.4f} ± {facts['accuracy_standard_error']:.4f} |" in card
    assert "| 1 | `conv(3)` |" in card and "whole words" in card
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    logits = model(**tokenizer("The [MASK] minister", return_tensors="pt")).logits
    assert logits.shape[-1] == len(tokenizer) == 800
    # Finished, it says what it came to, and is not begun again on anything else.
    assert pretrain(folder, options) == facts
    with pytest.raises(AutoBertZeroError, match=r"--seed was 0 and is 1.*another --output-dir"):
        pretrain(folder, PreTrainingOptions(**{**options.given, "seed": 1}))


def test_it_is_known_again_by_what_it_reads(
    text: str, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the paths are, and wherever all of it was moved to."""
    (tmp_path / "work").mkdir()
    shutil.copytree(bert, tmp_path / "work" / "bert")
    shutil.copy(text, tmp_path / "work" / "en.txt")
    monkeypatch.chdir(tmp_path / "work")
    common = {name: TINY[name] for name in ("sequence_length", "batch_size", "evaluation_rows", "mixed_precision")}
    common |= {"max_steps": 2, "layers": ["conv(3)"]}
    facts = pretrain(Path("run"), PreTrainingOptions(**common, text=["en.txt"], teacher="bert"))
    moved = (tmp_path / "work").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    shutil.copy(text, tmp_path / "other.txt")
    for name in (str(moved / "en.txt"), "moved/../other.txt"):
        assert pretrain(moved / "run", PreTrainingOptions(**common, text=[name], teacher="moved/bert/")) == facts
    (tmp_path / "other.txt").write_text("another text")
    with pytest.raises(AutoBertZeroError, match=r"other options \(--text was \['en.txt'\] and is \['other.txt'\]\)"):
        pretrain(moved / "run", PreTrainingOptions(**common, text=["other.txt"], teacher="moved/bert"))
    (moved / "bert" / "config.json").write_text("{}")
    monkeypatch.chdir(moved)
    with pytest.raises(AutoBertZeroError, match=r"other options \(--teacher: what 'bert' holds has changed\)"):
        pretrain(moved / "run", PreTrainingOptions(**common, text=["en.txt"], teacher="bert"))


def test_a_model_has_its_own_length(text: str, tokenizer: BertTokenizer, tmp_path: Path) -> None:
    config = AutoBertZeroConfig(
        layers=["conv(3)"], vocab_size=len(tokenizer), hidden_size=16, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=24,
    )  # fmt: skip
    AutoBertZeroForMaskedLM(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    given: dict[str, Any] = {"text": [text], "model": str(tmp_path / "model"), "max_steps": 2, "evaluation_rows": 20}
    facts = pretrain(tmp_path / "run", PreTrainingOptions(**given))
    assert facts["sequence_length"] == 24
    assert pretrain(tmp_path / "run", PreTrainingOptions(**given)) == facts
    assert pretrain(tmp_path / "run", PreTrainingOptions(**given, sequence_length=24)) == facts
    with pytest.raises(AutoBertZeroError, match=r"\(--sequence-length was 24 and is 16\)"):
        pretrain(tmp_path / "run", PreTrainingOptions(**given, sequence_length=16))
    # An older version took rows of 128 tokens, and did not write that down.
    older = {**facts, "options": given}
    del older["contents"]
    (tmp_path / "run" / "pretraining.json").write_text(json.dumps(older))
    assert pretrain(tmp_path / "run", PreTrainingOptions(**given)) == older


def test_a_folder_that_another_run_took_is_left_to_it(text: str, tmp_path: Path) -> None:
    folder, changes = tmp_path / "model", {"max_steps": 2000, "checkpoint_steps": 1}
    with taken_from_within(folder, folder / "checkpoints" / ".lock"):
        pretrain(folder, PreTrainingOptions(text=[text], **{**TINY, **changes}))


def test_next_sentences(text: str, tmp_path: Path) -> None:
    facts = pretrain(tmp_path, PreTrainingOptions(text=[text], **TINY, next_sentence=True))
    assert 0 < facts["next_sentence_accuracy"] < 1 and 0.5 <= facts["next_sentence_accuracy_baseline"] < 0.8
    assert facts["next_sentence_accuracy_standard_error"] == pytest.approx(0.065, abs=0.01)
    model = AutoModelForPreTraining.from_pretrained(tmp_path)
    assert isinstance(model, AutoBertZeroForPreTraining)
    assert "next sentence, accuracy" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("next_sentence", [False, True])
def test_accumulation_gives_the_losses_of_whole_steps(text: str, tmp_path: Path, next_sentence: bool) -> None:
    options = {**TINY, "text": [text], "next_sentence": next_sentence, "log_steps": 1}
    whole, parts = (
        pretrain(tmp_path / str(number), PreTrainingOptions(**options, gradient_accumulation=number))
        for number in (1, 4)
    )
    # The next-sentence loss weighs a part by its masked words, so that it is the same up to their number.
    assert losses(parts) == pytest.approx(losses(whole), rel=2e-2 if next_sentence else 1e-5)
    with pytest.raises(AutoBertZeroError, match="--batch-size 8 cannot be shared by 1 processes or GPUs in 3 parts"):
        pretrain(tmp_path / "3", PreTrainingOptions(**options, gradient_accumulation=3))


def test_with_a_teacher_and_on_from_there(text: str, bert: str, tmp_path: Path) -> None:
    common = {name: TINY[name] for name in ("sequence_length", "batch_size", "evaluation_rows", "mixed_precision")}
    common |= {"text": [text], "max_steps": 8, "log_steps": 1}
    one = PreTrainingOptions(**common, layers=TINY["layers"], teacher=bert)
    facts = pretrain(tmp_path / "one", one)
    assert facts["started_from"] == "scratch" and facts["teacher"] == bert
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "one")
    assert model.config.layers == TINY["layers"] and not model.config.sparse_prediction
    assert not any("teacher" in name for name, _ in model.named_parameters())
    facts = pretrain(tmp_path / "two", PreTrainingOptions(**common, model=str(tmp_path / "one"), next_sentence=True))
    assert facts["layers"] == TINY["layers"] and facts["started_from"] == f"model {tmp_path / 'one'}"
    # A student of other sizes, with the teacher's words.
    facts = pretrain(
        tmp_path / "three",
        PreTrainingOptions(**common, architecture=str(tmp_path / "one"), hidden_size=16, teacher=bert),
    )
    assert facts["layers"] == TINY["layers"]
    student = AutoModelForMaskedLM.from_pretrained(tmp_path / "three")
    assert (student.config.hidden_size, student.config.vocab_size) == (16, 1000)
    with pytest.raises(AutoBertZeroError, match="vocabulary of 1,000 entries, the student one of 900"):
        swapped = PreTrainingOptions(**common, model=_of_another_vocabulary(tmp_path), teacher=bert)
        pretrain(tmp_path / "four", swapped)
    assert not (tmp_path / "four").exists()


def test_an_encoder_that_is_read_is_trained_on_and_taught_by(text: str, roberta: Path, tmp_path: Path) -> None:
    common = {name: TINY[name] for name in ("sequence_length", "batch_size", "evaluation_rows", "mixed_precision")}
    common |= {"text": [text], "max_steps": 4, "model": str(roberta)}
    facts = pretrain(tmp_path / "one", PreTrainingOptions(**common, dropout=0.2, teacher=str(roberta)))
    assert facts["started_from"] == f"model {roberta}"
    of_its_own = {name: value for name, value in common.items() if name != "sequence_length"}
    assert pretrain(tmp_path / "long", PreTrainingOptions(**of_its_own))["sequence_length"] == 64
    trained, tokenizer = (each.from_pretrained(tmp_path / "one") for each in (AutoModelForMaskedLM, AutoTokenizer))
    assert (trained.config.positions, trained.config.hidden_dropout_prob) == ("counted", 0.2)
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(roberta).get_vocab()
    begun = convert_checkpoint(roberta)
    moved = (trained.state_dict()[name] - weight for name, weight in begun.state_dict().items())
    assert 0 < max(float(each.abs().max()) for each in moved) < 0.1
    with pytest.raises(AutoBertZeroError, match=r"--next-sentence: .* is of RoBERTa, which has no head for it"):
        pretrain(tmp_path / "two", PreTrainingOptions(**common, next_sentence=True))
    trained.save_pretrained(tmp_path / "ours")
    tokenizer.save_pretrained(tmp_path / "ours")
    with pytest.raises(AutoBertZeroError, match=r"--next-sentence tells .* by two token types, and the model has 1"):
        common["model"] = str(tmp_path / "ours")
        pretrain(tmp_path / "two", PreTrainingOptions(**common, next_sentence=True))


def _of_another_vocabulary(tmp_path: Path) -> str:
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "three")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "three")
    model.resize_token_embeddings(900)
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)[:900]
    model.save_pretrained(tmp_path / "smaller")
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(tmp_path / "smaller")
    return str(tmp_path / "smaller")


def test_a_stream(documents: Dataset, tmp_path: Path) -> None:
    documents.select(range(40)).to_json(tmp_path / "train.jsonl")
    documents.select(range(40, 60)).to_json(tmp_path / "validation.jsonl")
    options = {**TINY, "dataset": str(tmp_path), "streaming": True, "validation_split": "validation"}
    facts = pretrain(tmp_path / "model", PreTrainingOptions(**options))
    assert facts["rows"] is None and facts["steps"] == 6 and facts["held_out_rows"] == 60


def test_what_does_not_go_together_is_said_before_anything_is_read() -> None:
    for options, reasons in (
        ({"layers": ["conv(3)"], "model": "a"}, ["--layers, --model each name a backbone"]),
        ({"model": "a", "hidden_size": 8, "tokenizer": "b"}, ["--hidden-size: --model has its own", "--tokenizer: "]),
        ({"model": "a", "num_layers": 2}, ["--num-layers: --model has its own number"]),
        ({"layers": ["conv(3)"], "num_layers": 2}, ["--num-layers: --layers has its own number"]),
        ({"temperature": 1.0, "hidden_weight": 0.0}, ["--hidden-weight, --temperature: of use with --teacher alone"]),
        ({"epochs": 1.0, "max_steps": 2}, ["not both"]),
        ({"streaming": True, "dataset": "a"}, ["--streaming needs --max-steps"]),
        ({"tokenizer": "a", "vocab_size": 200}, ["--vocab-size: of a new vocabulary, and one is given"]),
        ({"validation_text": ["a"], "held_out": 0.2}, ["--held-out is a share"]),
        ({"batch_size": 0, "masking": 2.0}, ["batch_size must be at least 1", "masking must be at least 0.001"]),
        ({"seeds": 3}, ["unknown option 'seeds'"]),
    ):
        with pytest.raises(AutoBertZeroError) as caught:
            PreTrainingOptions(**options)
        assert all(reason in str(caught.value) for reason in reasons), caught.value
    PreTrainingOptions(architecture="bert", num_layers=3)


def test_a_training_that_diverges_writes_no_model(text: str, tmp_path: Path) -> None:
    options = PreTrainingOptions(text=[text], **TINY, learning_rate=1e30)
    with pytest.raises(AutoBertZeroError, match="diverged by step 6, no model is written"):
        pretrain(tmp_path / "out", options)
    assert not (tmp_path / "out" / "config.json").exists()


def test_another_model_is_not_overwritten(text: str, bert: str) -> None:
    with pytest.raises(AutoBertZeroError, match="holds another model, which would be lost"):
        pretrain(Path(bert), PreTrainingOptions(text=[text], **TINY))


def test_held_out_scores_are_those_of_the_search(documents: Dataset, tokenizer: BertTokenizer, bert: str) -> None:
    """The same rows and masks, scored by the code that a search scores with."""
    from autobert_zero_hf.conversion import convert_checkpoint

    model = convert_checkpoint(bert)
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence=False, seed=0)
    packed = examples.rows(documents.select(range(4)))
    rows = RowsByPlace(examples, packed)
    frequencies = word_frequencies(packed, len(tokenizer))
    score = evaluate_held_out(model, rows, frequencies, batch_size=7)
    batch = torch.utils.data.default_collate([rows[place] for place in range(len(rows))])
    masked = MaskedBatch(batch["input_ids"], batch["labels"])
    for mine, measure in ((score.accuracy, "accuracy"), (score.loss, "loss")):
        wanted = evaluate_masked_lm(model, masked, measure=measure)
        assert mine.value == pytest.approx(wanted.value, rel=1e-5)
        assert mine.standard_error == pytest.approx(wanted.standard_error, rel=1e-4)
    asked = batch["labels"][batch["labels"] != -100]
    frequencies[tokenizer.all_special_ids] = 0
    assert score.baseline_accuracy == pytest.approx((asked == frequencies.argmax()).float().mean().item())
    assert score.baseline_loss == pytest.approx(
        -torch.tensor(frequencies / frequencies.sum())[asked].log().mean().item()
    )
