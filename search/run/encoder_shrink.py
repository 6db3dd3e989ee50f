"""A trained encoder, made faster layer by layer: what each layer can do without is found, put together and healed.

The way is that of Puzzle (Bercovich et al., 2025, arXiv 2411.19146) and PostNAS (Gu et al., 2025, arXiv 2508.15884),
for encoders: a library of alternatives of each layer, each with its price and its loss; the best assembly within each
budget, by a mixed-integer programme and then by its real error; and distillation of the whole. Beside each stands the
best of several ways to leave whole layers out (Sajjad et al., 2020, arXiv 2004.03844), healed by the same text.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from torch import Tensor

from autobert_zero_hf.data.contents import digest_of_model, find_contents
from autobert_zero_hf.data.corpus import CorpusError, how_to_have_more_rows, load_documents
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.unknown_tokens import Tokens
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroModel
from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.options import option_names
from autobert_zero_hf.places import local_place
from autobert_zero_hf.tasks.loading import load_task, task_names
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning.evaluation import Grid
from autobert_zero_hf.training.finetuning.options import FineTuningOptions
from autobert_zero_hf.training.finetuning.training import AnyTask
from autobert_zero_hf.writing import refusals_explained, write_json, written_whole

from ..blocks.assembly import Assembly, Improvement, Option, Tried, best_assembly, price_of
from ..blocks.building import build, dropped
from ..blocks.dropping import ways_to_drop
from ..blocks.healing import heal
from ..blocks.library import HeldOut, Library, Watch, choices_of, losses_of
from ..blocks.parts import WHOLE, Choice, Part, joined
from ..blocks.prices import Prices
from ..blocks.quality import Figure, Judge, Sentences
from ..blocks.source import open_source
from ..blocks.teacher import Teacher
from ..blocks.texts import batches_of, rows_of, sentences_of
from ..latency.band import LatencyBand
from ..latency.hardware import Hardware
from ..latency.measuring import Latency, LatencyError, measure, measure_beside
from ..publish.card import write_card
from ..publish.encoder_card import encoder_card
from ..publish.encoder_table import as_markdown, as_picture
from ..publish.export import write_files
from ..publish.facts import read_json
from ..recipe.block_options import BLOCK_GROUPS, BlockRecipe
from ..recipe.errors import RecipeError
from ..recipe.shrink_options import ShrinkOptions
from ..runtime.block_records import Assembled, Encoder, Healed, LayerParts, Price
from ..runtime.codec import to_json
from ..runtime.dispatch import Dispatcher
from ..runtime.environment import warn_of_changes
from ..runtime.history import History
from ..runtime.journal import Journal
from ..runtime.progress import Reporter
from ..runtime.records import Budgets, Measured
from ..runtime.run_folder import BEST, DROPPED, RunFolder
from .accelerated import processes
from .encoder_facts import describe_budget

_TOLERANCE = 0.05
"""How much slower than asked for is as fast as asked for."""
_CALIBRATIONS = 4
_MEASURED = 8
"""Assemblies that are measured, the best first, until one is as fast as asked."""
_MORE_PASSES = 4
_SENTENCES = 800
_TOLD = 5
"""Formulas of a layer that the journal tells of, the best."""
_UNKNOWN = 0.2
"""The share of unknown tokens from which a text is of another language than the vocabulary."""


@dataclass(frozen=True)
class Budget:
    """What a model may take.

    Args:
        name: of its folder, such as `4ms` or `2x`.
        target: in milliseconds.
        speedup: how many times as fast as the encoder that is.
    """

    name: str
    target: float
    speedup: float


def budgets_of(options: ShrinkOptions, encoder: float) -> list[Budget]:
    """The budgets, each once.

    Args:
        options: which ones.
        encoder: the milliseconds of the encoder.
    """
    found = [Budget(f"{value:.15g}ms", value, encoder / value) for value in options.latency_ms]
    found += [Budget(f"{value:.15g}x", encoder / value, value) for value in options.speedup]
    return list({budget.name: budget for budget in found}.values())


def check_budgets(options: ShrinkOptions) -> None:
    """Refuse budgets that are none, or not for an encoder.

    Raises:
        RecipeError: if there are such.
    """
    if options.speedup_over is not None or options.max_parameters:
        raise RecipeError(
            "--speedup-over and --max-parameters belong to --method super-net: --speedup is over the encoder itself"
        )
    if not options.latency_ms and not options.speedup:
        raise RecipeError("give a budget: --speedup, how many times as fast as the encoder, or --latency-ms")
    if slow := [value for value in options.speedup if value <= 1]:
        raise RecipeError(f"--speedup {slow[0]:g}: a model that is faster than the encoder has more than 1")


@dataclass(frozen=True)
class Texts:
    """The text.

    Args:
        train: the documents to learn from.
        rows: packed rows to weigh heads and neurons on, (rows, N).
        held_out: packed held-out rows that alternatives and assemblies are chosen by, (rows, N).
        judged: others, that models are judged by in the end.
        sentences: held-out sentences.
    """

    train: Dataset
    rows: Tensor
    held_out: Tensor
    judged: Tensor
    sentences: Sentences


class EncoderShrink:
    """A run, in all processes.

    Args:
        recipe: what to do.
        options: the budgets.
        folder: where.
        accelerator: the processes.
        reporter: says what happens.
    """

    def __init__(
        self,
        recipe: BlockRecipe,
        options: ShrinkOptions,
        folder: RunFolder,
        accelerator: Accelerator,
        reporter: Reporter,
    ):
        check_budgets(options)
        self.recipe = recipe
        self.options = options
        self.folder = folder
        self.accelerator = accelerator
        self.main = accelerator.is_main_process
        self.reporter = reporter
        self.source = open_source(recipe.source)
        self.teacher = Teacher(self.source.base)
        self._check_lengths()
        self.texts = self._read(accelerator)
        self.journal = self._open_journal()
        self.dispatcher = Dispatcher(accelerator)
        self.library = Library(self.teacher, folder.path / "library", recipe.parts)

    @property
    def history(self) -> History:
        """What is done."""
        return self.journal.history

    def _check_lengths(self) -> None:
        longest, recipe = self.source.model.config.max_position_embeddings, self.recipe
        for name, tokens in (
            ("--sequence-length", recipe.data.sequence_length),
            ("--latency-tokens", recipe.latency.latency_tokens),
        ):
            if tokens > longest:
                raise RecipeError(f"{name} {tokens}: {recipe.source} takes {longest} tokens at most")

    def _open_journal(self) -> Journal:
        options, path = self.recipe.to_dict(), self.folder.journal
        journal: Journal | None = None
        if self.main:
            journal = Journal.open(path, options, find_contents(BLOCK_GROUPS, options))
        events = broadcast_object_list([journal.history.events if journal else None])[0]
        return journal or Journal.following(path, options, History(events))

    def _read(self, accelerator: Accelerator) -> Texts:
        """The text, as this encoder reads it.

        Raises:
            CorpusError: if there is too little of it, or it is of another language.
        """
        options, tokenizer, seed = self.recipe.data, self.source.tokenizer, self.recipe.seed
        with self.reporter.phase("Text", 2) as show, accelerator.main_process_first():
            documents = load_documents(
                options.text, options.dataset, options.dataset_config, options.dataset_split, options.text_column
            )
            parts = documents.train_test_split(test_size=options.held_out, seed=seed)
            texts = parts["train"]["text"]
            tokens = Tokens.of_texts(texts, tokenizer)
            if tokens.share > _UNKNOWN:
                raise CorpusError(
                    f"{tokens.share:.0%} of the tokens of this text are {tokenizer.unk_token} to {self.source.name}: "
                    "it is of another language than the encoder's vocabulary; give text that it was made for"
                )
            show(1, f"{len(parts['train']):,} documents to learn from, {len(parts['test']):,} held out")
            train, test = (pack(parts[part], tokenizer, options.sequence_length) for part in ("train", "test"))
            if min(len(train), len(test)) < 8:
                raise CorpusError(
                    f"the text gives {len(train)} rows to learn from and {len(test)} held-out rows of "
                    f"{options.sequence_length} tokens, at least 8 of each are needed: "
                    f"{how_to_have_more_rows(len(train), len(test))}"
                )
            sentences = sentences_of(parts["test"], tokenizer, options.sequence_length, _SENTENCES, f"{seed}/held out")
            show(2, f"{len(train):,} rows of {options.sequence_length} tokens")
        held_out_rows = rows_of(test, 2 * self.recipe.parts.swap_rows)
        return Texts(
            parts["train"],
            rows_of(train, self.recipe.parts.calibration_rows),
            held_out_rows[::2],
            held_out_rows[1::2],
            Sentences.of(sentences, tokenizer.pad_token_id),
        )

    @cached_property
    def held_out(self) -> HeldOut:
        """What swaps and assemblies are judged by."""
        return HeldOut(self.teacher, self.texts.held_out)

    @cached_property
    def judge(self) -> Judge:
        """What healed models are judged by."""
        return Judge(self.source.model, self.texts.judged, self.texts.sentences, self.source.first_token)

    def run(self) -> None:
        """Do all that is not done yet."""
        if self.history.events and self.main:
            warn_of_changes(self.folder.path, self.history.start.environment)
        encoder = self._measure_encoder()
        budgets = budgets_of(self.options, encoder.median)
        self._make_library()
        options = self._options(encoder)
        self._check_reachable(options, budgets, encoder)
        if self.main:
            self.journal.append(Budgets(names=[budget.name for budget in budgets]))
        for number, budget in enumerate(budgets, start=1):
            self._assemble(budget, options, encoder, f"{budget.name} ({number} of {len(budgets)})")
        self._heal(budgets)
        self._measure(budgets, encoder)

    def _shared(self, event: Any) -> Any:
        """An event of the main process, in all of them."""
        return broadcast_object_list([event])[0]

    def _measure_encoder(self) -> Encoder:
        known = self.history.first(Encoder)
        if known is None and self.main:
            options = replace(self.recipe.latency, latency_passes=_MORE_PASSES * self.recipe.latency.latency_passes)
            with self.reporter.phase("Latency of the encoder", 1) as show:
                (found,) = measure([self.source.base], options)
                _, embeddings = Prices(self.source.base.config, options).embeddings()
                show(1, str(found))
            self.journal.append(
                Encoder(
                    layers=list(self.source.base.config.layers),
                    parameters=self.source.model.num_parameters(),
                    median=found.median,
                    p95=found.p95,
                    interval=found.interval,
                    passes=found.passes,
                    embeddings=min(embeddings, found.median / 2),
                    hardware=str(found.hardware),
                )
            )
            known = self.history.first(Encoder)
        encoder: Encoder = self._shared(known)
        here = str(Hardware.here(self.recipe.latency))
        if encoder.hardware != here:
            raise LatencyError(
                f"the latencies of {self.folder.path} are those of {encoder.hardware}; this is {here}: use another "
                "--output-dir"
            )
        return encoder

    def _make_library(self) -> None:
        """The parts of each layer, and their losses."""
        count = len(self.teacher.layers)
        for layer in range(count):
            known = self.history.find(LayerParts, "layer", layer)
            if known is not None and self.library.digest(layer) not in ("", known.digest):
                raise AutoBertZeroError(
                    f"{self.library.file(layer)} is not what this run made, or was damaged: take it away, and it is "
                    "made again"
                )
        missing = [
            layer
            for layer in range(count)
            if self.history.find(LayerParts, "layer", layer) is None or not self.library.digest(layer)
        ]
        if not missing:
            return
        with refusals_explained(self.library.folder):
            self.library.folder.mkdir(parents=True, exist_ok=True)
        with self.reporter.phase("Activations", len(self.texts.rows)) as show:
            moments = Watch(self.teacher, self.texts.rows).moments(missing, show)

        def work(layer: int) -> dict[str, Any]:
            formulas = self.library.add(layer, moments[layer], self.texts.rows, self.recipe.seed)[:_TOLD]
            found = list(losses_of(self.library, self.held_out, layer))
            return {
                "layer": layer,
                "digest": self.library.digest(layer),
                "places": [part.place for part, _ in found],
                "lines": [part.line for part, _ in found],
                "losses": [loss for _, loss in found],
                "found": [each.part.line.removesuffix(" + none") for each in formulas],
                "found_errors": [each.error for each in formulas],
            }

        with self.reporter.phase("Layers", count, count - len(missing)) as show_layers:
            done = count - len(missing)

            def write(_: int, result: dict[str, Any]) -> None:
                nonlocal done
                done += 1
                if self.history.find(LayerParts, "layer", result["layer"]) is None:
                    self.journal.append(LayerParts(**result))
                show_layers(done)

            self.dispatcher.run(missing, work, write)
        self.accelerator.wait_for_everyone()  # the main process serves the queue until all have read it to the end
        self.library = Library(self.teacher, self.library.folder, self.recipe.parts)

    def _options(self, encoder: Encoder) -> list[list[Option]]:
        """What each layer may become, with prices and losses."""
        known: dict[int, dict[Part, float]] = {}
        for event in self._shared(list(self.history.of(LayerParts))):
            parts = map(partial(Part, event.layer), event.places, event.lines)
            known[event.layer] = dict(zip(parts, event.losses, strict=True))
        choices = [choices_of(list(known[layer])) for layer in range(len(self.teacher.layers))]
        lines = list(dict.fromkeys(line for each in choices for choice in each if (line := joined(choice))))
        prices = self._price(lines, encoder)
        return [
            [
                Option(choice, prices[joined(choice)], sum(known[layer][part] for part in choice))
                for choice in layer_choices
            ]
            for layer, layer_choices in enumerate(choices)
        ]

    def _price(self, lines: Sequence[str], encoder: Encoder) -> Mapping[str, float]:
        known = {event.line: event.milliseconds for event in self.history.of(Price)}
        missing = [line for line in lines if line not in known]
        if missing and self.main:
            with self.reporter.phase("Prices", len(lines), len(known)) as show:
                prices = Prices(self.source.base.config, self.recipe.latency)
                for line, milliseconds in prices.lines(missing, encoder.median, encoder.embeddings):
                    self.journal.append(Price(line=line, milliseconds=milliseconds))
                    known[line] = milliseconds
                    show(len(known))
        return {**self._shared(known), "": 0.0}

    def _check_reachable(
        self, options: Sequence[Sequence[Option]], budgets: Sequence[Budget], encoder: Encoder
    ) -> None:
        """Refuse a budget that no assembly meets.

        Raises:
            LatencyError: naming the fastest.
        """
        by_price = [[replace(option, loss=option.price) for option in each] for each in options]
        quickest = best_assembly(by_price, float("inf"))
        assert quickest is not None
        least = encoder.embeddings + price_of(options, quickest)
        for budget in budgets:
            if budget.target < least:
                raise LatencyError(
                    f"{budget.name}: no assembly of {self.source.name} takes {budget.target:.2f} ms or less; the "
                    f"fastest takes {least:.2f} ms, {encoder.median / least:.1f} times as fast as the encoder"
                )

    def _assemble(self, budget: Budget, options: Sequence[Sequence[Option]], encoder: Encoder, words: str) -> None:
        """Find the best assembly and the best dropping for a budget."""
        if self.main and self.history.find(Assembled, "budget", budget.name) is None:
            count, done = self.recipe.assembly.assemblies, 0
            allowed, first = self._calibrated(budget, options, encoder)
            starts = [first, *self._within(options, allowed)]
            found = Improvement(options, allowed, starts, self._seed(budget.name))
            with self.reporter.phase(f"Assemblies, {words}", count) as show:

                def error(assembly: Assembly) -> float:
                    nonlocal done
                    done += 1
                    loss = self._error(options, assembly)
                    show(min(done, count), f"error {loss:.3f}")
                    return loss

                found.run(error, count)
                best = self._as_fast_as_asked(budget, options, encoder, found)
            kept, kept_error = self._dropping(budget, encoder, options)
            chosen = [options[layer][number].choice for layer, number in enumerate(best.assembly)]
            self.journal.append(
                Assembled(
                    budget=budget.name,
                    target=budget.target,
                    allowed=allowed,
                    choices=[[f"{part.place}/{part.line}" for part in choice] for choice in chosen],
                    predicted=best.predicted,
                    error=best.error,
                    kept=kept,
                    kept_error=kept_error,
                    tried_predicted=[each.predicted for each in found.tried.values()],
                    tried_errors=[each.error for each in found.tried.values()],
                )
            )
        events = self._shared(list(self.history.of(Assembled)))
        self._assembled = {event.budget: event for event in events}

    def _calibrated(
        self, budget: Budget, options: Sequence[Sequence[Option]], encoder: Encoder
    ) -> tuple[float, Assembly]:
        """What the prices may come to, so that what is measured is what was asked for, and the best by the sums."""
        allowed = budget.target - encoder.embeddings
        for attempt in range(_CALIBRATIONS):
            assembly = best_assembly(options, allowed)
            if assembly is None:
                raise LatencyError(f"{budget.name}: what is predicted to be that fast is not when it is measured")
            model = build(self.source.base, self.library, _choices(options, assembly))
            (found,) = self._timed([model], encoder)
            off = found.median / budget.target
            if 1 - _TOLERANCE <= off <= 1 or attempt == _CALIBRATIONS - 1:
                break
            # Between the last answer and the one before it there may be no other assembly.
            allowed = (allowed + encoder.embeddings) / off * (1 - _TOLERANCE / 2) - encoder.embeddings
        return allowed, assembly

    def _as_fast_as_asked(
        self, budget: Budget, options: Sequence[Sequence[Option]], encoder: Encoder, found: Improvement
    ) -> Tried:
        """Of the best by their real error the first that is surely as fast as asked; else the fastest of them."""
        measured: list[tuple[float, Tried]] = []
        for each in sorted(found.tried.values(), key=lambda tried: tried.error)[:_MEASURED]:
            model = build(self.source.base, self.library, _choices(options, each.assembly))
            (latency,) = self._timed([model], encoder)
            if latency.median <= budget.target and latency.interval[1] <= budget.target * (1 + _TOLERANCE):
                return each
            measured.append((latency.median, each))
        return min(measured, key=lambda pair: pair[0])[1]

    def _timed(self, models: Sequence[AutoBertZeroModel], encoder: Encoder) -> list[Latency]:
        options = replace(self.recipe.latency, latency_passes=_MORE_PASSES * self.recipe.latency.latency_passes)
        return measure_beside(self.source.base, encoder.median, models, options)

    def _within(self, options: Sequence[Sequence[Option]], allowed: float) -> list[Assembly]:
        """The droppings of layers that are within a budget, as assemblies."""
        places = [self._numbers(layer, each) for layer, each in enumerate(options)]
        return [
            tuple(whole if layer in kept else gone for layer, (whole, gone) in enumerate(places))
            for kept in ways_to_drop(self._whole(options), allowed, self._seed("droppings"))[:2]
        ]

    def _numbers(self, layer: int, options: Sequence[Option]) -> tuple[int, int]:
        """The numbers of the options that keep a layer as it is, and that leave it out."""
        own, gone = self.library.own(layer), (Part(layer, WHOLE, ""),)
        choices = [option.choice for option in options]
        return choices.index(own), choices.index(gone)

    def _whole(self, options: Sequence[Sequence[Option]]) -> list[float]:
        """The prices of the layers as they are."""
        return [each[self._numbers(layer, each)[0]].price for layer, each in enumerate(options)]

    def _seed(self, what: str) -> str:
        return f"{self.recipe.seed}/{what}"

    def _dropping(
        self, budget: Budget, encoder: Encoder, options: Sequence[Sequence[Option]]
    ) -> tuple[list[int], float]:
        """The layers that the best of several droppings keeps, and its error; it may be a little slower than asked."""
        allowed = budget.target * (1 + _TOLERANCE) - encoder.embeddings
        ways = ways_to_drop(self._whole(options), allowed, self._seed("droppings")) or [(0,)]
        errors = [self.held_out.error([self.teacher.layers[layer] for layer in way]) for way in ways]
        place = errors.index(min(errors))
        return list(ways[place]), errors[place]

    def _error(self, options: Sequence[Sequence[Option]], assembly: Assembly) -> float:
        layers = [self.library.layer(choice) for choice in _choices(options, assembly) if joined(choice)]
        return self.held_out.error(layers)

    def _heal(self, budgets: Sequence[Budget]) -> None:
        """Train each assembly and each dropping that is not trained yet, in as many processes as there are."""
        names = [f"{budget.name}/{name}" for budget in budgets for name in (BEST, DROPPED)]
        known = {event.identity: event for event in self._shared(list(self.history.of(Healed)))}
        for name, event in known.items():
            if name in names and (found := digest_of_model(str(self.folder.path / name))) not in ("", event.digest):
                raise AutoBertZeroError(
                    f"{self.folder.path / name} is not what this run wrote, or was changed: take it away, and it is "
                    f"made again (it is {found})"
                )
        missing = [name for name in names if name not in known or not (self.folder.path / name).is_dir()]
        steps = self.recipe.healing.healing_steps
        with self.reporter.phase("Healing", len(names), len(names) - len(missing)) as show:
            done = len(names) - len(missing)

            def work(name: str) -> dict[str, Any]:
                return self._healed(
                    name, lambda step, loss: show(done, f"{name}: step {step} of {steps}, loss {loss:.3f}")
                )

            def write(_: int, result: dict[str, Any]) -> None:
                nonlocal done
                done += 1
                if self.history.find(Healed, "identity", result["identity"]) is None:
                    self.journal.append(Healed(**result))
                show(done)

            self.dispatcher.run(missing, work, write)
        self.accelerator.wait_for_everyone()

    def _healed(self, name: str, after_step: Any) -> dict[str, Any]:
        """Train one model, and write it."""
        budget, _, which = name.rpartition("/")
        event: Assembled = self._assembled[budget]
        choices = [_parts(layer, each) for layer, each in enumerate(event.choices)]
        if which == DROPPED:
            choices = dropped(self.library, event.kept)
        model = build(self.source.model, self.library, choices)
        options = self.recipe.healing
        kept = [layer for layer, choice in enumerate(choices) if joined(choice)]
        batches = batches_of(
            self._sentences,
            options.healing_batch_size,
            options.healing_steps,
            self.source.tokenizer.pad_token_id,
            self._seed("healing"),
        )
        try:
            heal(model, self.source.model, kept, batches, options, self.source.first_token, after_step)
        except FloatingPointError as error:
            raise AutoBertZeroError(
                f"{name} does not learn from {self.source.name} ({error}): give a lower --healing-learning-rate in "
                "another --output-dir"
            ) from error
        quality = self.judge(model)
        with written_whole(self.folder.path / name) as place:
            write_files(model, self.source.tokenizer, place)
            self.source.copy_sentence_files(place)
        return {
            "identity": name,
            "layers": list(model.config.layers),
            "parameters": model.num_parameters(),
            "digest": digest_of_model(str(self.folder.path / name)),
            "errors": _rounded(quality.error),
            "neighbours": _rounded(quality.neighbours),
            "cosines": _rounded(quality.cosine),
            "agreements": None if quality.agreement is None else _rounded(quality.agreement),
        }

    @cached_property
    def _sentences(self) -> list[list[int]]:
        """What models learn from."""
        options, data = self.recipe.healing, self.recipe.data
        count = max(1, options.healing_steps * options.healing_batch_size)
        return sentences_of(
            self.texts.train, self.source.tokenizer, data.sequence_length, count, self._seed("sentences")
        )

    def _measure(self, budgets: Sequence[Budget], encoder: Encoder) -> None:
        """The latency of each model, in turn with the encoder's."""
        if not self.main:
            return
        for budget in budgets:
            names = [f"{budget.name}/{name}" for name in (BEST, DROPPED)]
            missing = [name for name in names if self.history.measured(name) is None]
            if not missing:
                continue
            models = [AutoBertZeroModel.from_pretrained(self.folder.path / name) for name in missing]
            band = LatencyBand(lambda _: 0.0, budget.target, 0.0, 1 + _TOLERANCE)
            for name, found in zip(missing, self._timed(models, encoder), strict=True):
                self.journal.append(
                    Measured(
                        identity=name,
                        median=found.median,
                        p95=found.p95,
                        interval=found.interval,
                        passes=found.passes,
                        waited=found.waited,
                        verdict=band.judge(found),
                    )
                )

    def fine_tune(self, tasks: Sequence[AnyTask]) -> dict[str, Any]:
        """Fine-tune the encoder, and all that was made of it, on each task."""
        options = FineTuningOptions(
            epochs=[self.options.evaluate_epochs], train_rows=self.options.evaluate_rows, seed=self.recipe.seed
        )
        names = [f"{budget}/{name}" for budget in self._shared(self._finished()) for name in (BEST, DROPPED)]
        models = [self.source.name, *(str(self.folder.path / name) for name in names)]
        grid = Grid(self.folder.evaluation, models, tasks, options, SpanOptions(), self.options.evaluate_seeds)
        with closing(grid), self.reporter.phase("Fine-tuning", len(grid.cells)) as show:
            grid.fill(lambda _: show(sum(grid.result(cell) is not None for cell in grid.cells)))
            return grid.summary()

    def _finished(self) -> list[str]:
        """The budgets whose models are there, those of earlier calls, too; the slowest first."""
        events = sorted(self.history.of(Assembled), key=lambda event: -event.target)
        return [
            event.budget
            for event in events
            if all(self.history.measured(f"{event.budget}/{name}") for name in (BEST, DROPPED))
            and all(self.history.find(Healed, "identity", f"{event.budget}/{name}") for name in (BEST, DROPPED))
        ]

    def write(self, evaluation: dict[str, Any] | None) -> dict[str, Any]:
        """Write the table."""
        encoder, table = self._measure_encoder(), self.folder.shrink_table
        if evaluation is None and table.is_file():  # of an earlier call
            evaluation = read_json(table).get("evaluation")
        facts = self._shared(
            {
                "method": "blocks",
                "source": self.source.name,
                "options": self.recipe.to_dict(),
                "judged": {"rows": len(self.texts.judged), "sentences": len(self.texts.sentences.order)},
                "encoder": to_json(encoder),
                "budgets": [describe_budget(name, self.history, encoder) for name in self._finished()],
                "evaluation": evaluation,
            }
            if self.main
            else None
        )
        if self.main:
            write_json(table, facts)
            for ending, text in ((".md", as_markdown(facts)), (".svg", as_picture(facts))):
                with written_whole(table.with_suffix(ending)) as partial_file:
                    partial_file.write_text(text, encoding="utf-8")
            self._write_cards(facts)
        shared: dict[str, Any] = facts
        return shared

    def _write_cards(self, facts: Mapping[str, Any]) -> None:
        """The card of each model, which has the other one's figures beside its own."""
        for row in facts["budgets"]:
            for which in (BEST, DROPPED):
                place = self.folder.path / row["budget"] / which
                card = encoder_card({**facts, "row": row, "which": which})
                model = type(self.source.model).from_pretrained(place)
                with written_whole(place / "README.md") as partial_file:
                    partial_file.write_text(write_card(card, model, local_place(place.parent, which)), encoding="utf-8")


def _rounded(figure: Figure) -> list[float]:
    return [round(float(each), 6) for each in figure.parts]


def _choices(options: Sequence[Sequence[Option]], assembly: Assembly) -> list[Choice]:
    return [options[layer][number].choice for layer, number in enumerate(assembly)]


def _parts(layer: int, written: Sequence[str]) -> Choice:
    places = [each.partition("/") for each in written]
    return tuple(Part(layer, place, line) for place, _, line in places)  # type: ignore[arg-type]


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
    folder = RunFolder(Path(output_dir))
    data = None if options.data is None else Path(options.data)
    names = task_names(options.evaluate_on, data) if options.evaluate_on else ()
    tasks = [load_task(name, recipe.seed, data) for name in names]
    with processes() as accelerator, Reporter(accelerator.is_main_process) as reporter:
        run = EncoderShrink(recipe, options, folder, accelerator, reporter)
        with closing(run.journal):
            run.run()
            evaluation = run.fine_tune(tasks) if tasks else None
            return run.write(evaluation)


def shrink(source: str, output_dir: str | Path = "runs/faster", **options: Any) -> dict[str, Any]:
    """Make an encoder faster: what `autobert-zero shrink SOURCE` does, from Python.

    Args:
        source: a BERT or a model of this package, folder or Hub name.
        output_dir: where; what was begun there goes on.
        options: those of the command, by their names: `text`, `speedup`, `latency_ms`, `evaluate_on` and so on.

    Returns:
        What `shrink.json` says, with the folder of each budget's model as `folder`.

    Raises:
        RecipeError: if an option is not known or out of its range; as `shrink_encoder` besides.
    """
    budgets = {name: value for name, value in options.items() if name in option_names([ShrinkOptions])}
    rest = {name: value for name, value in options.items() if name not in budgets}
    facts = shrink_encoder(BlockRecipe({**rest, "source": source}), ShrinkOptions(**budgets), output_dir)
    rows = [{**row, "folder": str(Path(output_dir) / row["budget"] / BEST)} for row in facts["budgets"]]
    return {**facts, "budgets": rows}
