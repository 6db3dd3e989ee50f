"""The phase in which the parts of all layers are made, and what each costs."""

import statistics
from functools import partial
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.writing import refusals_explained

from ...blocks.assembly import Option
from ...blocks.held_out import losses_of
from ...blocks.library import choices_of
from ...blocks.parts import Choice, Part, joined
from ...blocks.watch import moments_of
from ...runtime.block_records import Encoder, LayerParts
from .context import Context
from .timing import price_lines

_TOLD = 5
"""Formulas of a layer that the journal tells of, the best."""


def make_library(run: Context) -> None:
    """The parts of each layer, and their losses."""
    count = len(run.teacher.layers)
    for layer in range(count):
        known = run.history.find(LayerParts, "layer", layer)
        if known is not None and run.library.digest(layer) not in ("", known.digest):
            raise AutoBertZeroError(
                f"{run.library.file(layer)} is not what this run made, or was damaged: take it away, and it is "
                "made again"
            )
    missing = [
        layer
        for layer in range(count)
        if run.history.find(LayerParts, "layer", layer) is None or not run.library.digest(layer)
    ]
    if not missing:
        return
    with refusals_explained(run.library.folder):
        run.library.folder.mkdir(parents=True, exist_ok=True)
    with run.reporter.phase("Activations", len(run.texts.rows), unit="rows") as show:
        moments = moments_of(run.teacher, run.texts.rows, missing, show)

    def work(layer: int) -> dict[str, Any]:
        formulas = run.library.add(layer, moments[layer], run.texts.rows, run.recipe.seed)[:_TOLD]
        found = list(losses_of(run.library, run.held_out, layer))
        return {
            "layer": layer,
            "digest": run.library.digest(layer),
            "places": [part.place for part, _ in found],
            "lines": [part.line for part, _ in found],
            "losses": [loss for _, loss in found],
            "found": [each.part.line.removesuffix(" + none") for each in formulas],
            "found_errors": [each.error for each in formulas],
        }

    with run.reporter.phase("Layers", count, count - len(missing), "layers") as show_layers:
        done = count - len(missing)

        def write(_: int, result: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            if run.history.find(LayerParts, "layer", result["layer"]) is None:
                run.journal.append(LayerParts(**result))
            show_layers(done)

        run.dispatcher.run(missing, work, write)
    run.accelerator.wait_for_everyone()  # the main process serves the queue until all have read it to the end
    run.library.forget()  # others made parts, too


def make_options(run: Context, encoder: Encoder) -> list[list[Option]]:
    """What each layer may become, with prices and losses.

    Parts are priced alone, so that there are as many measurements as parts, and not as pairs of them. A layer of two
    parts takes a little less than both alone, which are two layers: so much less as the encoder's own layers do.
    """
    known: dict[int, dict[Part, float]] = {}
    for event in run.shared(list(run.history.of(LayerParts))):
        parts = map(partial(Part, event.layer), event.places, event.lines)
        known[event.layer] = dict(zip(parts, event.losses, strict=True))
    choices = [choices_of(list(known[layer])) for layer in range(len(run.teacher.layers))]
    wholes = [own for own in map(run.library.own, range(len(choices))) if all(part.line for part in own)]
    lines = [joined(own) for own in wholes]
    lines += [part.line for each in choices for choice in each for part in choice if part.line]
    prices = price_lines(run, list(dict.fromkeys(lines)), encoder)

    def alone(choice: Choice) -> float:
        return sum(prices[part.line] for part in choice)

    saved = statistics.fmean(alone(own) - prices[joined(own)] for own in wholes) if wholes else 0.0

    def option(choice: Choice) -> Option:
        price = alone(choice) - (saved if all(part.line for part in choice) and len(choice) > 1 else 0.0)
        return Option(choice, max(0.0, price), sum(known[part.layer][part] for part in choice))

    return [[option(choice) for choice in each] for each in choices]
