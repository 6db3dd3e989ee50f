import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from autobert_zero_hf.data.corpus import DEMO_TOPICS, load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.tasks.metrics import Accuracy, AccuracyAndF1, MatthewsCorrelation, PearsonAndSpearman
from autobert_zero_hf.tasks.task import TaskError
from tests.task_folders import Row, write_demo_tasks, write_task

CLASSES = {"names": ["no", "yes"]}
RATINGS = {"names": [], "range": [-1, 5.0]}


def single(*labels: float) -> list[Row]:
    return [{"sentence": f"Text {number}.", "label": label} for number, label in enumerate(labels)]


@pytest.fixture(scope="module")
def news() -> Dataset:
    return load_demo().select(range(0, 2125, 50))


@pytest.fixture(scope="module")
def folder(news: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news)


def test_the_demo_needs_no_folder() -> None:
    task = load_task("bbc_topics", seed=3)
    assert (len(task.train), len(task.validation), task.labels) == (1912, 213, DEMO_TOPICS)
    assert task.train.column_names == ["text", "label"]
    assert not set(task.train["text"]) & set(task.validation["text"])
    assert task.validation["text"][:] == load_task("bbc_topics", seed=3).validation["text"][:]
    assert task.validation["text"][:] != load_task("bbc_topics", seed=4).validation["text"][:]
    assert isinstance(task.metric, Accuracy)
    counts = [list(task.train["label"]).count(label) for label in range(5)]
    frequent = counts.index(max(counts))
    assert task.majority == task.baseline == list(task.validation["label"]).count(frequent) / 213


def test_texts_of_a_folder(folder: Path, news: Dataset) -> None:
    task = load_task("topics", folder=folder)
    assert task.labels == DEMO_TOPICS
    assert task.label_range is None
    assert not task.is_regression
    assert (len(task.train), len(task.validation)) == (34, 9)
    assert task.train.column_names == ["text", "label"]
    assert task.validation["label"][:] == news["label"][:][::5]
    assert task.head == {
        "id2label": {0: "business", 1: "entertainment", 2: "politics", 3: "sports", 4: "tech"},
        "label2id": {"business": 0, "entertainment": 1, "politics": 2, "sports": 3, "tech": 4},
        "problem_type": "single_label_classification",
    }


def test_pairs_of_a_folder(folder: Path, news: Dataset) -> None:
    task = load_task("mrpc", folder=folder)
    assert task.train.column_names == ["text", "text_pair", "label"]
    assert task.validation["text"][0] == news["text"][0].split("\n")[0]
    assert task.validation["text_pair"][0].split() == news["text"][0].split("\n", 1)[1].split()[:20]
    assert isinstance(task.metric, AccuracyAndF1)


def test_a_regression_of_a_folder(folder: Path) -> None:
    task = load_task("long_words", folder=folder)
    assert task.is_regression
    assert task.label_range == (0.0, 1.0)
    assert isinstance(task.metric, PearsonAndSpearman)
    assert task.constant == pytest.approx(sum(task.train["label"]) / 34)
    assert task.baseline == 0
    assert task.head == {"id2label": {0: "long_words"}, "label2id": {"long_words": 0}, "problem_type": "regression"}
    with pytest.raises(ValueError, match="long_words is a regression, which has no majority class"):
        task.majority  # noqa: B018


def test_whole_numbers_are_ratings_too(tmp_path: Path) -> None:
    write_task(tmp_path / "stars", RATINGS, single(-1, 5), single(0, 2.5))
    task = load_task("stars", folder=tmp_path)
    assert task.train["label"][:] == [-1.0, 5.0]
    assert task.train.features["label"].dtype == "float64"


def test_the_baseline_is_the_score_of_a_constant_answer(tmp_path: Path) -> None:
    train, validation = single(1, 0, 1), single(1, 1, 0, 1)
    for name in ("mine", "qqp", "cola"):
        write_task(tmp_path / name, CLASSES, train, validation)
    mine, qqp, cola = (load_task(name, folder=tmp_path) for name in ("mine", "qqp", "cola"))
    assert mine.baseline == mine.majority == qqp.majority == cola.majority == 0.75
    # Three of four right, F1 = 2 * 3 / (2 * 3 + 1).
    assert qqp.baseline == pytest.approx((0.75 + 6 / 7) / 2)
    assert cola.baseline == 0
    assert isinstance(cola.metric, MatthewsCorrelation)


def test_the_first_of_equally_frequent_classes_is_the_majority(tmp_path: Path) -> None:
    write_task(tmp_path / "even", CLASSES, single(1, 0), single(1, 1, 0))
    assert load_task("even", folder=tmp_path).majority == pytest.approx(1 / 3)


def test_outputs_are_scored_in_the_order_of_the_rows(tmp_path: Path) -> None:
    write_task(tmp_path / "mine", CLASSES, single(0, 1), single(1, 1, 0))
    write_task(tmp_path / "stars", RATINGS, single(0, 1), single(1, 3, 5))
    classes, stars = load_task("mine", folder=tmp_path), load_task("stars", folder=tmp_path)
    assert classes.score(np.array([[-2.0, 1.0], [0.5, 0.4], [3.0, 2.0]])).value == pytest.approx(2 / 3)
    assert stars.score(np.array([[0.1], [0.2], [0.3]], np.float32)).value == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"Mismatch in the number of predictions \(2\) and references \(3\)"):
        classes.score(np.zeros((2, 2))).value  # noqa: B018


def test_a_line_separator_inside_a_text_ends_no_row(tmp_path: Path) -> None:
    write_task(tmp_path / "mine", CLASSES, [{"sentence": "one\u2028two\x85three", "label": 0}], single(1, 0))
    with (tmp_path / "mine" / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n  \n")
    assert load_task("mine", folder=tmp_path).train["text"][:] == ["one\u2028two\x85three"]


def test_files_as_editors_and_tables_write_them(tmp_path: Path) -> None:
    """A byte-order mark, places as 0.0, names in the place of places, `text` in that of `sentence`."""
    rows: list[Row] = [{"text": "a", "label": label} for label in (0, 1.0, -0.0, "yes", "no", 1)]
    task = write_task(tmp_path / "mine", CLASSES, rows, single(1, 0))
    for file in ("labels.json", "train.jsonl"):
        (task / file).write_bytes(b"\xef\xbb\xbf" + (task / file).read_bytes())
    train = load_task("mine", folder=tmp_path).train
    assert train["label"][:] == [0, 1, 0, 1, 0, 1]
    assert train.features["label"].dtype == "int64"
    assert train["text"][:] == ["a"] * 6


def test_pairs_under_the_names_of_a_task(tmp_path: Path) -> None:
    for name, row in (
        ("own", {"text": "a", "text_pair": "b", "sentence1": "c", "label": 0}),
        ("qnli", {"question": "a", "sentence": "b", "text": "c", "label": "entailment"}),
    ):
        task = write_task(tmp_path / name, CLASSES, [row], [row, row])
        if name == "qnli":
            (task / "labels.json").unlink()
        train = load_task(name, folder=tmp_path).train
        assert (train["text"][0], train["text_pair"][0], train["label"][0]) == ("a", "b", 0)


def test_half_of_a_character_is_replaced_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    halves: list[Row] = [{"sentence": f"a \ud83d{tail}", "label": "so so \udc00"} for tail in ("", " b", "\ude00")]
    task = write_task(tmp_path / "mine", {"names": ["no"]}, [], single(1, 0))
    (task / "labels.json").write_text(json.dumps({"names": ["no", "so so \udc00"]}))
    (task / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in halves))
    train = load_task("mine", folder=tmp_path).train
    assert train["text"][:] == ["a \ufffd", "a \ufffd b", "a \U0001f600"]
    assert train["label"][:] == [1, 1, 1]
    assert "train.jsonl: 3 rows hold half of a character" in caplog.text
    assert caplog.text.count("half of a character") == 1


def lines(*rows: object) -> Callable[[Path], None]:
    return lambda task: (task / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows)) and None


def labels(found: object) -> Callable[[Path], None]:
    return lambda task: (task / "labels.json").write_text(json.dumps(found)) and None


def raw(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda task: (task / file).write_bytes(content) and None


GOOD = {"sentence": "a", "label": 0}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda task: (task / "train.jsonl").unlink(),
            "mine: no train.jsonl; a task has labels.json, train",
        ),
        (lambda task: (task / "labels.json").unlink(), "mine: no labels.json; a task has"),
        (raw("validation.jsonl", b""), "validation.jsonl: no rows; one is needed at least"),
        (raw("train.jsonl", b"\n \n"), "train.jsonl: no rows"),
        (raw("train.jsonl", b"\xff\xfe"), "train.jsonl: not UTF-8 text"),
        (raw("train.jsonl", b'{"sentence": "a", "label": 0}\n{"sent'), "train.jsonl, line 2: not JSON"),
        (lines(["a", 0]), "line 1: not a JSON object but"),
        (
            lines({"words": "a", "label": 0}),
            r"line 1: no column 'sentence' \(or text, or sentence1 and sentence2\); its columns are words, label$",
        ),
        (lines({}), "no column 'sentence'.*; its columns are none$"),
        (lines(GOOD, {"sentence": "a"}), "line 2: no column 'label'; its columns are sentence$"),
        (lines({"sentence1": "a", "label": 0}), "line 1: no column 'sentence2'; its columns are sentence1, label$"),
        (
            lines({"sentence1": "a", "sentence2": "b", "label": 0}, GOOD),
            "line 2: no column 'sentence1'; its columns are sentence, label$",
        ),
        (
            lines({"sentence1": "a", "sentence2": "b", "label": 0}),
            "one file has single texts, the other pairs, sentence1 and",
        ),
        (lines({"sentence": None, "label": 0}), "line 1: sentence is not a text but None"),
        (lines(GOOD, {"sentence": "b", "label": 2}), "line 2: label 2 is not a whole number from 0 to 1"),
        (lines({"sentence": "b", "label": -1}), "line 1: label -1 is not a whole number from 0 to 1"),
        (lines({"sentence": "b", "label": 0.5}), "line 1: label 0.5 is not a whole number"),
        (lines({"sentence": "b", "label": True}), "line 1: label True is not a whole number"),
        (lines({"sentence": "b", "label": "1"}), "line 1: label '1' is not .*, nor a class's name: no, yes$"),
        (lines({"sentence": "b", "label": "Yes"}), "line 1: label 'Yes' is not .*; did you mean 'yes'\\?$"),
        (lines({"sentence": "b", "label": 10**400}), "line 1: label a number of 1,329 bits is not"),
        (raw("train.jsonl", b'{"sentence": "a", "label": %s}' % (b"1" * 5000)), "line 1: not JSON .* 4,300 digits"),
        (raw("train.jsonl", b'{"sentence": "a", "label": %s' % (b"[" * 5000)), "line 1: not JSON .* 64 deep"),
        (lines({"sentence": "b", "label": "y" * 10**6}), "line 1: label 'yyy"),
        (lines({"k" * 10**6: "b", "label": 0}), "line 1: no column 'sentence'"),
        (raw("labels.json", b"[" * 5000), "labels.json is not JSON .* 64 deep; wanted is"),
        (raw("labels.json", b"\xff\xfe"), "labels.json is not UTF-8 text"),
        (raw("labels.json", b"names"), r'labels.json is not JSON .*; wanted is \{"names"'),
        (labels(["no", "yes"]), r'labels.json is not \{"names"'),
        (labels({"classes": []}), r'labels.json is not \{"names"'),
        (labels({"names": "no"}), "names is not a list of texts"),
        (labels({"names": [0, 1]}), "names is not a list of texts"),
        (labels({"names": ["no"]}), r"classes are two or more different names, not \['no'\]"),
        (labels({"names": ["no", "no"]}), "classes are two or more different names"),
        (labels({**RATINGS, "names": ["no", "yes"]}), "has names and a range"),
        (labels({"names": []}), "range must be two numbers, not None"),
        (labels({"names": [], "range": [0]}), r"range must be two numbers, not \[0\]"),
        (labels({"names": [], "range": [0, "x"]}), "range must be two numbers"),
        (labels({"names": [], "range": [2, 2]}), "the range is empty, from 2 to 2"),
        (labels({"names": [], "range": [0.5, 2]}), "line 1: label 0 is not a number from 0.5 to 2, the range"),
    ],
)
def test_a_spoilt_task_is_refused_in_one_line(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(write_task(tmp_path / "mine", CLASSES, single(0, 1), single(1, 0)))
    with pytest.raises(TaskError, match=reason) as caught:
        load_task("mine", folder=tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_one_row_to_score_on_is_refused(tmp_path: Path) -> None:
    write_task(tmp_path / "mine", CLASSES, single(0, 1), single(1))
    with pytest.raises(TaskError, match="mine: 1 validation rows; a standard error needs two at least"):
        load_task("mine", folder=tmp_path)


def test_ratings_outside_the_range_are_refused(tmp_path: Path) -> None:
    for number, label in enumerate((5.1, float("nan"), "3", True)):
        write_task(tmp_path / str(number), RATINGS, single(0, 5), single(1, label))
        with pytest.raises(TaskError, match=r"validation.jsonl, line 2: label .* is not a number from -1 to 5"):
            load_task(str(number), folder=tmp_path)


def test_an_unknown_task_is_refused_with_those_that_are_known(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for name, where, reason in (
        (
            "imdb",
            None,
            r"known are bbc_topics, cola, .*, squad_v2, and those of a folder \(--data, or --task-data\)",
        ),
        ("sst2", folder, "unknown task 'sst2': in .* there is long_words, mrpc, topics$"),
        ("bbc_topics", folder, "unknown task 'bbc_topics': in"),
        ("sst2", tmp_path, "unknown task 'sst2': in .* there is no task$"),
        ("sst2", tmp_path / "none", "none: no such folder"),
        ("sst2", tmp_path / "file", "file: is a file"),
    ):
        with pytest.raises(TaskError, match=reason):
            load_task(name, folder=where)
    assert issubclass(TaskError, AutoBertZeroError)
