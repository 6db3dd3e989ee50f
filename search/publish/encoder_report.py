"""The report of an encoder that was made faster: one HTML file that needs no network, finished or not."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from autobert_zero_hf import __version__
from autobert_zero_hf.charts import COLOURS, to_inline_svg
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import with_defaults
from autobert_zero_hf.places import without_places

from ..blocks.assembly import rank_correlation
from ..blocks.parts import FEED_FORWARD, MIXER, WHOLE, Part
from ..recipe.block_options import BLOCK_GROUPS
from ..recipe.choices import is_of_encoder
from ..runtime.block_records import Assembled, Encoder, Healed, LayerParts, Price
from ..runtime.history import History
from ..runtime.journal import read_history, recorded_recipe
from ..runtime.records import Budgets
from ..runtime.run_folder import RunFolder
from .encoder_table import FIGURES, MODELS, as_figure, figures_in, verdicts
from .facts import read_json, text_of
from .templates import report_environment


def is_encoder_run(folder: Path) -> bool:
    """Whether a folder is that of an encoder that is made faster, by its journal."""
    return is_of_encoder(recorded_recipe(RunFolder(folder).journal))


def write_encoder_report(folder: Path) -> str:
    """The text of the HTML file.

    Raises:
        AutoBertZeroError: if nothing is in its journal yet.
        JournalError: if that is damaged, or of another version.
    """
    history = read_history(RunFolder(folder).journal)
    if not history.events:
        raise AutoBertZeroError(f"the run in {folder} has written nothing yet: let it run on, then look again")
    environment = report_environment()
    environment.filters["became"] = _became
    return environment.get_template("encoder_report.html").render(**_contents(folder, history))


def _contents(folder: Path, history: History) -> dict[str, Any]:
    table = RunFolder(folder).shrink_table
    facts = read_json(table) if table.is_file() else None
    options, assembled = without_places(history.recipe), list(history.of(Assembled))
    healed, wanted = len(history.of(Healed)), {name for each in history.of(Budgets) for name in each.names}
    return {
        "name": folder.resolve().name,
        "source": without_places(history.recipe["source"]),
        "state": "finished" if facts and healed == 2 * len(wanted) else "not finished",
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "version": __version__,
        "encoder": history.first(Encoder),
        "options": options,
        "text": text_of(options),
        "seconds": history.elapsed,
        "rows": facts["budgets"] if facts else [],
        "models": MODELS,
        "figures": figures_in(facts) if facts else [],
        "words": FIGURES,
        "verdicts": verdicts(facts) if facts else [],
        "picture": Markup(to_inline_svg(as_figure(facts), "found", "Quality over speed")) if facts else None,
        "assembled": assembled,
        "other_kinds": _other_kinds(assembled, history),
        "trust_chart": _trust(assembled) if assembled else None,
        "taus": {each.budget: _tau(each) for each in assembled},
        "lines": list(_lines(history)),
        "formulas": [each for each in history.of(LayerParts) if each.found],
        "command": _command(history, wanted),
    }


def _became(choice: Sequence[str]) -> str:
    lines = [part.partition("/")[2] for part in choice]
    if not any(lines):
        return "left out"
    mixer, block = (lines[0], lines[1]) if len(lines) == 2 else ("", lines[0])
    said = [_short(mixer.removesuffix(" + none")) or "no mixer", _short(block.removeprefix("none + ")) or "no mlp"]
    return ", ".join(said)


def _short(line: str) -> str:
    """A line without the formula that most layers have, which a table of them has no room for."""
    word, _, rest = line.partition("(")
    number = rest.partition(",")[0]
    if word in ("heads", "window") and number.isdigit():
        return f"{word}({number})"
    return "all heads" if line.startswith("matmul(softmax(scale(matmul(q, transpose(k))))") else line


def _other_kinds(assembled: Sequence[Assembled], history: History) -> str:
    """Whether parts of another kind than the layer's own won a place."""
    encoder = history.first(Encoder)
    own = set(encoder.layers) if encoder else set()
    won = [
        f"{event.budget}, layer {number + 1}: {_became(choice)}"
        for event in assembled
        for number, choice in enumerate(event.choices)
        if any(_is_other(part, own) for part in choice)
    ]
    if not assembled:
        return ""
    return (
        f"Parts of another kind than the layer's own won {len(won)} places: {'; '.join(won)}."
        if won
        else "No part of another kind than the layer's own (convolutions, windows, other formulas, a feed-forward "
        "block alone) won a place."
    )


def _is_other(part: str, own: set[str]) -> bool:
    """Whether a part is of another kind than the layer's own, with fewer heads or neurons at most."""
    place, _, line = part.partition("/")
    mixer = line.removesuffix(" + none")
    return bool(line) and (
        place == "layer" or (place == "mixer" and not line.startswith("heads(") and mixer not in own)
    )


def _tau(event: Assembled) -> str:
    pairs = {
        "random ones": (event.random_predicted, event.random_errors),
        "the best that were tried": (event.tried_predicted, event.tried_errors),
    }
    return ", ".join(
        f"{'not known' if (tau := rank_correlation(*pair)) is None else f'{tau:.2f}'} over {len(pair[0])} {words}"
        for words, pair in pairs.items()
        if pair[0]
    )


def _trust(assembled: Sequence[Assembled]) -> Figure:
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axes = figure.subplots()
    for number, event in enumerate(assembled):
        colour = COLOURS[number % len(COLOURS)]
        axes.scatter(event.tried_predicted, event.tried_errors, s=14, color=colour, label=event.budget)
        axes.scatter(event.random_predicted, event.random_errors, s=12, marker="x", linewidth=0.8, color=colour)
    shown = [
        each.tried_predicted + each.tried_errors + each.random_predicted + each.random_errors for each in assembled
    ]
    values = [value for each in shown for value in each if value > 0]
    ends = [min(values, default=0.1), max(values, default=1.0)]
    axes.plot(ends, ends, color="#777777", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")  # most are good, and a few are far off
    axes.set_yscale("log")
    axes.set_xlabel("sum of the losses of the parts")
    axes.set_ylabel("real error")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _lines(history: History) -> Iterator[dict[str, Any]]:
    """A row for each part, with its loss in each layer, and its price."""
    layers = {event.layer: dict(zip(map(partial(Part, 0), event.places, event.lines), event.losses, strict=True))
              for event in history.of(LayerParts)}  # fmt: skip
    prices = {event.line: event.milliseconds for event in history.of(Price)}
    words = {MIXER: "mixer", FEED_FORWARD: "feed-forward block", WHOLE: "whole layer"}
    for part in dict.fromkeys(part for each in layers.values() for part in each):
        losses = [layers.get(layer, {}).get(part) for layer in range(max(layers) + 1)]
        if any(losses):
            short = _short(part.line.removesuffix(" + none").removeprefix("none + "))
            yield {
                "words": f"{words[part.place]}: {short or 'left out'}",
                "price": prices.get(part.line),
                "losses": losses,
            }


def _command(history: History, budgets: set[str]) -> str:
    """The command line that does the same again."""
    usual, words = (
        with_defaults(BLOCK_GROUPS, {}),
        ["autobert-zero", "shrink", without_places(history.recipe["source"])],
    )
    for name, value in without_places(history.recipe).items():
        if name not in ("source", "method") and value != usual.get(name):
            words += [f"--{name.replace('_', '-')}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    speeds = sorted(name.removesuffix("x") for name in budgets if name.endswith("x"))
    times = sorted(name.removesuffix("ms") for name in budgets if name.endswith("ms"))
    words += ["--speedup", *speeds] if speeds else []
    words += ["--latency-ms", *times] if times else []
    return shlex.join([*words, "--output-dir", "runs/faster"])
