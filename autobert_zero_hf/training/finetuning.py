"""Fine-tuning on a task with transformers' Trainer."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)

from ..errors import AutoBertZeroError
from ..options import Range, find_problems, option
from .metrics import TaskScore
from .task_training import encode
from .tasks import Task

_DIVERGED = "the training diverged, nothing is written: give a lower --learning-rate"


@dataclass
class FineTuningOptions:
    """Fine-tuning."""

    epochs: Annotated[float, Range(0.001)] = option(5.0, "passes over the training rows")
    batch_size: Annotated[int, Range(1)] = option(16, "rows of a step")
    learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "peak learning rate; a large model wants less")
    max_length: Annotated[int, Range(3)] = option(128, "tokens of a text, or of a pair; the rest is cut off")
    seed: Annotated[int, Range(0, 2**32)] = option(
        0, "of the split, the classifier's weights and the order of the rows"
    )

    def __post_init__(self) -> None:
        if problems := find_problems([FineTuningOptions], vars(self)):
            raise AutoBertZeroError("; ".join(problems))


@dataclass(frozen=True)
class FineTuningResult:
    """What came out: the score on the held-out rows, and that of answering the same whatever the text."""

    score: TaskScore
    baseline: float


def finetune(model: str, task: Task, output_dir: Path, options: FineTuningOptions) -> FineTuningResult:
    """Fine-tune a model on a task, and write model, tokenizer and `result.json` to a folder.

    A classifier that the model has already stays if it is of the task's size; another is replaced by a new one.

    Args:
        model: a folder or Hub name that `AutoModelForSequenceClassification` opens.
        task: the rows.
        output_dir: where to; not the model's own folder.
        options: how.

    Raises:
        AutoBertZeroError: if there is no such model, the text is longer than it takes, the folder holds another model,
            or the training diverges.
    """
    if Path(model).resolve() == output_dir.resolve():
        raise AutoBertZeroError(f"--output-dir is the model's own folder ({output_dir}): give another")
    if (output_dir / "config.json").exists() and not (output_dir / "result.json").exists():
        raise AutoBertZeroError(f"{output_dir} holds another model, which would be lost: give another --output-dir")
    arguments = TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=options.learning_rate,
        warmup_steps=0.1,
        weight_decay=0.01,
        seed=options.seed,
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        set_seed(options.seed)  # for the classifier's weights; Trainer does so only once it has the model
        network = AutoModelForSequenceClassification.from_pretrained(model, **task.head, ignore_mismatched_sizes=True)
    except (OSError, ValueError) as error:
        raise AutoBertZeroError(f"cannot load a model and its tokenizer from {model!r}: {error}") from error
    longest = network.config.max_position_embeddings
    if options.max_length > longest:
        raise AutoBertZeroError(f"--max-length {options.max_length}: the model takes {longest} tokens at most")

    def score(outputs: np.ndarray | tuple[np.ndarray, ...]) -> TaskScore:
        logits = outputs[0] if isinstance(outputs, tuple) else outputs  # hidden states, where the config asks for them
        if not np.isfinite(logits).all():
            raise AutoBertZeroError(_DIVERGED)
        return task.score(logits)

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        return score(prediction.predictions).values

    validation = encode(task.validation, tokenizer, options.max_length)
    trainer = Trainer(
        model=network,
        args=arguments,
        train_dataset=encode(task.train, tokenizer, options.max_length),
        eval_dataset=validation,
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )
    trainer.train()
    if not all(torch.isfinite(weight).all() for weight in network.parameters()):
        raise AutoBertZeroError(_DIVERGED)
    result = FineTuningResult(score(trainer.predict(validation).predictions), task.baseline)
    trainer.save_model()
    if trainer.is_world_process_zero():
        facts: dict[str, Any] = {"model": model, "task": task.name, **result.score.values}
        facts |= {"score": result.score.value, "standard_error": result.score.standard_error}
        facts |= {"baseline": result.baseline, "rows": len(task.validation), **vars(options)}
        if not task.is_regression:
            facts["majority"] = task.majority
        (output_dir / "result.json").write_text(json.dumps(facts, indent=1) + "\n")
    return result
