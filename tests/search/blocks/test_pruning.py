"""Linear layers with fewer inputs, against a least-squares solver and against all other choices."""

from itertools import combinations

import pytest
import torch
from autobert_zero_hf.search.blocks.moments import Moments, inputs_watched
from autobert_zero_hf.search.blocks.pruning import prune
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn


def moments_of(inputs: Tensor) -> Moments:
    moments = Moments(inputs.shape[-1])
    for part in inputs.split(17):
        moments.add(part)
    return moments


def correlated(seed: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(200, width, generator=generator) @ torch.randn(width, width, generator=generator) + 0.5
    return inputs, torch.randn(5, width, generator=generator), torch.randn(5, generator=generator)


def best_fit(inputs: Tensor, outputs: Tensor) -> Tensor:
    """The outputs of the linear layer of these inputs that is nearest to some, by another library's solver."""
    design = torch.cat([inputs, torch.ones(len(inputs), 1)], 1).double()
    return design @ torch.linalg.lstsq(design, outputs.double(), driver="gelsd").solution


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from([1, 3]))
def test_what_remains_is_the_least_squares_solution(seed: int, group: int) -> None:
    inputs, weight, bias = correlated(seed, 12)
    found = prune(weight, bias, moments_of(inputs), group, range(1, 12 // group + 1))
    outputs = inputs @ weight.T + bias
    for count, pruned in found.items():
        assert pruned.weight.shape == (5, count * group) and len(pruned.columns) == count * group
        assert (pruned.columns.view(-1, group) % group == torch.arange(group)).all()
        ours = inputs[:, pruned.columns] @ pruned.weight.T + pruned.bias
        error, least = ((ours - outputs).square().sum(), (best_fit(inputs[:, pruned.columns], outputs) - outputs))
        # The ridge, which keeps weights small, costs a little.
        assert error <= 1.02 * least.square().sum() + 1e-3 * outputs.square().mean()
    whole = found[12 // group]
    torch.testing.assert_close(whole.weight, weight)
    torch.testing.assert_close(whole.bias, bias)


def test_without_a_bias_the_weights_make_up_for_the_mean() -> None:
    inputs, weight, _ = correlated(3, 8)
    (pruned,) = prune(weight, None, moments_of(inputs), 1, [5]).values()
    assert pruned.bias is None
    kept, outputs = inputs[:, pruned.columns].double(), (inputs @ weight.T).double()
    least = kept @ torch.linalg.lstsq(kept, outputs, driver="gelsd").solution - outputs
    error = kept @ pruned.weight.T.double() - outputs
    assert error.square().sum() <= 1.02 * least.square().sum()


def test_the_first_to_go_is_the_best_choice_and_the_others_are_good_ones() -> None:
    inputs, weight, bias = correlated(0, 8)
    outputs = inputs @ weight.T + bias

    def loss(columns: tuple[int, ...]) -> float:
        return float((best_fit(inputs[:, list(columns)], outputs) - outputs).square().sum())

    found = prune(weight, bias, moments_of(inputs), 1, [7, 4])
    assert tuple(found[7].columns.tolist()) == min(combinations(range(8), 7), key=loss)
    ranked = sorted(combinations(range(8), 4), key=loss)
    assert ranked.index(tuple(found[4].columns.tolist())) < len(ranked) // 10


def test_inputs_that_do_not_vary_cost_nothing() -> None:
    inputs, weight, bias = correlated(1, 6)
    inputs[:, 2:4] = 7.0
    (pruned,) = prune(weight, bias, moments_of(inputs), 1, [4]).values()
    assert pruned.columns.tolist() == [0, 1, 4, 5]
    torch.testing.assert_close(inputs[:, pruned.columns] @ pruned.weight.T + pruned.bias, inputs @ weight.T + bias)


def test_moments_are_those_of_all_that_passed() -> None:
    layer = nn.Linear(4, 2)
    parts = [torch.randn(3, 5, 4), torch.randn(2, 6, 4)]
    with inputs_watched({"a": layer}) as found:
        for part in parts:
            layer(part)
    layer(torch.randn(9, 4))  # not watched any more
    rows = torch.cat([part.flatten(0, 1) for part in parts]).double()
    assert found["a"].count == len(rows) == 27
    torch.testing.assert_close(found["a"].mean, rows.mean(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(found["a"].covariance, torch.cov(rows.T, correction=0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("group", [1, 4])
def test_half_of_what_is_there_twice_can_go(group: int) -> None:
    inputs, weight, bias = correlated(2, 8)
    twice, weights = torch.cat([inputs, inputs], 1), torch.cat([weight, weight], 1)
    (pruned,) = prune(weights, bias, moments_of(twice), group, [8 // group]).values()
    outputs = twice @ weights.T + bias
    torch.testing.assert_close(twice[:, pruned.columns] @ pruned.weight.T + pruned.bias, outputs, atol=0.05, rtol=0.01)
