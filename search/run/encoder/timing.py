"""What the encoder, the lines of its layers and what is made of it take: measured in the main process, once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from autobert_zero_hf.model import AutoBertZeroModel

from ...blocks.prices import Prices
from ...latency.band import LatencyBand
from ...latency.hardware import Hardware
from ...latency.measuring import Latency, LatencyError, measure, measure_beside
from ...runtime.block_records import Encoder, Price
from ...runtime.latency_records import Measured
from .budgets import Budget
from .context import Context

TOLERANCE = 0.05
"""How much slower than asked for is as fast as asked for."""
_MORE_PASSES = 4
"""Times as many as of a line: what is judged is few."""


def measure_encoder(run: Context) -> Encoder:
    """The latency of the encoder, which all of the run is compared with.

    Raises:
        LatencyError: if it was measured on other hardware.
    """
    known = run.history.first(Encoder)
    if known is None and run.main:
        options = replace(run.recipe.latency, latency_passes=_MORE_PASSES * run.recipe.latency.latency_passes)
        with run.reporter.phase("Latency of the encoder", 1, unit="") as show:
            (found,) = measure([run.source.base], options)
            embeddings = Prices(run.source.base.config, options).embeddings()
            show(1, str(found))
        run.journal.append(
            Encoder(
                layers=list(run.source.base.config.layers),
                parameters=run.source.model.num_parameters(),
                median=found.median,
                p95=found.p95,
                interval=found.interval,
                passes=found.passes,
                embeddings=min(embeddings, found.median / 2),
                hardware=str(found.hardware),
            )
        )
        known = run.history.first(Encoder)
    encoder: Encoder = run.shared(known)
    here = str(Hardware.here(run.recipe.latency))
    if encoder.hardware != here:
        raise LatencyError(
            f"the latencies of {run.folder.path} are those of {encoder.hardware}; this is {here}: use another "
            "--output-dir"
        )
    return encoder


def price_lines(run: Context, lines: Sequence[str], encoder: Encoder) -> Mapping[str, float]:
    """The milliseconds of each line of a layer, in all processes; nothing takes none."""
    known = {event.line: event.milliseconds for event in run.history.of(Price)}
    missing = [line for line in lines if line not in known]
    if missing and run.main:
        with run.reporter.phase("Prices", len(lines), len(known), "kinds of layers") as show:
            prices = Prices(run.source.base.config, run.recipe.latency)
            for line, milliseconds in prices.lines(missing, encoder.median, encoder.embeddings):
                run.journal.append(Price(line=line, milliseconds=milliseconds))
                known[line] = milliseconds
                show(len(known))
    return {**run.shared(known), "": 0.0}


def timed(run: Context, models: Sequence[AutoBertZeroModel], encoder: Encoder) -> list[Latency]:
    """The latency of each model, in turn with that of the encoder; in the main process."""
    options = replace(run.recipe.latency, latency_passes=_MORE_PASSES * run.recipe.latency.latency_passes)
    return measure_beside(run.source.base, encoder.median, models, options)


def measure_models(run: Context, models: Mapping[str, AutoBertZeroModel], budget: Budget, encoder: Encoder) -> None:
    """Measure models that are not measured yet, and write it down.

    Args:
        run: the run.
        models: by what the journal calls them; weights do not matter.
        budget: that they are to keep to.
        encoder: what they are measured beside.
    """
    missing = [name for name in models if run.history.measured(name) is None]
    if not run.main or not missing:
        return
    band = LatencyBand(lambda _: 0.0, budget.target, 0.0, 1 + TOLERANCE)
    for name, found in zip(missing, timed(run, [models[name] for name in missing], encoder), strict=True):
        run.journal.append(Measured.of(name, found, band.judge(found)))
