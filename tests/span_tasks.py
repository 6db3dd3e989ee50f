"""Questions about the demo's articles: their titles with a name left out, which is to be found in the text."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

Row = dict[str, Any]


def cloze_rows(news: Dataset, words: int = 60, unanswerable: bool = False) -> list[Row]:
    """Questions as SQuAD has them; with those that the text does not answer, if wanted, where the name is left out."""
    rows: list[Row] = []
    for place, text in enumerate(news["text"]):
        title, body = text.split("\n", 1)
        context = " ".join(body.split()[:words])
        for name in re.findall(r"\b[A-Z][a-z]{3,}\b|\b\d{4}\b", title):
            starts = [match.start() for match in re.finditer(rf"\b{name}\b", context)]
            if starts or unanswerable:
                answers = {"text": [name] * len(starts), "answer_start": starts}
                question = title.replace(name, "_____")
                rows.append({"id": str(place), "context": context, "question": question, "answers": answers})
                break
    return rows


def write_cloze(folder: Path, train: Sequence[Row], validation: Sequence[Row]) -> Path:
    """A task's folder."""
    folder.mkdir(parents=True)
    for name, rows in (("train", train), ("validation", validation)):
        lines = [json.dumps({**row, "title": "news"}, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder
