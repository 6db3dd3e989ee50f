"""A model that learns from the encoder that it was made of, and what it is judged by."""

import numpy as np
import pytest
import torch
from autobert_zero_hf.search.blocks.healing import Student, heal
from autobert_zero_hf.search.blocks.predictions import divergence, predictions
from autobert_zero_hf.search.blocks.quality import Figure, Judge, Sentences, neighbours, padded
from autobert_zero_hf.search.blocks.texts import batches_of
from autobert_zero_hf.search.recipe.block_options import HealingOptions
from datasets import Dataset
from torch import Tensor

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
    AutoBertZeroModel,
)
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.encoders import SIZES

HEADS = [
    AutoBertZeroModel,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
]


ROWS = Dataset.from_dict({"input_ids": [list(range(20))]}).with_format("torch")


def two(head: type, **options: object) -> tuple[torch.nn.Module, torch.nn.Module]:
    """An encoder of three layers, and what is left of it without the second."""
    torch.manual_seed(0)
    source = head(AutoBertZeroConfig(layers=[BERT_ATTENTION] * 3, num_labels=3, **{**SIZES, **options})).eval()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    student = head(AutoBertZeroConfig(layers=[BERT_ATTENTION] * 2, num_labels=3, **{**SIZES, **options}))
    weights = {}
    for name, weight in source.state_dict().items():
        if "layers.1." not in name:
            weights[name.replace("layers.2.", "layers.1.")] = weight.clone()
    student.load_state_dict(weights)
    return source, student.eval()


def sentences(count: int, seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(4, 20, (count,), generator=generator)
    return [torch.randint(1, SIZES["vocab_size"], (int(each),), generator=generator).tolist() for each in lengths]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("block", ["bert", "modernbert"])
def test_it_comes_nearer_by_every_figure_and_keeps_embeddings_and_head(head: type, block: str) -> None:
    source, student = two(head, block=block)
    rows = torch.randint(1, SIZES["vocab_size"], (16, 20), generator=torch.Generator().manual_seed(9))
    judge = Judge(source, rows, Sentences.of(sentences(60, 1), 0), first_token=False)
    itself, before = judge(source), judge(student)
    assert itself.error.value == 0 and itself.neighbours.value == 1 and itself.cosine.value == pytest.approx(1)
    assert (itself.agreement is None) is (head is AutoBertZeroModel)
    if itself.agreement is not None:
        of_texts = head is AutoBertZeroForSequenceClassification
        assert itself.agreement.value == 1 and len(itself.agreement.parts) == (60 if of_texts else 16)
    kept = {name: weight.clone() for name, weight in student.state_dict().items() if "layers" not in name}
    told: list[float] = []
    options = HealingOptions(healing_steps=80, healing_batch_size=16, healing_learning_rate=5e-3)
    batches = batches_of(sentences(400, 2), ROWS, 16, 80, 0, "0")
    heal([Student("a", student, [0, 2])], source, batches, options, False, lambda step, losses: told.extend(losses))
    after = judge(student)
    assert len(told) == 80 and told[-1] < 0.7 * told[0]
    assert after.error.value < 0.8 * before.error.value
    assert after.cosine.value > before.cosine.value
    if after.agreement is not None and before.agreement is not None:
        assert after.agreement.value >= before.agreement.value
    moved = {name for name, weight in kept.items() if not torch.equal(weight, student.state_dict()[name])}
    assert moved <= {
        "final_norm.weight",
        "final_norm.bias",
        "autobert_zero.final_norm.weight",
        "autobert_zero.final_norm.bias",
    }
    assert all(parameter.requires_grad for parameter in student.parameters()) and not student.training


def test_a_loss_that_is_not_finite_ends_it() -> None:
    source, student = two(AutoBertZeroModel)
    options = HealingOptions(healing_steps=20, healing_learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="the loss of 2x/best is"):
        batches = batches_of(sentences(40, 2), ROWS, 4, 20, 0, "0")
        heal([Student("2x/best", student, [0, 2])], source, batches, options, False, lambda *_: None)


def test_students_side_by_side_learn_what_each_learns_alone() -> None:
    options = HealingOptions(healing_steps=5, healing_learning_rate=5e-3)

    def learnt(count: int) -> list[dict[str, Tensor]]:
        pairs = [two(AutoBertZeroForMaskedLM) for _ in range(count)]
        students = [Student(str(place), model, [0, 2]) for place, (_, model) in enumerate(pairs)]
        with torch.no_grad():
            for place, student in enumerate(students):
                student.parameters[0].mul_(1 + place)
        batches = batches_of(sentences(40, 2), ROWS, 8, 5, 0, "0")
        heal(students, pairs[0][0], batches, options, False, lambda *_: None)
        return [student.model.state_dict() for student in students]

    (alone,), (first, second) = learnt(1), learnt(2)
    assert all(torch.equal(weight, first[name]) for name, weight in alone.items())
    assert any(not torch.equal(weight, second[name]) for name, weight in alone.items())


def test_batches_hold_each_sentence_once_before_any_comes_again() -> None:
    texts = sentences(640, 3)
    given = list(batches_of(texts, ROWS, 10, 64, 0, "0"))
    assert len(given) == 64 and all(ids.shape == mask.shape == (10, ids.shape[1]) for ids, mask in given)
    rows = [tuple(ids[mask.bool()].tolist()) for batch, masks in given for ids, mask in zip(batch, masks, strict=True)]
    assert sorted(rows) == sorted(map(tuple, texts))
    assert len(list(batches_of(texts[:7], ROWS, 10, 25, 0, "0"))) == 25
    real = sum(int(mask.sum()) for _, mask in given) / sum(mask.numel() for _, mask in given)
    assert real > 0.85, "sentences of like lengths stand together"
    again = list(batches_of(texts, ROWS, 10, 64, 0, "0"))
    assert all(torch.equal(one[0], other[0]) for one, other in zip(given, again, strict=True))


def test_where_rows_are_long_every_other_batch_is_of_rows_with_about_as_many_tokens() -> None:
    texts, rows = sentences(640, 3), [[row] * 150 for row in range(1, 8)]
    long = Dataset.from_dict({"input_ids": rows}).with_format("torch")
    given = list(batches_of(texts, long, 40, 9, 0, "0"))
    short = list(batches_of(texts, ROWS, 40, 5, 0, "0"))
    assert len(given) == 9 and all(torch.equal(a[0], b[0]) for a, b in zip(given[::2], short, strict=True))
    of_rows = [ids for ids, mask in given[1::2] if ids.shape == (3, 150) and mask.all()]
    assert len(of_rows) == 4, "40 sentences have about 460 tokens"
    first = [int(row[0]) for ids in of_rows for row in ids]
    assert sorted(first[:7]) == list(range(1, 8)), "each row once before any comes again"


def test_neighbours_and_errors_are_those_of_the_definition() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    found = neighbours(vectors)
    for row in range(30):
        order = sorted(
            (other for other in range(30) if other != row), key=lambda other: -float(vectors[row] @ vectors[other])
        )
        assert set(found[row].tolist()) == set(order[:10])
    one, other = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0.2, 0.4, 0.1, 0.5])
    figure = Figure.mean(one)
    assert figure.value == pytest.approx(0.25)
    assert figure.difference_error(other) == pytest.approx(np.std(one - other, ddof=1) / 2)
    assert Figure.mean(one[:1]).error is None


@pytest.mark.parametrize("block", ["bert", "modernbert"])
@pytest.mark.parametrize("head", HEADS[1:])
def test_predictions_are_those_of_the_whole_model(head: type, block: str) -> None:
    source, _ = two(head, block=block)
    ids, mask = padded(sentences(5, 4), 0)
    with torch.no_grad():
        encoded = source.base_model(input_ids=ids, attention_mask=mask)
        logits: Tensor = source(input_ids=ids, attention_mask=mask).logits
        found = predictions(source, encoded, mask.bool())
    wanted = logits if logits.dim() == 2 else logits[mask.bool()]
    torch.testing.assert_close(found, wanted)
    assert found is not None and float(divergence(found, found)) == pytest.approx(0, abs=1e-6)
    assert float(divergence(found + torch.randn_like(found), found)) > 0.01
