"""The estimation that a recipe asks for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
from autobert_zero_hf.model import AutoBertZeroConfig
from autobert_zero_hf.tasks.task import Task

from ..proxies.proxy import Proxy
from ..proxies.table import PROXIES, PreparedProxy, ProxyContext, prepared
from ..recipe.options import SubModelOptions
from ..recipe.recipe import Recipe
from ..space.candidate import Candidate
from ..space.sizes import SizesSpace
from ..supernet.distillation import Teacher, TeacherDistillation
from ..supernet.estimator import Estimator
from ..supernet.inheritance import Inheritance
from ..supernet.objectives import InPlaceDistillation, MaskedLm, Objective
from ..supernet.supernet import SuperNet

_PROBED_ROWS = 2


def load_tasks(recipe: Recipe) -> Sequence[Task]:
    """The tasks that candidates are fine-tuned on; none with a proxy that needs none.

    Raises:
        TaskError: if one is not there, or its files are not as they should be.
    """
    kind = PROXIES[recipe.estimation.proxy]
    return kind.load(recipe.own_options(kind), recipe.run.seed)


def make_proxy(
    recipe: Recipe,
    evaluation: MaskedBatch,
    tasks: Sequence[Task],
    tokenizer: PreTrainedTokenizerBase,
    autocast: Callable[[], AbstractContextManager],
    given: Proxy | PreparedProxy | None = None,
) -> Proxy:
    """Makes the proxy that a recipe names.

    Args:
        recipe: which one.
        evaluation: the masked rows to score on.
        tasks: those of the recipe.
        tokenizer: of the tasks' texts.
        autocast: the precision.
        given: one that is an object, in the place of the recipe's.
    """
    context = ProxyContext(
        evaluation,
        tokenizer,
        recipe.data.sequence_length,
        recipe.estimation.evaluation_rows,
        recipe.run.seed,
        autocast,
        tasks,
    )
    if given is not None:
        return prepared(given, context)
    kind = PROXIES[recipe.estimation.proxy]
    return kind.make(context, recipe.own_options(kind))


def make_estimator(
    recipe: Recipe,
    inheritance: Inheritance,
    rows: MaskedRows,
    held_out: MaskedRows,
    tasks: Sequence[Task],
    accelerator: Accelerator,
    given: Proxy | PreparedProxy | None = None,
) -> Estimator:
    """Makes the estimator that a recipe asks for.

    Args:
        recipe: which proxy, on how many rows, and how a candidate is trained.
        inheritance: gives candidates their weights.
        rows: the training rows.
        held_out: the rows to score on: the first ones, with the same masks for all.
        tasks: those of the recipe.
        accelerator: the device and the autocast.
        given: a proxy that is an object, in the place of the recipe's.
    """
    options, seed = recipe.estimation, recipe.run.seed
    evaluation = held_out.batch(list(range(min(options.evaluation_rows, len(held_out)))), seed)
    proxy = make_proxy(recipe, evaluation, tasks, rows.tokenizer, accelerator.autocast, given)
    return Estimator(inheritance, proxy, rows, evaluation[:_PROBED_ROWS], options, seed, accelerator)


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
