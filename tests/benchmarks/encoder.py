"""Whole base-size encoders: autobert-zero against transformers' BertModel, and plans against the eager reference.

12 layers, hidden size 768, inference in float32 on a CPU (bfloat16 on a GPU), training steps with dropout. The floor is
what would be left if nothing but the linear layers' products and the fused attentions took any time: no change of the
rest can bring autobert-zero beyond it. About 12 minutes on two cores:

    python -m tests.benchmarks.encoder [--device cuda]
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel, PreTrainedModel
from transformers.utils import is_flash_attn_2_available

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture
from tests.benchmarks.paired import compare, keep, machine, peak_memory

LENGTHS = (128, 512, 2048)
TRAINING_LENGTHS = (128, 512)
SIZES = {"vocab_size": 30522, "max_position_embeddings": max(LENGTHS)}
WANTED = {"BertModel": {128: 1.08, 512: 1.15, 2048: 1.40}, "eager": {128: 1.0, 512: 1.1, 2048: 2.5}}
WANTED_MEMORY = {512: 0.6, 2048: 0.3}


def floor(model: PreTrainedModel, length: int, tokens: int) -> Callable[[], None]:
    """The products of a model's linear layers and its fused attentions, and nothing else."""
    linears = [module.weight for layer in model.layers for module in layer.modules() if isinstance(module, nn.Linear)]
    rows = {weight.shape[1]: torch.randn(tokens, weight.shape[1]).to(weight) for weight in linears}
    heads, fused = model.config.num_attention_heads, sum("softmax" in layer for layer in model.config.layers)
    split = (tokens // length, length, heads, model.config.head_dim)
    query, key, value = (torch.randn(split).to(linears[0]).transpose(1, 2) for _ in range(3))

    def compute() -> None:
        for weight in linears:
            F.linear(rows[weight.shape[1]], weight)
        for _ in range(fused):
            F.scaled_dot_product_attention(query, key, value)

    return compute


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=None, help="of a batch [2048 on a CPU, 32768 on a GPU]")
    arguments = parser.parse_args()
    device, tokens = arguments.device, arguments.tokens or (2048 if arguments.device == "cpu" else 32768)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    kernel = "flash_attention_2" if device == "cuda" and is_flash_attn_2_available() else "sdpa"
    torch.manual_seed(0)
    layers = architecture("autobert-zero")
    bert = BertModel(BertConfig(**SIZES, attn_implementation=kernel)).to(device, dtype)
    ours, eager = (AutoBertZeroModel(AutoBertZeroConfig(layers=layers, **SIZES)).to(device, dtype) for _ in range(2))
    ours.set_attn_implementation(kernel)
    eager.load_state_dict(ours.state_dict())
    eager.set_attn_implementation("eager")
    print(f"{machine(device)}; {dtype}, {kernel}, batches of {tokens} tokens; medians of {arguments.rounds} rounds")
    results: dict[str, Any] = {"kernel": kernel, "dtype": str(dtype), "tokens": tokens, "rounds": arguments.rounds}
    for length in LENGTHS:
        results[f"inference {length}"] = inference(bert, ours, eager, length, tokens, arguments.rounds, device)
    for length in TRAINING_LENGTHS:
        results[f"training {length}"] = training(bert, ours, length, tokens, max(3, arguments.rounds // 2), device)
    keep(__file__, device, "base-size encoders; times_as_fast: BertModel's seconds to each side's", results)


def inference(
    bert: PreTrainedModel,
    ours: PreTrainedModel,
    eager: PreTrainedModel,
    length: int,
    tokens: int,
    rounds: int,
    device: str,
) -> dict[str, Any]:
    for model in (bert, ours, eager):
        model.eval()
    ids = torch.randint(0, 30522, (max(1, tokens // length), length), device=device)
    with torch.inference_mode():
        sides = {"BertModel": lambda: bert(ids), "plans": lambda: ours(ids), "eager": lambda: eager(ids)}
        sides["floor"] = floor(ours, length, ids.numel())
        found: dict[str, Any] = compare(sides, rounds, device)
        memory = {name: peak_memory(sides[name], device) for name in ("BertModel", "plans", "eager")}
    speed, bound = found["plans"]["times_as_fast"], found["floor"]["times_as_fast"]
    over_eager, most = (found["eager"]["seconds"] / found[side]["seconds"] for side in ("plans", "floor"))
    share = memory["plans"] / memory["eager"]
    print(
        f"inference {length:>5}: {ids.numel() / found['plans']['seconds']:,.0f} tokens/s"
        f" | BertModel x {speed:.2f} (wanted {WANTED['BertModel'][length]}, floor {bound:.2f})"
        f" | eager x {over_eager:.2f} (wanted {WANTED['eager'][length]}, floor {most:.2f})"
        f" | memory {memory['plans']:.0f} MB, eager x {share:.2f} (wanted {WANTED_MEMORY.get(length, '-')})",
        flush=True,
    )
    return {"sides": found, "plans_over_eager": round(over_eager, 3), "memory_mb": memory, "of_eager": round(share, 3)}


def training(
    bert: PreTrainedModel, ours: PreTrainedModel, length: int, tokens: int, rounds: int, device: str
) -> dict[str, Any]:
    ids = torch.randint(0, 30522, (max(1, tokens // length), length), device=device)

    def step(model: PreTrainedModel) -> None:
        model.zero_grad()
        model(ids).last_hidden_state.float().square().mean().backward()

    for model in (bert, ours):
        model.train()
    found: dict[str, Any] = compare({"BertModel": lambda: step(bert), "plans": lambda: step(ours)}, rounds, device)
    print(f"training  {length:>5}: BertModel x {found['plans']['times_as_fast']:.2f} (wanted 1.0)", flush=True)
    return {"sides": found}


if __name__ == "__main__":
    main()
