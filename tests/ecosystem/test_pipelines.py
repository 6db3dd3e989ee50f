"""transformers' pipelines, opened from a saved folder by its path: what they say follows from the model's logits."""

import logging
from pathlib import Path

import pytest
import torch
import transformers
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertTokenizer,
    pipeline,
)

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
)


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What transformers logs; by default it keeps that from other loggers."""
    transformers.logging.enable_propagation()
    caplog.set_level(logging.WARNING)
    yield caplog
    transformers.logging.disable_propagation()


def saved(model: torch.nn.Module, tokenizer: BertTokenizer, folder: Path) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_fill_mask(
    folder: Path, tokenizer: BertTokenizer, sentences: list[str], complaints: pytest.LogCaptureFixture
) -> None:
    words = sentences[3].split()
    text = " ".join([*words[:4], "[MASK]", *words[5:]])
    answers = pipeline("fill-mask", model=str(folder))(text, top_k=3)
    encoded = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = AutoModelForMaskedLM.from_pretrained(folder).eval()(**encoded).logits
    chances, best = logits[encoded["input_ids"] == tokenizer.mask_token_id][0].softmax(-1).topk(3)
    assert [answer["token"] for answer in answers] == best.tolist()
    assert [answer["token_str"] for answer in answers] == [tokenizer.decode(word) for word in best]
    torch.testing.assert_close(torch.tensor([answer["score"] for answer in answers]), chances)
    for answer in answers:
        filled = torch.where(encoded["input_ids"] == tokenizer.mask_token_id, answer["token"], encoded["input_ids"])
        assert answer["sequence"] == tokenizer.decode(filled[0], skip_special_tokens=True)
    assert "not supported" not in complaints.text


def test_the_complaint_that_the_others_look_for_is_heard(
    folder: Path, tokenizer: BertTokenizer, complaints: pytest.LogCaptureFixture
) -> None:
    model = AutoModelForMaskedLM.from_pretrained(folder)
    pipeline("text-classification", model=model, tokenizer=tokenizer)
    assert "'AutoBertZeroForMaskedLM' is not supported for text-classification" in complaints.text


@pytest.mark.parametrize("batch_size", [1, 4])
def test_text_classification(
    config: AutoBertZeroConfig,
    tokenizer: BertTokenizer,
    sentences: list[str],
    tmp_path: Path,
    complaints: pytest.LogCaptureFixture,
    batch_size: int,
) -> None:
    path = saved(AutoBertZeroForSequenceClassification(config), tokenizer, tmp_path)
    answers = pipeline("text-classification", model=path)(sentences, top_k=None, batch_size=batch_size)
    model = AutoModelForSequenceClassification.from_pretrained(path).eval()
    for text, scores in zip(sentences, answers, strict=True):
        with torch.no_grad():
            wanted = model(**tokenizer(text, return_tensors="pt")).logits[0].softmax(-1)
        assert [each["score"] for each in scores] == sorted((each["score"] for each in scores), reverse=True)
        actual = {each["label"]: each["score"] for each in scores}
        assert actual == pytest.approx({config.id2label[k]: p for k, p in enumerate(wanted.tolist())}, abs=1e-4)
    assert "not supported" not in complaints.text


def test_token_classification(
    config: AutoBertZeroConfig,
    tokenizer: BertTokenizer,
    sentences: list[str],
    tmp_path: Path,
    complaints: pytest.LogCaptureFixture,
) -> None:
    path = saved(AutoBertZeroForTokenClassification(config), tokenizer, tmp_path)
    text = sentences[5]
    tagged = pipeline("token-classification", model=path, ignore_labels=[])(text)
    encoded = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = AutoModelForTokenClassification.from_pretrained(path).eval()(**encoded).logits[0, 1:-1]
    assert [each["word"] for each in tagged] == tokenizer.convert_ids_to_tokens(encoded["input_ids"][0, 1:-1])
    assert [each["entity"] for each in tagged] == [config.id2label[k] for k in logits.argmax(-1).tolist()]
    torch.testing.assert_close(
        torch.tensor([float(each["score"]) for each in tagged]), logits.softmax(-1).amax(-1), rtol=1e-4, atol=1e-5
    )
    for each in tagged:
        assert text[each["start"] : each["end"]].lower() == each["word"].removeprefix("##")
    # Words of one class in a row become one entity, with the text between its ends.
    grouped = pipeline("token-classification", model=path, aggregation_strategy="first", ignore_labels=[])(text)
    assert len(grouped) < len(tagged)
    assert [each["start"] for each in grouped] == sorted(each["start"] for each in grouped)
    for each in grouped:
        assert "".join(text[each["start"] : each["end"]].lower().split()) == "".join(each["word"].split())
    assert "not supported" not in complaints.text


@pytest.mark.parametrize("batch_size", [1, 4])
def test_feature_extraction(
    folder: Path,
    tokenizer: BertTokenizer,
    sentences: list[str],
    complaints: pytest.LogCaptureFixture,
    batch_size: int,
) -> None:
    extractor = pipeline("feature-extraction", model=str(folder))
    features = extractor(sentences, batch_size=batch_size, return_tensors=True)
    model = AutoModel.from_pretrained(folder).eval()
    for text, feature in zip(sentences, features, strict=True):
        with torch.no_grad():
            wanted = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        torch.testing.assert_close(feature[:, : wanted.shape[1]], wanted, rtol=1e-4, atol=1e-5)
    assert "not supported" not in complaints.text


def test_zero_shot_classification(
    config: AutoBertZeroConfig,
    tokenizer: BertTokenizer,
    sentences: list[str],
    tmp_path: Path,
    complaints: pytest.LogCaptureFixture,
) -> None:
    """Each label is a hypothesis, "This example is about ...", that the text entails or does not."""
    names = ["contradiction", "neutral", "entailment"]
    changes = {"id2label": dict(enumerate(names)), "label2id": {name: k for k, name in enumerate(names)}}
    config = AutoBertZeroConfig(**config.to_dict() | changes)
    path = saved(AutoBertZeroForSequenceClassification(config), tokenizer, tmp_path)
    topics = ["business", "entertainment", "politics"]
    template = "This example is about {}."
    answer = pipeline("zero-shot-classification", model=path)(sentences[4], topics, hypothesis_template=template)
    hypotheses = [template.format(topic) for topic in topics]
    pairs = tokenizer([sentences[4]] * 3, hypotheses, return_tensors="pt", padding=True)
    with torch.no_grad():
        entailed = AutoModelForSequenceClassification.from_pretrained(path).eval()(**pairs).logits[:, 2].softmax(0)
    assert dict(zip(answer["labels"], answer["scores"], strict=True)) == pytest.approx(
        dict(zip(topics, entailed.tolist(), strict=True)), abs=1e-4
    )
    assert "not supported" not in complaints.text
    assert "entailment" not in complaints.text
