"""What is written down of the best compromises."""

from typing import Any

from autobert_zero_hf.search.run.front import describe_front, find_front, rank
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.records import Trained
from autobert_zero_hf.search.space.budget import CostBudget
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation

from autobert_zero_hf import AutoBertZeroConfig, architecture

LIKE = AutoBertZeroConfig(layers=architecture("bert", 2), hidden_size=32, num_attention_heads=2, intermediate_size=64)
SUB_MODELS = SubModels(tuple(LIKE.layers), SizesSpace.within(Sizes.of(LIKE), "heads"))


def test_the_winner_is_not_taken_for_the_same_model_from_scratch() -> None:
    best = SUB_MODELS.candidate(Sizes(2, 32, 64, 2, 16))
    ranked = rank([Evaluation(best, 0.5)], LIKE, CostBudget(LIKE, 32, sizes=SUB_MODELS.sizes), None)
    same: dict[str, Any] = {"layers": list(best.layers), "parameters": 1, "standard_error": 0.1}
    same |= {"correct": [1], "masked": [2]}
    history = History([Trained(name="best", accuracy=0.6, **same), Trained(name="scratch", accuracy=0.2, **same)])
    (member,) = describe_front(find_front(ranked), {"best": best, "scratch": best}, history)["members"]
    assert (member["folder"], member["accuracy"]) == ("best", 0.6)
