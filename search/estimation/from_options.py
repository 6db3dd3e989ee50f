"""The estimation that a recipe asks for."""

from accelerate import Accelerator

from autobert_zero_hf.training.masked_lm import MaskedRows

from ..recipe import Recipe
from .estimator import Estimator
from .inheritance import Inheritance
from .masked_lm_proxy import MaskedLmProxy

_PROBED_ROWS = 2


def make_estimator(
    recipe: Recipe, inheritance: Inheritance, rows: MaskedRows, held_out: MaskedRows, accelerator: Accelerator
) -> Estimator:
    """An estimator.

    Args:
        recipe: which proxy, on how many rows, and how a candidate is trained.
        inheritance: gives candidates their weights.
        rows: the training rows.
        held_out: the rows to score on: the first ones, with the same masks for all.
        accelerator: the device and the autocast.
    """
    options, seed = recipe.estimation, recipe.run.seed
    evaluation = held_out.batch(list(range(min(options.evaluation_rows, len(held_out)))), seed)
    proxy = MaskedLmProxy(evaluation, options.proxy, accelerator.autocast)
    return Estimator(inheritance, proxy, rows, evaluation[:_PROBED_ROWS], options, seed, accelerator)
