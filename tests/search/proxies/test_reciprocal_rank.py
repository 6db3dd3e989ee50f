"""The reciprocal rank, by hand and beside scikit-learn's."""

import pytest
import torch
from autobert_zero_hf.search.proxies.reciprocal_rank import reciprocal_ranks
from sklearn.metrics import label_ranking_average_precision_score
from torch import Tensor


@pytest.mark.parametrize(
    ("logits", "word", "worth"),
    [
        ([3.0, 2.0, 1.0], 0, 1.0),
        ([3.0, 2.0, 1.0], 1, 1 / 2),
        ([3.0, 2.0, 1.0], 2, 1 / 3),
        ([3.0, 3.0, 1.0], 1, 1 / 1.5),
        ([1.0, 1.0, 1.0], 0, 1 / 2),
    ],
)
def test_by_hand(logits: list[float], word: int, worth: float) -> None:
    assert reciprocal_ranks(Tensor([logits]), torch.tensor([word])).item() == pytest.approx(worth)


def test_without_equal_ones_it_is_the_precision_of_a_ranking_with_one_answer() -> None:
    logits, words = torch.randn(50, 30), torch.randint(30, (50,))
    answers = torch.nn.functional.one_hot(words, 30).numpy()
    wanted = label_ranking_average_precision_score(answers, logits.numpy())
    assert reciprocal_ranks(logits, words).mean().item() == pytest.approx(wanted)
