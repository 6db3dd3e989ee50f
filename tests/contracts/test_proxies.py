"""What every proxy keeps to, on real text and a real task."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from autobert_zero_hf.search.proxies.counts import CountedProxy
from autobert_zero_hf.search.proxies.masked_lm import MaskedLmProxy
from autobert_zero_hf.search.proxies.proxy import Proxy, score_without_a_model
from autobert_zero_hf.search.proxies.table import PROXIES, SCREENS, ProxyContext
from autobert_zero_hf.search.proxies.tasks import PreparedTask, TaskOptions, TaskProxy
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.corpus import DEMO_TOPICS, load_demo
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.tasks.task import Task
from autobert_zero_hf.training.replayable.masked_lm import train_masked_lm


@pytest.fixture(scope="module")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> MaskedRows:
    return MaskedRows(pack(documents, tokenizer, 32), tokenizer)


@pytest.fixture(scope="module")
def topics(tokenizer: BertTokenizer) -> PreparedTask:
    articles = load_demo().shuffle(seed=0)
    task = Task("bbc_topics", articles.select(range(300)), articles.select(range(300, 500)), DEMO_TOPICS)
    return PreparedTask.of(task, tokenizer, 48, 120, seed=0)


OPTIONS = {"tasks": TaskOptions(task_steps=5, task_learning_rate=5e-3)}
"""Of those whose defaults are for a longer search."""


@pytest.fixture(params=[*PROXIES, *SCREENS])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def proxy(name: str, rows: MaskedRows, topics: PreparedTask) -> Proxy:
    if name in SCREENS:
        return SCREENS[name].make(rows.rows[:20]["input_ids"])
    kind, evaluation = PROXIES[name], rows.batch(list(range(150)), seed=0)
    own = OPTIONS.get(name) or (kind.options and kind.options())
    tasks = () if kind.scores_words else [topics.task] * 2
    return kind.make(ProxyContext(evaluation, rows.tokenizer, 48, 120, 0, nullcontext, tasks), own)


@pytest.fixture(scope="module")
def trained(rows: MaskedRows, tokenizer: BertTokenizer) -> AutoBertZeroForMaskedLM:
    torch.manual_seed(0)
    config = AutoBertZeroConfig(
        layers=["conv(3)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"],
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.05,
        classifier_pooling="mean",
    )
    model = AutoBertZeroForMaskedLM(config)
    train_masked_lm(model, rows, 150, 16, 5e-3, 0, nullcontext)
    return model


def copy_of(model: AutoBertZeroForMaskedLM) -> AutoBertZeroForMaskedLM:
    copy = AutoBertZeroForMaskedLM(model.config)
    copy.load_state_dict(model.state_dict())
    return copy


def nothing(step: int) -> None:
    assert step >= 1


def scores_words(name: str) -> bool:
    return name in PROXIES and PROXIES[name].scores_words


def test_the_same_weights_have_the_same_score_with_an_error(
    name: str, proxy: Proxy, trained: AutoBertZeroForMaskedLM
) -> None:
    first = proxy(copy_of(trained), nothing)
    torch.rand(5)
    assert proxy(copy_of(trained), nothing) == first
    if name in PROXIES:
        assert 0 < first.standard_error < 1 + abs(first.value)
    else:
        assert first.standard_error == 0, "all that there is was counted"


def test_a_constant_answer_has_the_score_that_is_known_beforehand(
    name: str, proxy: Proxy, trained: AutoBertZeroForMaskedLM, rows: MaskedRows
) -> None:
    known = score_without_a_model(proxy, rows)
    if isinstance(proxy, TaskProxy):
        task = proxy.tasks[0].task
        always = np.eye(len(task.labels))[[task.constant] * len(task.validation)]
        assert known == task.score(always).value
    elif known is not None:
        assert scores_words(name)
        tokens = rows.rows[:]["input_ids"]
        counts = 1 + tokens.flatten().bincount(minlength=len(rows.tokenizer)).double()
        counts[rows.tokenizer.all_special_ids] = 1e-9
        model = copy_of(trained)
        with torch.no_grad():
            model.get_output_embeddings().weight = torch.nn.Parameter(torch.zeros_like(model.decoder.weight))
            model.get_output_embeddings().bias.copy_(counts.log())
        score = proxy(model, nothing).value
        # The accuracy to the last bit, so that who has it is known.
        assert score == known if name == "accuracy" else score == pytest.approx(known, rel=1e-5)
    else:
        assert not isinstance(proxy, MaskedLmProxy)


def test_more_is_better(name: str, proxy: Proxy, trained: AutoBertZeroForMaskedLM) -> None:
    good, worse, model = proxy, proxy, copy_of(trained)
    if isinstance(proxy, TaskProxy):
        good = replace(proxy, options=replace(proxy.options, task_steps=50))
        worse = replace(proxy, options=replace(proxy.options, task_learning_rate=0.0))
    elif not scores_words(name):
        sizes = {**trained.config.to_dict(), "num_hidden_layers": None, "layers": trained.config.layers[:1]}
        model = AutoBertZeroForMaskedLM(AutoBertZeroConfig(**sizes))
    else:
        with torch.no_grad():
            model.get_input_embeddings().weight.zero_()  # and the decoder's: it cannot tell words apart
            model.get_output_embeddings().bias.zero_()
    one, two = good(copy_of(trained), nothing), worse(model, nothing)
    # Who cannot tell words apart is as wrong in each row, so that no row tells the error.
    assert one.value > two.value + 2 * ((one.standard_error or 0.0) + (two.standard_error or 0.0))


def test_what_is_not_finite_is_said(proxy: Proxy, trained: AutoBertZeroForMaskedLM) -> None:
    model = copy_of(trained)
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    if isinstance(proxy, CountedProxy):
        assert proxy(model, nothing) == proxy(trained, nothing), "weights are not looked at"
        return
    with pytest.raises(FloatingPointError):
        proxy(model, nothing)


def test_a_training_can_be_ended(proxy: Proxy, trained: AutoBertZeroForMaskedLM) -> None:
    if not isinstance(proxy, TaskProxy):
        pytest.skip("nothing is trained")
    assert asks_at_each_step(proxy, trained) == list(range(1, 6)) * 2


def asks_at_each_step(proxy: Callable, model: AutoBertZeroForMaskedLM) -> list[int]:
    steps: list[int] = []
    proxy(copy_of(model), steps.append)

    def late(step: int) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        proxy(copy_of(model), late)
    return steps


def test_the_mean_of_two_equal_tasks_is_that_of_one(topics: PreparedTask, trained: AutoBertZeroForMaskedLM) -> None:
    options = TaskOptions(task_steps=3)
    one, two = (TaskProxy([topics] * count, options, 0, nullcontext)(copy_of(trained), nothing) for count in (1, 2))
    assert two.value == pytest.approx(one.value)
    assert two.standard_error == pytest.approx(one.standard_error / 2**0.5)


def test_too_many_validation_rows_are_cut_to_the_same_ones(topics: PreparedTask) -> None:
    assert len(topics.validation) == len(topics.task.validation) == 120
    assert len(set(topics.task.validation["label"][:])) == len(DEMO_TOPICS)
