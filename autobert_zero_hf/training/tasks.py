"""Tasks to fine-tune on."""

from dataclasses import dataclass

from datasets import Dataset

from ..errors import AutoBertZeroError
from .corpus import DEMO_TOPICS, load_demo


@dataclass(frozen=True)
class Task:
    """Labelled texts, columns `text` and `label`.

    Args:
        name: what the task is asked for by.
        train: the rows to train on.
        validation: the rows to score on.
        labels: the names of the classes.
    """

    name: str
    train: Dataset
    validation: Dataset
    labels: tuple[str, ...]

    @property
    def majority(self) -> float:
        """The accuracy of always answering the most frequent class of the training rows."""
        counts = [self.train["label"].count(label) for label in range(len(self.labels))]
        return list(self.validation["label"]).count(counts.index(max(counts))) / len(self.validation)


TASKS = ("bbc_topics",)


def load_task(name: str, seed: int = 0) -> Task:
    """A task by its name.

    `bbc_topics`: the topic, of five, of BBC news articles; 10% of the articles are held out, the same ones that a
    search on this text with the same seed holds out.

    Raises:
        AutoBertZeroError: for another name.
        CorpusError: if its text is not there.
    """
    if name not in TASKS:
        raise AutoBertZeroError(f"unknown task {name!r}: known are {', '.join(TASKS)}")
    parts = load_demo().train_test_split(test_size=0.1, seed=seed)
    return Task(name, parts["train"], parts["test"], DEMO_TOPICS)
