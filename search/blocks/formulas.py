"""Formulas that a search finds for a layer: OP-NAS, where the score of one is how well it imitates the layer.

No candidate is trained: it runs on the projections of the layer, and its last linear layer is the least-squares
solution that gives what the layer's gives. So a score takes a fraction of a second, and has no other noise than that
of the rows.

Shapes: R rows, N tokens, C hidden size.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.cost import layer_cost

from ..recipe.block_options import PartOptions
from ..recipe.recipe import Recipe
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation, Failure
from .imitation import first_weights
from .narrowing import giving
from .parts import MIXER, Part, make_layer
from .pruning import RIDGE
from .teacher import Teacher

_SCORED = 4
"""One row in so many is not fitted to, and gives the score."""


@dataclass(frozen=True)
class Found:
    """A formula that was found for a layer.

    Args:
        part: the formula in the place of the layer's mixer.
        error: the squared error of what it adds to the hidden states, as a share of the variance of what the layer
            adds, on rows that it was not fitted to.
        weights: of its last linear layer, by their names in a layer.
    """

    part: Part
    error: float
    weights: dict[str, Tensor]


def find_formulas(teacher: Teacher, layer: int, rows: Tensor, options: PartOptions, seed: int) -> list[Found]:
    """The formulas that OP-NAS finds for a layer, the best first; none where its mixer is no formula.

    A formula that takes more multiplications than the layer's own is not looked at.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
        rows: (R, N), real tokens alone.
        options: how many are looked at.
        seed: of the search.
    """
    config = teacher.config
    own = parse_layer(config.layers[layer])
    if own.mixer.graph is None or not (options.formula_candidates and options.part_steps):
        return []
    imitation = Imitation(teacher, layer, rows, seed)
    most, tokens = layer_cost(str(own), config, rows.shape[1]).operations, rows.shape[1]

    def reject(candidate: Candidate) -> str | None:
        line = str(own.with_mixer(parse_layer(candidate.layers[0]).mixer))
        return "too slow" if layer_cost(line, config, tokens).operations > most else None

    recipe = Recipe.from_dict({"num_layers": 1, "layer_types": ["attention"], "strategy": "op-nas"})
    strategy = recipe.make_strategy(random.Random(f"{seed}/{layer}"), reject)
    found = dict[str, Found]()
    looked_at = 0
    while looked_at < options.formula_candidates and (asked := strategy.ask()):
        evaluations = []
        for candidate in asked[: options.formula_candidates - looked_at]:
            looked_at += 1
            each = imitation(candidate.layers[0])
            if each is None:
                evaluations.append(Evaluation(candidate, None, failure=Failure.NOT_FINITE))
                continue
            evaluations.append(Evaluation(candidate, -each.error))
            if parse_layer(each.part.line).mixer.identity != own.mixer.identity:
                found[candidate.identity] = each
        strategy.tell(evaluations)
    return sorted(found.values(), key=lambda each: each.error)


class Imitation:
    """How well formulas give what the mixer of a layer gives.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
        rows: (R, N), real tokens alone; three of four are fitted to, the others give the error.
        seed: of the weights that the layer has not.
    """

    def __init__(self, teacher: Teacher, layer: int, rows: Tensor, seed: int):
        self.teacher = teacher
        self.layer = layer
        self.seed = seed
        mixer, _ = teacher.steps(layer)
        own = parse_layer(teacher.config.layers[layer]).mixer
        last = mixer.get_submodule(f"{own.module}.{giving(own)}")
        with torch.no_grad():
            self.before = teacher.run(teacher.layers[:layer], teacher.embed(rows))
            self.wanted = _watched(lambda: teacher.run([mixer], self.before), last, given=True).flatten(0, 1).double()
        self.scored = torch.arange(len(rows)) % _SCORED == _SCORED - 1
        self.scored = self.scored[:, None].expand(rows.shape).flatten()

    def __call__(self, line: str) -> Found | None:
        """A formula with its last layer fitted; None where it is not finite."""
        part = Part(self.layer, MIXER, f"{parse_layer(line).mixer} + none")
        config, own = self.teacher.config, self.teacher.weights(self.layer)
        module = make_layer(config, part.line, first_weights(config, part, own, self.seed))
        mixer = parse_layer(line).mixer
        name = f"{mixer.module}.{giving(mixer)}"
        last = module.get_submodule(name)
        with torch.no_grad():
            inputs = _watched(lambda: self.teacher.run([module], self.before), last, given=False)
        inputs = inputs.flatten(0, 1).double()
        if not torch.isfinite(inputs).all():
            return None
        fitted, scored = ~self.scored, self.scored
        has_bias = f"{name}.bias" in dict(module.named_parameters())
        mean, aim = inputs[fitted].mean(0), self.wanted[fitted].mean(0)
        if not has_bias:  # then nothing but the weights makes up for the means
            mean, aim = torch.zeros_like(mean), torch.zeros_like(aim)
        centred = inputs[fitted] - mean
        covariance = centred.T @ centred / len(centred)
        ridge = RIDGE * covariance.diagonal().mean().clamp_min(1e-30)
        cross = centred.T @ (self.wanted[fitted] - aim) / len(centred)
        weight = torch.linalg.solve(covariance + ridge * torch.eye(len(mean)).double(), cross).T
        bias = aim - weight @ mean
        error = (inputs[scored] @ weight.T + bias - self.wanted[scored]).square().sum()
        share = float(error / (self.wanted[scored] - aim).square().sum())
        if not math.isfinite(share):
            return None
        fit = {f"{name}.weight": weight.float(), **({f"{name}.bias": bias.float()} if has_bias else {})}
        return Found(part, share, fit)


def _watched(run: Callable[[], Tensor], module: nn.Module, given: bool) -> Tensor:
    """What a module takes in, or gives, while something runs."""
    seen: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, inputs, output: seen.append(output if given else inputs[0]))
    try:
        run()
    finally:
        hook.remove()
    return seen[0]
