"""Fine-tuning for classification with transformers' Trainer."""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)

from ..errors import AutoBertZeroError
from ..options import Range, find_problems, option
from .tasks import Task


@dataclass
class FineTuningOptions:
    """Fine-tuning."""

    epochs: Annotated[float, Range(0.001)] = option(5.0, "passes over the training rows")
    batch_size: Annotated[int, Range(1)] = option(16, "rows of a step")
    learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "peak learning rate; a large model wants less")
    max_length: Annotated[int, Range(3)] = option(128, "tokens of a text; the rest is cut off")
    seed: Annotated[int, Range(0, 2**32)] = option(
        0, "of the split, the classifier's weights and the order of the rows"
    )

    def __post_init__(self) -> None:
        if problems := find_problems([FineTuningOptions], vars(self)):
            raise AutoBertZeroError("; ".join(problems))


@dataclass(frozen=True)
class ClassificationResult:
    """What came out: accuracy on `rows` held-out rows, and that of the majority class."""

    accuracy: float
    majority: float
    rows: int

    @property
    def standard_error(self) -> float:
        """Of the accuracy, as a share of independent rows."""
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.rows)


def finetune(model: str, task: Task, output_dir: Path, options: FineTuningOptions) -> ClassificationResult:
    """Fine-tune a model on a task, and write model, tokenizer and `result.json` to a folder.

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
        network = AutoModelForSequenceClassification.from_pretrained(
            model,
            id2label=dict(enumerate(task.labels)),
            label2id={label: number for number, label in enumerate(task.labels)},
        )
    except (OSError, ValueError) as error:
        raise AutoBertZeroError(f"cannot load a model and its tokenizer from {model!r}: {error}") from error
    longest = network.config.max_position_embeddings
    if options.max_length > longest:
        raise AutoBertZeroError(f"--max-length {options.max_length}: the model takes {longest} tokens at most")

    def encode(rows: Dataset) -> Dataset:
        return rows.map(
            lambda batch: tokenizer(batch["text"], truncation=True, max_length=options.max_length),
            batched=True,
            remove_columns="text",
        )

    trainer = Trainer(
        model=network,
        args=arguments,
        train_dataset=encode(task.train),
        eval_dataset=encode(task.validation),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=_accuracy,
    )
    trainer.train()
    if not all(torch.isfinite(weight).all() for weight in network.parameters()):
        raise AutoBertZeroError("the training diverged, nothing is written: give a lower --learning-rate")
    scores = trainer.evaluate()
    trainer.save_model()
    result = ClassificationResult(scores["eval_accuracy"], task.majority, len(task.validation))
    if trainer.is_world_process_zero():
        facts = {"model": model, "task": task.name, "accuracy": result.accuracy, "majority": result.majority}
        facts |= {"standard_error": result.standard_error, "rows": result.rows, **vars(options)}
        (output_dir / "result.json").write_text(json.dumps(facts, indent=1) + "\n")
    return result


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float(np.mean(np.argmax(prediction.predictions, axis=-1) == prediction.label_ids))}
