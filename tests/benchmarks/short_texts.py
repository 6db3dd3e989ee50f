"""What could make sorted batches of short texts faster than BertModel does, where no padding is left to leave out?

MiniLM's size, float32, one thread, batches of 32 rows of one length, random weights; all sides in one process, in turn,
medians. The floor is the products of the linear layers and the fused attentions, and nothing else. Three other ways to
compute the products, each with the activation and whatever else the layers do left out as well: query, key and value in
one product; weights packed beforehand for MKL; weights packed beforehand for oneDNN, with GELU fused into the product.
And BertModel and ours under `torch.compile`, which packs and fuses by itself:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.short_texts
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel, PreTrainedModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture
from tests.benchmarks.encoder import floor
from tests.benchmarks.padding import BATCH, SIZES
from tests.benchmarks.paired import compare, keep, machine

LENGTHS = (16, 24, 48)
ROUNDS = 15


def products(model: PreTrainedModel, tokens: int, way: str) -> Callable[[], None]:
    """The products of BERT's layers alone, in another way."""
    shapes: list[nn.Linear] = []
    for layer in model.encoder.layer:
        attention = layer.attention.self
        threefold = [attention.query, attention.key, attention.value]
        if way == "query, key and value at once":
            joined = nn.Linear(threefold[0].in_features, 3 * threefold[0].out_features)
            threefold = [joined]
        shapes += [*threefold, layer.attention.output.dense, layer.intermediate.dense, layer.output.dense]
    rows = {linear.in_features: torch.randn(tokens, linear.in_features) for linear in shapes}
    computed: list[Callable[[], Tensor]] = []
    for linear in shapes:
        given, weight, bias = rows[linear.in_features], linear.weight.detach().clone(), linear.bias
        if way == "packed for MKL":
            packed = torch.ops.mkl._mkl_reorder_linear_weight(weight, tokens)
            computed.append(lambda g=given, p=packed, w=weight, b=bias: torch.ops.mkl._mkl_linear(g, p, w, b, tokens))
        elif way.startswith("packed for oneDNN"):
            packed = torch.ops.mkldnn._reorder_linear_weight(weight, tokens)
            after = ("gelu", [], "none") if linear.out_features > linear.in_features else ("none", [], "")
            computed.append(lambda g=given, p=packed, b=bias, a=after: torch.ops.mkldnn._linear_pointwise(g, p, b, *a))
        else:
            computed.append(lambda g=given, w=weight, b=bias: F.linear(g, w, b))

    def compute() -> None:
        for each in computed:
            each()

    return compute


def compiled(bert: PreTrainedModel, model: PreTrainedModel, ids: Tensor) -> Any:
    """A model under `torch.compile`, its weights packed, beside BertModel as it is."""
    torch._dynamo.reset()
    faster = torch.compile(model)
    with torch.no_grad(), torch._inductor.config.patch(freezing=True):
        return compare({"BertModel": lambda: bert(ids), "compiled": lambda: faster(ids)}, 9, "cpu")["compiled"]


def main() -> None:
    torch.manual_seed(0)
    sizes = {**SIZES["minilm"], "vocab_size": 30522}
    bert = BertModel(BertConfig(**sizes, attn_implementation="sdpa")).eval()
    layers = architecture("bert", SIZES["minilm"]["num_hidden_layers"])
    ours = AutoBertZeroModel(AutoBertZeroConfig(**sizes, layers=layers)).eval()
    print(machine())
    results: dict[str, Any] = {}
    for length in LENGTHS:
        ids = torch.randint(0, 30522, (BATCH, length))
        tokens = ids.numel()
        with torch.inference_mode():
            sides: dict[str, Callable[[], Any]] = {
                "BertModel": lambda ids=ids: bert(ids),
                "ours": lambda ids=ids: ours(ids),
                "products and attentions alone": floor(ours, length, tokens),
            }
            ways = ("as they are", "query, key and value at once", "packed for MKL", "packed for oneDNN, GELU fused")
            sides |= {f"products alone: {way}": products(bert, tokens, way) for way in ways}
            found = compare(sides, ROUNDS, "cpu")
        results[f"{BATCH} rows of {length}"] = found
        print(length, {name: side["times_as_fast"] for name, side in found.items()}, flush=True)
        for name, model in (("BertModel", bert), ("ours", ours)):
            results[f"{BATCH} rows of {length}"][f"{name}, compiled"] = found = compiled(bert, model, ids)
            print(length, name, "compiled", found, flush=True)
    keep(__file__, "cpu", "sorted batches of short texts; times_as_fast: BertModel's seconds to each side's", results)


if __name__ == "__main__":
    main()
