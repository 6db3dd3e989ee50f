"""Fine-tuning on a task with transformers' Trainer, for the hyper-parameters that score best."""

import itertools
import json
import logging
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import (
    AutoConfig,
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from autobert_zero_hf.claims import check_claims
from autobert_zero_hf.conversion.loading import load, unreadable_refused
from autobert_zero_hf.data.fitting import fit_length, load_tokenizer, other_padding, take_special_tokens
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.launch.processes import computes_on_cpu, devices, join_launch
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel
from autobert_zero_hf.model_folder import find_model
from autobert_zero_hf.progress.plan import Planned
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.standard_error import say_error
from autobert_zero_hf.tasks.encoding import EncodedTask
from autobert_zero_hf.tasks.kinds import AnyTask, kind_of
from autobert_zero_hf.tasks.metrics import Score
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.tasks.spans import SpanScore
from autobert_zero_hf.tasks.squad import SpanTask
from autobert_zero_hf.writing import claimed, refusals_explained, write_json, written_whole

from ..claim_callback import ClaimCallback
from .options import FineTuningOptions
from .progress import Progress

logger = logging.getLogger(__name__)

_UNFINISHED = ".unfinished"
_RESULT = "result.json"
_DIVERGED = "the training diverged, nothing is written: give a lower --learning-rate"


class DivergedError(AutoBertZeroError):
    """A training whose weights are not finite any more."""


class Trial(NamedTuple):
    """One choice of the hyper-parameters that are chosen by their score."""

    learning_rate: float
    batch_size: int
    epochs: float


@dataclass(frozen=True)
class TrialResult:
    """What came out of a trial.

    Args:
        trial: the hyper-parameters.
        scores: of the best epoch, by name; the first is chosen by. Empty where the training diverged.
        seconds: of training and scoring.
    """

    trial: Trial
    scores: dict[str, Score]
    seconds: float

    @property
    def value(self) -> float:
        """What is chosen by; -inf where the training diverged."""
        return next((score.value for score in self.scores.values()), -math.inf)


@dataclass(frozen=True)
class FineTuningResult:
    """What came out of a fine-tuning.

    Args:
        tuning: what was done.
        best: the trial of the highest score.
        trials: all of them so far.
    """

    tuning: "FineTuning"
    best: TrialResult
    trials: list[TrialResult]

    @property
    def score(self) -> Score:
        """The score on the rows that hyper-parameters are chosen by."""
        return next(iter(self.best.scores.values()))

    @property
    def baseline(self) -> float:
        """The score of a constant answer on these rows."""
        return self.tuning.encoded.scored[0].baseline

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that `result.json` holds."""
        tuning, task = self.tuning, self.tuning.task
        first, *further = tuning.encoded.scored
        dataset, config = task.dataset or (None, None)
        facts: dict[str, Any] = {"model": tuning.model, "task": task.name}
        facts |= {"dataset": dataset, "dataset_config": config}
        facts |= {**score_facts(self.score), "baseline": self.baseline, "constant_answer": task.constant_answer}
        facts |= {**task.facts, "rows": first.count, "chosen_on": "validation"}
        if further:
            facts["further"] = {
                each.name: {**score_facts(self.best.scores[each.name]), "baseline": each.baseline, "rows": each.count}
                for each in further
            }
        facts |= {**vars(tuning.options), **self.best.trial._asdict(), "max_length": tuning.max_length}
        facts |= {"train_rows": len(task.train), **task.reading}
        if isinstance(task, SpanTask):
            facts |= vars(tuning.spans)
        facts["warnings"] = list(tuning.encoded.warnings)
        facts["seconds"] = round(self.best.seconds, 1)
        facts["trials"] = [
            {**each.trial._asdict(), "score": each.value if each.scores else None} for each in self.trials
        ]
        return facts


def score_facts(score: Score) -> dict[str, float | None]:
    """The numbers of a score, for a file; an error that is not known is None."""
    return {**score.values, **score.details, "score": score.value, "standard_error": score.standard_error}


def score_in_words(score: Score) -> str:
    """The numbers of a score by their names, the last of which is what counts, with its standard error."""
    named = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in score.values.items()]
    if len(named) > 1 and score.value not in score.values.values():
        named.append(f"mean {score.value:.4f}")
    return f"{', '.join(named)} ± {say_error(score.standard_error)}"


def default_learning_rate(hidden_size: int) -> float:
    """A peak learning rate by the model's width: BERT's 3e-5 at 768, and more for what is narrower.

    Between BERT's range (arXiv 1810.04805, 2e-5 to 5e-5 at 768) and what backbones of a search's width (128) train well
    with, 5e-4, it is a power law.
    """
    return 3e-5 * (768 / hidden_size) ** 1.5


class _Trainer(Trainer):
    """A Trainer that scores rows in the order in which they stand; grouped ones it would take in another."""

    def _get_eval_sampler(self, eval_dataset: Any) -> None:  # noqa: ARG002  # None: one after another
        return None


class FineTuning:
    """One model on one task, for any trial and seed; what can be checked beforehand is checked when it is made.

    Args:
        model: a folder or Hub name that the Auto class of the task's head opens.
        task: the rows.
        options: all of the fine-tuning; the hyper-parameters are those of its trials.
        spans: how questions are cut to windows, and answers found.

    Raises:
        AutoBertZeroError: if there is no such model, or it takes shorter texts.
    """

    def __init__(self, model: str, task: AnyTask, options: FineTuningOptions, spans: SpanOptions | None = None):
        config, self.tokenizer = _open(model)
        longest = self.tokenizer.model_max_length
        if options.max_length is not None and options.max_length > longest:
            raise AutoBertZeroError(f"--max-length {options.max_length}: the model takes {longest} tokens at most")
        if options.train_rows is not None and options.train_rows < len(task.train):
            rows = task.train.shuffle(seed=options.seed).select(range(options.train_rows))
            task = replace(task, train=rows)
        if uneven := [size for size in options.batch_size if size % devices()]:
            raise AutoBertZeroError(
                f"--batch-size {uneven[0]} cannot be shared by {devices()} processes or GPUs: give a multiple of "
                f"{devices()}"
            )
        self.model = model
        self.warnings = other_padding(config, self.tokenizer) if isinstance(config, AutoBertZeroConfig) else []
        self.task = task
        self.kind = kind_of(task)
        self.options = options
        self.spans = spans or SpanOptions()
        self.max_length = options.max_length or min(self.kind.length, longest)
        rates = options.learning_rate or [default_learning_rate(config.hidden_size)]
        trials = [Trial(*values) for values in itertools.product(rates, options.batch_size, options.epochs)]
        self.trials = list(dict.fromkeys(trials))

    @cached_property
    def encoded(self) -> EncodedTask:
        """The task's rows as tokens."""
        encoded = self.kind.encode(self.task, self.tokenizer, self.max_length, self.spans)
        return replace(encoded, warnings=(*self.warnings, *encoded.warnings))

    def run(
        self, trial: Trial, seed: int, folder: Path, reporter: Reporter | None = None, name: str = "Fine-tuning"
    ) -> tuple[TrialResult, Trainer]:
        """Train, keep the weights of the best epoch, and score them.

        Args:
            trial: the hyper-parameters.
            seed: of the head's weights, the order of the rows and the dropout.
            folder: for the checkpoint of the best epoch so far; removed in the end.
            reporter: shows how far it is; None for nothing.
            name: of the phase that it shows.

        Returns:
            What came out, and the trainer, with the model.

        Raises:
            DivergedError: if the weights, or the outputs, are not finite.
            WritingError: if the folder cannot be written.
        """
        start = time.monotonic()
        arguments = self._arguments(trial, seed, folder)
        network = self._network(seed)
        chosen_by = self.encoded.scored[0]

        of_epochs: list[Score] = []
        last: list[Score] = []

        def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
            score = chosen_by.score(_finite(prediction.predictions))
            last[:] = [score]
            # The best alone is kept, the first of equal ones, whose weights are Trainer's best, too.
            of_epochs[:] = [max([*of_epochs, score], key=lambda each: each.value)]
            return {**score.values, "score": score.value}

        trainer = _Trainer(
            model=network,
            args=arguments,
            train_dataset=self.encoded.train,
            eval_dataset=chosen_by.rows,
            data_collator=self.kind.collator(self.tokenizer),
            processing_class=self.tokenizer,
            compute_metrics=compute_metrics,
            callbacks=[
                ClaimCallback(folder),
                *([EarlyStoppingCallback(self.options.patience)] if self.options.patience else []),
            ],
        )
        trainer.remove_callback(PrinterCallback)  # which prints raw numbers
        progress = Progress(
            reporter or Reporter(active=False),
            name,
            lambda: score_in_words(last[0]),
            lambda: f"best {score_in_words(of_epochs[0])}",
        )
        trainer.add_callback(progress)
        with refusals_explained(folder), progress:
            trainer.train()
        if not all(torch.isfinite(weight).all() for weight in network.parameters()):
            raise DivergedError(_DIVERGED)
        scores = {chosen_by.name: of_epochs[0]}
        trainer.compute_metrics = None  # that of the rows above
        for each in self.encoded.scored[1:]:
            scores[each.name] = each.score(_finite(trainer.predict(each.rows).predictions))
        join_launch().wait_for_everyone()
        if trainer.is_world_process_zero():
            check_claims(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return TrialResult(trial, scores, time.monotonic() - start), trainer

    def _network(self, seed: int) -> PreTrainedModel:
        set_seed(seed)  # for the head's weights; Trainer does so only once it has the model
        with unreadable_refused(f"cannot load a model from {self.model!r}", self.model):
            # Whatever precision a checkpoint is stored in, it is trained in single precision, or autocast from it.
            network: PreTrainedModel = load(
                self.kind.auto_model, self.model, **self.task.head, ignore_mismatched_sizes=True, dtype=torch.float32
            )[0]
        if isinstance(network, AutoBertZeroPreTrainedModel):
            take_special_tokens(network, self.tokenizer)
        return network

    def _arguments(self, trial: Trial, seed: int, folder: Path) -> TrainingArguments:
        try:
            return TrainingArguments(
                output_dir=str(folder),
                num_train_epochs=trial.epochs,
                per_device_train_batch_size=trial.batch_size // devices(),
                per_device_eval_batch_size=64,
                learning_rate=trial.learning_rate,
                warmup_steps=0.1,
                weight_decay=0.01,
                train_sampling_strategy="group_by_length" if self.options.group_by_length else "random",
                seed=seed,
                use_cpu=computes_on_cpu(),  # without it, bf16 is refused there
                bf16=self.options.mixed_precision == "bf16",
                fp16=self.options.mixed_precision == "fp16",
                eval_strategy="epoch",
                save_strategy="best",
                save_only_model=True,
                save_total_limit=1,
                load_best_model_at_end=True,
                metric_for_best_model="score",
                logging_strategy="epoch",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=torch.cuda.is_available(),
            )
        except ValueError as error:  # a precision that the device does not have
            raise AutoBertZeroError(f"--mixed-precision {self.options.mixed_precision}: {error}") from error


def _open(model: str) -> tuple[PreTrainedConfig, PreTrainedTokenizerBase]:
    with unreadable_refused(f"cannot load a model and its tokenizer from {model!r}", model):
        config = AutoConfig.from_pretrained(model)
        return config, fit_length(load_tokenizer(model), config)


def _finite(outputs: Any) -> Any:
    for part in outputs if isinstance(outputs, tuple) else (outputs,):
        if isinstance(part, np.ndarray) and not np.isfinite(part).all():
            raise DivergedError(_DIVERGED)
    return outputs


def finetune(
    model: str, task: AnyTask, output_dir: Path, options: FineTuningOptions, spans: SpanOptions | None = None
) -> FineTuningResult:
    """Fine-tune a model on a task, and write the best trial's model, tokenizer and `result.json` to a folder.

    A head that the model has already stays if it is of the task's size; another is replaced by a new one. For questions
    `answers.jsonl` is written, too: a line a validation row, with the best answers. With several trials each that is
    better than those before it is written at once.

    Args:
        model: a folder or Hub name that the Auto class of the task's head opens.
        task: the rows.
        output_dir: where to; not the model's own folder.
        options: how.
        spans: how questions are cut to windows, and answers found.

    Raises:
        AutoBertZeroError: if there is no such model, the text is longer than it takes, the folder holds another model,
            it cannot be written, or every training diverges.
    """
    given, model = model, find_model(model)
    if output_dir.resolve() in (Path(given).resolve(), Path(model).resolve()):
        raise AutoBertZeroError(f"--output-dir is the model's own folder ({output_dir}): give another")
    if (output_dir / "config.json").exists() and not (output_dir / _RESULT).exists():
        raise AutoBertZeroError(f"{output_dir} holds another model, which would be lost: give another --output-dir")
    tuning = FineTuning(model, task, options, spans)
    for warning in tuning.encoded.warnings:
        logger.warning("%s: %s", task.name, warning)
    scratch = output_dir / _UNFINISHED
    claim = claimed(output_dir, scratch / ".lock", ["*.*"]) if join_launch().is_main_process else None
    trials: list[TrialResult] = []
    best: TrialResult | None = None
    names = _names(tuning.trials)
    try:
        with Reporter(join_launch().is_main_process) as reporter:
            reporter.say(_in_words(tuning))
            if len(names) > 1:
                reporter.expect([Planned(name, trial.epochs) for name, trial in zip(names, tuning.trials, strict=True)])
            for trial, name in zip(tuning.trials, names, strict=True):
                try:
                    result, trainer = tuning.run(trial, options.seed, scratch / "checkpoints", reporter, name)
                except DivergedError:
                    if len(tuning.trials) == 1:
                        raise
                    result = TrialResult(trial, {}, 0.0)
                trials.append(result)
                if result.scores and (best is None or result.value > best.value):
                    best = result
                    _write(output_dir, scratch / "best", trainer, FineTuningResult(tuning, best, trials))
        if best is None:
            raise DivergedError(_DIVERGED)
        outcome = FineTuningResult(tuning, best, trials)
        if claim is not None:
            write_json(output_dir / _RESULT, outcome.facts)
        return outcome
    finally:
        if claim is not None:
            if claim.lost is None:
                shutil.rmtree(scratch, ignore_errors=True)
            claim.release()


def _names(trials: Sequence[Trial]) -> list[str]:
    """What the training of each trial is called, of several by their hyper-parameters."""
    if len(trials) == 1:
        return ["Fine-tuning"]
    return [
        f"Learning rate {each.learning_rate:.2g}, batch {each.batch_size}, {each.epochs:g} epochs" for each in trials
    ]


def _in_words(tuning: FineTuning) -> str:
    """What is done: the model, the task and its rows, and of a single trial how."""
    task, held_out = tuning.task, sum(each.count for each in tuning.encoded.scored)
    (first, *others) = tuning.trials
    how = (
        f"{len(tuning.trials)} choices of hyper-parameters"
        if others
        else f"{first.epochs:g} epochs, batches of {first.batch_size}, learning rate {first.learning_rate:.2g}"
    )
    return f"{tuning.model} on {task.name}: {len(task.train):,} rows to train on, {held_out:,} held out; {how}"


def _write(folder: Path, staged: Path, trainer: Trainer, result: FineTuningResult) -> None:
    """A model, its tokenizer and its facts, each file whole; the old ones stay until the new ones are there."""
    with refusals_explained(folder):
        trainer.save_model(str(staged))
    if trainer.is_world_process_zero():
        if isinstance(result.score, SpanScore):
            lines = [json.dumps({"id": name, **facts}) for name, facts in result.score.facts.items()]
            with written_whole(staged / "answers.jsonl") as partial:
                partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        write_json(staged / _RESULT, result.facts)
        # The configuration last: what has one and no result is the model of another, which is never replaced.
        for file in sorted(staged.iterdir(), key=lambda file: file.name == "config.json"):
            with written_whole(folder / file.name) as partial:
                file.replace(partial)
    join_launch().wait_for_everyone()
