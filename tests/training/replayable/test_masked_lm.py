import math

import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore, evaluate_masked_lm


@pytest.fixture(scope="module")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> Dataset:
    tokenizer("")  # what other tests had it cut to is part of it until it is used again
    return pack(documents, tokenizer, 64)


def test_rows_hold_the_text_in_order(rows: Dataset, documents: Dataset, tokenizer: BertTokenizer) -> None:
    ids = rows[:]["input_ids"]
    assert ids.shape == (len(rows), 64)
    assert set(ids[:, 0].tolist()) == {tokenizer.cls_token_id}
    assert set(ids[:, -1].tolist()) == {tokenizer.sep_token_id}
    stream = ids[:, 1:-1].flatten().tolist()
    texts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in documents["text"]]
    wanted = [token for text in texts for token in (*text, tokenizer.sep_token_id)]
    assert stream == wanted[: len(stream)]
    assert len(wanted) - len(stream) < 62


def test_packing_is_cached_by_text_tokenizer_and_length(
    rows: Dataset, documents: Dataset, tokenizer: BertTokenizer
) -> None:
    again = pack(documents, tokenizer, 64)
    assert again._fingerprint == rows._fingerprint
    assert again.cache_files == rows.cache_files != []
    other = BertTokenizer(vocab={**tokenizer.get_vocab(), "extra": len(tokenizer)})
    prints = {pack(documents, other, 64)._fingerprint, pack(documents, tokenizer, 32)._fingerprint, rows._fingerprint}
    assert len(prints) == 3


def test_masks_follow_from_the_seed_alone(rows: Dataset, tokenizer: BertTokenizer) -> None:
    masked, other = MaskedRows(rows, tokenizer), MaskedRows(rows, tokenizer)
    other.batch([0, 1, 2], seed=99)
    one, two = masked.batch(list(range(200)), seed=5), other.batch(list(range(200)), seed=5)
    assert torch.equal(one.input_ids, two.input_ids)
    assert torch.equal(one.labels, two.labels)
    original = rows[:200]["input_ids"]
    asked = one.labels != -100
    assert torch.equal(one.labels[asked], original[asked])
    assert torch.equal(one.input_ids[~asked], original[~asked])
    special = torch.isin(original, torch.tensor(tokenizer.all_special_ids))
    assert not (asked & special).any()
    share = asked[~special].float().mean().item()
    assert share == pytest.approx(0.15, abs=0.02)
    hidden = (one.input_ids == tokenizer.mask_token_id)[asked].float().mean().item()
    assert hidden == pytest.approx(0.8, abs=0.05)
    assert not torch.equal(masked.batch(list(range(200)), seed=6).labels, one.labels)


def test_a_batch_asks_for_one_word_at_least(rows: Dataset, tokenizer: BertTokenizer) -> None:
    masked = MaskedRows(rows, tokenizer, probability=1e-6)
    batch = masked.batch([3, 4], seed=0)
    assert (batch.labels != -100).sum() == 1
    assert batch.labels[0, 1] == rows[3]["input_ids"][1]
    assert batch.input_ids[0, 1] == tokenizer.mask_token_id


def test_an_epoch_has_every_row_once_and_epochs_differ(rows: Dataset, tokenizer: BertTokenizer) -> None:
    masked = MaskedRows(rows.select(range(12)), tokenizer)
    wanted = sorted(map(tuple, rows[:12]["input_ids"].tolist()))
    orders = []
    for epoch in range(2):
        seen = []
        for step in range(3 * epoch, 3 * epoch + 3):
            batch = masked.sample(step, 4, seed=1)
            seen += torch.where(batch.labels == -100, batch.input_ids, batch.labels).tolist()
        assert sorted(map(tuple, seen)) == wanted
        orders.append(seen)
    assert orders[0] != orders[1]
    # A batch that reaches over the end of an epoch, as in 5 + 5 + 2 | 3 + 5.
    assert len(masked.sample(2, 5, seed=1)) == 5


def test_accuracy_by_hand(tiny_config: AutoBertZeroConfig, rows: Dataset, tokenizer: BertTokenizer) -> None:
    model = AutoBertZeroForMaskedLM(tiny_config).eval()
    batch = MaskedRows(rows, tokenizer).batch(list(range(20)), seed=0)
    # A model that answers the most frequent label whatever it is asked.
    frequent = int(batch.labels[batch.labels != -100].mode().values)
    with torch.no_grad():
        model.decoder.bias[frequent] = 1e4
    score = evaluate_masked_lm(model, batch, batch_size=7)
    assert score.totals == tuple((batch.labels == frequent).sum(-1).tolist())
    assert score.masked == tuple((batch.labels != -100).sum(-1).tolist())
    assert score.value == sum(score.totals) / sum(score.masked) > 0
    with torch.no_grad():
        model.decoder.bias[frequent] = math.nan
    with pytest.raises(FloatingPointError):
        evaluate_masked_lm(model, batch)


def test_standard_errors_agree_with_the_bootstrap() -> None:
    generator = torch.Generator().manual_seed(0)
    masked = torch.randint(10, 30, (300,), generator=generator)
    easy = torch.rand(300, generator=generator)  # rows differ, so words of a row are not independent
    hits = [torch.bernoulli(p.repeat(int(n)), generator=generator).sum() for p, n in zip(easy, masked, strict=True)]
    one = torch.stack(hits)
    two = (one - (torch.rand(300, generator=generator) < 0.5).long()).clamp(min=0)
    a = MaskedScore(tuple(one.long().tolist()), tuple(masked.tolist()))
    b = MaskedScore(tuple(two.long().tolist()), tuple(masked.tolist()))
    picks = torch.randint(0, 300, (4000, 300), generator=generator)
    totals = masked[picks].sum(-1)
    means_a, means_b = one[picks].sum(-1) / totals, two[picks].sum(-1) / totals
    difference, error = a.difference(b)
    assert a.value == pytest.approx((one.sum() / masked.sum()).item())
    assert a.standard_error == pytest.approx(means_a.std().item(), rel=0.1)
    assert difference == pytest.approx(a.value - b.value)
    assert error == pytest.approx((means_a - means_b).std().item(), rel=0.1)
    assert error < a.standard_error / 3, "pairing should help here"
    with pytest.raises(ValueError, match="same masked rows"):
        a.difference(MaskedScore((1,), (2,)))
