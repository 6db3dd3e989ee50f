import contextlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.tasks.encoding import encode
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.tasks.task import Task
from autobert_zero_hf.training.replayable.fine_tuning import TaskRows, fine_tune, make_classifier, predict
from autobert_zero_hf.training.replayable.loop import train
from tests.task_folders import write_demo_tasks

NAMES = ("topics", "mrpc", "long_words")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Task]:
    news: Dataset = load_demo()
    folder: Path = write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news.select(range(0, len(news), 2)))
    return {name: load_task(name, folder=folder) for name in NAMES}


@pytest.fixture
def config(tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    return AutoBertZeroConfig(**{**tiny_config.to_dict(), "classifier_pooling": "mean"})


@pytest.fixture
def masked_lm(config: AutoBertZeroConfig) -> AutoBertZeroForMaskedLM:
    return AutoBertZeroForMaskedLM(config)


def tune(model: AutoBertZeroForSequenceClassification, rows: TaskRows, steps: int, seed: int = 0) -> None:
    fine_tune(model, rows, steps, 16, 5e-3, seed, contextlib.nullcontext)


def test_texts_and_pairs_become_tokens(tasks: dict[str, Task], tokenizer: BertTokenizer) -> None:
    task = tasks["mrpc"]
    rows = encode(task.validation, tokenizer, 48)
    assert rows.column_names == ["label", "input_ids", "token_type_ids", "attention_mask"]
    wanted = tokenizer(task.validation["text"][3], task.validation["text_pair"][3])["input_ids"]
    assert len(wanted) > 48
    title = tokenizer(task.validation["text"][3])["input_ids"]
    assert rows[3]["input_ids"][:-1] == wanted[:47], "the longer text is cut off"
    assert rows[3]["input_ids"][-1] == tokenizer.sep_token_id
    assert rows[3]["token_type_ids"] == [0] * len(title) + [1] * (48 - len(title))


def test_a_batch_is_padded_to_its_longest_row(tasks: dict[str, Task], tokenizer: BertTokenizer) -> None:
    task = tasks["long_words"]
    rows = TaskRows(task.validation, tokenizer, 64)
    short, long = np.argmin(rows.lengths), np.argmax(rows.lengths)
    batch = rows.batch([short, short])
    assert batch["input_ids"].shape == (2, rows.lengths[short])
    batch = rows.batch([long, short])
    assert set(batch) == {"input_ids", "token_type_ids", "attention_mask", "labels"}
    assert batch["input_ids"].shape == (2, 64)
    assert batch["attention_mask"].sum(-1).tolist() == [64, rows.lengths[short]]
    assert (batch["input_ids"][1, rows.lengths[short] :] == tokenizer.pad_token_id).all()
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].tolist() == pytest.approx([task.validation["label"][int(n)] for n in (long, short)])
    assert TaskRows(tasks["topics"].train, tokenizer, 64).batch([0])["labels"].dtype == torch.int64


def test_batches_by_length_are_the_same_rows_with_less_padding(
    tasks: dict[str, Task], tokenizer: BertTokenizer
) -> None:
    rows, steps = TaskRows(tasks["long_words"].train, tokenizer, 512), range(32)
    sorted_, drawn = (
        [rows.sample(step, 8, seed=3, by_length=by_length)["input_ids"] for step in steps]
        for by_length in (True, False)
    )

    def texts(batches: list[torch.Tensor]) -> list[list[int]]:
        return sorted([token for token in row if token] for batch in batches for row in batch.tolist())

    for first in (0, 16):
        assert texts(sorted_[first : first + 16]) == texts(drawn[first : first + 16])
    assert sum(batch.numel() for batch in sorted_) < 0.9 * sum(batch.numel() for batch in drawn)
    widths = [batch.shape[1] for batch in sorted_[:16]]
    assert widths not in (sorted(widths), sorted(widths, reverse=True)), "short and long ones alternate by chance"
    assert torch.equal(sorted_[5], rows.sample(5, 8, seed=3, by_length=True)["input_ids"])


def test_an_epoch_has_every_row_once_and_follows_from_the_seed(
    tasks: dict[str, Task], tokenizer: BertTokenizer
) -> None:
    rows = TaskRows(tasks["long_words"].train.select(range(12)), tokenizer, 64)
    labels = {seed: [rows.sample(step, 4, seed)["labels"].tolist() for step in range(6)] for seed in (1, 2)}
    wanted = sorted(rows.batch(range(12))["labels"].tolist())
    first, second = ([label for batch in epoch for label in batch] for epoch in (labels[1][:3], labels[1][3:]))
    assert sorted(first) == sorted(second) == wanted
    assert first != second
    assert labels[1] != labels[2]
    again = TaskRows(tasks["long_words"].train.select(range(12)), tokenizer, 64)
    assert again.sample(5, 4, seed=1)["labels"].tolist() == labels[1][5]


@pytest.mark.parametrize("name", ["topics", "long_words"])
def test_a_tiny_model_learns_from_random_weights(
    name: str, tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    task = tasks[name]
    validation = TaskRows(task.validation, tokenizer, 64)
    model = make_classifier(masked_lm, task, seed=0)
    untrained = task.score(predict(model, validation))
    done: list[int] = []
    fine_tune(model, TaskRows(task.train, tokenizer, 64), 100, 16, 5e-3, 0, contextlib.nullcontext, done.append)
    score = task.score(predict(model, validation))
    assert score.value > task.baseline + 3 * score.standard_error
    assert score.value > untrained.value
    assert done == list(range(1, 101))
    assert not model.training


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_the_arguments_alone(
    name: str, tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    task = tasks[name]
    validation = TaskRows(task.validation, tokenizer, 64)
    outputs = []
    for outside, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(outside)
        np.random.seed(outside)
        state = torch.get_rng_state()
        model = make_classifier(masked_lm, task, seed)
        tune(model, TaskRows(task.train, tokenizer, 64), 5, seed)
        outputs.append(predict(model, validation))
        assert torch.equal(torch.get_rng_state(), state), "the random state outside is left alone"
    assert outputs[0].shape == (len(validation), 1 if task.is_regression else len(task.labels))
    assert np.array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


def test_a_classifier_computes_with_the_models_weights(
    tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    classifier = make_classifier(masked_lm, tasks["topics"], seed=0)
    batch = TaskRows(tasks["topics"].validation, tokenizer, 64).batch([0, 1, 2])
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    masked_lm.eval()
    classifier.eval()
    with torch.no_grad():
        wanted = masked_lm.autobert_zero(**inputs).last_hidden_state
        assert torch.equal(classifier.autobert_zero(**inputs).last_hidden_state, wanted)
        # Its weights are its own.
        for weight in classifier.parameters():
            weight.zero_()
        assert torch.equal(masked_lm.autobert_zero(**inputs).last_hidden_state, wanted)
    assert classifier.config.id2label[4] == "tech"
    assert masked_lm.config.num_labels == 2
    base = make_classifier(masked_lm.autobert_zero, tasks["topics"], seed=0).autobert_zero.layers.state_dict()
    assert all(torch.equal(base[name], weight) for name, weight in masked_lm.autobert_zero.layers.state_dict().items())


def test_a_head_that_transforms_is_made_anew(tasks: dict[str, Task], config: AutoBertZeroConfig) -> None:
    gated = AutoBertZeroConfig(**{**config.to_dict(), "block": "modernbert", "positions": None})
    one, two = (make_classifier(AutoBertZeroForMaskedLM(gated), tasks["topics"], seed) for seed in (0, 0))
    assert torch.equal(one.head.dense.weight, two.head.dense.weight)
    assert one.head.dense.weight.std().item() == pytest.approx(config.initializer_range, rel=0.2)
    assert one(torch.ones(2, 5, dtype=torch.long)).logits.isfinite().all()


def test_backbones_start_with_the_same_new_weights(tasks: dict[str, Task], config: AutoBertZeroConfig) -> None:
    other = AutoBertZeroConfig(**{**config.to_dict(), "layers": ["conv(7)", "conv(3)"]})
    one, two, three = (
        make_classifier(AutoBertZeroForMaskedLM(each), tasks["topics"], seed)
        for each, seed in ((config, 0), (other, 0), (config, 1))
    )
    for name in ("classifier", "autobert_zero.pooler"):
        weights = [next(each.get_submodule(name).parameters()) for each in (one, two, three)]
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])
        assert weights[0].std().item() == pytest.approx(config.initializer_range, rel=0.2)
    assert not one.classifier.bias.any()


def test_predictions_are_in_the_order_of_the_rows(
    tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    task = tasks["topics"]
    model = make_classifier(masked_lm, task, seed=0)
    tune(model, TaskRows(task.train, tokenizer, 64), 30)  # until texts differ in their outputs
    rows = TaskRows(task.validation.select(range(20)), tokenizer, 64)
    assert rows.lengths != sorted(rows.lengths)
    model.train()
    together = predict(model, rows, batch_size=7)
    assert model.training
    model.eval()
    for row in range(20):
        batch = rows.batch([row])
        with torch.no_grad():
            alone = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        assert together[row] == pytest.approx(alone[0].numpy(), abs=1e-5)
    assert np.ptp(together, axis=0).min() > 1e-3


def test_what_is_not_finite_is_an_error(
    tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    task = tasks["long_words"]
    rows = TaskRows(task.validation, tokenizer, 64)
    model = make_classifier(masked_lm, task, seed=0)
    with torch.no_grad():
        model.classifier.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="outputs are not finite"):
        predict(model, rows)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 1"):
        tune(model, rows, 3)


def test_the_loop_trains_whatever_has_a_loss(
    tasks: dict[str, Task], tokenizer: BertTokenizer, masked_lm: AutoBertZeroForMaskedLM
) -> None:
    task = tasks["topics"]
    rows = TaskRows(task.train, tokenizer, 64)
    one, two = (make_classifier(masked_lm, task, seed=0) for _ in range(2))
    tune(one, rows, 4)
    train(two, lambda step: rows.sample(step, 16, 0), 4, 5e-3, 0, contextlib.nullcontext)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))

    def stop(step: int) -> None:
        if step == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fine_tune(two, rows, 4, 16, 5e-3, 0, contextlib.nullcontext, stop)
