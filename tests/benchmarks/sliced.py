"""A training step of a sub-model inside its super-net against that of the same model by itself.

    python -m tests.benchmarks.sliced [ROUNDS]

Forwards and backwards, in one process, in turn. `as views` is what the slices cost where they are not made contiguous.
"""

import random
import sys
from typing import Any
from unittest.mock import patch

import torch
from autobert_zero_hf.search.space.sizes import VARIED, Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.supernet import slicing, supernet
from autobert_zero_hf.search.supernet.supernet import SuperNet

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.benchmarks.paired import compare, keep

LARGEST = Sizes(4, 256, 1024, 4, 64)


def as_view(name: str, weight: torch.Tensor, sizes: Sizes, shape: torch.Size, smaller: Sizes) -> torch.Tensor:
    """The part of a weight as it lies there, where that is possible."""
    return slicing.overlap(name, weight, sizes, shape, smaller).reshape(shape)


def measure(vocab_size: int, vary: str, rounds: int, rows: int = 8, tokens: int = 64) -> dict[str, Any]:
    """The seconds of three ways, and whether the two inside give the bits of the one outside."""
    space = SubModels((BERT_ATTENTION,) * 4, SizesSpace.within(LARGEST, vary, 4, 4))
    config = LARGEST.config(AutoBertZeroConfig(vocab_size=vocab_size, hidden_dropout_prob=0.0), space.layers)
    config.attention_probs_dropout_prob = 0.0
    net = SuperNet(config, None, seed=0)
    candidate = space.sample(random.Random(1))
    model = net.extract(candidate.layers, candidate.sizes)
    input_ids = torch.randint(5, vocab_size, (rows, tokens), generator=torch.Generator().manual_seed(0))
    labels = torch.full_like(input_ids, -100)
    labels[:, ::7] = input_ids[:, ::7]

    def alone() -> torch.Tensor:
        output = model(input_ids=input_ids, labels=labels)
        torch.autograd.grad(output.loss, list(model.parameters()))
        return output.logits

    def inside() -> torch.Tensor:
        output = net(candidate.layers, input_ids, labels, candidate.sizes)
        torch.autograd.grad(output.loss, list(net.parameters()), allow_unused=True)
        return output.logits

    def views() -> torch.Tensor:
        with patch.object(supernet, "cut", as_view):
            return inside()

    equal = {"inside": torch.equal(inside(), alone()), "as views": torch.equal(views(), alone())}
    sides = compare({"alone": alone, "inside": inside, "as views": views}, rounds)
    return {"sizes": str(candidate.sizes), "vocabulary": vocab_size, "same bits": equal, **sides}


if __name__ == "__main__":
    torch.set_num_threads(1)
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    results = [measure(vocab_size, vary, turns) for vocab_size in (8192, 30522) for vary in VARIED]
    keep(__file__, "cpu", "a training step, 8 rows of 64 tokens; times_as_fast is to the model by itself", results)
    for result in results:
        print(result)
