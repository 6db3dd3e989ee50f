"""Which form of the convolution is fastest, and is it the one that `fastest_form` takes?

8 rows of 128 tokens, 2 of 512 and 1 of 2,048, 12 heads of 64 channels; forwards alone, and forwards and backwards. The
last column is what the rule costs: its time over that of the fastest. About 3 minutes on two cores:

    python -m tests.benchmarks.convolution [--device cuda]
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch

from autobert_zero_hf.model.convolution import (
    banded_product,
    channels_last_convolution,
    fastest_form,
    grouped_convolution,
)
from tests.benchmarks.paired import compare, keep, machine

FORMS = {
    "channels-last": channels_last_convolution,
    "grouped": grouped_convolution,
    "banded": banded_product,
}
KERNELS = (3, 5, 7, 9, 15, 31, 65, 127)
SHAPES = ((8, 128), (2, 512), (1, 2048))


def forwards(form: Callable[..., torch.Tensor], x: torch.Tensor, kernels: torch.Tensor) -> Callable[[], None]:
    def compute() -> None:
        with torch.no_grad():
            form(x, kernels)

    return compute


def backwards(form: Callable[..., torch.Tensor], x: torch.Tensor, kernels: torch.Tensor) -> Callable[[], None]:
    def compute() -> None:
        torch.autograd.grad(form(x, kernels).sum(), [x, kernels])

    return compute


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    device = arguments.device
    torch.manual_seed(0)
    results: list[dict[str, Any]] = []
    print(f"{machine(device)}; milliseconds, medians of {arguments.rounds} rounds")
    print("          dtype     what  rows  tokens  kernel  " + "  ".join(f"{name:>13}" for name in FORMS) + "  rule")
    for dtype in (torch.float32, torch.bfloat16):
        for what, make in (("forward", forwards), ("training", backwards)):
            for batch, tokens in SHAPES:
                x = torch.randn(batch, tokens, 12, 64, device=device, dtype=dtype, requires_grad=True)
                for size in KERNELS:
                    kernels = torch.rand(12, size, device=device, dtype=dtype, requires_grad=True)
                    sides = {name: make(form, x, kernels) for name, form in FORMS.items()}
                    found = compare(sides, arguments.rounds, device)
                    with torch.set_grad_enabled(what == "training"):
                        chosen = fastest_form(x, size)
                    rule = next(name for name, form in FORMS.items() if form is chosen)
                    seconds = {name: side["seconds"] for name, side in found.items()}
                    loss = round(seconds[rule] / min(seconds.values()), 2)
                    results.append(
                        {
                            "dtype": str(dtype),
                            "what": what,
                            "rows": batch,
                            "tokens": tokens,
                            "kernel": size,
                            "seconds": seconds,
                            "rule": rule,
                            "over_fastest": loss,
                        }
                    )
                    row = "  ".join(f"{1e3 * s:13.2f}" for s in seconds.values())
                    print(f"{dtype!s:>15} {what:>8} {batch:5} {tokens:7} {size:7}  {row}  {rule} x {loss}", flush=True)
    keep(__file__, device, "seconds of each form of the convolution, and the one that the rule takes", results)


if __name__ == "__main__":
    main()
