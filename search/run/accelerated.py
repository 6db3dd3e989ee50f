"""The processes of a run, the precision that they work in, and the journal that they share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from accelerate.utils import InitProcessGroupKwargs, ProjectConfiguration, broadcast_object_list, parse_flag_from_env

from autobert_zero_hf.data.contents import find_contents
from autobert_zero_hf.launch.lost import waiting_for_the_launcher
from autobert_zero_hf.launch.precision import gains_from_bfloat16

from ..recipe.choices import groups_of
from ..recipe.errors import RecipeError
from ..recipe.recipe import Recipe
from ..runtime.history import History
from ..runtime.journal import Journal, recorded_recipe
from ..runtime.run_folder import RunFolder


@contextmanager
def processes(
    mixed_precision: str = "no", folder: RunFolder | None = None, trackers: Sequence[str] = ()
) -> Iterator[Accelerator]:
    """The processes of a run.

    Args:
        mixed_precision: that they work in.
        folder: of the run, where trackers write files.
        trackers: where to report to.
    """
    with waiting_for_the_launcher():
        accelerator = Accelerator(
            mixed_precision=mixed_precision,
            log_with=list(trackers) or None,
            project_config=None if folder is None else ProjectConfiguration(logging_dir=str(folder.logs)),
            # The others wait while one process reads a large text.
            kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=1))],
        )
        yield accelerator
        accelerator.end_training()  # of the trackers, and of what joins the processes


@contextmanager
def accelerated(
    recipe: Recipe, folder: RunFolder, trackers: Sequence[str] = ()
) -> Iterator[tuple[Recipe, Accelerator]]:
    """The processes of a run, and its recipe with the precision that they work in.

    Args:
        recipe: what to do.
        folder: of the run.
        trackers: where to report to.
    """
    recipe = _with_precision(recipe, folder)
    with processes(recipe.run.mixed_precision, folder, trackers) as accelerator:
        yield recipe, accelerator


def _with_precision(recipe: Recipe, folder: RunFolder) -> Recipe:
    """The recipe with what `auto` means here: a search goes on in the precision that it was begun in."""
    # Accelerate keeps one precision for all of a process.
    in_use: Any = AcceleratorState().mixed_precision if is_initialized() else None
    if recipe.run.mixed_precision != "auto":
        precision: Any = recipe.run.mixed_precision
    else:
        precision = recorded_recipe(folder.journal).get("mixed_precision", in_use)
    if in_use not in (None, precision):
        raise RecipeError(
            f"mixed_precision is {precision}, but this process works in {in_use} already (accelerate): search in a new "
            "process"
        )
    if precision not in ("no", "bf16"):
        on_gpu = torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU")
        gains = gains_from_bfloat16(torch.device("cuda" if on_gpu else "cpu"))
        # On a CPU, bf16 was level with float32 on random sub-models of 4 x 256, and far slower on tiny ones.
        precision = "bf16" if gains and (on_gpu or recipe.searched_sizes is None) else "no"
    return recipe.with_parts(run=replace(recipe.run, mixed_precision=precision))


def open_journal(
    options: dict[str, Any],
    folder: RunFolder,
    accelerator: Accelerator,
    parts: Mapping[str, dict[str, str]] = MappingProxyType({}),
) -> Journal:
    """The journal of a run itself in the main process, its events in the others.

    Args:
        options: of the run, by name.
        folder: of the run.
        accelerator: the processes.
        parts: the origins and objects of the run, as `Journal.open` takes them.

    Raises:
        JournalError: if it is of another run, or damaged.
        WritingError: if another process is at work in the folder.
    """
    path, journal = folder.journal, None
    if accelerator.is_main_process:
        journal = Journal.open(path, options, find_contents(groups_of(options), options), parts)
    events = broadcast_object_list([journal.history.events if journal else None])[0]
    return journal or Journal.following(path, options, History(events))
