import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.parameter_limit import ParameterLimit
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.strategy.strategy import all_of

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture

CANDIDATES = [
    Candidate(("conv(3)", "matmul(q, softmax(matmul(transpose(k), q)))")),
    Candidate(tuple(architecture("bert", 3)), sizes=Sizes(3, 24, 56, 3, 10)),
    Candidate(("conv(9)",), sizes=Sizes(1, 20, 30, 2, 7)),
]


@pytest.mark.parametrize("candidate", CANDIDATES, ids=str)
def test_what_is_too_large_is_rejected(tiny_config: AutoBertZeroConfig, candidate: Candidate) -> None:
    sizes = {**tiny_config.to_dict(), "num_hidden_layers": None, "layers": list(candidate.layers)}
    own = candidate.sizes.config(tiny_config, candidate.layers) if candidate.sizes else AutoBertZeroConfig(**sizes)
    exact = AutoBertZeroModel(own).num_parameters()
    assert ParameterLimit(tiny_config, exact)(candidate) is None
    tight = ParameterLimit(tiny_config, exact - 1)
    assert tight(candidate) == "too many parameters"
    assert all_of(lambda _: None, tight, lambda _: "later")(candidate) == "too many parameters"
    assert all_of(lambda _: None)(candidate) is None


def test_a_limit_is_a_number_of_parameters(tiny_config: AutoBertZeroConfig) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ParameterLimit(tiny_config, 0)
