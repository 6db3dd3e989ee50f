"""Windows and answers, on questions about the demo's articles."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.loading import load_task, load_text_tasks
from autobert_zero_hf.tasks.spans import SpanOptions, SpanScore, encode_spans
from autobert_zero_hf.tasks.squad import SpanTask
from autobert_zero_hf.tasks.squad_metrics import Squad, SquadV2
from autobert_zero_hf.tasks.task import TaskError
from tests.span_tasks import cloze_rows, write_cloze


@pytest.fixture(scope="module")
def news() -> Dataset:
    return load_demo().select(range(0, 2125, 25))


@pytest.fixture(scope="module")
def task(news: Dataset, tmp_path_factory: pytest.TempPathFactory) -> SpanTask:
    folder = tmp_path_factory.mktemp("spans")
    rows = cloze_rows(news)
    write_cloze(folder / "cloze", rows[10:], rows[:10])
    found = load_task("cloze", folder=folder)
    assert isinstance(found, SpanTask)
    return found


@pytest.fixture(scope="module")
def task_v2(news: Dataset, tmp_path_factory: pytest.TempPathFactory) -> SpanTask:
    folder = tmp_path_factory.mktemp("spans")
    rows = cloze_rows(news, unanswerable=True)
    write_cloze(folder / "cloze", rows[20:], rows[:20])
    found = load_task("cloze", folder=folder)
    assert isinstance(found, SpanTask)
    return found


def perfect(encoded_rows: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The outputs of a model that marks what the labels mark."""
    longest = max(map(len, encoded_rows["input_ids"]))
    outputs = []
    for name in ("start_positions", "end_positions"):
        logits = np.zeros((len(encoded_rows), longest), np.float32)
        logits[np.arange(len(encoded_rows)), encoded_rows[name][:]] = 10
        outputs.append(logits)
    return outputs[0], outputs[1]


@pytest.mark.parametrize("length", [32, 48, 64])
def test_marked_tokens_are_the_answer_and_are_read_back(task: SpanTask, tokenizer: BertTokenizer, length: int) -> None:
    encoded = encode_spans(task, tokenizer, length, SpanOptions())
    (scored,) = encoded.scored
    assert max(map(len, scored.rows["input_ids"])) == length
    assert len(scored.rows) > scored.count == 10, "contexts become several windows"
    assert scored.rows.column_names == encoded.train.column_names
    assert set(scored.rows.column_names) == {
        *("input_ids", "token_type_ids", "attention_mask"),
        *("start_positions", "end_positions"),
    }
    for row in scored.rows:
        assert row["input_ids"][0] == tokenizer.cls_token_id
        marked = row["input_ids"][row["start_positions"] : row["end_positions"] + 1]
        text = "" if row["start_positions"] == 0 else tokenizer.decode(marked)
        assert text == "" or text in {answers[0].lower() for answers in task.validation["answers"]}
        context = set(range(len(row["input_ids"]))) - {
            place for place, kind in enumerate(row["token_type_ids"]) if not kind
        }
        assert row["start_positions"] == 0 or {row["start_positions"], row["end_positions"]} <= context
    score = scored.score(perfect(scored.rows))
    assert isinstance(score, SpanScore)
    # Not all can be marked: an answer may be a part of a token, such as a name in its plural.
    assert score.values["exact_match"] >= 0.9
    assert set(score.details) == {"exact_match_standard_error"}
    assert all(answers[0].text in context
               for answers, context in zip(score.best.values(), task.validation["context"], strict=True))  # fmt: skip


def test_windows_cover_the_whole_context_and_overlap(task: SpanTask, tokenizer: BertTokenizer) -> None:
    encoded = encode_spans(task, tokenizer, 40, SpanOptions(doc_stride=7))
    context = tokenizer(task.validation["context"][0], add_special_tokens=False)["input_ids"]
    covered: list[int] = []
    for row in encoded.scored[0].rows:
        ids, kinds = row["input_ids"], row["token_type_ids"]
        part = [token for token, kind in zip(ids, kinds, strict=True) if kind][:-1]
        if not covered:
            covered = part
        else:
            assert covered[-7:] == part[:7]
            covered += part[7:]
        if len(covered) >= len(context):
            break
    assert covered == context


def test_outputs_are_read_as_the_best_span_in_any_window(task: SpanTask, tokenizer: BertTokenizer) -> None:
    """The answer is taken from the window whose span scores highest, and never ends before it starts."""
    encoded = encode_spans(task, tokenizer, 48, SpanOptions(max_answer_length=3, n_best=5))
    (scored,) = encoded.scored
    rng = np.random.default_rng(0)
    starts, ends = (rng.normal(size=(len(scored.rows), 48)).astype(np.float32) for _ in range(2))
    score = scored.score((starts, ends))
    wanted: dict[int, float] = {}
    row = -1
    last_question: list[int] = []
    for window, tokens in enumerate(scored.rows):
        ids, kinds = tokens["input_ids"], tokens["token_type_ids"]
        question = [token for token, kind in zip(ids, kinds, strict=True) if not kind]
        if question != last_question:
            row, last_question = row + 1, question
        context = [place for place, kind in enumerate(tokens["token_type_ids"]) if kind][:-1]
        top = [sorted(context, key=lambda place: -logits[window, place])[:5] for logits in (starts, ends)]
        for first in top[0]:
            for last in top[1]:
                if first <= last < first + 3:
                    value = float(starts[window, first]) + float(ends[window, last])
                    wanted[row] = max(wanted.get(row, -np.inf), value)
    assert isinstance(score, SpanScore)
    best = [answers[0] for answers in score.best.values()]
    assert [answer.score for answer in best] == pytest.approx([wanted[row] for row in range(10)], abs=1e-5)
    for answers in score.best.values():
        assert len(answers) <= 5
        assert all(np.isfinite(answer.score) for answer in answers)
        assert sum(answer.probability for answer in answers) == pytest.approx(1)
        assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
        assert len({answer.text for answer in answers}) == len(answers)


def test_no_answer_is_given_beyond_the_threshold(task_v2: SpanTask, tokenizer: BertTokenizer) -> None:
    assert isinstance(task_v2.metric, SquadV2)
    unanswerable = [not answers for answers in task_v2.validation["answers"]]
    assert 0 < sum(unanswerable) < 20
    scores = {}
    for threshold in (-1000.0, 0.0, 1000.0):
        encoded = encode_spans(task_v2, tokenizer, 64, SpanOptions(no_answer_threshold=threshold))
        (scored,) = encoded.scored
        scores[threshold] = scored.score(perfect(scored.rows))
    never, middle, always = scores[-1000.0], scores[0.0], scores[1000.0]
    assert set(never.predictions.values()) == {""}
    assert never.value == pytest.approx(np.mean(unanswerable))
    assert all(always.predictions.values())
    assert always.details["unanswerable_f1"] == 0
    assert middle.details["unanswerable_exact_match"] == 1
    assert middle.value > max(never.value, always.value)
    assert middle.details["best_f1"] >= middle.value
    assert -1000 < middle.details["best_f1_threshold"] < 1000
    assert all("" in {answer.text for answer in answers} for answers in middle.best.values())


def test_what_is_answered_without_reading(task: SpanTask, task_v2: SpanTask) -> None:
    assert isinstance(task.metric, Squad)
    assert not isinstance(task.metric, SquadV2)
    answers = [texts[0] for texts in task.train["answers"]]
    assert answers.count(task.constant) == max(map(answers.count, answers))
    right = [task.constant in texts for texts in task.validation["answers"]]
    assert task.baseline == pytest.approx(np.mean(right))
    assert task_v2.constant == ""
    assert task_v2.baseline == pytest.approx(np.mean([not texts for texts in task_v2.validation["answers"]]))
    assert task_v2.constant_answer == "never an answer"


def test_long_questions_are_cut_and_counted(task: SpanTask, tokenizer: BertTokenizer) -> None:
    rows = task.train.map(lambda row: {"question": "  " + row["question"] * 9})
    encoded = encode_spans(SpanTask("long", rows, task.validation), tokenizer, 48, SpanOptions())
    warning = encoded.warnings[0]
    assert f" of {len(rows) + 10} questions are longer than 16 tokens" in warning
    assert len(rows) <= int(warning.split()[0]) < len(rows) + 10
    for window in encoded.train:
        assert window["token_type_ids"].count(0) <= 16 + 2


def test_what_cannot_be_cut_to_windows_is_refused(task: SpanTask, tokenizer: BertTokenizer) -> None:
    with pytest.raises(AutoBertZeroError, match="--doc-stride 29: windows of 48 tokens"):
        encode_spans(task, tokenizer, 48, SpanOptions(doc_stride=29))
    encode_spans(task, tokenizer, 48, SpanOptions(doc_stride=28))
    left = BertTokenizer(vocab=tokenizer.get_vocab(), padding_side="left")
    with pytest.raises(AutoBertZeroError, match="pads on the right"):
        encode_spans(task, left, 48, SpanOptions())


GOOD = {"id": "1", "context": "In old Rome.", "question": "Where?", "answers": {"text": ["Rome"], "answer_start": [7]}}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {**GOOD, "answers": {"text": ["Rome"], "answer_start": [6]}},
            "'Rome' is not in the context at 6, its",
        ),
        ({**GOOD, "answers": {"text": ["Rome"], "answer_start": [-5]}}, "'Rome' is not in the context at -5"),
        ({**GOOD, "answers": {"text": [""], "answer_start": [0]}}, "the answer '' is not"),
        ({**GOOD, "answers": {"text": ["Rome"], "answer_start": []}}, "of one length, but"),
        ({**GOOD, "answers": "Rome"}, r"answers is not \{\"text\""),
        ({**GOOD, "context": None}, "context is not a text but None"),
        ({**GOOD, "id": " "}, "id is not a text but ' '"),
        ({**GOOD, "context": ["In old Rome." * 10**5]}, r"context is not a text but \['In old"),
        ({**GOOD, "answers": "Rome" * 10**6}, r"answers is not \{\"text\""),
        ({**GOOD, "id": "0"}, r"line 2: the id '0' is that of another question, too \(.*line 1\)"),
        ({name: value for name, value in GOOD.items() if name != "question"}, "no column 'question'; its columns are"),
    ],
)
def test_spoilt_questions_are_refused_in_one_line(tmp_path: Path, row: dict, reason: str) -> None:
    write_cloze(tmp_path / "mine", [GOOD], [{**GOOD, "id": "0"}, row])
    with pytest.raises(TaskError, match=reason) as caught:
        load_task("mine", folder=tmp_path)
    assert "validation.jsonl, line 2" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_rows_with_nothing_to_read_or_to_ask_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        {**GOOD, "context": "", "answers": {"text": [], "answer_start": []}},
        GOOD,
        {**GOOD, "id": "2", "question": " "},
    ]
    write_cloze(tmp_path / "mine", rows, [GOOD])
    task = load_task("mine", folder=tmp_path)
    assert (task.train["id"][:], task.train["answers"][:]) == (["1"], [["Rome"]])
    assert "train.jsonl, line 1: context or question is empty; 2 of 3 rows are so, and left out" in caplog.text
    write_cloze(tmp_path / "void", rows[:1], [GOOD])
    with pytest.raises(TaskError, match=r"train.jsonl, line 1: context or question is empty, here and in every row"):
        load_task("void", folder=tmp_path)


def test_half_of_a_character_keeps_answers_where_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = {"text": ["Rome \ud83d"], "answer_start": [9]}
    row = {"id": "\ud83d", "context": "\ude00 In old Rome \ud83d.", "question": "Where\ud83d?", "answers": answer}
    task = write_cloze(tmp_path / "mine", [], [GOOD])
    (task / "train.jsonl").write_text(json.dumps(row) + "\n")
    train = load_task("mine", folder=tmp_path).train
    assert train["context"][0] == "\ufffd In old Rome \ufffd."
    assert (train["answers"][0], train["starts"][0]) == (["Rome \ufffd"], [9])
    assert "train.jsonl: 1 rows hold half of a character" in caplog.text


def test_a_search_does_not_take_questions(tmp_path: Path) -> None:
    write_cloze(tmp_path / "mine", [GOOD], [GOOD])
    with pytest.raises(TaskError, match="mine: wanted is a task with a class or a number for each text"):
        load_text_tasks(["mine"], data=tmp_path)
