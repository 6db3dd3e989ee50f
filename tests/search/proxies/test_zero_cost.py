"""Zero-cost proxies, on real text."""

import pytest
import torch
from autobert_zero_hf.search.proxies.counts import CountedProxy
from autobert_zero_hf.search.proxies.w_pca import WeightWeightedPca, principal_components
from autobert_zero_hf.search.run.screening import RankAgreement, Untrained
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes
from sklearn.decomposition import PCA

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows


@pytest.fixture
def input_ids(rows: MaskedRows) -> torch.Tensor:
    return rows.rows[:40]["input_ids"]


def layer_parameters(model: AutoBertZeroForMaskedLM) -> int:
    return sum(weight.numel() for weight in model.base_model.layers.parameters())


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_w_pca_is_the_components_times_the_parameters(
    tiny_config: AutoBertZeroConfig, input_ids: torch.Tensor, share: float
) -> None:
    """The components by another implementation, on what the activations are given."""
    model = AutoBertZeroForMaskedLM(tiny_config)
    seen: list[torch.Tensor] = []
    hooks = [
        layer.mlp.activation.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
        for layer in model.base_model.layers
    ]
    model.eval()
    with torch.no_grad():
        model.base_model(input_ids=input_ids)
    for hook in hooks:
        hook.remove()
    components = sum(PCA(share, svd_solver="full").fit(each.flatten(0, 1).double()).n_components_ for each in seen)
    model.train()
    score = WeightWeightedPca(input_ids, share)(model, print)
    assert score.value == components * layer_parameters(model)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_counts_are_those_of_the_model(tiny_config: AutoBertZeroConfig, input_ids: torch.Tensor) -> None:
    model = AutoBertZeroForMaskedLM(tiny_config)
    assert CountedProxy("parameters", 32)(model, print).value == layer_parameters(model)
    short, long = (CountedProxy("operations", tokens)(model, print).value for tokens in (32, 64))
    assert short < long


def test_components_where_nothing_varies() -> None:
    assert principal_components(torch.zeros(3, 3), 0.9) == 0
    assert principal_components(torch.eye(4), 0.75) == 3
    assert principal_components(torch.diag(torch.tensor([8.0, 1.0, 1.0])), 0.7) == 1


def test_untrained_models_are_the_same_each_time(tiny_config: AutoBertZeroConfig, input_ids: torch.Tensor) -> None:
    worth = Untrained(WeightWeightedPca(input_ids), tiny_config, seed=0)
    candidate = Candidate(tuple(tiny_config.layers))
    before = torch.get_rng_state()
    first = worth(candidate)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert worth(candidate) == first
    small = Candidate(candidate.layers[:1], sizes=Sizes(1, 16, 24, 2, 8))
    assert 0 < worth(small) < first
    wild = AutoBertZeroConfig(**{**tiny_config.to_dict(), "initializer_range": 1e38})
    assert Untrained(WeightWeightedPca(input_ids), wild, 0)(candidate) == float("-inf")


def test_agreement_of_ranks() -> None:
    assert RankAgreement.of([1, 2, 3], [0.1, 0.5, 0.9]) == RankAgreement(1.0, 1.0, 3)
    assert RankAgreement.of([1, 2, 3], [0.9, 0.5, 0.1]).kendall == -1
    assert "over 3 candidates" in str(RankAgreement.of([1, 2, 3], [1, 3, 2]))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_is_none_is_refused(input_ids: torch.Tensor, share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        WeightWeightedPca(input_ids, share)
