"""How long a model takes, measured as AutoTinyBERT does: one thread, one text of 128 tokens (2021.acl-long.400).

Models are measured in turn, a few forward passes each, so that what slows the machine down for a while slows all
alike; the first pass of a turn, which finds the others' weights in the cache, does not count.

On a machine that does other things besides, a pass may have to wait for a processor, and then takes as long as other
programs like. Where a single thread of the CPU computes, its own clock tells how long it did, which is the latency on a
machine that does nothing else; with more threads, or an accelerator, the time that passes is taken. How much longer
that was is said besides.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import quantile_test
from transformers import AutoConfig, AutoModel, PreTrainedModel

from autobert_zero_hf.conversion.loading import missing_folder
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.launch.subnormals import subnormals
from autobert_zero_hf.serving import RUNTIMES, RuntimeMissingError
from autobert_zero_hf.serving.runtimes import exported, loaded

from ..recipe.options import LatencyOptions
from .hardware import Hardware

_PASSES_OF_A_TURN = 5

Seconds = NDArray[np.float64]
Interval = tuple[float, float]
"""Of a median, 95% at least, between two of the sorted values (order statistics, whatever the distribution)."""


class LatencyError(AutoBertZeroError):
    """A latency that cannot be measured, predicted or met."""


@dataclass(frozen=True)
class Latency:
    """How long a forward pass took, in milliseconds.

    Args:
        median: of the passes.
        p95: the time that 95% of them kept to.
        interval: of the median.
        passes: how many there were.
        waited: the share of the time that passed for which the thread had to wait for a processor, which the rest does
            not count; 0 where that cannot be told.
        hardware: what it was measured on.
    """

    median: float
    p95: float
    interval: Interval
    passes: int
    waited: float
    hardware: Hardware

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.median:.2f} ms ({low:.2f} to {high:.2f}; 95% of passes within {self.p95:.2f})"


def measure(models: Sequence[PreTrainedModel], options: LatencyOptions) -> list[Latency]:
    """The latency of each model, measured in turn.

    Args:
        models: encoders of any kind that take `input_ids`; they are moved to the device. All of one type of weights.
        options: how; the number of threads is set back afterwards.

    Raises:
        LatencyError: if the device or the runtime is not there, if a model takes fewer tokens, or if the weights are of
            several types.
    """
    rounds = _Rounds.of(models, options)
    return [rounds.latency(number) for number in range(len(models))]


def measure_beside(
    reference: PreTrainedModel, usual: float, models: Sequence[PreTrainedModel], options: LatencyOptions
) -> list[Latency]:
    """The latency of each model, had `reference`, which is measured in turn with them, been as fast as usual.

    What else the machine does slows passes of the same turn by the same factor, so that their ratio stays.

    Args:
        reference: a model that was measured before.
        usual: its latency then, in milliseconds.
        models: as in `measure`, which says what is raised.
        options: how.
    """
    rounds = _Rounds.of([reference, *models], options)
    return [rounds.latency(number, usual) for number in range(1, len(models) + 1)]


def open_base(path: str) -> PreTrainedModel:
    """The encoder of a checkpoint, to be faster than; its weights are random, since only their number matters.

    Args:
        path: a folder or a name of the Hub: any encoder that `AutoModel` opens, with all of its layers.

    Raises:
        LatencyError: if there is none.
    """
    if told := missing_folder(path):
        raise LatencyError(f"no model to measure is found in {path!r}: {told}")
    try:
        config = AutoConfig.from_pretrained(path)
        if config.is_encoder_decoder or not hasattr(config, "vocab_size"):
            raise LatencyError(f"{path!r} is a {config.model_type} model: give an encoder of text, such as a BERT")
        # Of the type of what it is compared with, whatever the checkpoint's.
        return AutoModel.from_config(config, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise LatencyError(f"no model to measure is found in {path!r}: {str(error).partition(chr(10))[0]}") from error


@dataclass(frozen=True)
class _Rounds:
    """Passes of several models, made in turn.

    Args:
        seconds: that each pass took, (models, rounds).
        elapsed: that passed meanwhile, of the same shape.
        hardware: what they ran on.
    """

    seconds: Seconds
    elapsed: Seconds
    hardware: Hardware

    @classmethod
    def of(cls, models: Sequence[PreTrainedModel], options: LatencyOptions) -> "_Rounds":
        _check(models, options)
        with ExitStack() as stack:
            stack.enter_context(_threads(options.latency_threads))
            # As whoever serves a model has it.
            stack.enter_context(subnormals(flushed=False))
            stack.enter_context(torch.inference_mode())
            passes = [stack.enter_context(_forward_pass(model, options)) for model in models]
            for _ in range(options.latency_warm_up):
                for forward in passes:
                    forward()
            seconds, elapsed = _time(passes, options)
        return cls(seconds, elapsed, Hardware.here(options, models[0].dtype))

    def latency(self, number: int, usual: float | None = None) -> Latency:
        """The latency of a model; `usual` is what the first one is said to take, in milliseconds."""
        times = 1000 * self.seconds[number] if usual is None else usual * self.seconds[number] / self.seconds[0]
        waited = max(0.0, 1 - float(self.seconds[number].sum() / self.elapsed[number].sum()))
        p95 = float(np.percentile(times, 95))
        return Latency(float(np.median(times)), p95, _interval(times), len(times), waited, self.hardware)


def _interval(values: Seconds) -> Interval:
    found = quantile_test(values, p=0.5).confidence_interval(0.95)
    # Too few values have no such interval; then it is as wide as they are.
    low = values.min() if np.isnan(found.low) else found.low
    high = values.max() if np.isnan(found.high) else found.high
    return float(low), float(high)


def _check(models: Sequence[PreTrainedModel], options: LatencyOptions) -> None:
    if not models:
        raise LatencyError("there is no model to measure")
    for model in models:
        most = getattr(model.config, "max_position_embeddings", None)
        if most is not None and options.latency_tokens > most:
            raise LatencyError(
                f"a {model.config.model_type} model takes {most} tokens at most, not {options.latency_tokens}: "
                f"give --latency-tokens {most} or less"
            )
    if len(kinds := {model.dtype for model in models}) > 1:
        raise LatencyError(f"the models to compare have weights of several types: {', '.join(sorted(map(str, kinds)))}")
    check_runtime(options)


def check_runtime(options: LatencyOptions) -> None:
    """See that there is what the options measure on and with.

    Raises:
        LatencyError: if the device or the runtime is not there.
    """
    runtime = RUNTIMES[options.latency_runtime]
    try:
        runtime.check(f"--latency-runtime {options.latency_runtime}")
    except RuntimeMissingError as error:
        raise LatencyError(str(error)) from error
    if not runtime.runs_on(options.latency_device):
        raise LatencyError(f"the {runtime.words} that is installed does not run on {options.latency_device!r}")
    try:
        device = torch.device(options.latency_device)
    except RuntimeError as error:
        raise LatencyError(
            f"no device is called {options.latency_device!r}: give --latency-device cpu or cuda"
        ) from error
    if device.type != "cpu" and (
        not torch.accelerator.is_available() or torch.accelerator.current_accelerator().type != device.type  # type: ignore[union-attr]
    ):
        raise LatencyError(f"this machine has no {device.type!r} to measure on: give --latency-device cpu")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _forward_pass(model: PreTrainedModel, options: LatencyOptions) -> Iterator[Callable[[], Any]]:
    """Makes one pass, to its end; the model's mode is restored."""
    training, device = model.training, torch.device(options.latency_device)
    shape = (options.latency_batch_size, options.latency_tokens)
    # The same for all, whatever the size of their vocabularies; which words these are changes nothing.
    input_ids = torch.randint(model.config.vocab_size, shape, generator=torch.Generator().manual_seed(0))
    model.eval()
    try:
        if options.latency_runtime != "torch":
            given = {"input_ids": input_ids}
            with torch.inference_mode(False), torch.no_grad():
                # Whatever scales are taken from: they do not change how fast it is.
                found = exported(model.cpu(), options.latency_runtime, given, [given], dynamic=False, exactly=False)
            running = loaded(found, options.latency_runtime, options.latency_threads, options.latency_device)
            yield lambda: running(**given, share_outputs=True)
            return
        model.to(device)  # type: ignore[arg-type]
        input_ids = input_ids.to(device)

        def forward() -> None:
            model(input_ids=input_ids)
            if device.type != "cpu":
                torch.accelerator.synchronize(device)

        yield forward
    finally:
        model.train(training)


def _time(passes: Sequence[Callable[[], Any]], options: LatencyOptions) -> tuple[Seconds, Seconds]:
    """The seconds that each pass took, and those that passed meanwhile, (models, rounds) each."""
    one_thread = options.latency_device == "cpu" and options.latency_threads == 1
    clock = time.thread_time if one_thread else time.perf_counter
    seconds, elapsed = (np.empty((len(passes), options.latency_passes)) for _ in range(2))
    for first in range(0, options.latency_passes, _PASSES_OF_A_TURN):
        for number, forward in enumerate(passes):
            forward()
            for place in range(first, min(first + _PASSES_OF_A_TURN, options.latency_passes)):
                begun, start = time.perf_counter(), clock()
                forward()
                seconds[number, place] = clock() - start
                elapsed[number, place] = time.perf_counter() - begun
    return seconds, elapsed
