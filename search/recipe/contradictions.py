"""What does not go together in a recipe, in words."""

import dataclasses
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.model.architectures import ARCHITECTURES
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.training.shared_options import OF_NEW_VOCABULARY, DataOptions, SizeOptions

from ..proxies.table import PROXIES, ProxyKind
from ..strategy.table import STRATEGIES
from .choices import CHOSEN, idle_options
from .options import OF_SOURCE, JointOptions, SubModelOptions, own_groups
from .rungs import problems

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig

    from .recipe import Recipe


def misplaced(recipe: "Recipe", given: Collection[str]) -> Iterator[str]:
    """What is given for strategies and proxies that are not chosen."""
    for what, table in CHOSEN.items():
        chosen = recipe.chosen(what)
        usual: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for group in own_groups(table):
            usual |= dataclasses.asdict(group())
            values |= dataclasses.asdict(recipe.own[group])
        for name in sorted(idle_options(what, chosen)):
            if name in given or values[name] != usual[name]:
                owners = [each for each in table if name not in idle_options(what, [each])]
                yield (
                    f"{name} ({excerpt(values[name])}) is an option of the {what} {' and '.join(owners)}, and the "
                    f"{what} is {' and '.join(chosen)}: leave it out, or take {what}: {owners[0]}"
                )


def contradictions(recipe: "Recipe") -> Iterator[str]:
    """What does not go together."""
    joint, width, heads = recipe.joint, recipe.sizes.hidden_size, recipe.sizes.num_attention_heads
    kernels = recipe.space.kernel_sizes
    narrow = bool(width % heads) and recipe.sub_models.head_dim is None
    if narrow:
        yield f"hidden_size ({width}) is not a multiple of num_attention_heads ({heads})"
    if kernels != sorted(set(kernels)):
        yield f"kernel_sizes must rise: {excerpt(kernels)}"
    strategy, proxies = STRATEGIES[recipe.strategy.strategy], _proxies(recipe)
    yield from strategy.problems(recipe.own_options(strategy), recipe.strategy)
    for proxy in proxies:
        yield from proxy.problems(recipe.own_options(proxy), recipe.estimation)
    yield from _of_rungs(recipe)
    if recipe.screen.screen_keep is not None and recipe.screen.screen_by is None:
        yield "screen_keep needs screen_by, the measure that is screened by"
    if (joint.speedup_over is None) != (joint.speedup is None):
        yield "speedup_over names a model and speedup how many times as fast: give both, or neither"
    if recipe.space.max_parameters_of == "model" and recipe.space.max_parameters is None:
        yield "max_parameters_of says of what max_parameters is a bound: give that, too"
    if joint.latency_ms is not None and joint.speedup is not None:
        yield "latency_ms and speedup are two bounds on the same: give one of them"
    if not recipe.final.baseline_rates:
        yield "baseline_rates: one at least is needed, such as 1"
    yield from _of_vocabulary(recipe)
    yield from _of_sub_models(recipe)
    if not narrow:
        try:
            recipe.steered_space, recipe.cost_budget  # noqa: B018  # they check themselves
        except ValueError as error:
            yield str(error)
        else:
            yield from _of_starts(recipe)


def _of_rungs(recipe: "Recipe") -> Iterator[str]:
    yield from problems(recipe.rung.rungs, recipe.budget.candidates)
    if recipe.rung.rung_rows is not None and not recipe.rung.rungs:
        yield "rung_rows: of rungs, and there are none"


def _proxies(recipe: "Recipe") -> list[ProxyKind]:
    """What scores candidates, in the search and in its rungs, as far as there is such a proxy."""
    return [PROXIES[name] for name in recipe.chosen("proxy") if name in PROXIES]


def _of_vocabulary(recipe: "Recipe") -> Iterator[str]:
    data, usual = recipe.data, DataOptions()
    source = "supernet_from" if recipe.sub_models.supernet_from else "teacher" if recipe.sub_models.teacher else None
    if data.tokenizer and source:
        yield f"tokenizer: that of the model which {source} names is used, leave that out"
    of_new = [name for name in OF_NEW_VOCABULARY if getattr(data, name) != getattr(usual, name)]
    if of_new and data.tokenizer:
        yield f"{', '.join(of_new)}: of a new vocabulary, and tokenizer names one that is there: leave that out"


def _of_starts(recipe: "Recipe") -> Iterator[str]:
    name = recipe.strategy.strategy
    # The names of architectures stand for what there is of them in the space.
    starts = [line for line in recipe.strategy.starts if line not in ARCHITECTURES]
    if starts and not STRATEGIES[name].draws:
        yield f"starts: the strategy {name} draws its first candidates itself: leave that out"
        return
    for line in starts:
        try:
            recipe.check_start(line)
        except ValueError as error:
            yield f"starts, {excerpt(line)}: {error}"


def _of_sub_models(recipe: "Recipe") -> Iterator[str]:
    options, sized = recipe.sub_models, recipe.joint.search_sizes != "no"
    if (options.supernet_loss != "masked-lm") != (options.teacher is not None):
        yield "supernet_loss: distillation or both needs a teacher, and a teacher one of these losses"
    usual = dataclasses.asdict(SubModelOptions())
    given = [name for name, value in dataclasses.asdict(options).items() if value != usual[name]]
    of_sizes = (
        "hidden_step", "intermediate_step", "min_layers", "min_hidden_size", "min_intermediate_size",
        "min_embedding_size",
    )  # fmt: skip
    given += [name for name in of_sizes if getattr(recipe.joint, name) != getattr(JointOptions(), name)]
    if given and not sized:
        yield f"{', '.join(given)}: for a search of sizes, which search_sizes heads or head_dim begins"
    fixed = {"layers": options.layers, "supernet_from": options.supernet_from, "sandwich": options.sandwich}
    if recipe.space.blocks and (others := [name for name, value in fixed.items() if value]):
        yield f"blocks are searched together with new layers: leave {', '.join(others)} out, or blocks"
    if options.layers and len(options.layers) != recipe.sizes.num_layers:
        yield f"layers has {len(options.layers)} lines, num_layers is {recipe.sizes.num_layers}"
    if options.supernet_loss == "distillation" and any(proxy.scores_words for proxy in _proxies(recipe)):
        yield (
            "supernet_loss: distillation leaves the head that predicts words untrained, so that it cannot be "
            "scored by masked words: take proxy: tasks, or supernet_loss: both"
        )


def unlike_source(recipe: "Recipe", config: "AutoBertZeroConfig") -> list[str]:
    """What is given, and is otherwise in the checkpoint that the super-net begins as."""
    source, usual = recipe.sub_models.supernet_from, SizeOptions()
    return [
        f"{name} is {value}, and {source}, which supernet_from names, has {getattr(config, name) or 'none'}: leave "
        "it out, and that is taken"
        for name in OF_SOURCE
        if (value := getattr(recipe.sizes, name)) not in (getattr(usual, name), getattr(config, name)) and source
    ]
