"""A search from the recipe to the exported winner; every phase is taken up where the journal ends."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from accelerate.utils import InitProcessGroupKwargs, ProjectConfiguration, broadcast_object_list, parse_flag_from_env
from datasets import Dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from autobert_zero_hf.model import AutoBertZeroConfig, architecture
from autobert_zero_hf.training.corpus import CorpusError, load_documents
from autobert_zero_hf.training.masked_lm import MaskedRows, MaskedScore, pack
from autobert_zero_hf.training.precision import gains_from_bfloat16
from autobert_zero_hf.training.tokenization import train_tokenizer
from autobert_zero_hf.writing import write_json, written_whole

from .estimation.biws import SuperNetTraining
from .estimation.estimator import Estimator
from .estimation.from_options import load_tasks, make_estimator, screened, screening_report
from .estimation.inheritance import Inheritance
from .estimation.latency_band import LatencyBand
from .estimation.supernet import SuperNet
from .finalists import FinalTraining, final_rows, rows_that_chose
from .front import Compromise, describe_front, find_front, front_table, name_models, rank
from .latency_bound import LatencyBound
from .publish.facts import FINALISTS, FRONT, read_json
from .recipe import Recipe, RecipeError
from .runtime.dispatch import Dispatcher
from .runtime.energy import measured_energy
from .runtime.journal import Journal, JournalError, recorded_recipe
from .runtime.loop import SearchLoop
from .runtime.lost import waiting_for_the_launcher
from .runtime.progress import Reporter, clock
from .runtime.tracking import Tracking, choose_trackers
from .space.candidate import Candidate
from .space.sizes import Sizes
from .strategy.from_options import make_strategy
from .strategy.strategy import Strategy

_FEWEST_FINAL_ROWS = 64


def search(recipe: Recipe, output_dir: str | Path, report_to: Sequence[str] = ("none",)) -> Path:
    """Search for a backbone.

    Files in `output_dir`: `journal.jsonl`, `recipe.yaml`, `tokenizer/`, `supernet.pt`, `best/`, `bert/`, `logs/` of
    trackers that write files, and `energy.json` where codecarbon is installed; `latency.jsonl`, measured latencies,
    where they are bounded, and `front/` with `front.json`, where the best compromises are kept.

    Args:
        recipe: what to do.
        output_dir: where; a search that was begun there with the same recipe goes on.
        report_to: names of Accelerate's trackers, "all" that are installed, or "none".

    Returns:
        The folder of the winner, for `from_pretrained`.

    Raises:
        JournalError: if the folder holds a search with another recipe, on another text, or a damaged journal; or if
            the journal cannot be written.
        WritingError: if something else cannot be written.
        CorpusError: if the text cannot be had, or is too little.
        LatencyError: if no candidate meets the latency that is wanted, or it cannot be measured.
        TrackingError: if a tracker is not known, not installed or cannot be used.
    """
    folder = Path(output_dir)
    trackers = choose_trackers(report_to)
    recipe = _with_precision(recipe, folder)
    with waiting_for_the_launcher():
        accelerator = Accelerator(
            mixed_precision=recipe.run.mixed_precision,
            log_with=trackers or None,
            project_config=ProjectConfiguration(logging_dir=str(folder / "logs")),
            # The others wait while one process reads a large text.
            kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=1))],
        )
        run = _SearchRun(recipe, folder, accelerator, Reporter(accelerator.is_main_process))
        unfinished = accelerator.is_main_process and not run.journal.of("finished")
        try:
            with measured_energy(folder / "energy.json", begin=unfinished):
                run.run()
        finally:
            run.journal.close()
    return folder / "best"


def _with_precision(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with what `auto` means here: a search goes on in the precision that it was begun in."""
    # Accelerate keeps one precision for all of a process.
    in_use: Any = AcceleratorState().mixed_precision if is_initialized() else None
    if recipe.run.mixed_precision != "auto":
        precision: Any = recipe.run.mixed_precision
    else:
        precision = recorded_recipe(folder / "journal.jsonl").get("mixed_precision", in_use)
    if in_use not in (None, precision):
        raise RecipeError(
            f"mixed_precision is {precision}, but this process works in {in_use} already (accelerate): search in a new "
            "process"
        )
    if precision not in ("no", "bf16"):
        on_gpu = torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU")
        gains = gains_from_bfloat16(torch.device("cuda" if on_gpu else "cpu"))
        # On the CPU a kernel is compiled for every new shape, which costs more than it gains where all sizes differ.
        precision = "bf16" if gains and (on_gpu or recipe.searched_sizes is None) else "no"
    return replace(recipe, run=replace(recipe.run, mixed_precision=precision))


class _SearchRun:
    def __init__(self, recipe: Recipe, folder: Path, accelerator: Accelerator, reporter: Reporter):
        self.recipe = recipe
        self.folder = folder
        self.accelerator = accelerator
        self.reporter = reporter
        self.seed = recipe.run.seed
        self.band: LatencyBand | None = None
        self.strategy = self._make_strategy()
        self.tasks = load_tasks(recipe)
        self.journal = self._open_journal()
        self.tracking = Tracking(accelerator, self.journal, recipe.supernet.supernet_steps)

    def _make_strategy(self) -> Strategy:
        recipe, rng = self.recipe, random.Random(f"{self.seed}/strategy")
        try:
            return make_strategy(recipe.strategy, recipe.search_space, rng, self._reject)
        except (ValueError, ModuleNotFoundError) as error:
            raise RecipeError(str(error)) from error

    def _reject(self, candidate: Candidate) -> str | None:
        # The cheaper check first; the band is known once its latencies are measured.
        return self.recipe.cost_budget(candidate) or (self.band(candidate) if self.band else None)

    def _open_journal(self) -> Journal:
        """The journal itself in the main process, its events in the others."""
        recipe = self.recipe.to_dict()
        main = self.accelerator.is_main_process
        if main and not (self.folder / "journal.jsonl").exists():
            for name in (*FINALISTS, FRONT):
                if (self.folder / name).exists():
                    raise JournalError(
                        f"{self.folder / name} is not of a search (there is no journal): it would be lost, "
                        "so use another --output-dir"
                    )
        journal = Journal.open(self.folder / "journal.jsonl", recipe) if main else None
        events = broadcast_object_list([journal.events if journal else None])[0]
        return journal or Journal(None, recipe, events)

    def run(self) -> None:
        finished = self.journal.of("finished")
        names = {*FINALISTS, *(record["name"] for record in self.journal.of("trained"))}
        if finished and all((self.folder / name).is_dir() for name in names):
            self.reporter.say(f"The search in {self.folder} is finished: {finished[0]['reason']}.")
            self._say_result()
            return
        if len(self.journal.events) > 1:
            self.reporter.say(f"Resuming the search in {self.folder}, {clock(self.journal.spent_before)} old.")
        self.tracking.start(self.folder.resolve().name, self.recipe.to_dict())
        tokenizer, rows, held_out = self._prepare_data()
        config = self.recipe.make_config(len(tokenizer))
        bound = None
        if self.recipe.bounds_latency:
            bound = LatencyBound(self.recipe, self.folder, config, self.accelerator, self.journal, self.reporter)
            self.band = bound.prepare()
        net = self._train_supernet(rows, config)
        dispatcher = Dispatcher(self.accelerator)
        inheritance = Inheritance(net, self.recipe.inheritance, self.folder / "candidates")
        estimator = make_estimator(self.recipe, inheritance, rows, held_out, self.tasks, self.accelerator)
        loop, reason = self._find(estimator, dispatcher)
        ranked = [evaluation.candidate for evaluation in loop.ranked()]
        front: list[Compromise] = []
        if self.recipe.joint.front:
            predict = bound.band.predict if bound else None
            compromises = rank(loop.done, config, self.recipe.cost_budget, predict)
            ranked, front = [each.candidate for each in compromises], find_front(compromises)
        best = bound.choose(ranked) if bound else ranked[0]
        finalists = {"best": best, "bert": _bert_beside(best), **name_models(front, best, self.recipe.joint.front)}
        final = FinalTraining(
            self.recipe,
            self.folder,
            net,
            rows,
            held_out,
            estimator.proxy if self.tasks else None,
            len(loop.done),
            self.accelerator,
        )
        final.run(finalists, dispatcher, self.journal, self.reporter)
        if bound:
            bound.measured(list(finalists.values()))
        if front and self.accelerator.is_main_process:
            trained, measured = self.journal.of("trained"), self.journal.of("measured")
            write_json(self.folder / "front.json", describe_front(front, finalists, trained, measured))
        if not finished:
            rejections = dict(self.strategy.rejections.most_common())
            processes = self.accelerator.num_processes
            self.journal.append("finished", reason=reason, rejections=rejections, processes=processes)
        self.accelerator.end_training()
        self._say_result()

    def _prepare_data(self) -> tuple[PreTrainedTokenizerBase, MaskedRows, MaskedRows]:
        options = self.recipe.data
        place = self.folder / "tokenizer"
        with self.reporter.phase("Text", 3) as show, self.accelerator.main_process_first():
            documents = load_documents(
                options.text, options.dataset, options.dataset_config, options.dataset_split, options.text_column
            )
            parts = documents.train_test_split(test_size=options.held_out, seed=self.seed)
            show(1, f"{len(parts['train']):,} documents to train on, {len(parts['test']):,} held out")
            # What a run left that was stopped before its first event may be of another text.
            have_tokenizer = self.journal.of("data") and all(
                (place / name).exists() for name in ("tokenizer.json", "tokenizer_config.json")
            )
            if self.accelerator.is_main_process and not have_tokenizer:
                trained = train_tokenizer(parts["train"], options.vocab_size, options.sequence_length)
                with written_whole(place) as partial:
                    trained.save_pretrained(partial)
            tokenizer = AutoTokenizer.from_pretrained(place)
            show(2, f"a vocabulary of {len(tokenizer):,}")
            train, test = (pack(parts[part], tokenizer, options.sequence_length) for part in ("train", "test"))
            show(3, f"{len(train):,} rows of {options.sequence_length} tokens to train on, {len(test):,} held out")
        if min(len(train), len(test)) < 2:
            raise CorpusError(
                f"the text gives {len(train)} rows to train on and {len(test)} held-out rows of "
                f"{options.sequence_length} tokens, at least 2 of each are needed: give more text, or a smaller "
                "--sequence-length"
            )
        digest = _digest(train, test, *(rows for task in self.tasks for rows in (task.train, task.validation)))
        if known := self.journal.of("data"):
            if known[0]["digest"] != digest:
                raise JournalError(
                    f"{self.folder} was begun on another text, or with other rows of the tasks: use those again, or "
                    "another --output-dir"
                )
        else:
            if self.accelerator.is_main_process:
                (self.folder / "supernet.pt").unlink(missing_ok=True)  # of a search whose journal was removed
                text = yaml.safe_dump(self.recipe.to_dict(), sort_keys=False)
                with written_whole(self.folder / "recipe.yaml") as partial:
                    partial.write_text(text, encoding="utf-8")
            counts = {"documents": len(parts["train"]), "held_out_documents": len(parts["test"])}
            counts.update(rows=len(train), held_out_rows=len(test), vocabulary=len(tokenizer))
            self.journal.append("data", **counts, digest=digest)
            self.accelerator.wait_for_everyone()
        return tokenizer, MaskedRows(train, tokenizer), MaskedRows(test, tokenizer)

    def _train_supernet(self, rows: MaskedRows, config: AutoBertZeroConfig) -> SuperNet:
        options = self.recipe.supernet
        net = SuperNet(config, max(self.recipe.space.kernel_sizes), self.seed).to(self.accelerator.device)
        training = SuperNetTraining(
            net, self.recipe.search_space, rows, options, self.seed, self.accelerator, self.folder / "supernet.pt"
        )
        if not training.finished:
            with self.reporter.phase("Super-net", options.supernet_steps, training.steps_done) as show:

                def after_step(step: int, loss: float) -> None:
                    show(step, f"loss {loss:.3f}")
                    self.tracking.supernet_step(step, loss)

                training.run(after_step)
        if not self.journal.of("supernet"):
            parameters = sum(p.numel() for p in net.parameters())
            self.journal.append("supernet", steps=training.steps_done, parameters=parameters)
        return net

    def _find(self, estimator: Estimator, dispatcher: Dispatcher) -> tuple[SearchLoop, str]:
        """All that was evaluated, and why the search ended."""
        known = len(self.journal.of("candidate"))
        self.strategy = screened(self.strategy, self.recipe, estimator.rows)
        with self.reporter.phase("Candidates", self.recipe.budget.candidates, known) as show:
            loop = SearchLoop(
                self.strategy,
                estimator.evaluate,
                lambda candidate: self.recipe.cost_budget.cost(candidate.layers, candidate.sizes).operations,
                self.recipe.budget,
                dispatcher,
                self.journal,
                show,
                estimator.inheritance.end_generation,
            )
            reason = loop.run()
        if report := screening_report(self.strategy, self.recipe, loop.done):
            self.reporter.say(report)
        return loop, reason

    def _say_result(self) -> None:
        say, events = self.reporter.say, self.journal.of
        if not self.accelerator.is_main_process:  # the others are not told of every event
            return
        trained = {record["name"]: record for record in events("trained")}
        candidates = events("candidate")
        failed = sum(record["score"] is None for record in candidates)
        seconds = max(record["elapsed"] for record in self.journal.events)
        scores = {name: MaskedScore(tuple(r["correct"]), tuple(r["masked"])) for name, r in trained.items()}
        best, bert = scores["best"], scores["bert"]
        difference, error = best.difference(bert)
        verdict = (
            "better" if difference > 2 * error else "worse" if difference < -2 * error else "not clearly different"
        )
        say(f"\n{len(candidates)} candidates were evaluated, {failed} of them failed; {clock(seconds)} in all.")
        for rejections in [event["rejections"] for event in events("finished") if "rejections" in event]:
            counts = ", ".join(f"{count:,} {reason}" for reason, count in rejections.items())
            say(f"Rejected before training: {counts or 'none'}")
        sizes = f" ({Sizes(**trained['best']['sizes'])})" if "sizes" in trained["best"] else ""
        say(f"The best backbone, {trained['best']['parameters']:,} parameters{sizes}:")
        for number, layer in enumerate(trained["best"]["layers"], start=1):
            say(f"  {number:>2}  {layer}")
        rows = final_rows(self.recipe, events("data")[0]["held_out_rows"])
        unseen = rows.start >= rows_that_chose(self.recipe)
        which = "that did not choose the winner" if unseen else "some of which chose the winner"
        say(
            f"Accuracy (± standard error) on {sum(best.masked):,} masked words of {len(best.masked):,} held-out rows\n"
            f"{which}, after {self.recipe.final.final_steps} more steps each on the weights of the same super-net:"
        )
        say(f"  best         {best.value:.4f} ± {best.standard_error:.4f}")
        size = f"({trained['bert']['parameters']:,} parameters)"
        say(f"  BERT         {bert.value:.4f} ± {bert.standard_error:.4f}  {size}")
        say(f"  difference  {difference:+.4f} ± {error:.4f}  best is {verdict}")
        if self.tasks:
            say(f"Mean score on {', '.join(self.recipe.task.tasks)}, on the rows that chose the winner:")
            for name, shown in zip(FINALISTS, ("best", "BERT"), strict=True):
                say(f"  {shown:<12} {trained[name]['task_score']:.4f} ± {trained[name]['task_error']:.4f}")
        self._say_latencies(trained)
        written = [*FINALISTS, "journal.jsonl"]
        if (self.folder / "front.json").exists():
            for line in front_table(read_json(self.folder / "front.json")):
                say(line)
            written += ["front.json"]
        say(f"Written: {', '.join(str(self.folder / name) for name in written)}")

    def _say_latencies(self, trained: Mapping[str, Mapping[str, Any]]) -> None:
        latencies = {record["identity"]: record for record in self.journal.of("measured")}
        for (target,) in [self.journal.of("latency")] if latencies else []:
            self.reporter.say(f"Latency, measured, of a target of {target['target']:.2f} ms:")
            for name, shown in zip(FINALISTS, ("best", "BERT"), strict=True):
                own = Sizes(**trained[name]["sizes"]) if "sizes" in trained[name] else None
                record = latencies[Candidate(tuple(trained[name]["layers"]), sizes=own).identity]
                low, high = record["interval"]
                verdict = f", {record['verdict']} the band" if name == "best" else ""
                self.reporter.say(f"  {shown:<12} {record['median']:.2f} ms ({low:.2f} to {high:.2f}){verdict}")


def _bert_beside(candidate: Candidate) -> Candidate:
    """A BERT of the same sizes: what the layers are worth is measured against it."""
    return replace(candidate, layers=tuple(architecture("bert", len(candidate.layers))))


def _digest(*parts: Dataset) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for batch in part.iter(batch_size=1000):
            # A text has as many tokens as it needs in the one, a row in the other.
            content = batch["input_ids"].numpy().tobytes() if "input_ids" in batch else json.dumps(batch).encode()
            digest.update(content)
    return digest.hexdigest()[:16]
