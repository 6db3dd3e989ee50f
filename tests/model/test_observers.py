"""What looks at a model from outside sees what a plain run computes: traces and hooks."""

import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from transformers import BertConfig, BertModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.model.architectures import BERT_ATTENTION

SIZES = {"vocab_size": 60, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40}
LAYERS = {
    "short convolution": "conv(3)",
    # In another form with gradients than without.
    "long convolution": "conv(65)",
    "attention": BERT_ATTENTION,
    "linear attention": "matmul(q, matmul(transpose(k), v))",
    "distance": "matmul(softmax(neg(euclidean_distance(q, k))), v)",
    "cosine": "matmul(cosine_similarity(q, k), v)",
    "no mixing": "logsigmoid(add(q, softsign(k)))",
}


def ids_and_mask() -> tuple[Tensor, Tensor]:
    ids = torch.randint(1, 60, (2, 12), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[1, 8:] = 0
    return ids, mask


def model_of(*layers: str, **options: object) -> AutoBertZeroModel:
    torch.manual_seed(0)
    return AutoBertZeroModel(AutoBertZeroConfig(layers=list(layers), **SIZES, **options)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
def test_a_trace_passes_its_own_check(layer: str, attention: str) -> None:
    model = model_of(layer, return_dict=False)
    model.set_attn_implementation(attention)
    ids, mask = ids_and_mask()
    for inputs in ((ids,), (ids, mask)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that sizes are looked at
            traced = torch.jit.trace(model, inputs)  # raises, where graph or outputs of a second run are others
        with torch.no_grad():
            torch.testing.assert_close(traced(*inputs)[0], model(*inputs)[0])


def test_a_trace_of_bert_passes_likewise() -> None:
    """The measure: what torch's check asks for is met by transformers' own."""
    bert = BertModel(BertConfig(**SIZES, num_hidden_layers=1), add_pooling_layer=False).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(bert, ids_and_mask(), strict=False)


def test_a_traced_model_takes_texts_of_other_lengths() -> None:
    model = model_of("conv(3)", "conv(65)", BERT_ATTENTION, return_dict=False)
    ids, _ = ids_and_mask()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, (ids,))
    longer = torch.cat([ids, ids, ids], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(traced(longer)[0], model(longer)[0])


@pytest.mark.parametrize("kind", ["every module's", "every module's input", "up-projection's", "activation's input"])
def test_a_hook_sees_the_values_of_a_plain_run(kind: str) -> None:
    """With gradients nothing is overwritten: what is seen then is right."""
    model = model_of("conv(3)", BERT_ATTENTION)
    mlp = model.layers[1].mlp
    seen: list[Tensor] = []

    def see(module: nn.Module, given: tuple[Tensor, ...], output: Tensor | None = None) -> None:
        if module is mlp.up_proj and output is not None:
            seen.append(output)
        elif module is mlp.activation and output is None:
            seen.append(given[0])

    handle = {
        "every module's": lambda: register_module_forward_hook(see),
        "every module's input": lambda: register_module_forward_pre_hook(see),
        "up-projection's": lambda: mlp.up_proj.register_forward_hook(see),
        "activation's input": lambda: mlp.activation.register_forward_pre_hook(see),
    }[kind]()
    try:
        ids, mask = ids_and_mask()
        with torch.no_grad():
            hooked = model(ids, mask).last_hidden_state
        plain = model(ids, mask).last_hidden_state
    finally:
        handle.remove()
    without, with_gradients = seen
    assert torch.equal(without, with_gradients.detach())
    assert without.min() < -0.2, "a GELU is never so low: these are the values before it"
    assert torch.equal(hooked, plain.detach())
    with torch.inference_mode():
        assert torch.equal(model(ids, mask).last_hidden_state, hooked)


def test_what_keeps_its_output_is_not_overwritten() -> None:
    """A linear layer of another's making, and a `forward` that was put in the place of its own."""

    class Keeping(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            self.kept = super().forward(x)
            return self.kept

    model = model_of("conv(3)")
    mlp = model.layers[0].mlp
    x = torch.randn(2, 5, 24)
    with torch.no_grad():
        wanted = nn.functional.linear(x, mlp.up_proj.weight, mlp.up_proj.bias)
        keeping = Keeping(24, 40)
        keeping.load_state_dict(mlp.up_proj.state_dict())
        own, mlp.up_proj = mlp.up_proj, keeping
        mlp(x)
        assert torch.equal(keeping.kept, wanted)
        kept: list[Tensor] = []
        forward = own.forward
        own.forward = lambda x: kept.append(forward(x)) or kept[0]  # type: ignore[method-assign,func-returns-value]
        mlp.up_proj = own
        mlp(x)
        assert torch.equal(kept[0], wanted)


def test_without_observers_the_activation_needs_no_memory_of_its_own() -> None:
    mlp = model_of("conv(3)").layers[0].mlp
    held: list[Tensor] = []
    linear = nn.functional.linear

    def seen(*arguments: Tensor) -> Tensor:
        held.append(linear(*arguments))
        return held[-1]

    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.functional, "linear", seen)
        mlp(torch.randn(2, 5, 24))
    assert held[0].min() > -0.2, "the GELU's values stand where the up-projection's stood"
