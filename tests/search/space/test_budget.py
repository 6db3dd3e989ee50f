"""Budgets, with costs counted on real models."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.space.budget import CostBudget
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace, Steps

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture

CHEAP, DEAR = ("conv(3)", "conv(3)"), tuple(architecture("bert", 2))


@pytest.fixture
def config(tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    return tiny_config


def parameters(config: AutoBertZeroConfig, layers: tuple[str, ...]) -> int:
    with torch.device("meta"):
        model = AutoBertZeroModel(AutoBertZeroConfig(**{**config.to_dict(), "layers": list(layers)}))
    return sum(weight.numel() for weight in model.layers.parameters())


def test_what_costs_more_is_rejected_with_the_reason(config: AutoBertZeroConfig) -> None:
    assert parameters(config, CHEAP) < parameters(config, DEAR)
    bound = parameters(config, DEAR)
    assert CostBudget(config, 64, max_parameters=bound)(Candidate(DEAR)) is None
    tight = CostBudget(config, 64, max_parameters=bound - 1)
    assert tight(Candidate(DEAR)) == "too many parameters"
    assert tight(Candidate(CHEAP)) is None
    operations = CostBudget(config, 64).cost(DEAR).operations
    assert CostBudget(config, 64, max_multiplications=operations)(Candidate(DEAR)) is None
    assert CostBudget(config, 64, max_multiplications=operations - 1)(Candidate(DEAR)) == "too many multiplications"
    assert CostBudget(config, 128, max_multiplications=operations)(Candidate(DEAR)) == "too many multiplications"
    assert CostBudget(config, 64)(Candidate(DEAR)) is None


def test_a_candidate_costs_what_its_own_sizes_cost(config: AutoBertZeroConfig) -> None:
    space = SizesSpace.within(Sizes.of(config), "heads", hidden_step=8)
    small = Candidate(CHEAP, sizes=Sizes(2, 16, 32, 1, 16))
    own = parameters(small.config(config), CHEAP)
    assert own < parameters(config, CHEAP)
    assert CostBudget(config, 64, sizes=space).cost(small.layers, small.sizes).parameters == own
    assert CostBudget(config, 64, max_parameters=own, sizes=space)(small) is None
    assert CostBudget(config, 64, max_parameters=own, sizes=space)(Candidate(CHEAP)) == "too many parameters"
    # Less than the smallest sizes in one layer is less than any.
    least = parameters(space.smallest.config(config, ["conv(3)"]), ("conv(3)",))
    with pytest.raises(ValueError, match=r"is less than any"):
        CostBudget(config, 64, max_parameters=least // 2, sizes=space)


@pytest.mark.parametrize("changes", [{}, {"embedding_size": 12}, {"block": "modernbert", "positions": "rotary"}])
def test_the_whole_model_is_counted_as_it_is(config: AutoBertZeroConfig, changes: dict[str, Any]) -> None:
    like = AutoBertZeroConfig(**{**config.to_dict(), **changes})
    widths = Steps(8, 12, 2) if like.embedding_size else None
    space = replace(SizesSpace.within(Sizes.of(like), "heads", hidden_step=8), embedding_size=widths)
    budget = CostBudget(like, 64, sizes=space, whole=True)
    narrow = Candidate(CHEAP, sizes=Sizes(2, 16, 32, 1, 16, embedding_size=widths and 8))
    for candidate in (Candidate(DEAR), Candidate(CHEAP), Candidate(CHEAP, sizes=Sizes(2, 16, 32, 1, 16)), narrow):
        with torch.device("meta"):
            sizes = {} if candidate.sizes is None else candidate.sizes.to_dict()
            model = AutoBertZeroModel(
                AutoBertZeroConfig(**{**like.to_dict(), **sizes, "layers": list(candidate.layers)})
            )
        own = model.num_parameters()
        assert budget.cost(candidate.layers, candidate.sizes).parameters == own
        assert CostBudget(like, 64, max_parameters=own, sizes=space, whole=True)(candidate) is None
    with pytest.raises(ValueError, match="max_parameters=2,000 is less than any"):
        CostBudget(like, 64, max_parameters=2_000, sizes=space, whole=True)


@pytest.mark.parametrize("bound", ["max_parameters", "max_multiplications"])
def test_a_budget_that_nothing_meets_says_what_a_bert_has(config: AutoBertZeroConfig, bound: str) -> None:
    with pytest.raises(ValueError, match=rf"{bound}=1,000 is less than any .* a BERT has "):
        CostBudget(config, 64, **{bound: 1000})
