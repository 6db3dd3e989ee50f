"""Words with tags: which tokens they become, how they are scored, what is fine-tuned."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from seqeval.metrics import f1_score, precision_score, recall_score
from tokenizers.processors import TemplateProcessing
from transformers import BertTokenizer, pipeline

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.data.fitting import load_tokenizer
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.counted_score import EntityF1, WordAccuracy
from autobert_zero_hf.tasks.tokens import TokenTask, encode_words
from autobert_zero_hf.training.finetuning import FineTuningOptions, finetune
from tests.tagged_words import tagged_words

NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def task_of(words: Sequence[Sequence[str]], tags: Sequence[Sequence[int]], names: Sequence[str] = NAMES) -> TokenTask:
    rows = Dataset.from_dict({"words": words, "tags": tags})
    return TokenTask("mine", rows, rows, tuple(names))


@pytest.fixture(scope="module")
def capitals() -> TokenTask:
    """Runs of words with capitals, in the demo's articles, as entities."""
    names, words, tags = tagged_words(load_demo().select(range(0, 2125, 10)))
    rows = Dataset.from_dict({"words": words, "tags": [[names.index(tag) for tag in row] for row in tags]})
    return TokenTask("capitals", rows.select(range(50, len(rows))), rows.select(range(50)), names)


def named(task: TokenTask, tags: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[task.labels[tag] for tag in row] for row in tags]


@pytest.mark.parametrize("names", [NAMES, ("O", "B-A", "I-A", "E-A", "S-A"), ("O", "I-A", "I-B")])
def test_entities_are_scored_as_seqeval_scores_them(names: Sequence[str]) -> None:
    generator = random.Random(0)
    rows = [[generator.randrange(len(names)) for _ in range(generator.randint(1, 12))] for _ in range(60)]
    task = task_of([["word"] * len(row) for row in rows], rows, names)
    given = [[tag if generator.random() < 0.8 else generator.randrange(len(names)) for tag in row] for row in rows]
    score = task.score([np.array(row) for row in given])
    assert isinstance(score, EntityF1)
    both = named(task, rows), named(task, given)
    assert score.values == pytest.approx(
        {"f1": f1_score(*both), "precision": precision_score(*both), "recall": recall_score(*both)}
    )
    assert 0.2 < score.value < 0.95
    assert task.score([np.array(row) for row in rows]).value == 1


def test_the_error_is_that_of_drawing_sentences_again() -> None:
    """Of 400 sentences that are all right or all wrong, it is that of a share; of as many words it would be less."""
    right = np.arange(400) % 4 > 0
    score = WordAccuracy(np.stack([10 * right, np.full(400, 10)], axis=1))
    assert score.values == {"accuracy": 0.75}
    assert score.standard_error == pytest.approx((0.75 * 0.25 / 400) ** 0.5, rel=0.1)
    assert score.standard_error == WordAccuracy(score.counts).standard_error, "draws another time"
    assert WordAccuracy(score.counts[right]).standard_error is None
    assert WordAccuracy(score.counts[:1]).standard_error is None


def test_parts_of_speech_are_scored_by_words() -> None:
    task = task_of([["a", "dog", "runs"], ["dogs", "run"]], [[0, 1, 2], [1, 2]], ("DET", "NOUN", "VERB"))
    assert not task.has_entities
    score = task.score([np.array([0, 1, 1]), np.array([-1, 2])])
    assert (score.values, score.primary) == ({"accuracy": 0.6}, "accuracy of words")
    assert (task.constant_answer, task.baseline) == ("always NOUN", 0.4)


def test_a_constant_answer_finds_no_entity(capitals: TokenTask) -> None:
    assert (capitals.constant_answer, capitals.baseline) == ("always O", 0)
    assert capitals.metric is EntityF1
    everywhere = [np.full(len(row), capitals.labels.index("B-CAP")) for row in capitals.validation["tags"]]
    assert capitals.score(everywhere).value > 0


def test_the_first_token_of_a_word_has_its_tag(tokenizer: BertTokenizer, capitals: TokenTask) -> None:
    """As the tokenizer's own count of words has it."""
    encoded = encode_words(capitals, tokenizer, 64)
    split = False
    for row, words, tags in zip(encoded.train, capitals.train["words"], capitals.train["tags"], strict=True):
        own = tokenizer(words, is_split_into_words=True, truncation=True, max_length=64)
        assert row["input_ids"] == own["input_ids"]
        numbers = own.word_ids()
        wanted = [
            -100 if number is None or number == before else tags[number]
            for before, number in zip([None, *numbers], numbers, strict=False)
        ]
        assert row["labels"] == wanted
        split |= len(numbers) - 2 > len(words)
    assert split
    assert encoded.warnings == ()


@pytest.mark.parametrize("trimmed", [True, False])
def test_words_of_bytes_are_those_of_a_text(roberta: Path, capitals: TokenTask, trimmed: bool) -> None:
    """RoBERTa's tokenizer has other tokens for a word after a space than for one that stands alone.

    The space is a part of them, and, as ModernBERT's tokenizer has it, of their characters.
    """
    tokenizer = load_tokenizer(str(roberta))
    if not trimmed:
        special = [("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=special)
    row = encode_words(capitals, tokenizer, 64).train[0]
    words = capitals.train["words"][0]
    text = tokenizer(" ".join(words), truncation=True, max_length=64, return_offsets_mapping=True)
    assert row["input_ids"] == text["input_ids"]
    assert "Ġthe" in tokenizer.convert_ids_to_tokens(row["input_ids"])
    spans = [span for span, label in zip(text["offset_mapping"], row["labels"], strict=True) if label != -100]
    assert len(spans) > 10
    begins = [len(" ".join([*words[:place], ""])) for place in range(len(spans))]
    spaces = [begin - start for begin, (start, _) in zip(begins, spans, strict=True)]
    assert set(spaces) == ({0} if trimmed else {0, 1})


def test_words_that_are_lost_are_said_and_count_as_not_found(tokenizer: BertTokenizer) -> None:
    words, tags = ["London", "is", "", "large", "Paris"], [3, 0, 3, 0, 3]
    task = task_of([words, words[:2]], [tags, tags[:2]])
    whole = encode_words(task, tokenizer, 64)
    cut = encode_words(task, tokenizer, 4)
    assert whole.warnings[0].startswith("2 of 14 words are beyond the 64 tokens of a row (--max-length) or nothing")
    for encoded, found in ((whole, 3), (cut, 2)):
        rows = encoded.scored[0]
        # The right answer for every word that has a token; rows stand by length.
        outputs = np.zeros((2, 64, len(NAMES)))
        outputs[:, :, NAMES.index("B-PER")] = 0.5  # padding is no answer
        for row, labels in enumerate(rows.rows["labels"]):
            outputs[row, range(len(labels)), np.maximum(labels, 0)] = 1
        assert rows.score(outputs).values["recall"] == found / 4
        assert rows.score(outputs).values["precision"] == 1


def test_a_tokenizer_that_pads_on_the_left_is_refused(roberta: Path, capitals: TokenTask) -> None:
    tokenizer = load_tokenizer(str(roberta))
    tokenizer.padding_side = "left"
    with pytest.raises(AutoBertZeroError, match="need a fast tokenizer that pads on the right"):
        encode_words(capitals, tokenizer, 64)


def test_a_pipeline_finds_what_was_learnt(
    tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, capitals: TokenTask, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    AutoBertZeroForMaskedLM(tiny_config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    options = FineTuningOptions(epochs=[3.0], learning_rate=[0.01])
    result = finetune(str(tmp_path / "model"), capitals, tmp_path / "tuned", options)
    assert result.score.value > 5 * result.score.standard_error > 0
    # A pipeline that is given the texts finds the same tags, and so has the same score.
    find = pipeline("token-classification", model=str(tmp_path / "tuned"), ignore_labels=[])
    tags = []
    for words in capitals.validation["words"]:
        found = {token["start"]: capitals.labels.index(token["entity"]) for token in find(" ".join(words))}
        tags.append(np.array([found[len(" ".join([*words[:place], ""]))] for place in range(len(words))]))
    assert capitals.score(tags).values == result.score.values
    merged = pipeline("token-classification", model=str(tmp_path / "tuned"), aggregation_strategy="simple")
    assert {entity["entity_group"] for entity in merged(" ".join(capitals.validation["words"][0]))} == {"CAP"}
