"""The proxy that scores a candidate: held-out masked-LM accuracy after a short training on inherited weights."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator

from autobert_zero_hf.training.masked_lm import MaskedBatch, MaskedRows, evaluate_masked_lm
from autobert_zero_hf.training.masked_lm_training import train_masked_lm

from ..recipe import EstimationOptions
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation
from .supernet import SuperNet


@dataclass
class MaskedLmProxy:
    """Scores candidates; all see the same training batches, held-out rows and masks, so that differences are paired.

    Args:
        net: the trained super-net; not changed.
        rows: the training rows.
        evaluation: the masked held-out rows.
        options: how long, and how, a candidate is trained.
        seed: of the training batches.
        accelerator: the device and the autocast.
    """

    net: SuperNet
    rows: MaskedRows
    evaluation: MaskedBatch
    options: EstimationOptions
    seed: int
    accelerator: Accelerator

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """The candidate's score, or why it has none; depends on the candidate and the run's seed alone."""
        try:
            model = self.net.extract(candidate.layers)
            train_masked_lm(
                model,
                self.rows,
                self.options.candidate_steps,
                self.options.candidate_batch_size,
                self.options.candidate_learning_rate,
                self.seed,
                self.accelerator.autocast,
            )
            score = evaluate_masked_lm(model, self.evaluation)
        except FloatingPointError as error:
            return Evaluation(candidate, None, failure=f"not finite: {error}")
        except (torch.OutOfMemoryError, MemoryError) as error:
            return Evaluation(candidate, None, failure=f"out of memory: {str(error).splitlines()[0]}")
        return Evaluation(candidate, score.value, score.standard_error)
