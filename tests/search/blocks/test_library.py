"""The parts of a real, trained encoder, and what they cost it."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from autobert_zero_hf.search.blocks.held_out import HeldOut, losses_of
from autobert_zero_hf.search.blocks.library import Library, choices_of, other_parts
from autobert_zero_hf.search.blocks.parts import FEED_FORWARD, MIXER, WHOLE, Part, joined
from autobert_zero_hf.search.blocks.teacher import Teacher, relative_error
from autobert_zero_hf.search.blocks.watch import moments_of
from autobert_zero_hf.search.recipe.block_options import PartOptions
from torch import Tensor

from autobert_zero_hf import AutoBertZeroModel
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.encoders import SIZES, make

LAYERS = [BERT_ATTENTION, "conv(3) + mlp(16)", f"window(4, {BERT_ATTENTION})", "none + mlp(24)"]


OPTIONS = PartOptions(part_steps=30, kernel_sizes=[5], windows=[8], formula_candidates=0)


def rows(count: int, seed: int) -> Tensor:
    return torch.randint(1, SIZES["vocab_size"], (count, 30), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[{}, {"block": "modernbert"}, {"positions": "rotary", "layers": [BERT_ATTENTION] * 3}], ids=str)
def teacher(request: pytest.FixtureRequest) -> Teacher:
    return Teacher(make(**{"layers": LAYERS, **request.param}))


@pytest.fixture
def library(teacher: Teacher, tmp_path: Path) -> Library:
    library = Library(teacher, tmp_path / "library", OPTIONS)
    library.folder.mkdir()
    moments = moments_of(teacher, rows(64, 0), range(len(teacher.layers)), lambda done: None)
    for layer in range(len(teacher.layers)):
        library.add(layer, moments[layer], rows(64, 0), seed=0)
    return library


def encode(model: AutoBertZeroModel, ids: Tensor) -> Tensor:
    with torch.no_grad():
        return model(input_ids=ids).last_hidden_state


def test_layers_one_by_one_and_step_by_step_compute_what_the_model_does(teacher: Teacher) -> None:
    ids = rows(2, 1)
    states = teacher.states(ids)
    torch.testing.assert_close(teacher.finish(states[-1]), encode(teacher.model, ids))
    with torch.no_grad():
        for layer, (before, after) in enumerate(pairwise(states)):
            torch.testing.assert_close(teacher.run(teacher.steps(layer), before), after)


def test_a_part_alone_and_in_the_whole_model_is_the_same(library: Library) -> None:
    """Each loss is that of a model of its own, in which the layer has the line of the choice."""
    teacher, held_out = library.teacher, HeldOut(library.teacher, rows(4, 2))
    again = Library(teacher, library.folder, OPTIONS)  # from the files
    for layer in range(len(teacher.layers)):
        own = again.own(layer)
        for part, loss in losses_of(again, held_out, layer):
            if part in own:
                assert loss == 0
                continue
            choice = {MIXER: (part, own[1]), FEED_FORWARD: (own[0], part), WHOLE: (part,)}[part.place]
            line = joined(choice)
            layers = [line if place == layer else each for place, each in enumerate(teacher.config.layers)]
            kept = [each for each in layers if each]
            options = {name: getattr(teacher.config, name) for name in ("block", "positions")}
            # Where the first layer is left out, the next one keeps its norm.
            options["first_norm"] = teacher.config.has_first_norm or not layers[0]
            model = make(kept, **options)
            weights = {n: w for n, w in teacher.model.state_dict().items() if not n.startswith("layers.")}
            for place in range(len(layers)):
                if layers[place]:
                    module = again.layer(choice if place == layer else again.own(place))
                    number = len([each for each in layers[:place] if each])
                    weights |= {f"layers.{number}.{name}": each for name, each in module.state_dict().items()}
            model.load_state_dict(weights)
            wanted, given = (encode(each, held_out.rows) for each in (teacher.model, model))
            assert loss == pytest.approx(relative_error(given, wanted), rel=1e-3), part


def test_the_fewer_heads_and_neurons_the_larger_the_loss(library: Library) -> None:
    losses = dict(losses_of(library, HeldOut(library.teacher, rows(8, 3)), 0))
    for place in (MIXER, FEED_FORWARD):
        narrowed = ("heads", "none + mlp")
        found = [loss for part, loss in losses.items() if part.place == place and part.line.startswith(narrowed)]
        assert len(found) >= 2
        assert found == sorted(found)
    assert losses[Part(0, WHOLE, "")] > 0


def test_what_a_layer_may_become(library: Library) -> None:
    teacher = library.teacher
    parts = library.parts(0)
    lines = [joined(choice) for choice in choices_of(parts)]
    assert lines.count("") == 1
    assert f"heads(2, {BERT_ATTENTION}) + mlp(8)" in lines
    assert f"{BERT_ATTENTION} + none" in lines and "none + mlp(16)" in lines
    assert f"{BERT_ATTENTION} + mlp(20)" in lines
    if len(teacher.layers) == 4:
        heads = [part for layer in (1, 2, 3) for part in library.parts(layer) if part.line.startswith("heads")]
        assert not heads  # those of a convolution, or of a window, belong together


def test_a_damaged_file_is_said(library: Library) -> None:
    library.file(0).write_bytes(b"nothing")
    part = next(part for part in library.parts(0) if part.line.startswith("heads"))
    with pytest.raises(AutoBertZeroError, match="cannot be read"):
        Library(library.teacher, library.folder, OPTIONS).weights(part)


def test_parts_of_another_kind_learn_what_the_layer_gives(teacher: Teacher, tmp_path: Path) -> None:
    losses = {}
    for steps in (1, 60):
        options = PartOptions(
            part_steps=steps, kernel_sizes=[5], windows=[8], part_learning_rate=3e-3, formula_candidates=0
        )
        library = Library(teacher, tmp_path / str(steps), options)
        library.folder.mkdir()
        moments = moments_of(teacher, rows(64, 0), [0], lambda done: None)
        library.add(0, moments[0], rows(64, 0), seed=0)
        found = losses_of(library, HeldOut(teacher, rows(8, 3)), 0)
        losses[steps] = {str(part): loss for part, loss in found if part in other_parts(teacher, 0, options)}
    assert len(losses[1]) == len(losses[60]) == 6
    better = [part for part, loss in losses[60].items() if loss < losses[1][part]]
    assert len(better) >= 5, losses
