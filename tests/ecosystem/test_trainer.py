"""transformers' Trainer: checkpoints, the best model, every head, and gradient accumulation."""

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    BertTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

import autobert_zero_hf
from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification

HEADS = [name for name in autobert_zero_hf.__all__ if "For" in name]


def arguments(folder: Path, **changes) -> TrainingArguments:
    defaults = {"output_dir": str(folder), "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False}
    return TrainingArguments(**defaults | {"use_cpu": True, "save_strategy": "no", "logging_steps": 1} | changes)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return any(not torch.equal(one[name], other[name]) for name in one)


def test_a_resumed_training_ends_where_an_unbroken_one_does(
    config: AutoBertZeroConfig, topics: Dataset, tmp_path: Path
) -> None:
    """With dropout. The best model, here the one of the first checkpoint, is loaded at the end."""

    def trainer(folder: Path) -> Trainer:
        torch.manual_seed(1)
        scores = iter([0.9, 0.1])
        return Trainer(
            model=AutoBertZeroForSequenceClassification(config),
            args=arguments(
                folder, max_steps=6, per_device_train_batch_size=8, learning_rate=1e-2, save_strategy="steps",
                save_steps=3, eval_strategy="steps", eval_steps=3, load_best_model_at_end=True,
                metric_for_best_model="score", greater_is_better=True,
            ),
            train_dataset=topics.select(range(64)),
            eval_dataset=topics.select(range(64, 80)),
            compute_metrics=lambda prediction: {"score": next(scores)},
        )  # fmt: skip

    unbroken = trainer(tmp_path / "unbroken")
    unbroken.train()
    first, last = weights(tmp_path / "unbroken/checkpoint-3"), weights(tmp_path / "unbroken/checkpoint-6")
    assert differ(first, last)
    assert unbroken.state.best_model_checkpoint.endswith("checkpoint-3")
    assert not differ(first, unbroken.model.state_dict())
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "unbroken/checkpoint-6")
    assert not differ(last, loaded.state_dict())

    resumed = trainer(tmp_path / "resumed")
    resumed.train(resume_from_checkpoint=str(tmp_path / "unbroken/checkpoint-3"))
    assert not differ(last, weights(tmp_path / "resumed/checkpoint-6"))


def test_masked_lm_with_the_usual_collator(
    config: AutoBertZeroConfig, topics: Dataset, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    model = AutoBertZeroForMaskedLM(config)
    trainer = Trainer(
        model=model,
        args=arguments(tmp_path, max_steps=20, learning_rate=1e-2, load_best_model_at_end=True, save_strategy="steps",
                       save_steps=20, eval_strategy="steps", eval_steps=20),
        train_dataset=topics.remove_columns("label"),
        eval_dataset=topics.remove_columns("label"),
        data_collator=DataCollatorForLanguageModeling(tokenizer, seed=0),
    )  # fmt: skip
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < 0.9 * before
    assert model.decoder.weight is model.get_input_embeddings().weight
    assert "decoder.weight" not in weights(tmp_path / "checkpoint-20")


def test_token_classification_pads_tokens_and_tags(
    config: AutoBertZeroConfig, sentences: list[str], tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    """The tags are whether a token begins a word; nothing else is said about the columns."""
    encoded = [tokenizer(text) for text in sentences]
    tags = [[-100 if word is None else int(word in row.word_ids()[:place]) for place, word in enumerate(row.word_ids())]
            for row in encoded]  # fmt: skip
    rows = Dataset.from_dict({"input_ids": [row["input_ids"] for row in encoded], "labels": tags, "text": sentences})
    trainer = Trainer(
        model=autobert_zero_hf.AutoBertZeroForTokenClassification(config),
        args=arguments(tmp_path, max_steps=40, learning_rate=3e-3),
        train_dataset=rows,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    trainer.train()
    prediction = trainer.predict(rows)
    assert prediction.predictions.shape[:2] == prediction.label_ids.shape
    asked = prediction.label_ids != -100
    assert (prediction.predictions.argmax(-1) == prediction.label_ids)[asked].mean() > 0.9


@pytest.fixture
def labelled(topics: Dataset, tokenizer: BertTokenizer) -> dict[str, Dataset]:
    """Eight rows for each head. Rows have different numbers of labels, but for pre-training, see its docstring."""
    rows = topics.select(range(8)).remove_columns("label")
    plain = {name: rows[name][:] for name in rows.column_names}
    ids = torch.tensor(plain["input_ids"])
    places = torch.arange(ids.shape[1])
    uneven = torch.where(places < 3 + torch.arange(8)[:, None] * 3, ids, -100)
    even = torch.where(places < 5, ids, -100)
    number = torch.arange(8)
    labels = {
        "MaskedLM": {"labels": uneven},
        "MultipleChoice": {"labels": number % 2},
        "NextSentencePrediction": {"labels": number % 2},
        "PreTraining": {"labels": even, "next_sentence_label": number % 2},
        "QuestionAnswering": {"start_positions": number + 1, "end_positions": number + 5},
        "SequenceClassification": {"labels": number % 5},
        "TokenClassification": {"labels": torch.where(uneven == -100, -100, uneven % 5)},
    }
    given = {}
    for task, columns in labels.items():
        inputs = plain
        if task == "MultipleChoice":
            inputs = {name: list(zip(column, column[::-1], strict=True)) for name, column in plain.items()}
        columns = {name: column.tolist() for name, column in columns.items()}
        given[task] = Dataset.from_dict(inputs | columns | {"of_no_use": [0] * 8})
    return given


@pytest.mark.parametrize("head", HEADS)
def test_accumulated_gradients_are_those_of_the_whole_batch(
    still: AutoBertZeroConfig, labelled: dict[str, Dataset], head: str, tmp_path: Path
) -> None:
    rows = labelled[head.removeprefix("AutoBertZeroFor")]

    def trained(size: int) -> tuple[list[float], dict[str, torch.Tensor]]:
        torch.manual_seed(0)
        model = getattr(autobert_zero_hf, head)(still)
        trainer = Trainer(
            model=model,
            args=arguments(
                tmp_path, max_steps=2, optim="sgd", learning_rate=0.1, max_grad_norm=0.0,
                per_device_train_batch_size=size, gradient_accumulation_steps=8 // size,
            ),
            train_dataset=rows,
            eval_dataset=rows,
        )  # fmt: skip
        trainer.train()
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        return [*losses, trainer.evaluate()["eval_loss"]], model.state_dict()

    (losses, whole), (accumulated, parts) = trained(8), trained(2)
    assert losses[1] != losses[0]
    torch.testing.assert_close(torch.tensor(accumulated), torch.tensor(losses), rtol=1e-4, atol=1e-4)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=1e-4, atol=1e-5, msg=name)
