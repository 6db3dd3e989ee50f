"""How much random attention may a super-net meet while it trains?

Trains the quickstart's super-net with several shares of random formulas among its attentions, and scores four fixed
backbones, and the 16 same random ones, on the shared weights, without further training. About 8 minutes on two cores:

    python -m tests.benchmarks.supernet_attention
"""

import json
import platform
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from autobert_zero_hf.search.estimation.biws import SuperNetTraining
from autobert_zero_hf.search.estimation.supernet import SuperNet
from autobert_zero_hf.search.recipe import Recipe, load_options

from autobert_zero_hf import architecture
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.training.corpus import load_documents
from autobert_zero_hf.training.masked_lm import MaskedRows, evaluate_masked_lm, pack
from autobert_zero_hf.training.tokenization import train_tokenizer

SHARES = (0.0, 0.1, 0.25, 1.0)
BACKBONES = {
    "bert": architecture("bert", 4),
    "convolution": ["conv(9)"] * 4,
    "hybrid": ["conv(9)", BERT_ATTENTION, "conv(9)", BERT_ATTENTION],
    "autobert-zero": architecture("autobert-zero", 4),
}


def measure(share: float) -> dict[str, Any]:
    recipe = Recipe.from_dict({**load_options("quickstart"), "random_attention": share})
    parts = load_documents().train_test_split(test_size=recipe.data.held_out, seed=0)
    tokenizer = train_tokenizer(parts["train"], recipe.data.vocab_size, recipe.data.sequence_length)
    train, test = (
        MaskedRows(pack(parts[part], tokenizer, recipe.data.sequence_length), tokenizer) for part in ("train", "test")
    )
    held_out = test.batch(list(range(recipe.estimation.evaluation_rows)), seed=0)
    net = SuperNet(recipe.make_config(len(tokenizer)), max(recipe.space.kernel_sizes), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        training = SuperNetTraining(
            net, recipe.search_space, train, recipe.supernet, 0, Accelerator(cpu=True), Path(folder) / "supernet.pt"
        )
        start = time.monotonic()
        training.run(lambda step, note: None)
        seconds = time.monotonic() - start
    scores = {name: evaluate_masked_lm(net.extract(layers), held_out) for name, layers in BACKBONES.items()}
    rng = random.Random(0)
    sampled = [recipe.search_space.sample(rng).layers for _ in range(16)]
    return {
        "random_attention": share,
        "seconds": round(seconds, 1),
        **{name: round(score.value, 4) for name, score in scores.items()},
        "standard_error": round(max(score.standard_error for score in scores.values()), 4),
        "random_backbones": sorted(
            round(evaluate_masked_lm(net.extract(layers), held_out).value, 4) for layers in sampled
        ),
    }


def main() -> None:
    results = []
    for share in SHARES:
        results.append(measure(share))
        print(results[-1], flush=True)
    facts = {
        "what": "held-out masked-LM accuracy on the super-net's weights, quickstart recipe, seed 0",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
