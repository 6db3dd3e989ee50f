"""The latency of a backbone that was not measured, from those that were.

AutoTinyBERT fits an MLP to the sizes (2021.acl-long.400). Here the work of a forward pass is counted by kind, and what
a unit of each kind takes, never less than nothing, is fitted by least squares of the relative errors. Of the
regressors that were compared, one is as good on held-out candidates (a Gaussian process), and none is better by more
than chance (`tests/benchmarks/latency.py`). More work of a kind never lowers its prediction, so that larger sizes are
never predicted to be faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from autobert_zero_hf.model import AutoBertZeroConfig

from ..space.candidate import Candidate
from .features import count_work
from .hardware import Hardware
from .measuring import LatencyError
from .samples import Samples, with_sizes

_FOLDS = 5
_FEWEST = 4 * _FOLDS

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PredictionError:
    """How far predictions are from the measured latencies, as a share of these; on candidates that were held out.

    Args:
        mean: the mean absolute percentage error, 0.05 for 5%.
        p95: the error that 95% of the candidates do not exceed.
        samples: how many there were, each held out once in five folds.
    """

    mean: float
    p95: float
    samples: int

    def __str__(self) -> str:
        return f"{self.mean:.1%} on average, {self.p95:.1%} for 95%, of {self.samples} held-out candidates"


class LatencyPredictor:
    """Predicts latencies on the hardware that the samples were measured on; the same samples give the same predictor.

    Args:
        samples: what was measured.
        like: the config of candidates in all that they do not say themselves.

    Raises:
        LatencyError: if there are too few samples.
    """

    def __init__(self, samples: Samples, like: AutoBertZeroConfig):
        if len(samples.samples) < _FEWEST:
            raise LatencyError(
                f"{len(samples.samples)} measured latencies are too few to predict others: measure {_FEWEST} at "
                "least, and a few hundred for good predictions, or take a space that has as many (finer steps)"
            )
        self.like = like
        self._samples = samples
        self._work = self._count([sample.candidate for sample in samples.samples])
        self._measured = np.array(samples.steadied())
        self._milliseconds = _fit(self._work, self._measured)

    @property
    def hardware(self) -> Hardware:
        """The hardware that latencies are predicted for."""
        return self._samples.hardware

    def __call__(self, candidate: Candidate) -> float:
        """The predicted median, in milliseconds."""
        return self.predict([candidate])[0]

    def predict(self, candidates: Sequence[Candidate]) -> list[float]:
        """The predicted medians of several candidates, in milliseconds."""
        return (self._count(candidates) @ self._milliseconds).tolist()

    def error(self) -> PredictionError:
        """The error of the predictions, by cross-validation."""
        errors = np.empty_like(self._measured)
        for fitted, held_out in KFold(_FOLDS, shuffle=True, random_state=0).split(self._work):
            predicted = self._work[held_out] @ _fit(self._work[fitted], self._measured[fitted])
            errors[held_out] = np.abs(predicted / self._measured[held_out] - 1)
        return PredictionError(float(errors.mean()), float(np.percentile(errors, 95)), len(errors))

    def _count(self, candidates: Sequence[Candidate]) -> Numbers:
        texts, tokens = self._samples.texts, self._samples.tokens
        sized = [with_sizes(candidate, self.like) for candidate in candidates]
        return np.array(
            [
                count_work(each.layers, each.sizes, texts, tokens, each.block or self.like.block)
                for each in sized
                if each.sizes is not None
            ]
        )


def _fit(work: Numbers, measured: Numbers) -> Numbers:
    """The milliseconds of a unit of each kind of work."""
    scale = np.maximum(work.max(0), 1)  # from calls to millions of numbers; of what did not occur nothing is known
    model = LinearRegression(positive=True, fit_intercept=False)
    return model.fit(work / scale / measured[:, None], np.ones_like(measured)).coef_ / scale
