"""Tasks out of anybody's data: the files that it comes in, its columns, its kinds, its bad rows."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from autobert_zero_hf.data.corpus import DEMO_TOPICS, load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.data_options import TaskDataOptions
from autobert_zero_hf.tasks.loading import load_asked_task, load_asked_tasks
from autobert_zero_hf.tasks.metrics import Accuracy, PearsonAndSpearman
from autobert_zero_hf.tasks.multi_label import MultiLabelTask
from autobert_zero_hf.tasks.own_data import task_from_data
from autobert_zero_hf.tasks.squad import SpanTask
from autobert_zero_hf.tasks.task import Task, TaskError
from autobert_zero_hf.tasks.tokens import TokenTask
from tests.span_tasks import cloze_rows
from tests.tagged_words import tagged_words
from tests.task_folders import write_task
from tests.tasks.test_loading import write_hub_dataset

SKIP = TaskDataOptions(skip_bad_rows=True)


@pytest.fixture(scope="module")
def news() -> pd.DataFrame:
    """Beginnings of articles, of several lines, with their topics."""
    rows = load_demo().select(range(0, 2125, 20))
    topics = [DEMO_TOPICS[label] for label in rows["label"]]
    return pd.DataFrame({"text": [text[:200] for text in rows["text"]], "label": topics})


def rows_of(task: Any) -> list[tuple[Any, ...]]:
    """All rows of a task, held out or not, in an order that does not depend on it."""
    return sorted(tuple(row.values()) for part in (task.train, task.validation) for row in part)


WRITERS = {
    "news.csv": lambda news, path: news.to_csv(path, index=False),
    "semicolons.csv": lambda news, path: news.to_csv(path, index=False, sep=";"),
    "news.tsv": lambda news, path: news.to_csv(path, index=False, sep="\t"),
    "news.json": lambda news, path: news.to_json(path, orient="records"),
    "by_line.json": lambda news, path: news.to_json(path, orient="records", lines=True),
    "columns.json": lambda news, path: path.write_text(json.dumps(news.to_dict("list"))),
    "wrapped.json": lambda news, path: path.write_text(json.dumps({"version": 1, "data": news.to_dict("records")})),
    "news.jsonl": lambda news, path: news.to_json(path, orient="records", lines=True),
    "news.parquet": lambda news, path: news.to_parquet(path),
    "saved": lambda news, path: Dataset.from_pandas(news).save_to_disk(path),
    "splits": lambda news, path: DatasetDict({"train": Dataset.from_pandas(news)}).save_to_disk(path),
}


@pytest.mark.parametrize("name", list(WRITERS))
def test_every_file_has_the_same_rows(news: pd.DataFrame, tmp_path: Path, name: str) -> None:
    WRITERS[name](news, tmp_path / name)
    task = load_asked_task(None, data=tmp_path / name)
    assert isinstance(task, Task)
    assert (task.name, task.labels) == (name.split(".")[0], tuple(sorted(DEMO_TOPICS)))
    assert isinstance(task.metric, Accuracy)
    wanted = [(text, task.labels.index(label)) for text, label in zip(news["text"], news["label"], strict=True)]
    assert rows_of(task) == sorted(wanted)
    assert len(task.validation) == task.reading["held_out_of_train"] == 11
    assert load_asked_task("mine", data=tmp_path / name).name == "mine"


def test_a_folder_as_the_hub_has_it(news: pd.DataFrame, tmp_path: Path) -> None:
    """Read by `load_dataset`, as a data set of the Hub is."""
    (tmp_path / "owner" / "news" / "data").mkdir(parents=True)
    for place, part in enumerate((news[::2], news[1::2])):
        part.to_parquet(tmp_path / "owner" / "news" / "data" / f"train-0000{place}-of-00002.parquet")
    task = load_asked_task(None, data=tmp_path / "owner" / "news")
    assert (task.name, len(rows_of(task))) == ("news", len(news))


def test_a_configuration_of_several(news: pd.DataFrame, tmp_path: Path) -> None:
    """By the data set's card, as on the Hub."""
    parts = {name: {"train": Dataset.from_pandas(news[:rows])} for name, rows in (("short", 30), ("long", 60))}
    write_hub_dataset(tmp_path / "news", parts)
    with pytest.raises(TaskError, match=r"news: it cannot be loaded: .*'short', 'long'.* --data-config") as caught:
        load_asked_task(None, data=tmp_path / "news")
    assert "\n" not in str(caught.value)
    task = load_asked_task(None, data=tmp_path / "news", options=TaskDataOptions(data_config="long"))
    assert len(rows_of(task)) == 60


def test_data_sets_of_python(news: pd.DataFrame) -> None:
    rows = Dataset.from_pandas(news).cast_column("label", ClassLabel(names=list(DEMO_TOPICS)))
    one = task_from_data(rows.with_format("numpy"), "mine")
    assert (one.name, one.labels) == ("mine", DEMO_TOPICS), "in the order of the numbers, not of the names"
    assert rows_of(one) == sorted(zip(rows["text"], rows["label"], strict=True))
    parts = DatasetDict({"train": rows.select(range(60)), "validation": rows.select(range(60, 107))})
    two = task_from_data(parts)
    assert two.validation["text"][:] == rows["text"][60:]
    assert "held_out_of_train" not in two.reading


def test_splits_by_the_names_of_files(news: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, part in (("train", news[::3]), ("dev", news[1::3]), ("test", news[2::3])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "README.md").write_text("News.")
    task = load_asked_task("mine", data=tmp_path)
    assert isinstance(task, Task)
    assert task.validation["text"][:] == news["text"][1::3].tolist()
    assert task.further["mine_test"]["text"][:] == news["text"][2::3].tolist()
    news[2::3].drop(columns="label").to_csv(tmp_path / "test.csv", index=False)
    assert not load_asked_task("mine", data=tmp_path).further
    assert "the split test has no labels, and is not scored" in caplog.text
    news.to_json(tmp_path / "train.jsonl", orient="records", lines=True)
    with pytest.raises(TaskError, match=r"several files are one split \(dev.csv, test.csv, train.csv, train.jsonl\)"):
        load_asked_task("mine", data=tmp_path)


def test_a_folder_of_a_task_with_its_labels(tmp_path: Path) -> None:
    """As it lies in a folder of tasks, which can be given, too."""
    rows = [{"sentence": "a", "label": 0}, {"sentence": "b", "label": 1}]
    folder = write_task(tmp_path / "mine", {"names": ["no", "yes"]}, rows, rows)
    for name, data in (("mine", tmp_path), ("mine", folder), (None, folder)):
        task = load_asked_task(name, data=data)
        assert (task.name, task.labels, task.train["label"][:]) == ("mine", ("no", "yes"), [0, 1])
    assert [task.name for task in load_asked_tasks(["all"], data=tmp_path)] == ["mine"]
    assert [task.name for task in load_asked_tasks(["all"], data=folder)] == ["mine"]
    assert [task.name for task in load_asked_tasks(["other"], data=folder)] == ["other"]
    (tmp_path / "test.csv").write_text("text,label\n")  # what lies beside a task that is asked for changes nothing
    assert load_asked_task("mine", data=tmp_path).labels == ("no", "yes")


def test_rows_are_held_out_of_each_class(news: pd.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    # Four of five are of one topic.
    rows = Dataset.from_pandas(pd.concat([news[news.label == "tech"]] * 12 + [news[news.label == "sports"]] * 3))
    task = task_from_data(rows, seed=3)
    share = rows["label"][:].count("tech") / len(rows)
    counts = Counter(task.labels[label] for label in task.validation["label"])
    assert counts["tech"] == round(share * len(task.validation))
    again, other = task_from_data(rows, seed=3), task_from_data(rows, seed=4)
    assert task.validation["text"][:] == again.validation["text"][:] != other.validation["text"][:]
    assert f"no split validation: {len(task.validation)} of {len(rows)} rows are held out" in caplog.text
    # A class of one row cannot be in both parts.
    lone = Dataset.from_dict({"text": list("abcdefgh"), "label": ["x"] * 7 + ["y"]})
    assert len(task_from_data(lone).validation) == 2
    with pytest.raises(TaskError, match="3 rows are too few to hold some out"):
        task_from_data(lone.select([0, 1, 7]))


@pytest.mark.parametrize(
    ("columns", "texts", "label"),
    [
        (["id", "sentence", "label"], ["sentence"], "label"),
        (["review", "score"], ["review"], "score"),
        (["premise", "hypothesis", "text", "label"], ["premise", "hypothesis"], "label"),
        (["question1", "question2", "class"], ["question1", "question2"], "class"),
        (["sentence1", "sentence2", "category"], ["sentence1", "sentence2"], "category"),
    ],
)
def test_columns_are_known_by_their_names(columns: list[str], texts: list[str], label: str) -> None:
    rows = Dataset.from_dict({name: [f"{name} {place % 2}" for place in range(8)] for name in columns})
    task = task_from_data(rows)
    assert (task.reading["text_columns"], task.reading["label_column"]) == (texts, label)
    assert task.train.column_names == [*["text", "text_pair"][: len(texts)], "label"]
    assert task.labels == (f"{label} 0", f"{label} 1")
    assert rows_of(task)[0][0] == f"{texts[0]} 0"


def test_columns_that_are_asked_for(news: pd.DataFrame) -> None:
    rows = Dataset.from_pandas(news.rename(columns={"text": "body", "label": "topic"}))
    with pytest.raises(TaskError, match=r"no column of texts is known .* are body, topic; give --text-column"):
        task_from_data(rows)
    with pytest.raises(TaskError, match=r"no column of labels is known .* are body, topic; give --label-column"):
        task_from_data(rows, options=TaskDataOptions(text_column=["body"]))
    task = task_from_data(rows, options=TaskDataOptions(text_column=["body"], label_column="topic"))
    assert rows_of(task) == rows_of(task_from_data(Dataset.from_pandas(news)))
    for options, reason in (
        ({"text_column": ["bodies"]}, "--text-column 'bodies' is none of its columns, which are body, topic"),
        ({"label_column": "topics"}, "--label-column 'topics' is none of its columns"),
        ({"text_column": ["body", "body"]}, "a column is given twice, body, body"),
    ):
        with pytest.raises(TaskError, match=reason):
            task_from_data(rows, options=TaskDataOptions(**options))
    with pytest.raises(AutoBertZeroError, match="one column, or the two of a pair, not 3"):
        TaskDataOptions(text_column=["a", "b", "c"])


@pytest.mark.parametrize(
    ("values", "labels", "encoded"),
    [
        (["0.0", "1.0", "1"], ("0", "1"), [0, 1, 1]),
        ([0.0, 1.0, 0.0], ("0", "1"), [0, 1, 0]),
        ([5, 10, 1], ("1", "5", "10"), [1, 2, 0]),
        (["007", "7", "007"], ("007", "7"), [0, 1, 0]),
        ([True, False, True], ("False", "True"), [1, 0, 1]),
        ([" good", "bad", "good "], ("bad", "good"), [1, 0, 1]),
    ],
)
def test_classes(values: list[Any], labels: tuple[str, ...], encoded: list[int]) -> None:
    rows = Dataset.from_dict({"text": ["a", "b", "c"], "label": values})
    task = task_from_data(DatasetDict({"train": rows, "validation": rows}))
    assert (task.labels, task.train["label"][:]) == (labels, encoded)


@pytest.mark.parametrize("values", [[0.5, 2.0, -1.0], ["0.5", "2", "-1e0"]])
def test_numbers_with_fractions_are_a_regression(values: list[Any]) -> None:
    rows = Dataset.from_dict({"text": ["a", "b", "c"], "score": values})
    task = task_from_data(DatasetDict({"train": rows, "validation": rows}), "stars")
    assert isinstance(task, Task)
    assert (task.is_regression, task.label_range, task.train["label"][:]) == (True, (-1.0, 2.0), [0.5, 2.0, -1.0])
    assert isinstance(task.metric, PearsonAndSpearman)


def test_lists_are_several_labels() -> None:
    values = [["a"], ["c", "a"], [], ["b", "c"]]
    parts = [Dataset.from_dict({"text": list("wxyz"), "labels": values})]
    named = Features({"text": Value("string"), "labels": List(ClassLabel(names=["a", "b", "c"]))})
    parts.append(Dataset.from_dict({"text": list("wxyz"), "labels": [[0], [2, 0], [], [1, 2]]}, features=named))
    for rows in parts:
        task = task_from_data(DatasetDict({"train": rows, "validation": rows}))
        assert isinstance(task, MultiLabelTask)
        assert task.labels == ("a", "b", "c")
        assert task.train["label"][:] == [[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 1]]


def test_words_with_tags(caplog: pytest.LogCaptureFixture) -> None:
    names, words, tags = tagged_words(load_demo().select(range(0, 2125, 50)))
    rows = Dataset.from_dict(
        {"id": list(range(len(words))), "tokens": words, "label": ["x"] * len(words), "ner_tags": tags}
    )
    task = task_from_data(rows.add_column("text", ["a"] * len(words)))
    assert isinstance(task, TokenTask)
    assert (task.labels, task.has_entities, task.baseline) == (names, True, 0)
    numbers = [[names[::-1].index(tag) for tag in row] for row in tags]
    kind = List(ClassLabel(names=list(names[::-1])))
    features = Features({"tokens": List(Value("string")), "pos_tags": kind, "ner_tags": kind})
    both = Dataset.from_dict({"tokens": words, "pos_tags": numbers, "ner_tags": numbers}, features=features)
    task = task_from_data(both, options=TaskDataOptions(label_column="pos_tags"))
    assert (task.labels, task.reading["label_column"]) == (names[::-1], "pos_tags")
    assert task_from_data(both).reading["label_column"] == "ner_tags"
    assert "numbers without names" not in caplog.text
    bare = Dataset.from_dict({"words": words, "tags": numbers})
    assert not task_from_data(bare).has_entities
    assert "the tags are numbers without names" in caplog.text


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"label": [f"user {place}" for place in range(30)]},
            "'label' has 30 different values in 30 rows, such as 'user",
        ),
        ({"label": ["x"] * 30}, "column 'label' is 'x' in every row"),
        ({"label": [None] * 30}, "column 'label' has no label in any row; give"),
        ({"label": [], "text": []}, "the data set: no rows in train"),
        ({"label": ["a", "b"] * 15, "text": [["a", "b"]] * 30}, "'label' holds 'a', where lists of words need a list"),
    ],
)
def test_data_that_is_no_task_is_refused(columns: dict[str, list[Any]], reason: str) -> None:
    rows = Dataset.from_dict({"text": [f"text {place}" for place in range(30)], **columns})
    with pytest.raises(TaskError, match=reason):
        task_from_data(rows)


GOOD = [{"text": f"good {place}", "label": ("x", "y")[place % 2]} for place in range(12)]
WORDS = [{"tokens": ["New", "York"], "ner_tags": ["B-LOC", "I-LOC"]}, {"tokens": ["is"], "ner_tags": ["O"]}] * 6
SETS = [{"text": "a", "labels": ["x"]}, {"text": "b", "labels": ["x", "y"]}] * 6
NUMBERS = [{"text": "a", "score": 0.5}, {"text": "b", "score": 1.0}] * 6


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (GOOD, {"text": None, "label": "x"}, "text is missing"),
        (GOOD, {"text": 5, "label": "x"}, "text is not a text but 5"),
        (GOOD, {"text": ["a"], "label": "x"}, r"text is not a text but \['a'\]"),
        (GOOD, {"text": "a"}, "the label is missing"),
        (GOOD, {"text": "a", "label": ""}, "the label is missing"),
        (GOOD, {"text": "a", "label": ["x"]}, r"label \['x'\] is none of the training rows' labels: x, y"),
        (
            WORDS,
            {"tokens": ["a", "b"], "ner_tags": ["O"]},
            r"2 words \(tokens\) and 1 tags \(ner_tags\): each word has one",
        ),
        (WORDS, {"tokens": None, "ner_tags": ["O"]}, "tokens is not a list of words but None"),
        (WORDS, {"tokens": ["a", None], "ner_tags": ["O", "O"]}, r"tokens is not a list of words but \['a', None\]"),
        (WORDS, {"tokens": ["a"], "ner_tags": [None]}, "the label is missing"),
        (WORDS, {"tokens": ["a"], "ner_tags": "O"}, "tags are not a list, but 'O'"),
        (SETS, {"text": "a", "labels": "x"}, "label is not a list of labels, as the others are, but 'x'"),
        (SETS, {"text": "a", "labels": ["x", "x"]}, r"\['x', 'x'\] has a label twice"),
        (NUMBERS, {"text": "a", "score": "high"}, "label 'high' is not a number, as the others are"),
        (NUMBERS, {"text": "a", "score": float("nan")}, "the label is missing"),
    ],
)
def test_a_bad_row_is_named_and_skipped_if_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, good: list[Any], bad: Any, reason: str
) -> None:
    for name, rows in (("train", [*good[:4], bad, *good[4:], bad]), ("validation", good)):
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(TaskError) as caught:
        load_asked_task(None, data=tmp_path)
    assert caught.match(rf"train.jsonl, line 5: {reason}.* \(the first of 2 bad rows of train\); mend it, or leave")
    assert "\n" not in str(caught.value)
    task = load_asked_task(None, data=tmp_path, options=SKIP)
    assert (len(task.train), task.reading["skipped_rows"]) == (12, {"train": 2})
    assert "2 of 14 rows of train are bad and skipped, the first: " in caplog.text


def test_a_label_that_training_rows_do_not_have_is_a_bad_row() -> None:
    parts = {"train": Dataset.from_list(GOOD), "validation": Dataset.from_list([*GOOD, {"text": "a", "label": "xy"}])}
    reason = "validation, row 12: label 'xy' is none of the training rows' labels; did you mean 'y'|'x'"
    with pytest.raises(TaskError, match=reason):
        task_from_data(DatasetDict(parts))
    kind = ClassLabel(names=["x", "y"])
    numbered = Dataset.from_dict({"text": list("abcdef"), "label": [0, 1, -1, 0, 1, 1]})
    named = Dataset(numbered.data, info=numbered.cast_column("label", Value("int64")).info)
    named.info.features = Features({"text": Value("string"), "label": kind})
    with pytest.raises(TaskError, match="row 2: label -1 is none of the classes' numbers, 0 to 1"):
        task_from_data(named)


def test_classes_in_another_order_are_refused() -> None:
    """Their numbers would mean other classes."""
    rows = Dataset.from_list(GOOD)
    one, two = (rows.cast_column("label", ClassLabel(names=names)) for names in (["x", "y"], ["y", "x"]))
    assert task_from_data(DatasetDict({"train": one, "validation": one})).labels == ("x", "y")
    with pytest.raises(TaskError, match="column 'label' of validation has other classes than that of train"):
        task_from_data(DatasetDict({"train": one, "validation": two}))


def test_rows_of_other_lengths_in_a_table(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text('text,label\n"of two\nlines",x\n\nb,y\nc\nd,x,more\n' + "e,y\nf,x\n" * 3)
    with pytest.raises(
        TaskError, match=r"mine.csv, line 6: 1 fields, where the first line names 2 columns \(the first of"
    ):
        load_asked_task(None, data=file)
    task = load_asked_task(None, data=file, options=SKIP)
    assert task.reading["skipped_rows"] == {"train": 2}
    assert rows_of(task)[-1] == ("of two\nlines", 0)
    file.write_text("text,label\na\n")
    with pytest.raises(TaskError, match="column 'label' has no label"):
        load_asked_task(None, data=file, options=SKIP)


def test_lines_that_are_no_objects(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "mine.jsonl"
    lines = [json.dumps({"text": "half \ud83d", "label": label}) for label in "xyxyxy"]
    file.write_text("\n".join([lines[0], "", '{"text": "a",', *lines[1:], "[1]"]))
    with pytest.raises(TaskError, match=r"line 3: .*; each line is a JSON object \(the first of 2 bad rows of train\)"):
        load_asked_task(None, data=file)
    task = load_asked_task(None, data=file, options=SKIP)
    assert task.reading["skipped_rows"] == {"train": 2}
    assert {text for text, _ in rows_of(task)} == {"half \ufffd"}
    assert "6 rows hold half of a character" in caplog.text


def test_an_empty_context_does_not_refuse_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = cloze_rows(load_demo().select(range(0, 2125, 40)))
    count = len(rows)
    rows[3]["context"], rows[4]["question"] = None, ""
    (tmp_path / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = load_asked_task(None, data=tmp_path / "q.jsonl")
    assert isinstance(task, SpanTask)
    assert len(task.train) + len(task.validation) == count - 2
    assert "context or question is empty" in caplog.text
    rows[5]["answers"] = {"text": ["nowhere"], "answer_start": [0]}
    rows[7]["id"] = rows[8]["id"]
    del rows[9]["id"]
    (tmp_path / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(TaskError, match=r"line 6: the answer 'nowhere' is not in .* \(the first of 3 bad rows"):
        load_asked_task(None, data=tmp_path / "q.jsonl")
    task = load_asked_task(None, data=tmp_path / "q.jsonl", options=SKIP)
    assert len(task.train) + len(task.validation) == count - 5
    assert task.reading["skipped_rows"] == {"train": 3}
    without = Dataset.from_list([{name: row[name] for name in ("context", "question", "answers")} for row in rows[10:]])
    assert sorted(task_from_data(without).train["id"][:], key=int)[:2] == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "mine.xlsx",
            b"",
            r"mine.xlsx: the name of a file says what it is, and '.xlsx' is not known; wanted is a file .csv",
        ),
        ("mine.parquet", b"text", "mine.parquet: not a Parquet file"),
        ("mine.csv", b"text,label\n\xff,1\n", "mine.csv: not UTF-8 text"),
        ("mine.csv", b"text,text\na,1\n", "mine.csv: two columns have the same name"),
        ("mine.csv", b"", "mine.csv: no rows in train"),
        ("mine.json", b'"text"', "mine.json: not a list of JSON objects, one a row, but 'text'"),
        ("mine.json", b'[{"text": "a"},\n{"text":', "mine.json, line 1: not JSON"),
        ("mine.jsonl", b"[1]\n", "mine.jsonl, line 1: not a JSON object"),
        ("none", None, "none: no such file or folder, nor can the Hub's be loaded"),
        ("none.csv", None, "none.csv: no such file or folder; check how it is spelt"),
        ("/none/there", None, "/none/there: no such file or folder; check how it is spelt"),
        ("owner/none", None, "owner/none: no such file or folder, nor can the Hub's be loaded"),
    ],
)
def test_files_that_are_no_table_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(TaskError, match=reason) as caught:
        load_asked_task(None, data=Path(name))
    assert "\n" not in str(caught.value)


def test_what_does_not_go_together_is_said(tmp_path: Path) -> None:
    write_task(tmp_path / "mine", {"names": ["no", "yes"]}, [], [])
    for name, data, options, reason in (
        (None, None, None, "no task is given: give --task NAME, or a data set as --data"),
        (None, tmp_path, None, "no task is given: give --task NAME; in .* there is mine"),
        ("rte", None, SKIP, "--skip-bad-rows go with a data set as --data, which is not given"),
        ("mine", tmp_path, SKIP, "with a data set as --data, and .* is a folder of tasks"),
    ):
        with pytest.raises(TaskError, match=reason):
            load_asked_task(name, data=data, options=options)
    with pytest.raises(TaskError, match="is one data set: give one name for its task, or all, and not 2"):
        load_asked_tasks(["a", "b"], data=tmp_path / "mine")


def test_unknown_splits(news: pd.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    rows = Dataset.from_pandas(news)
    with caplog.at_level(logging.WARNING):
        task_from_data(DatasetDict({"train": rows, "unsupervised": rows}))
    assert "the split unsupervised is not used" in caplog.text
    with pytest.raises(TaskError, match="there is no split train; its splits are a, b"):
        task_from_data(DatasetDict({"a": rows, "b": rows}))
    with pytest.raises(TaskError, match="several splits to take as validation, val for one"):
        task_from_data(DatasetDict({"train": rows, "dev": rows, "val": rows}))
    assert len(rows_of(task_from_data(DatasetDict({"whole": rows})))) == len(rows)
