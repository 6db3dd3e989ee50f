"""A trained encoder, made faster layer by layer: what each layer can do without is found, put together and healed.

The way is that of Puzzle (Bercovich et al., 2025, arXiv 2411.19146) and PostNAS (Gu et al., 2025, arXiv 2508.15884),
for encoders: a library of alternatives of each layer, each with its price and its loss; the best assembly within each
budget, by a mixed-integer programme and then by its real error; and distillation of the whole. Beside each stands the
best of several ways to leave whole layers out (Sajjad et al., 2020, arXiv 2004.03844), healed by the same text.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.places import local_place
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.training.finetuning.training import AnyTask
from autobert_zero_hf.writing import written_whole

from ..blocks.source import open_source
from ..latency.measuring import check_runtime
from ..publish.card import write_card
from ..publish.encoder_card import encoder_card
from ..publish.encoder_table import as_markdown, as_picture
from ..publish.facts import read_json
from ..recipe.block_options import BLOCK_GROUPS, BlockRecipe
from ..recipe.errors import RecipeError
from ..recipe.shrink_options import ShrinkOptions
from ..runtime.block_records import Assembled, Encoder, Healed
from ..runtime.codec import to_json
from ..runtime.dispatch import Dispatcher
from ..runtime.environment import warn_of_changes
from ..runtime.records import Budgets
from ..runtime.run_folder import BEST, DROPPED, RunFolder
from .accelerated import open_journal, processes
from .encoder.assembling import Assembling, check_reachable, name_of_phase
from .encoder.budgets import budgets_of, check_budgets, names_of
from .encoder.context import Context
from .encoder.facts import describe_budget, describe_quantised
from .encoder.healing import heal_models
from .encoder.parts import make_library, make_options
from .encoder.serving import judge_quantised
from .encoder.texts import read_texts
from .encoder.timing import measure_encoder
from .phases import in_words, phases_of_encoder
from .shrink_evaluation import fine_tuned, load_evaluation_tasks, write_table


def shrink_encoder(recipe: BlockRecipe, options: ShrinkOptions, output_dir: str | Path) -> dict[str, Any]:
    """Make an encoder faster, for several budgets.

    Files in `output_dir`: `journal.jsonl`; `library/`, the parts of all layers; for each budget a folder with the
    models `best/` and `dropped/`; `evaluation/` where tasks are given; and the table, `shrink.json`, `shrink.md` and
    `shrink.svg`.

    Args:
        recipe: the encoder, the text, and how.
        options: the budgets, and what to fine-tune on.
        output_dir: where; what was begun there goes on, and further budgets use its library.

    Returns:
        What `shrink.json` says.

    Raises:
        RecipeError: if there is no budget, or one that is none.
        CorpusError: if there is too little text, or it is of another language.
        LatencyError: if no assembly is as fast as a budget wants; nothing was trained.
        JournalError: if the folder holds another run.
        AutoBertZeroError: if the encoder cannot be read.
    """
    check_budgets(options)
    recipe = BlockRecipe(find_models(BLOCK_GROUPS, recipe.to_dict()))
    check_runtime(recipe.latency)
    folder = RunFolder(Path(output_dir))
    tasks = load_evaluation_tasks(options, recipe.seed)
    with processes() as accelerator, Reporter(accelerator.is_main_process) as reporter:
        names = [name_of_phase(words) for words in in_words(names_of(options))]
        reporter.expect(phases_of_encoder(recipe, options, names, tasks))
        run = _open(recipe, folder, accelerator, reporter)
        with closing(run.journal):
            encoder = _make(run, options)
            evaluation = fine_tune(run, options, tasks) if tasks else None
            return write(run, encoder, evaluation)


def _open(recipe: BlockRecipe, folder: RunFolder, accelerator: Accelerator, reporter: Reporter) -> Context:
    """The run in a folder, new or old, with its encoder and its text; nothing is written yet."""
    source = open_source(recipe.source)
    longest = source.model.config.max_position_embeddings
    for name, tokens in (
        ("--latency-tokens", recipe.latency.latency_tokens),  # before what follows it, unless it is given
        ("--sequence-length", recipe.data.sequence_length),
    ):
        if tokens > longest:
            raise RecipeError(f"{name} {tokens}: {recipe.source} takes {longest} tokens at most")
    texts = read_texts(recipe, source, accelerator, reporter)
    journal = open_journal(recipe.to_dict(), folder, accelerator)
    return Context(recipe, folder, accelerator, reporter, source, texts, journal, Dispatcher(accelerator))


def _make(run: Context, options: ShrinkOptions) -> Encoder:
    """Do all that is not done yet, but for the table."""
    if run.history.events and run.main:
        warn_of_changes(run.folder.path, run.history.start.environment)
    encoder = measure_encoder(run)
    budgets = budgets_of(options, encoder.median)
    check_reachable(run, budgets, encoder)
    make_library(run)
    assembling = Assembling(run, make_options(run, encoder), encoder)
    assembling.check(budgets)
    names = [budget.name for budget in budgets]
    if run.main and set(names) - {name for event in run.history.of(Budgets) for name in event.names}:
        run.journal.append(Budgets(names=names))
    for budget, words in zip(budgets, in_words(names), strict=True):
        assembling.assemble(budget, words)
    heal_models(run, budgets)
    judge_quantised(run, budgets)
    return encoder


def fine_tune(run: Context, options: ShrinkOptions, tasks: Sequence[AnyTask]) -> dict[str, Any]:
    """Fine-tune the encoder, and all that was made of it, on each task."""
    names = [f"{budget}/{name}" for budget in run.shared(_finished(run)) for name in (BEST, DROPPED)]
    models = [run.source.name, *(str(run.folder.path / name) for name in names)]
    return fine_tuned(models, tasks, options, run.recipe.seed, "no", run.folder, run.reporter)


def _finished(run: Context) -> list[str]:
    """The budgets whose models are there, those of earlier calls, too; the slowest first."""
    events = sorted(run.history.of(Assembled), key=lambda event: -event.target)
    return [
        event.budget
        for event in events
        if all(run.history.measured(f"{event.budget}/{name}") for name in (BEST, DROPPED))
        and all(run.history.find(Healed, "identity", f"{event.budget}/{name}") for name in (BEST, DROPPED))
    ]


def write(run: Context, encoder: Encoder, evaluation: dict[str, Any] | None) -> dict[str, Any]:
    """Write the table, and the cards of the models.

    Args:
        run: the run.
        encoder: its latency.
        evaluation: of the models on tasks; that of an earlier call, if it is None.

    Returns:
        What `shrink.json` says, in all processes.
    """
    table = run.folder.shrink_table
    if evaluation is None and table.is_file():  # of an earlier call
        evaluation = read_json(table).get("evaluation")
    facts = run.shared(
        {
            "method": "blocks",
            "source": run.source.name,
            "options": run.recipe.to_dict(),
            "judged": {"rows": len(run.texts.judged), "sentences": len(run.texts.sentences.order)},
            "encoder": {**to_json(encoder), **describe_quantised(run.history)},
            "budgets": [describe_budget(name, run.history, encoder) for name in _finished(run)],
            "evaluation": evaluation,
        }
        if run.main
        else None
    )
    if run.main:
        write_table(run.folder, facts, as_markdown(facts), as_picture(facts))
        _write_cards(run, facts)
    shared: dict[str, Any] = facts
    return shared


def _write_cards(run: Context, facts: Mapping[str, Any]) -> None:
    """The card of each model, which has the other one's figures beside its own."""
    for row in facts["budgets"]:
        for which in (BEST, DROPPED):
            place = run.folder.path / row["budget"] / which
            card = encoder_card({**facts, "row": row, "which": which})
            model = type(run.source.model).from_pretrained(place)
            with written_whole(place / "README.md") as partial_file:
                partial_file.write_text(write_card(card, model, local_place(place.parent, which)), encoding="utf-8")
