"""`autobert-zero convert` as a user meets it."""

import json
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    MPNetConfig,
    pipeline,
)

from autobert_zero_hf import AutoBertZeroForSequenceClassification
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model.auto_map import code_files
from tests.terminal import run

LIMITED = """
import resource, sys
from autobert_zero_hf.commands.main import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main())
"""


@pytest.fixture(scope="module")
def bert(tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "bert"
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def convert(*words: object) -> int:
    return main(["convert", *map(str, words)])


def test_a_bert_becomes_ours(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "ours"
    assert convert(bert, "--output-dir", folder) == 0
    wanted = AutoModelForMaskedLM.from_pretrained(bert)
    said = capsys.readouterr()
    assert said.out == (
        f"AutoBertZeroForMaskedLM, 2 layers, {wanted.num_parameters():,} parameters\nWritten: {folder}\n"
    )
    assert "warning" not in said.err
    text = "The prime minister said the economy was growing."
    words = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    assert words["input_ids"].tolist() == [AutoTokenizer.from_pretrained(bert)(text)["input_ids"]]
    with torch.no_grad():
        actual = AutoModelForMaskedLM.from_pretrained(folder)(**words).logits
        torch.testing.assert_close(actual, wanted(**words).logits, rtol=0, atol=1e-5)


def test_a_roberta_comes_with_its_tokenizer(roberta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "ours"
    assert convert(roberta, "--output-dir", folder) == 0
    assert "warning" not in capsys.readouterr().err
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.model_max_length) == ("<pad>", 1, 64)
    ours, theirs = (AutoModelForMaskedLM.from_pretrained(each) for each in (folder, roberta))
    config = ours.config
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (1, 0, 2)
    assert config.max_position_embeddings == 64
    texts = ["The prime minister said the economy was <mask>.", "Too long. " * 60]
    answers = [
        pipeline("fill-mask", model, tokenizer=AutoTokenizer.from_pretrained(place))(texts[0])
        for model, place in ((ours, folder), (theirs, roberta))
    ]
    assert [each["token"] for each in answers[0]] == [each["token"] for each in answers[1]]
    rows = tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
    assert rows["input_ids"].shape == (2, 64) and "token_type_ids" not in rows
    with torch.no_grad():
        found, wanted = (model(**rows).logits[rows["attention_mask"].bool()] for model in (ours, theirs))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_a_head_can_be_chosen(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "classifier"
    assert convert(bert, "--head", "ForSequenceClassification", "--output-dir", folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["layers"]) == ("AutoBertZeroForSequenceClassification", 2)
    assert (said["tokenizer"], said["written"]) == (True, str(folder))
    AutoBertZeroForSequenceClassification.from_pretrained(folder)
    with pytest.raises(SystemExit, match="2"):
        convert(bert, "--head", "MaskedLM", "--output-dir", tmp_path / "other")
    assert "ForMaskedLM" in capsys.readouterr().err


def test_a_vocabulary_can_be_trimmed_to_texts(
    bert: Path, documents: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, whole, folder = tmp_path / "news.txt", tmp_path / "whole", tmp_path / "smaller"
    text.write_text("\n\n".join(each[:200] for each in documents["text"][:12]))
    assert convert(bert, "--output-dir", whole, "--json") == 0
    before = json.loads(capsys.readouterr().out)
    # A model of this package may be trimmed, too.
    assert convert(whole, "--trim-vocabulary", text, "--output-dir", folder, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["words_left_out"] > 100
    assert before["parameters"] - after["parameters"] == after["parameters_left_out"] == 33 * after["words_left_out"]
    assert before["written"] != after["written"]
    sizes = [(each / "model.safetensors").stat().st_size for each in (whole, folder)]
    assert sizes[0] - sizes[1] == pytest.approx(4 * after["parameters_left_out"], abs=200)
    rows = [
        AutoTokenizer.from_pretrained(each)(documents["text"][0][:200], return_tensors="pt") for each in (whole, folder)
    ]
    with torch.no_grad():
        wanted, found = (
            AutoModel.from_pretrained(each)(**words).last_hidden_state
            for each, words in zip((whole, folder), rows, strict=True)
        )
    assert torch.equal(found, wanted)
    (tmp_path / "alone").mkdir()
    for file in ("config.json", "model.safetensors"):
        (tmp_path / "alone" / file).write_bytes((bert / file).read_bytes())
    for words, reason in (
        ((bert, "--trim-vocabulary", tmp_path / "nothing.txt"), "nothing.txt"),
        ((tmp_path / "alone", "--trim-vocabulary", text), "--trim-vocabulary: no tokenizer is found at"),
    ):
        assert convert(*words, "--output-dir", tmp_path / "other") == 1
        said = capsys.readouterr().err
        assert reason in said and said.count("\n") == 1
        assert not (tmp_path / "other").exists()


def test_without_a_tokenizer_it_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(**sizes)).save_pretrained(tmp_path / "bert")
    folder = tmp_path / "ours"
    assert convert(tmp_path / "bert", "--output-dir", folder) == 0
    assert f"warning: no tokenizer is found at {tmp_path / 'bert'}, and none is written" in capsys.readouterr().err
    written = {file.name for file in folder.iterdir()}
    assert written == {"config.json", "model.safetensors", *(Path(file).name for file in code_files())}
    AutoModel.from_pretrained(folder)


def test_bad_input_is_one_clear_line(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MPNetConfig().save_pretrained(tmp_path / "mpnet")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    cases = {
        "nothing there": (tmp_path / "none", tmp_path / "a", "no checkpoint with a config.json is found at"),
        "no config": (tmp_path / "empty", tmp_path / "b", "has no config.json: give a checkpoint of BERT"),
        "another model": (tmp_path / "mpnet", tmp_path / "c", "is a mpnet model, whose attention adds"),
        "its own folder": (bert, bert, "would be lost: give another --output-dir"),
        "another model there": (bert, tmp_path / "mpnet", "would be lost"),
        "a file": (bert, tmp_path / "file", "is a file; give another --output-dir"),
    }
    before = {file: file.read_bytes() for file in bert.iterdir()}
    for name, (source, folder, reason) in cases.items():
        assert convert(source, "--output-dir", folder) == 1, name
        said = capsys.readouterr().err
        assert said.startswith("error: "), (name, said)
        assert reason in said, (name, said)
        assert said.count("\n") == 1, (name, said)
    assert before == {file: file.read_bytes() for file in bert.iterdir()}


def test_on_a_full_disk_nothing_is_left_and_the_same_command_works_again(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    command = ["convert", bert, "--output-dir", folder]
    limit = (bert / "model.safetensors").stat().st_size // 2

    for place in ("new", "empty"):
        if place == "empty":
            folder.mkdir()
        status, said = run(["-c", LIMITED, limit, *command])
        assert status == 1, said
        assert f"error: {folder} could not be written (File too large): make room on that disk" in said
        assert "Traceback" not in said
        assert not list(folder.iterdir()) and list(tmp_path.iterdir()) == [folder]
        folder.rmdir()
    assert run(command)[0] == 0
    AutoModelForMaskedLM.from_pretrained(folder)
