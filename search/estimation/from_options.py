"""The estimation that a recipe asks for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.model import AutoBertZeroConfig
from autobert_zero_hf.training.masked_lm import MaskedBatch, MaskedRows
from autobert_zero_hf.training.task_loading import load_text_task
from autobert_zero_hf.training.tasks import Task

from ..recipe import Recipe
from ..recipe_options import SubModelOptions
from ..space.candidate import Candidate
from ..space.sizes import SizesSpace
from ..strategy.evaluation import Evaluation
from ..strategy.screened import Screened
from ..strategy.strategy import Strategy
from .distillation import Teacher, TeacherDistillation
from .estimator import Estimator
from .inheritance import Inheritance
from .masked_lm_proxy import MaskedLmProxy
from .objectives import InPlaceDistillation, MaskedLm, Objective
from .proxy import Proxy
from .supernet import SuperNet
from .task_proxy import PreparedTask, TaskProxy
from .zero_cost import RankAgreement, Untrained, make_zero_cost_proxy

_PROBED_ROWS = 2
_SCREENED_ROWS = 32


def load_tasks(recipe: Recipe) -> list[Task]:
    """The tasks that candidates are fine-tuned on; none with another proxy.

    Raises:
        TaskError: if one is not there, or its files are not as they should be.
    """
    folder = None if recipe.task.task_data is None else Path(recipe.task.task_data)
    return [load_text_task(name, recipe.run.seed, folder) for name in recipe.task.tasks]


def make_proxy(
    recipe: Recipe,
    evaluation: MaskedBatch,
    tasks: Sequence[Task],
    tokenizer: PreTrainedTokenizerBase,
    autocast: Callable[[], AbstractContextManager],
) -> Proxy:
    """A proxy.

    Args:
        recipe: which one.
        evaluation: the masked rows to score on.
        tasks: those of the recipe.
        tokenizer: of the tasks' texts.
        autocast: the precision.
    """
    options, seed = recipe.estimation, recipe.run.seed
    if options.proxy == "tasks":
        length, rows = recipe.data.sequence_length, options.evaluation_rows
        prepared = [PreparedTask.of(task, tokenizer, length, rows, seed) for task in tasks]
        return TaskProxy(prepared, recipe.task, seed, autocast)
    return MaskedLmProxy(evaluation, options.proxy, autocast)


def score_without_a_model(proxy: Proxy, rows: MaskedRows) -> float | None:
    """What a proxy says of a constant answer, which no model is needed for; None where it knows none.

    Args:
        proxy: scores candidates.
        rows: the training rows.
    """
    if isinstance(proxy, MaskedLmProxy):
        return proxy.score_without_a_model(rows)
    return proxy.score_without_a_model if isinstance(proxy, TaskProxy) else None


def make_estimator(
    recipe: Recipe,
    inheritance: Inheritance,
    rows: MaskedRows,
    held_out: MaskedRows,
    tasks: Sequence[Task],
    accelerator: Accelerator,
) -> Estimator:
    """An estimator.

    Args:
        recipe: which proxy, on how many rows, and how a candidate is trained.
        inheritance: gives candidates their weights.
        rows: the training rows.
        held_out: the rows to score on: the first ones, with the same masks for all.
        tasks: those of the recipe.
        accelerator: the device and the autocast.
    """
    options, seed = recipe.estimation, recipe.run.seed
    evaluation = held_out.batch(list(range(min(options.evaluation_rows, len(held_out)))), seed)
    proxy = make_proxy(recipe, evaluation, tasks, rows.tokenizer, accelerator.autocast)
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


def screened(strategy: Strategy, recipe: Recipe, config: AutoBertZeroConfig, rows: MaskedRows) -> Strategy:
    """The strategy, screened by what the recipe says, if it does.

    Args:
        strategy: proposes.
        recipe: by what, and how many are kept.
        config: of candidates, in all that they do not say themselves.
        rows: those that untrained models are measured on: the first of them, without masks.
    """
    options = recipe.screen
    if options.screen_by is None:
        return strategy
    input_ids = rows.rows[: min(_SCREENED_ROWS, len(rows))]["input_ids"]
    proxy = make_zero_cost_proxy(options.screen_by, input_ids)
    worth = Untrained(proxy, config, recipe.run.seed)
    return Screened(strategy, worth, 0.5 if options.screen_keep is None else options.screen_keep)


def screening_report(strategy: Strategy, recipe: Recipe, evaluations: Sequence[Evaluation]) -> str | None:
    """How well what was screened by ranks those that were trained, and what it cost; None without screening."""
    if not isinstance(strategy, Screened) or not strategy.worth:
        return None
    scores = {e.candidate.identity: e.score for e in evaluations if e.score is not None}
    agreement = RankAgreement.of([strategy.worth[identity] for identity in scores], list(scores.values()))
    seconds = strategy.seconds / len(strategy.worth)
    return f"Screened by {recipe.screen.screen_by}, {seconds:.3f} s a candidate; with the scores: {agreement}"
