"""Whether a machine is faster with bfloat16 than without."""

import torch


def gains_from_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; a CPU without it only loses time.

    On a CPU with AVX512-BF16 a training step of the quickstart takes 0.5 to 0.8 of the time (`tests/benchmarks/
    precision.py`).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False
