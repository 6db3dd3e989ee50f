"""GLUE's nine tasks (arXiv 1804.07461): their columns, classes and splits in the Hub's data set."""

from dataclasses import dataclass

DATASET = "nyu-mll/glue"
"""GLUE on the Hub; each task is a configuration of it."""


@dataclass(frozen=True)
class GlueTask:
    """What a configuration of the data set has.

    Args:
        texts: the column of the text, or the columns of the pair.
        labels: the classes in the order of their numbers; none in a regression.
        label_range: the least and the greatest number of a regression.
        validation: the split that is scored, and chosen by.
        further: the splits that are scored, too, by the names of their scores.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    label_range: tuple[float, float] | None = None
    validation: str = "validation"
    further: tuple[tuple[str, str], ...] = ()


_SENTENCES = ("sentence1", "sentence2")

GLUE = {
    "cola": GlueTask(("sentence",), ("unacceptable", "acceptable")),
    "sst2": GlueTask(("sentence",), ("negative", "positive")),
    "mrpc": GlueTask(_SENTENCES, ("not_equivalent", "equivalent")),
    "stsb": GlueTask(_SENTENCES, (), (0.0, 5.0)),
    "qqp": GlueTask(("question1", "question2"), ("not_duplicate", "duplicate")),
    "mnli": GlueTask(
        ("premise", "hypothesis"),
        ("entailment", "neutral", "contradiction"),
        validation="validation_matched",
        further=(("mnli_mismatched", "validation_mismatched"),),
    ),
    "qnli": GlueTask(("question", "sentence"), ("entailment", "not_entailment")),
    "rte": GlueTask(_SENTENCES, ("entailment", "not_entailment")),
    "wnli": GlueTask(_SENTENCES, ("not_entailment", "entailment")),
}

PAIRS = (_SENTENCES, *(task.texts for task in GLUE.values() if len(task.texts) == 2 and task.texts != _SENTENCES))
"""The columns of pairs, under every name that GLUE has for them."""
