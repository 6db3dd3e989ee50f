"""Candidates that are trained on from the weights of the super-net, or anew."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.replayable.curve import LossCurve
from autobert_zero_hf.training.replayable.masked_lm import train_masked_lm

from ..recipe.recipe import Recipe
from ..space.candidate import Candidate
from ..supernet.objectives import Objective
from .preparation import Text


@dataclass(frozen=True)
class Training:
    """A training of a candidate.

    Args:
        candidate: in the block that it is trained in.
        rate: the peak learning rate.
        steps: how many.
        anew: whether it begins with random weights, and not with those of the super-net.
    """

    candidate: Candidate
    rate: float
    steps: int
    anew: bool = False


@dataclass(frozen=True)
class TrainedOn:
    """Trains candidates on, all by the same batches.

    Args:
        recipe: of the search.
        objective: what the super-net learnt, with the trained super-net.
        text: the rows to train on.
        accelerator: the device, and the autocast.
    """

    recipe: Recipe
    objective: Objective
    text: Text
    accelerator: Accelerator

    def __call__(
        self, training: Training, after_step: Callable[[int], None], curve: LossCurve | None = None
    ) -> AutoBertZeroForMaskedLM:
        """A model after its training.

        Args:
            training: of what, and how.
            after_step: is told the number of each step.
            curve: takes in the losses.

        Raises:
            FloatingPointError: if it diverges.
        """
        model = self._model(training)
        train_masked_lm(
            self.objective.alone(model, not training.anew),
            self.text.rows,
            training.steps,
            self.recipe.final.final_batch_size,
            training.rate,
            self.recipe.run.seed,
            self.accelerator.autocast,
            after_step=after_step,
            curve=curve,
        )
        return model

    def _model(self, training: Training) -> AutoBertZeroForMaskedLM:
        candidate = training.candidate
        if not training.anew:
            return self.objective.net.extract(candidate.layers, candidate.sizes, candidate.block)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.run.seed)
            model = AutoBertZeroForMaskedLM(candidate.config(self.objective.net.config))
            return model.to(self.accelerator.device)
