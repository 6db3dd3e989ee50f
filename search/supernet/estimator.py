"""What a candidate is worth: it inherits its weights, is trained for a short time, and scored by a proxy."""

import time
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
from autobert_zero_hf.model import FormulaError, parse_layer
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm

from ..proxies.options import EstimationOptions
from ..proxies.proxy import Proxy, Score
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation, Failure
from .inheritance import Inheritance


@dataclass
class Estimator:
    """Evaluates candidates; all are trained on the same batches.

    Args:
        inheritance: gives them their weights.
        proxy: scores them.
        rows: the training rows.
        probe: a few masked rows; what is not finite on them is not trained.
        options: how long, and how, a candidate is trained.
        seed: of the training batches.
        accelerator: the device and the autocast.
    """

    inheritance: Inheritance
    proxy: Proxy
    rows: MaskedRows
    probe: MaskedBatch
    options: EstimationOptions
    seed: int
    accelerator: Accelerator

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """The candidate's score, or why it has none.

        It depends on the candidate, what it inherits and the run's seed alone, but for a timeout, which depends on the
        machine.
        """
        try:
            score = self._score(candidate)
        except FloatingPointError as error:
            return Evaluation(candidate, None, failure=Failure.NOT_FINITE, detail=str(error))
        except (torch.OutOfMemoryError, MemoryError) as error:
            return Evaluation(candidate, None, failure=Failure.OUT_OF_MEMORY, detail=str(error).partition("\n")[0])
        except FormulaError as error:
            return Evaluation(candidate, None, failure=Failure.ILLEGAL, detail=error.reason)
        except RuntimeError as error:  # which is all that torch's allocator on the CPU raises
            said = str(error).partition("\n")[0]
            if "can't allocate memory" not in said:
                raise
            return Evaluation(candidate, None, failure=Failure.OUT_OF_MEMORY, detail=said)
        except TimeoutError as error:
            return Evaluation(candidate, None, failure=Failure.TIMEOUT, detail=str(error))
        return Evaluation(candidate, score.value, score.standard_error)

    def _score(self, candidate: Candidate) -> Score:
        deadline = time.monotonic() + self.options.candidate_seconds

        def check_time(step: int) -> None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.options.candidate_seconds:g} seconds were over at step {step}")

        for layer in candidate.layers:
            parse_layer(layer)
        model = self.inheritance.model_for(candidate)
        evaluate_masked_lm(model, self.probe, autocast=self.accelerator.autocast)
        train_masked_lm(
            model,
            self.rows,
            self.options.candidate_steps,
            self.options.candidate_batch_size,
            self.options.candidate_learning_rate,
            self.seed,
            self.accelerator.autocast,
            after_step=check_time,
        )
        self.inheritance.keep(candidate, model)
        return self.proxy(model, check_time)
