"""What does bfloat16 autocast gain? Training steps and evaluations of the quickstart's sizes, and of wider ones.

python -m tests.benchmarks.precision
"""

import sys
from collections.abc import Callable

import torch

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.training.replayable.loop import make_optimizer
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm
from tests.benchmarks.paired import compare, keep

ROUNDS = 9
BACKBONES = {"bert": architecture("bert", 4), "convolution": ["conv(9)"] * 4}


def step(model: AutoBertZeroForMaskedLM, batch: MaskedBatch, bfloat16: bool) -> Callable[[], None]:
    optimizer = make_optimizer(model.parameters(), 1e-4)

    def once() -> None:
        with torch.autocast(batch.input_ids.device.type, torch.bfloat16, enabled=bfloat16):
            loss = model(input_ids=batch.input_ids, labels=batch.labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return once


def evaluation(model: AutoBertZeroForMaskedLM, batch: MaskedBatch, bfloat16: bool) -> Callable[[], object]:
    device = batch.input_ids.device.type
    return lambda: evaluate_masked_lm(
        model, batch, autocast=lambda: torch.autocast(device, torch.bfloat16, enabled=bfloat16)
    )


def main() -> None:
    device = "cuda" if "cuda" in sys.argv else "cpu"
    results = {}
    for width in (128, 256):
        for name, layers in BACKBONES.items():
            config = AutoBertZeroConfig(
                layers=layers,
                vocab_size=8192,
                hidden_size=width,
                num_attention_heads=width // 64,
                intermediate_size=4 * width,
                max_position_embeddings=128,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
            model = AutoBertZeroForMaskedLM(config).to(device)
            words = torch.randint(0, 8192, (8, 128), device=device)
            batch = MaskedBatch(words, torch.where(torch.rand(8, 128, device=device) < 0.15, words, -100))
            for what, make in (("training step", step), ("evaluation", evaluation)):
                sides = {"float32": make(model, batch, False), "bfloat16": make(model, batch, True)}
                results[f"{name}, width {width}, {what}"] = compare(sides, ROUNDS, device)
                print(f"{name}, width {width}, {what}", results[f"{name}, width {width}, {what}"])
    keep(__file__, device, "seconds of 8 rows of 128 tokens with and without bfloat16 autocast", results)


if __name__ == "__main__":
    main()
