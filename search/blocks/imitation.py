"""Parts of another kind than a layer's own: each is trained alone to give what its step of the layer gives.

They begin with what is trained already: another formula with the layer's projections, a convolution with its values, a
layer without a mixer with its feed-forward block. All parts of a layer learn from the same activations, which the
encoder's layers below give, and which are forgotten after each step (blockwise local distillation, Puzzle, Bercovich et
al., 2025, arXiv 2411.19146, section 3.2).

Shapes: B rows, N tokens, C hidden size.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel, parse_layer
from autobert_zero_hf.training.replayable.loop import learning_rate_at, make_optimizer, set_learning_rate

from ..recipe.block_options import PartOptions
from .parts import MIXER, Part, Weights, make_layer, with_layers
from .teacher import Teacher


def first_weights(config: AutoBertZeroConfig, part: Part, own: Weights, seed: int) -> dict[str, Tensor]:
    """What a part begins with: what it can take over of the layer, and random numbers else.

    Args:
        config: of the encoder.
        part: the part.
        own: the weights of the layer.
        seed: of the random numbers.
    """
    mixer, theirs = parse_layer(part.line).mixer, parse_layer(config.layers[part.layer]).mixer
    # Embeddings of one word: to draw those of all would take far longer than the layer.
    small = with_layers(config, [part.line])
    small.update({"vocab_size": 1, "max_position_embeddings": 1, "pad_token_id": 0})
    small.first_norm = config.has_first_norm or part.layer > 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoBertZeroModel(small, add_pooling_layer=False)
    weights = {name: weight.detach() for name, weight in model.layers[0].named_parameters()}
    if not theirs.left_out:
        prefix = f"{theirs.module}."
        inside = {name.removeprefix(prefix): weight for name, weight in own.items() if name.startswith(prefix)}
        taken = {f"{mixer.module}.{name}": weight for name, weight in mixer.taken_over(theirs, inside).items()}
        own = {**own, **taken}
    return {
        name: own[name] if name in own and own[name].shape == each.shape else each for name, each in weights.items()
    }


def imitate(
    teacher: Teacher,
    layer: int,
    parts: Sequence[Part],
    begun: Mapping[Part, Weights],
    rows: Tensor,
    options: PartOptions,
    seed: int,
) -> dict[Part, Weights]:
    """Train parts of a layer, all on the same rows; one whose loss is not finite is left out.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
        parts: in the place of its mixer, or of the whole layer.
        begun: what some of them begin with, besides what they take over of the layer.
        rows: (rows, N), real tokens alone; they are gone through again and again.
        options: how.
        seed: of what is random.

    Returns:
        The weights of each part, by their names in a layer.
    """
    own, below = teacher.weights(layer), teacher.layers[:layer]
    mixer, block = teacher.steps(layer)
    modules = {}
    for part in parts:
        first = first_weights(teacher.config, part, {**own, **begun.get(part, {})}, seed)
        modules[part] = make_layer(teacher.config, part.line, first)
    optimizers = {
        part: make_optimizer(module.parameters(), options.part_learning_rate) for part, module in modules.items()
    }
    steps, size = options.part_steps, options.part_batch_size
    for step in range(steps):
        places = torch.arange(step * size, (step + 1) * size) % len(rows)
        with torch.no_grad():
            before = teacher.run(below, teacher.embed(rows[places]))
            mixed = teacher.run([mixer], before)
            after = teacher.run([block], mixed)
        for part, module in list(modules.items()):
            wanted = mixed if part.place == MIXER else after
            set_learning_rate(optimizers[part], learning_rate_at(step, steps, options.part_learning_rate))
            loss = (teacher.run([module], before) - wanted).square().sum() / (wanted - before).square().sum()
            if not torch.isfinite(loss):
                del modules[part]
                continue
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizers[part].step()
            optimizers[part].zero_grad()
    return {
        part: {name: weight.detach() for name, weight in module.named_parameters()} for part, module in modules.items()
    }
