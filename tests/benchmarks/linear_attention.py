"""Is a chain without a softmax linear in the number of tokens, and how does it compare with what is written?

One row, base size (hidden size 768, 12 heads of 64): a whole layer, and of its attention the formula alone, as a plan
and as the eager reference, which is left out where its matrix of tokens x tokens would take more than 4 GB. The formula
alone grows by more than the multiplications do, where the tensors no longer fit into the cache. About 5 minutes on two
cores:

    python -m tests.benchmarks.linear_attention [--device cuda]
"""

import argparse
import itertools
from collections.abc import Callable
from typing import Any

import torch

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.model.axes import TypedGraph, infer_axes
from autobert_zero_hf.model.execution import Context, interpret, run
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.lowering import lower
from tests.benchmarks.paired import compare, keep, machine

FORMULAS = {
    "q k^T v": "matmul(scale(matmul(q, transpose(k))), v)",
    "cosine": "matmul(cosine_similarity(q, k), v)",
    "five factors": "matmul(matmul(q, transpose(k)), matmul(matmul(v, transpose(q)), softsign(k)))",
}
LENGTHS = (16, 64, 128, 512, 2048, 4096, 8192, 16384)
HEADS, HEAD_SIZE = 12, 64
WANTED_GROWTH = 2.3


def layer(text: str, tokens: int, device: str) -> Callable[[], Any]:
    """The whole layer: linear projections, formula and feed-forward block."""
    config = AutoBertZeroConfig(layers=[text], vocab_size=16)
    module = AutoBertZeroModel(config).eval().to(device).layers[0]
    hidden_states = torch.randn(1, tokens, config.hidden_size, device=device)
    return lambda: module(hidden_states)


def planned(typed: TypedGraph, inputs: dict[str, torch.Tensor]) -> Callable[[], Any]:
    plan = lower(typed)

    def no_kernel(*_: Any) -> torch.Tensor:
        raise AssertionError("a linear plan has no fused attention")

    return lambda: run(plan, inputs, Context(HEAD_SIZE), no_kernel)


def written(typed: TypedGraph, inputs: dict[str, torch.Tensor]) -> Callable[[], Any]:
    return lambda: interpret(typed, inputs, Context(HEAD_SIZE))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    print(f"{machine(arguments.device)}; milliseconds, medians of {arguments.rounds} rounds")
    results: dict[str, Any] = {}
    for name, text in FORMULAS.items():
        typed = infer_axes(AttentionGraph.parse(text))
        results[name] = {"formula": text, "lengths": {}}
        for tokens in LENGTHS:
            inputs = {
                each: torch.randn(1, HEADS, tokens, HEAD_SIZE, device=arguments.device) for each in typed.graph.inputs
            }
            sides = {"layer": layer(text, tokens, arguments.device), "plan": planned(typed, inputs)}
            if 4 * HEADS * tokens**2 < 4e9:
                sides["eager"] = written(typed, inputs)
            with torch.inference_mode():
                found = compare(sides, arguments.rounds, arguments.device)
            results[name]["lengths"][tokens] = {side: value["seconds"] for side, value in found.items()}
            print(f"{name:>13} {tokens:6}  " + "  ".join(f"{s} {v['seconds'] * 1e3:9.3f}" for s, v in found.items()))
        for side in ("layer", "plan"):
            seconds = [sides[side] for tokens, sides in results[name]["lengths"].items() if tokens >= 2048]
            growth = [round(b / a, 2) for a, b in itertools.pairwise(seconds)]
            results[name][f"growth of the {side}"] = growth
            wanted = f" (wanted: at most {WANTED_GROWTH})" if side == "layer" else ""
            print(f"{name:>13} {side}, growth at each doubling from 2,048 on: {growth}{wanted}", flush=True)
    keep(__file__, arguments.device, "seconds of linear plans and of the same formulas as they are written", results)


if __name__ == "__main__":
    main()
