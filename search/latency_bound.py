"""The latency that a search's candidates have to meet: by prediction before training, by measurement at the end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel

from .estimation.latency import Latency, base_latency, measure
from .estimation.latency_band import LatencyBand
from .estimation.latency_predictor import LatencyPredictor
from .estimation.latency_samples import collect
from .recipe import Recipe
from .runtime.journal import Journal
from .runtime.progress import Reporter
from .space.candidate import Candidate

SAMPLES = "latency.jsonl"
_MOST_MEASURED = 8


@dataclass
class LatencyBound:
    """Measures in the main process, and tells the others.

    Args:
        recipe: of the search; it bounds the latency.
        folder: of the run, where the measured samples are kept.
        config: the sizes of candidates that have none of their own; the rest of their config.
        accelerator: the processes.
        journal: holds the target and what was measured, so that a resumed search goes by the same.
        reporter: says what happens.
    """

    recipe: Recipe
    folder: Path
    config: AutoBertZeroConfig
    accelerator: Accelerator
    journal: Journal
    reporter: Reporter
    band: LatencyBand = field(init=False)

    def prepare(self) -> LatencyBand:
        """Find the target, measure random candidates, and fit the prediction.

        Raises:
            LatencyError: if no candidate of the space meets the target, if the model to be faster than is not there, or
                if an earlier run measured on other hardware.
        """
        options, count = self.recipe.latency, self.recipe.joint.latency_samples
        space = self.recipe.search_space
        found: list[Any] = [None, None, None]
        if self.accelerator.is_main_process:
            target, base = self._target()
            with self.reporter.phase("Latency", count) as show:
                samples = collect(
                    space, self.config, count, self.folder / SAMPLES, options, self.recipe.run.seed, lambda n: show(n)
                )
            found = [target, base, samples]
        target, base, samples = broadcast_object_list(found)
        predictor = LatencyPredictor(samples, self.config)
        self.band = LatencyBand(predictor, target)
        self.band.check(space, self.recipe.cost_budget)
        error = predictor.error()
        if not self.journal.of("latency"):
            facts = {"base": base, "hardware": str(predictor.hardware), "prediction_error": round(error.mean, 5)}
            self.journal.append("latency", target=target, **facts, samples=len(samples.samples))
        low, high = self.band.limits
        self.reporter.say(f"Latency: {low:.2f} to {high:.2f} ms are searched; predictions are off by {error}")
        return self.band

    def _target(self) -> tuple[float, float | None]:
        """In milliseconds, and that of the model to be faster than; as it was, where the search goes on."""
        options = self.recipe.joint
        if known := self.journal.of("latency"):
            return known[0]["target"], known[0]["base"]
        if options.latency_ms is not None:
            return options.latency_ms, None
        assert options.speedup_over is not None and options.speedup is not None
        base = base_latency(options.speedup_over, self.recipe.latency)
        self.reporter.say(f"{options.speedup_over}: {base}; {options.speedup:g} times as fast is wanted")
        return base.median / options.speedup, base.median

    def measured(self, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        """What was measured of each, in turn, as the journal has it; new ones are written there."""
        known = {record["identity"]: record for record in self.journal.of("measured")}
        new = [candidate for candidate in candidates if candidate.identity not in known]
        if self.accelerator.is_main_process and new:
            latencies = measure([AutoBertZeroModel(each.config(self.config)) for each in new], self.recipe.latency)
            for candidate, latency in zip(new, latencies, strict=True):
                self.journal.append("measured", identity=candidate.identity, **self._facts(latency))
        records = broadcast_object_list([self.journal.of("measured")])[0]
        known = {record["identity"]: record for record in records}
        return [known[candidate.identity] for candidate in candidates]

    def choose(self, ranked: Sequence[Candidate]) -> Candidate:
        """The first whose measured latency is not clearly above the band; of several best, where none is, the fastest.

        Args:
            ranked: the best first.
        """
        tried = ranked[:_MOST_MEASURED]
        for candidate in tried:
            (record,) = self.measured([candidate])
            if record["verdict"] != "outside" or record["median"] < self.band.target:
                return candidate
        medians = [record["median"] for record in self.measured(tried)]
        self.reporter.say(
            f"None of the {len(tried)} best keeps to {self.band.limits[1]:.2f} ms when it is measured: the fastest of "
            f"them is taken, {min(medians):.2f} ms"
        )
        return tried[medians.index(min(medians))]

    def _facts(self, latency: Latency) -> dict[str, Any]:
        facts = {name: asdict(latency)[name] for name in ("median", "p95", "interval", "passes", "waited")}
        return {**facts, "interval": list(latency.interval), "verdict": self.band.judge(latency)}
