"""Tasks as folders of files, made of the demo's articles."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets import Dataset

from autobert_zero_hf.data.corpus import DEMO_TOPICS

Row = dict[str, Any]


def write_task(folder: Path, labels: Any, train: Iterable[Row], validation: Iterable[Row]) -> Path:
    """A task's folder."""
    folder.mkdir(parents=True)
    (folder / "labels.json").write_text(json.dumps(labels) + "\n", encoding="utf-8")
    for name, rows in (("train", train), ("validation", validation)):
        lines = [json.dumps({**row, "idx": idx}, ensure_ascii=False) for idx, row in enumerate(rows)]
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def write_demo_tasks(folder: Path, news: Dataset) -> Path:
    """Three tasks: `topics`, of single texts, `mrpc`, of pairs, and `long_words`, a regression.

    `mrpc`, called so for its metric, asks whether a title stands over a text; a third of the rows are right.
    `long_words` asks for the share of words of six letters or more, from 0 to 1.
    """
    titles, texts = zip(*(text.split("\n", 1) for text in news["text"]), strict=True)
    # Of 20 to 40 words.
    texts = tuple(" ".join(text.split()[: 20 + place % 21]) for place, text in enumerate(texts))
    topics = [{"sentence": text, "label": label} for text, label in zip(texts, news["label"], strict=True)]
    pairs = [
        {"sentence1": titles[place - place % 3], "sentence2": text, "label": int(place % 3 == 0)}
        for place, text in enumerate(texts)
    ]
    shares = []
    for text in texts:
        words = re.findall(r"\w+", text)
        shares.append({"sentence": text, "label": sum(len(word) >= 6 for word in words) / len(words)})
    for name, labels, rows in (
        ("topics", {"names": list(DEMO_TOPICS)}, topics),
        ("mrpc", {"names": ["not_equivalent", "equivalent"]}, pairs),
        ("long_words", {"names": [], "range": [0, 1]}, shares),
    ):
        held = [place % 5 == 0 for place in range(len(rows))]
        write_task(
            folder / name,
            labels,
            [row for row, out in zip(rows, held, strict=True) if not out],
            [row for row, out in zip(rows, held, strict=True) if out],
        )
    return folder
