"""The latency that a search's candidates have to meet: by prediction before training, by measurement at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedModel

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.progress.reporter import Reporter

from ..latency.band import LatencyBand
from ..latency.measuring import Latency, measure_beside, open_base
from ..latency.predictor import LatencyPredictor
from ..latency.samples import Samples, collect
from ..recipe.recipe import Recipe
from ..runtime.journal import Journal
from ..runtime.latency_records import LatencyTarget, Measured
from ..runtime.run_folder import RunFolder
from ..space.candidate import Candidate

_MOST_MEASURED = 8
_MORE_PASSES = 4
"""Times as many as of a random candidate: what is judged is few, and its interval becomes half as wide."""


@dataclass
class Stopwatch:
    """Measures in the main process, and takes out how much slower than usual the machine is at the moment.

    How fast it usually is, random candidates tell that are measured first.

    Args:
        recipe: of the search; how to measure, and how many random candidates.
        folder: of the run, where these are kept.
        config: the sizes of candidates that have none of their own; the rest of their config.
        accelerator: the processes.
        reporter: says what happens.
    """

    recipe: Recipe
    folder: RunFolder
    config: AutoBertZeroConfig
    accelerator: Accelerator
    reporter: Reporter
    samples: Samples | None = None

    def collect(self) -> Samples:
        """The random candidates; measured once, and told to all processes.

        Raises:
            LatencyError: if an earlier run measured on other hardware, or if this machine cannot.
        """
        if self.samples is None:
            found: list[Any] = [None]
            if self.accelerator.is_main_process:
                recipe, count = self.recipe, self.recipe.joint.latency_samples
                with self.reporter.phase("Latency", count, unit="random candidates") as show:
                    found = [
                        collect(
                            recipe.search_space,
                            self.config,
                            count,
                            self.folder.latencies,
                            recipe.latency,
                            recipe.run.seed,
                            lambda n: show(n),
                        )
                    ]
            (self.samples,) = broadcast_object_list(found)
        assert self.samples is not None
        return self.samples

    def measure(self, models: Sequence[PreTrainedModel]) -> list[Latency]:
        """The latency of each model, in the process that calls, after `collect`."""
        assert self.samples is not None
        options = self.recipe.latency
        options = replace(options, latency_passes=_MORE_PASSES * options.latency_passes)
        return measure_beside(AutoBertZeroModel(self.config), self.samples.usual, models, options)


@dataclass
class LatencyBound:
    """Measures in the main process, and tells the others.

    Args:
        recipe: of the search; it bounds the latency.
        stopwatch: measures.
        journal: holds the target and what was measured, so that a resumed search goes by the same.
    """

    recipe: Recipe
    stopwatch: Stopwatch
    journal: Journal
    band: LatencyBand = field(init=False)

    def prepare(self) -> LatencyBand:
        """Find the target, and fit the prediction.

        Raises:
            LatencyError: if no candidate of the space meets the target, or if the model to be faster than is not there.
        """
        watch = self.stopwatch
        known, path = self.journal.history.latency, self.recipe.joint.speedup_over
        # Opened before minutes of measuring: it may not be there.
        opened = open_base(path) if path and not known and watch.accelerator.is_main_process else None
        samples = watch.collect()
        found = list(self._target(opened)) if watch.accelerator.is_main_process else [None, None]
        target, base = broadcast_object_list(found)
        predictor = LatencyPredictor(samples, watch.config)
        self.band = LatencyBand(predictor, target)
        self.band.check(self.recipe.search_space, self.recipe.cost_budget)
        error = predictor.error()
        if not known:
            self.journal.append(
                LatencyTarget(
                    target=target,
                    base=base,
                    hardware=str(predictor.hardware),
                    prediction_error=round(error.mean, 5),
                    samples=len(samples.samples),
                )
            )
        low, high = self.band.limits
        watch.reporter.say(f"Latency: {low:.2f} to {high:.2f} ms are searched; predictions are off by {error}")
        return self.band

    def _target(self, opened: PreTrainedModel | None) -> tuple[float, float | None]:
        """In milliseconds, and that of the model to be faster than; as it was, where the search goes on."""
        options = self.recipe.joint
        if (known := self.journal.history.latency) is not None:
            target, base = options.latency_ms, known.base
            if target is None and options.speedup is not None and base is not None:
                target = base / options.speedup
            self.journal.compare(known, {"target": target}, "the latency")
            return known.target, base
        if options.latency_ms is not None:
            return options.latency_ms, None
        assert opened is not None and options.speedup is not None
        (found,) = self.stopwatch.measure([opened])
        self.stopwatch.reporter.say(f"{options.speedup_over}: {found}; {options.speedup:g} times as fast is wanted")
        return found.median / options.speedup, found.median

    def measured(self, candidates: Sequence[Candidate]) -> list[Measured]:
        """What was measured of each, in turn, as the journal has it; new ones are written there."""
        history = self.journal.history
        new = [candidate for candidate in candidates if history.measured(candidate.identity) is None]
        watch = self.stopwatch
        if watch.accelerator.is_main_process and new:
            latencies = watch.measure([AutoBertZeroModel(each.config(watch.config)) for each in new])
            for candidate, latency in zip(new, latencies, strict=True):
                self.journal.append(Measured.of(candidate.identity, latency, self.band.judge(latency)))
        found: list[Any] = [history.measured(candidate.identity) for candidate in candidates]
        return list(broadcast_object_list(found))

    def choose(self, ranked: Sequence[Candidate]) -> Candidate:
        """The first of several best whose measured latency surely keeps to the upper limit.

        Where there is none, the first that may, and where there is none of these, the fastest. The best scores lie near
        that limit, since what takes longer scores better, and predictions err.

        Args:
            ranked: the best first.
        """
        highest, tried = self.band.limits[1], ranked[:_MOST_MEASURED]
        records = list[Measured]()
        for candidate in tried:
            records += self.measured([candidate])
            if records[-1].interval[1] <= highest:
                return candidate
        may = [place for place, record in enumerate(records) if record.interval[0] <= highest]
        place = may[0] if may else min(range(len(tried)), key=lambda place: records[place].median)
        taken = "the best that may" if may else "the fastest of them"
        self.stopwatch.reporter.say(
            f"None of the {len(tried)} best surely keeps to {highest:.2f} ms when it is measured: {taken} is taken, "
            f"{records[place].median:.2f} ms"
        )
        return tried[place]
