"""The transformers model; the independent reference is transformers' own BertModel."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
)

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
    architecture,
)
from autobert_zero_hf.conversion import from_encoder
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from tests.conversion.models import perturb
from tests.graphs import LargestTensor
from tests.terminal import run


def config_with(config: AutoBertZeroConfig, layers: list[str], **changes) -> AutoBertZeroConfig:
    return AutoBertZeroConfig(**{**config.to_dict(), "layers": layers, "num_hidden_layers": len(layers), **changes})


def backbones(tiny_config: AutoBertZeroConfig) -> dict[str, list[str]]:
    return {
        "hybrid": tiny_config.layers,
        "attention": architecture("bert", 2),
        "convolution": ["conv(3)", "conv(65)"],
        "paper": list(AUTOBERT_ZERO),
    }


@pytest.fixture(params=["hybrid", "attention", "convolution", "paper"])
def config(request: pytest.FixtureRequest, tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    return config_with(tiny_config, backbones(tiny_config)[request.param])


def batch_of(config: AutoBertZeroConfig) -> dict[str, torch.Tensor]:
    """Two rows of 10 and 6 tokens."""
    input_ids = torch.randint(5, config.vocab_size, (2, 10))
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 6:] = 0
    return {"input_ids": input_ids, "attention_mask": attention_mask}


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_with_the_bert_backbone_it_is_bert(tiny_config: AutoBertZeroConfig, implementation: str) -> None:
    sizes = ("vocab_size", "hidden_size", "num_attention_heads", "intermediate_size", "max_position_embeddings")
    bert = BertForMaskedLM(
        BertConfig(num_hidden_layers=3, **{name: getattr(tiny_config, name) for name in sizes})
    ).eval()
    perturb(bert)
    ours = from_encoder(bert)
    assert ours.config.layers == architecture("bert", 3)
    ours.set_attn_implementation(implementation)
    config = ours.config
    batch = batch_of(config)
    batch["token_type_ids"] = torch.randint(0, 2, batch["input_ids"].shape)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        wanted = bert(**batch, output_hidden_states=True)
        actual = ours(**batch, output_hidden_states=True)
    for a, w in zip((*actual.hidden_states, actual.logits), (*wanted.hidden_states, wanted.logits), strict=True):
        torch.testing.assert_close(a[real], w[real], rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing_for_real_tokens(config: AutoBertZeroConfig) -> None:
    batch = batch_of(config)
    labels = torch.full((2, 10), -100)
    labels[1, 2] = 7
    for implementation in ("sdpa", "eager"):
        model = AutoBertZeroForMaskedLM(config).eval()
        model.set_attn_implementation(implementation)
        with torch.no_grad():
            padded = model(**batch, labels=labels)
            alone = model(input_ids=batch["input_ids"][1:, :6], labels=labels[1:, :6])
            other_padding = batch["input_ids"].clone()
            other_padding[1, 6:] = 9
            again = model(input_ids=other_padding, attention_mask=batch["attention_mask"])
        torch.testing.assert_close(padded.logits[1, :6], alone.logits[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(padded.loss, alone.loss)
        assert torch.equal(padded.logits[1, :6], again.logits[1, :6])


def test_implementations_agree(config: AutoBertZeroConfig) -> None:
    batch = batch_of(config)
    model = AutoBertZeroModel(config).eval()
    with torch.no_grad():
        planned = model(**batch).last_hidden_state
        model.set_attn_implementation("eager")
        reference = model(**batch, output_attentions=True)
    real = batch["attention_mask"].bool()
    torch.testing.assert_close(planned[real], reference.last_hidden_state[real], rtol=1e-4, atol=1e-5)
    attentions = [weights for weights in reference.attentions if weights is not None]
    assert len(attentions) == sum(kind == "full_attention" for kind in config.layer_types)
    for weights in attentions:
        assert weights.shape == (2, 2, 10, 10)
        torch.testing.assert_close(weights[1, :, :, 6:].sum(), torch.tensor(0.0))


def test_only_the_projections_that_a_formula_uses_exist(tiny_config: AutoBertZeroConfig) -> None:
    layers = ["matmul(softmax(matmul(q, transpose(q))), q)", "matmul(softmax(matmul(q, transpose(k))), k)"]
    model = AutoBertZeroModel(config_with(tiny_config, layers))
    names = [sorted(name for name, _ in layer.attention.named_children()) for layer in model.layers]
    assert names == [["o_proj", "q_proj"], ["k_proj", "o_proj", "q_proj"]]


def test_sparse_prediction_gives_the_same_loss_and_gradients(tiny_config: AutoBertZeroConfig) -> None:
    batch = batch_of(tiny_config)
    labels = torch.where(torch.rand(2, 10) < 0.3, batch["input_ids"], -100)
    model = AutoBertZeroForMaskedLM(tiny_config).eval()
    dense = model(**batch, labels=labels)
    wanted = torch.autograd.grad(dense.loss, list(model.parameters()), allow_unused=True)
    model.config = config_with(tiny_config, tiny_config.layers, sparse_prediction=True)
    assert model(**batch, labels=labels, sparse_prediction=False).logits.shape == dense.logits.shape
    sparse = model(**batch, labels=labels)
    assert sparse.logits.shape == ((labels != -100).sum(), tiny_config.vocab_size)
    torch.testing.assert_close(sparse.loss, dense.loss)
    for a, w in zip(torch.autograd.grad(sparse.loss, list(model.parameters()), allow_unused=True), wanted, strict=True):
        torch.testing.assert_close(a, w)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_pooling_leaves_padding_out(config: AutoBertZeroConfig, pooling: str) -> None:
    model = AutoBertZeroModel(config_with(config, config.layers, classifier_pooling=pooling)).eval()
    batch = batch_of(config)
    with torch.no_grad():
        padded = model(**batch)
        alone = model(batch["input_ids"][1:, :6])
    torch.testing.assert_close(padded.pooler_output[1], alone.pooler_output[0], rtol=1e-4, atol=1e-5)
    taken = padded.last_hidden_state[1, :6].mean(0) if pooling == "mean" else padded.last_hidden_state[1, 0]
    torch.testing.assert_close(padded.pooler_output[1], torch.tanh(model.pooler.dense(taken)), rtol=1e-4, atol=1e-5)


def test_it_learns_and_accumulates_gradients(config: AutoBertZeroConfig) -> None:
    batch = batch_of(config)
    labels = torch.where(torch.rand(2, 10) < 0.5, batch["input_ids"], -100)
    model = AutoBertZeroForMaskedLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = model(**batch, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    whole = model.eval()(**batch, labels=labels, num_items_in_batch=1000).loss
    torch.testing.assert_close(whole, model(**batch, labels=labels).loss * (labels != -100).sum() / 1000)


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification", "regression"])
def test_classification_losses(tiny_config: AutoBertZeroConfig, problem_type: str) -> None:
    many = 1 if problem_type == "regression" else 3
    config = AutoBertZeroConfig(**{**tiny_config.to_dict(), "num_labels": many, "problem_type": problem_type})
    model = AutoBertZeroForSequenceClassification(config).eval()
    labels = {
        "single_label_classification": torch.tensor([0, 2]),
        "multi_label_classification": torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
        "regression": torch.tensor([0.5, -1.0]),
    }[problem_type]
    out = model(**batch_of(config), labels=labels)
    assert out.logits.shape == (2, many)
    wanted = {
        "single_label_classification": lambda: torch.nn.functional.cross_entropy(out.logits, labels),
        "multi_label_classification": lambda: torch.nn.functional.binary_cross_entropy_with_logits(out.logits, labels),
        "regression": lambda: torch.nn.functional.mse_loss(out.logits[:, 0], labels),
    }[problem_type]()
    torch.testing.assert_close(out.loss, wanted)


def test_another_process_loads_them_bit_by_bit(
    tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    text = "The prime minister said the economy was growing."
    wanted = {}
    for name, layers in backbones(tiny_config).items():
        model = AutoBertZeroForMaskedLM(config_with(tiny_config, layers)).eval()
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        with torch.no_grad():
            wanted[name] = model(**tokenizer(text, return_tensors="pt")).logits
    script = (
        "import sys, torch, autobert_zero_hf\n"
        "from safetensors.torch import save_file\n"
        "from transformers import AutoModelForMaskedLM, AutoTokenizer\n"
        "place, text, *names = sys.argv[1:]\n"
        "for name in names:\n"
        "    folder = f'{place}/{name}'\n"
        "    model = AutoModelForMaskedLM.from_pretrained(folder).eval()\n"
        "    with torch.no_grad():\n"
        "        logits = model(**AutoTokenizer.from_pretrained(folder)(text, return_tensors='pt')).logits\n"
        "    save_file({'logits': logits}, folder + '/out.safetensors')\n"
    )
    ended, said = run(["-c", script, tmp_path, text, *wanted])
    assert ended == 0, said
    for name, logits in wanted.items():
        assert torch.equal(load_file(tmp_path / name / "out.safetensors")["logits"], logits), name


def test_the_auto_classes_know_it(config: AutoBertZeroConfig, tmp_path: Path) -> None:
    model = AutoBertZeroForMaskedLM(config)
    assert model.decoder.weight is model.autobert_zero.embeddings.word_embeddings.weight
    model.save_pretrained(tmp_path)
    assert isinstance(AutoModel.from_pretrained(tmp_path), AutoBertZeroModel)
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert isinstance(loaded, AutoBertZeroForMaskedLM)
    assert loaded.decoder.weight is loaded.autobert_zero.embeddings.word_embeddings.weight
    assert isinstance(
        AutoModelForSequenceClassification.from_pretrained(tmp_path), AutoBertZeroForSequenceClassification
    )
    assert isinstance(AutoModel.from_config(config), AutoBertZeroModel)


@pytest.mark.parametrize(
    "inputs", [{}, {"input_ids": torch.ones(1, 4, dtype=torch.long), "inputs_embeds": torch.ones(1, 4, 32)}]
)
def test_exactly_one_input_is_taken(tiny_config: AutoBertZeroConfig, inputs: dict) -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        AutoBertZeroModel(tiny_config)(**inputs)


@pytest.mark.parametrize("shape", [(1, 5), (1, 4, 4), (1, 1, 4, 5), (2, 1, 4, 4), (1, 3, 4, 4)])
def test_a_mask_of_another_shape_is_refused(tiny_config: AutoBertZeroConfig, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must have shape"):
        AutoBertZeroModel(tiny_config)(torch.ones(1, 4, dtype=torch.long), attention_mask=torch.ones(shape))


@pytest.mark.parametrize("softmax", [True, False])
def test_kernels_are_averages_or_what_they_are(tiny_config: AutoBertZeroConfig, softmax: bool) -> None:
    convolution = AutoBertZeroModel(config_with(tiny_config, ["conv(5)"], kernel_softmax=softmax)).layers[0].convolution
    seen: list[torch.Tensor] = []
    convolution.out_proj.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        convolution.in_proj.weight.zero_()
        convolution.in_proj.bias[:32], convolution.in_proj.bias[32:] = 1.0, 100.0  # all that is convolved is 1
        convolution.kernels.normal_()
        convolution(torch.zeros(1, 20, 32))
    sums = torch.ones(2) if softmax else convolution.kernels.detach().sum(-1)
    torch.testing.assert_close(seen[0][:, 2:-2], sums.repeat_interleave(16).expand(1, 16, 32))


EVERY_PLAN = [
    "conv(5)",
    "matmul(softmax(scale(matmul(q, transpose(logsigmoid(k))))), add(q, v))",
    "matmul(matmul(softsign(q), transpose(k)), v)",
    "matmul(softmax(neg(euclidean_distance(q, k))), v)",
]
OTHER_KINDS = [f"window(2, {BERT_ATTENTION})", "dynamic_conv(3) + mlp(9)", "fourier + none", "none"]


@pytest.mark.parametrize(
    ("backend", "layers"),
    [
        ("aot_eager", [*EVERY_PLAN, *OTHER_KINDS]),
        # What it makes of an operation is torch's own; that of a convolution and of an attention is enough.
        pytest.param("inductor", ["conv(3) + none", f"{EVERY_PLAN[2]} + none"], marks=pytest.mark.long),
    ],
    ids=["aot_eager", "inductor"],
)
def test_compiled_as_one_graph_it_computes_and_learns_the_same(
    tiny_config: AutoBertZeroConfig, backend: str, layers: list[str]
) -> None:
    config = config_with(tiny_config, layers)
    model = AutoBertZeroModel(config, add_pooling_layer=False).eval()
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    batch = batch_of(config)
    real = batch["attention_mask"].bool()
    weights = torch.randn(2, 10, config.hidden_size) * real[:, :, None]

    def results(run: torch.nn.Module) -> list[torch.Tensor]:
        out = run(**batch).last_hidden_state
        return [out[real], *torch.autograd.grad((out * weights).sum(), list(model.parameters()), allow_unused=True)]

    for actual, wanted in zip(results(compiled), results(model), strict=True):
        if wanted is not None:
            torch.testing.assert_close(actual, wanted, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        actual, wanted = (run(**batch).last_hidden_state[real] for run in (compiled, model))
    torch.testing.assert_close(actual, wanted, rtol=1e-4, atol=1e-5)
    torch._dynamo.reset()


def test_compiled_for_any_length(tiny_config: AutoBertZeroConfig) -> None:
    """One graph for many lengths, and another order of a chain where that is cheaper, without an error."""
    layers = [EVERY_PLAN[0], EVERY_PLAN[2], *OTHER_KINDS[:3]]  # what a length decides about
    model = AutoBertZeroModel(config_with(tiny_config, layers)).eval()
    # What is drawn from the length is drawn while the model is traced, which is the same for all backends.
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="eager")
    with torch.no_grad():
        for tokens in (5, 64):
            ids = torch.randint(5, tiny_config.vocab_size, (2, tokens))
            torch.testing.assert_close(
                compiled(ids).last_hidden_state, model(ids).last_hidden_state, rtol=1e-4, atol=1e-5
            )
    torch._dynamo.reset()


def test_dropout_in_training_alone(tiny_config: AutoBertZeroConfig) -> None:
    """Of attention weights: with the rest of the dropout off, two calls differ in training, and not otherwise."""
    changes = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.5}
    for layer in EVERY_PLAN[1], EVERY_PLAN[3], OTHER_KINDS[0]:
        model = AutoBertZeroModel(config_with(tiny_config, [layer], **changes))
        batch = batch_of(tiny_config)
        for implementation in ("sdpa", "eager"):
            model.set_attn_implementation(implementation)
            one, other = (model.train()(**batch).last_hidden_state for _ in range(2))
            assert not torch.equal(one, other)
            one, other = (model.eval()(**batch).last_hidden_state for _ in range(2))
            assert torch.equal(one, other)


def test_linear_backbones_make_no_matrix_of_all_tokens(tiny_config: AutoBertZeroConfig) -> None:
    """The whole model, with padding."""
    layers = ["conv(65)", "matmul(matmul(q, transpose(k)), v)", "matmul(cosine_similarity(q, k), v)"]
    model = AutoBertZeroModel(config_with(tiny_config, layers, max_position_embeddings=1024)).eval()
    ids = torch.randint(5, tiny_config.vocab_size, (2, 1024))
    mask = torch.ones_like(ids)
    mask[1, 500:] = 0
    with torch.no_grad(), LargestTensor() as largest:
        model(ids, mask)
    assert largest.numel < 1024**2


def test_a_model_can_be_pickled(config: AutoBertZeroConfig) -> None:
    model = AutoBertZeroModel(config).eval()
    again = pickle.loads(pickle.dumps(model))
    with torch.no_grad():
        ids = batch_of(config)["input_ids"]
        assert torch.equal(model(ids).last_hidden_state, again(ids).last_hidden_state)


def test_another_activation_is_used_in_inference_too(tiny_config: AutoBertZeroConfig) -> None:
    model = AutoBertZeroModel(tiny_config).eval()
    for layer in model.layers:
        layer.mlp.activation = torch.nn.SiLU()
    ids = batch_of(tiny_config)["input_ids"]
    with torch.no_grad():
        inference = model(ids).last_hidden_state
    torch.testing.assert_close(inference, model(ids).last_hidden_state, rtol=1e-4, atol=1e-5)


def test_flex_attention_computes_the_same(tiny_config: AutoBertZeroConfig) -> None:
    config = config_with(tiny_config, EVERY_PLAN[:3])
    model = AutoBertZeroModel(config).eval()
    batch = batch_of(config)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        wanted = model(**batch).last_hidden_state
        model.set_attn_implementation("flex_attention")
        torch.testing.assert_close(model(**batch).last_hidden_state[real], wanted[real], rtol=1e-4, atol=1e-5)


def test_a_kernel_that_is_of_no_use_to_a_layer_names_the_layer(tiny_config: AutoBertZeroConfig) -> None:
    config = config_with(tiny_config, EVERY_PLAN)
    with pytest.raises(ValueError, match=r"flex_attention.* layer 4, matmul\(softmax\(neg\(euclidean_distance"):
        AutoBertZeroModel(config).set_attn_implementation("flex_attention")
    with pytest.raises(ValueError, match="layer 4"):
        AutoBertZeroModel._from_config(config, attn_implementation="flex_attention")


def test_what_a_hook_saw_stays_as_it_was(tiny_config: AutoBertZeroConfig) -> None:
    """The activation may work in place, but not on what somebody keeps."""
    model = AutoBertZeroModel(tiny_config).eval()
    batch = batch_of(tiny_config)
    kept: list[torch.Tensor] = []
    with torch.no_grad():
        plain = model(**batch).last_hidden_state
        model.layers[0].mlp.up_proj.register_forward_hook(lambda module, inputs, output: kept.append(output))
        inside: list[torch.Tensor] = []
        model.layers[0].mlp.register_forward_pre_hook(lambda module, inputs: inside.append(inputs[0]))
        hooked = model(**batch).last_hidden_state
        torch.testing.assert_close(
            kept[0], torch.nn.functional.linear(inside[0], *_weights(model.layers[0].mlp.up_proj))
        )
    torch.testing.assert_close(plain, hooked)
    torch.testing.assert_close(plain, model(**batch).last_hidden_state)


def _weights(linear: torch.nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    return linear.weight, linear.bias


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_autocast_gives_finite_outputs_and_gradients(
    tiny_config: AutoBertZeroConfig, dtype: torch.dtype, implementation: str
) -> None:
    model = AutoBertZeroForMaskedLM(config_with(tiny_config, EVERY_PLAN))
    model.set_attn_implementation(implementation)
    batch = batch_of(tiny_config)
    batch["attention_mask"] = torch.stack([torch.ones(10), torch.zeros(10)]).long()
    with torch.autocast("cpu", dtype):
        out = model(**batch, labels=batch["input_ids"])
    out.loss.backward()
    assert torch.isfinite(out.logits).all()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
