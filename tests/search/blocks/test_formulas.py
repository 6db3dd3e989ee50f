"""Formulas that a search finds for the layers of an encoder."""

import pytest
import torch
from autobert_zero_hf.search.blocks.formulas import find_formulas
from autobert_zero_hf.search.blocks.parts import make_layer
from autobert_zero_hf.search.blocks.teacher import Teacher
from autobert_zero_hf.search.recipe.block_options import PartOptions

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.cost import layer_cost
from tests.encoders import SIZES, make

NOT_SCALED = "matmul(softmax(matmul(q, transpose(k))), v)"


def test_those_that_are_found_imitate_as_they_are_scored_and_take_no_longer() -> None:
    teacher = Teacher(make([NOT_SCALED, NOT_SCALED, "conv(3)"]))
    rows = torch.randint(1, SIZES["vocab_size"], (40, 30), generator=torch.Generator().manual_seed(0))
    options = PartOptions(formula_candidates=24)
    found = find_formulas(teacher, 1, rows, options, seed=0)
    assert len(found) > 10
    assert [each.error for each in found] == sorted(each.error for each in found)
    assert 0 < found[0].error < 0.8 < found[-1].error
    own = layer_cost(NOT_SCALED, teacher.config, 30).operations
    mixer, _ = teacher.steps(1)
    others = torch.randint(1, SIZES["vocab_size"], (40, 30), generator=torch.Generator().manual_seed(1))
    errors = []
    for each in (found[0], found[-1]):
        line = str(parse_layer(each.part.line).mixer)
        assert layer_cost(line, teacher.config, 30).operations <= own
        module = make_layer(teacher.config, each.part.line, {**teacher.weights(1), **each.weights})
        with torch.no_grad():
            before = teacher.run(teacher.layers[:1], teacher.embed(others))
            given, wanted = teacher.run([module], before), teacher.run([mixer], before)
        errors.append(float((given - wanted).square().sum() / (wanted - before).square().sum()))
    assert errors[0] < errors[1]
    assert find_formulas(teacher, 1, rows, options, seed=0)[0].part == found[0].part, "the same for the same seed"
    assert find_formulas(teacher, 2, rows, options, seed=0) == []


@pytest.mark.parametrize("formula", [NOT_SCALED, BERT_ATTENTION])
def test_the_formula_of_the_layer_itself_would_have_no_error(formula: str) -> None:
    from autobert_zero_hf.search.blocks.formulas import Imitation

    teacher = Teacher(make([formula, "conv(3)"]))
    rows = torch.randint(1, SIZES["vocab_size"], (16, 30), generator=torch.Generator().manual_seed(0))
    found = Imitation(teacher, 0, rows, 0)(formula)
    assert found is not None and found.error < 1e-3
