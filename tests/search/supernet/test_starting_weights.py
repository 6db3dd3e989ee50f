"""Super-nets that begin as a part of a checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.supernet.starting_weights import Start
from autobert_zero_hf.search.supernet.supernet import SuperNet
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.tokenization import train_tokenizer
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.graphs import BRANCHES

WHOLE = Sizes(3, 48, 64, 4, 12)


@pytest.fixture(scope="module")
def bert_folder(tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 64, "num_attention_heads": 4}
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=3, max_position_embeddings=40, **sizes)
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_super_net_of_all_sizes_is_the_bert(bert_folder: Path, rows: MaskedRows) -> None:
    start = Start(bert_folder, seed=0)
    start.check_tokenizer(rows.tokenizer)
    net = SuperNet(start.config(WHOLE, 40), None, seed=0)
    start.give(net)
    batch = rows.sample(0, 4, seed=0)
    bert = BertForMaskedLM.from_pretrained(bert_folder).eval()
    model = net.extract(net.config.layers).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(batch.input_ids).logits, bert(batch.input_ids).logits)


def test_a_smaller_one_has_its_bottom_layers_and_the_first_of_each(bert_folder: Path) -> None:
    start = Start(bert_folder, seed=0)
    net = SuperNet(start.config(Sizes(2, 20, 32, 3, 5), 32), None, seed=0)
    start.give(net)
    bert = BertForMaskedLM.from_pretrained(bert_folder)
    embeddings, ours = bert.bert.embeddings, net.extract(net.config.layers)
    shared = ours.autobert_zero
    assert torch.equal(shared.embeddings.position_embeddings.weight, embeddings.position_embeddings.weight[:32, :20])
    assert torch.equal(ours.decoder.weight, embeddings.word_embeddings.weight[:, :20])
    assert torch.equal(ours.decoder.bias, bert.cls.predictions.bias)
    assert torch.equal(ours.head.dense.weight, bert.cls.predictions.transform.dense.weight[:20, :20])
    for layer, theirs in zip(shared.layers, bert.bert.encoder.layer[:2], strict=True):
        heads = theirs.attention.self.query.weight.view(4, 12, 48)[:3, :5, :20].reshape(15, 20)
        assert torch.equal(layer.attention.q_proj.weight, heads)
        outputs = theirs.attention.output.dense.weight.view(48, 4, 12)[:20, :3, :5].reshape(20, 15)
        assert torch.equal(layer.attention.o_proj.weight, outputs)
        assert torch.equal(layer.mlp.up_proj.weight, theirs.intermediate.dense.weight[:32, :20])
        assert torch.equal(layer.mlp_norm.weight, theirs.output.LayerNorm.weight[:20])


def test_a_checkpoint_without_a_head_gets_the_same_one_from_the_same_seed(
    bert_folder: Path, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    BertModel.from_pretrained(bert_folder).save_pretrained(tmp_path)
    heads = [Start(tmp_path, seed).model.head.dense.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_a_model_of_this_package_gives_its_own_kinds_of_layers(
    tiny_config: AutoBertZeroConfig, bert_folder: Path, tmp_path: Path
) -> None:
    layers = ["conv(9)", "matmul(softmax(scale(matmul(q, transpose(k)))), q)"]
    model = AutoBertZeroForMaskedLM(Sizes(2, 32, 64, 2, 16).config(tiny_config, layers))
    model.save_pretrained(tmp_path)
    start, smaller = Start(tmp_path, seed=0), Sizes(2, 24, 40, 2, 8)
    # The common formula needs no more than the checkpoint's; and of its kernels there is a centre.
    net = SuperNet(start.config(smaller, 64, ["conv(5)", "matmul(q, matmul(transpose(k), q))"]), None, seed=0)
    start.give(net)
    kernels = net.named_weights["autobert_zero.layers.0.convolution.kernels"]
    assert torch.equal(kernels, model.autobert_zero.layers[0].convolution.kernels[:, 2:7])
    # Of a super-net with both branches, one is the checkpoint's, the other is as it was.
    both, untouched = (SuperNet(start.config(smaller, 64), BRANCHES, seed=0) for _ in range(2))
    start.give(both)
    for name, weight in both.named_weights.items():
        same = torch.equal(weight, untouched.named_weights[name])
        # Biases and norms of both begin as zeros and ones.
        assert same == (name not in dict(model.named_parameters())) or "norm" in name or name.endswith("bias")
    for wrong, number in ((["conv(11)", layers[1]], 1), ([BERT_ATTENTION] * 2, 1), (["conv(9)", BERT_ATTENTION], 2)):
        with pytest.raises(AutoBertZeroError, match=f"layer {number} of the super-net is .*, that of .* lacks some"):
            start.config(smaller, 64, wrong)
    with pytest.raises(AutoBertZeroError, match="layer 1 of the super-net is conv"):
        Start(bert_folder, seed=0).config(smaller, 40, layers)


def test_what_is_too_small_or_of_other_words_is_refused_with_both_sizes(
    bert_folder: Path, documents: Any, tmp_path: Path
) -> None:
    start = Start(bert_folder, seed=0)
    with pytest.raises(
        AutoBertZeroError,
        match=r"of 4 layers, hidden 64, .* which has 3 layers, hidden 48, .*: num_hidden_layers 3, not 4; "
        r"hidden_size 48, not 64; max_position_embeddings 40, not 50; give a larger",
    ):
        start.config(Sizes(4, 64, 64, 4, 12), 50)
    other = train_tokenizer(documents, vocab_size=500, max_length=64)
    with pytest.raises(AutoBertZeroError, match=r"has a vocabulary of 1,000 entries, the tokenizer one of 500: use"):
        start.check_tokenizer(other)
    with pytest.raises(AutoBertZeroError, match="no model is found at"):
        Start(tmp_path / "nothing", seed=0)
