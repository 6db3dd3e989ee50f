"""The phase in which models that are to be served in int8 are judged as they will be served, the encoder, too."""

import copy
from collections.abc import Sequence

import torch

from autobert_zero_hf.model import AutoBertZeroPreTrainedModel
from autobert_zero_hf.serving import RUNTIMES
from autobert_zero_hf.serving.runtimes import have_computed, texts

from ...blocks.texts import rows_of
from ...runtime.block_records import Quantised
from ...runtime.run_folder import BEST, DROPPED
from .budgets import Budget
from .context import Context
from .facts import ENCODER, figures_of

_ROWS = 300
"""Of text, that the scales of activations are taken from."""


def judge_quantised(run: Context, budgets: Sequence[Budget]) -> None:
    """Quantise and judge what is not judged yet, where the runtime whose time is measured computes in int8."""
    if not RUNTIMES[run.recipe.latency.latency_runtime].int8:
        return
    names = [ENCODER, *(f"{budget.name}/{which}" for budget in budgets for which in (BEST, DROPPED))]
    missing = [name for name in names if run.history.find(Quantised, "identity", name) is None]
    if not run.main or not missing:
        return
    with run.reporter.phase("Quantised", len(names), len(names) - len(missing), "models") as show:
        calibration = [texts(row[None]) for row in rows_of(run.texts.packed, _ROWS)]
        inputs, options = texts(*run.texts.sentences.batches[0]), run.recipe.latency
        for number, name in enumerate(missing, start=1):
            model = _model(run, name)
            runtime, device = options.latency_runtime, options.latency_device
            have_computed(model, runtime, inputs, calibration, torch.get_num_threads(), device)
            run.journal.append(Quantised(identity=name, **figures_of(run.judge(model))))  # type: ignore[arg-type]
            show(len(names) - len(missing) + number)


def _model(run: Context, name: str) -> AutoBertZeroPreTrainedModel:
    if name == ENCODER:
        return copy.deepcopy(run.source.model)
    return type(run.source.model).from_pretrained(run.folder.path / name).eval()
