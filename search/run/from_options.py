"""The estimation that a recipe asks for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.model import AutoBertZeroConfig
from autobert_zero_hf.tasks.task import Task

from ..proxies.proxy import Proxy
from ..proxies.table import PROXIES, PreparedProxy, ProxyContext, prepared
from ..recipe.options import SubModelOptions
from ..recipe.recipe import Recipe
from ..recipe.rungs import Rung
from ..space.candidate import Candidate
from ..space.sizes import SizesSpace
from ..supernet.distillation import Teacher, TeacherDistillation
from ..supernet.estimator import Estimator
from ..supernet.inheritance import Inheritance
from ..supernet.objectives import InPlaceDistillation, MaskedLm, Objective
from ..supernet.supernet import SuperNet

_PROBED_ROWS = 2


def load_tasks(recipe: Recipe, proxies: Iterable[str]) -> dict[str, Sequence[Task]]:
    """The tasks that candidates are fine-tuned on, by proxy; proxies that need none have none.

    Args:
        recipe: which tasks.
        proxies: the names of those that are used.

    Raises:
        TaskError: if one is not there, or its files are not as they should be.
    """
    kinds = {name: PROXIES[name] for name in proxies}
    loaded = {name: kind.load(recipe.own_options(kind), recipe.run.seed) for name, kind in kinds.items()}
    return {name: tasks for name, tasks in loaded.items() if tasks}


def make_rungs(
    recipe: Recipe,
    rows: MaskedRows,
    held_out: MaskedRows,
    tasks: Mapping[str, Sequence[Task]],
    accelerator: Accelerator,
) -> list[tuple[Rung, Proxy]]:
    """The rungs that a recipe asks for, each with what scores its candidates.

    Args:
        recipe: which rungs, on how many rows.
        rows: the training rows.
        held_out: the rows to score on.
        tasks: those of the recipe, by proxy.
        accelerator: the autocast.
    """
    found = []
    for rung in recipe.rungs:
        kind = PROXIES[rung.proxy]
        options = recipe.own_options(kind)
        if rung.proxy_steps is not None:
            assert kind.steps is not None  # the recipe was checked
            options = replace(options, **{kind.steps: rung.proxy_steps})
        context = _context(recipe, rows, held_out, recipe.rows_of_rungs, tasks.get(rung.proxy, ()), accelerator)
        found.append((rung, kind.make(context, options)))
    return found


def _context(
    recipe: Recipe,
    rows: MaskedRows,
    held_out: MaskedRows,
    scored: int,
    tasks: Sequence[Task],
    accelerator: Accelerator,
) -> ProxyContext:
    """What a proxy is made from, which scores on so many of the held-out rows, the first ones, with the same masks."""
    seed = recipe.run.seed
    evaluation = held_out.batch(list(range(min(scored, len(held_out)))), seed)
    length = recipe.data.sequence_length
    return ProxyContext(evaluation, rows.tokenizer, length, scored, seed, accelerator.autocast, tasks)


def make_estimator(
    recipe: Recipe,
    inheritance: Inheritance,
    rows: MaskedRows,
    held_out: MaskedRows,
    tasks: Mapping[str, Sequence[Task]],
    accelerator: Accelerator,
    given: Proxy | PreparedProxy | None = None,
) -> Estimator:
    """Makes the estimator that a recipe asks for.

    Args:
        recipe: which proxy, on how many rows, and how a candidate is trained.
        inheritance: gives candidates their weights.
        rows: the training rows.
        held_out: the rows to score on: the first ones, with the same masks for all.
        tasks: those of the recipe, by proxy.
        accelerator: the device and the autocast.
        given: a proxy that is an object, in the place of the recipe's.
    """
    options, kind = recipe.estimation, PROXIES[recipe.estimation.proxy]
    own = tasks.get(kind.name, ())
    context = _context(recipe, rows, held_out, options.evaluation_rows, own, accelerator)
    proxy = kind.make(context, recipe.own_options(kind)) if given is None else prepared(given, context)
    probe = context.evaluation[:_PROBED_ROWS]
    return Estimator(inheritance, proxy, rows, probe, options, recipe.run.seed, accelerator)


def load_teacher(
    options: SubModelOptions, sizes: SizesSpace | None, tokenizer: PreTrainedTokenizerBase, config: AutoBertZeroConfig
) -> Teacher | None:
    """The teacher of a super-net of sub-models; None where it has none.

    Args:
        options: whose teaching.
        sizes: those of the sub-models.
        tokenizer: of the rows.
        config: of the largest sub-model.

    Raises:
        AutoBertZeroError: if it cannot be loaded or does not fit.
    """
    if options.teacher is None or sizes is None:
        return None
    return Teacher.load(options.teacher, sizes, tokenizer, config.vocab_size, length=config.max_position_embeddings)


def make_objective(options: SubModelOptions, net: SuperNet, largest: Candidate, teacher: Teacher | None) -> Objective:
    """What a super-net of sub-models learns.

    Args:
        options: which loss.
        net: the super-net.
        largest: the sub-model that the others learn from by the sandwich rule.
        teacher: what `load_teacher` gave.
    """
    words = InPlaceDistillation(net, largest) if options.sandwich else MaskedLm(net)
    if teacher is None:
        return words
    return TeacherDistillation(net, teacher, None if options.supernet_loss == "distillation" else words)
