"""What layers do, against sums written out pair by pair, and as users see it."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from torch.nn.functional import cosine_similarity
from transformers import BertConfig, BertModel, BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.analysis.layers import analyse
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model.observers import has_hooks

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 48}
BERT = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
LINES = [BERT, "conv(3)", "none", f"window(4, {BERT})", "matmul(q, matmul(transpose(k), v))"]


@pytest.fixture
def model() -> AutoBertZeroForMaskedLM:
    torch.manual_seed(0)
    return AutoBertZeroForMaskedLM(AutoBertZeroConfig(layers=LINES, vocab_size=1000, initializer_range=0.2, **SIZES))


@pytest.mark.parametrize("padded", ["right", "left"])
def test_it_is_what_the_definitions_say(model: AutoBertZeroForMaskedLM, padded: str) -> None:
    ids, mask = torch.randint(1000, (4, 12)), torch.ones(4, 12, dtype=torch.long)
    for text, length in enumerate((12, 7, 2, 1)):
        hidden = slice(length, None) if padded == "right" else slice(0, 12 - length)
        mask[text, hidden] = 0
    found = analyse(model, [(ids[:2], mask[:2]), (ids[2:], mask[2:])])
    model.eval()
    cosines: list[list[float]] = [[] for _ in range(6)]
    changes: list[list[float]] = [[] for _ in range(5)]
    entropies: list[float] = []
    model.set_attn_implementation("eager")
    with torch.no_grad():
        out = model.base_model(ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
    for text in range(4):
        real = mask[text].bool()
        states = [state[text, real] for state in out.hidden_states]
        if (length := int(real.sum())) > 1:
            for layer, state in enumerate(states):
                pairs = [(a, b) for a in range(length) for b in range(length) if a != b]
                each = [float(cosine_similarity(state[a], state[b], dim=0)) for a, b in pairs]
                cosines[layer].append(sum(each) / len(each))
            for head in out.attentions[0][text]:
                rows = head[real][:, real].tolist()
                entropies += [-sum(p * math.log(p) for p in row if p) / math.log(length) for row in rows]
        for layer, (before, after) in enumerate(pairwise(states)):
            changes[layer] += (1 - cosine_similarity(before, after, dim=-1)).tolist()
    assert found.token_cosine == pytest.approx([sum(each) / 3 for each in cosines], abs=1e-5)
    assert found.change == pytest.approx([sum(each) / 22 for each in changes], abs=1e-5)
    assert found.attention_entropy[0] == pytest.approx(sum(entropies) / len(entropies), abs=1e-5)
    assert [value is None for value in found.attention_entropy] == [False, True, True, False, True]


def test_a_model_is_as_it_was(model: AutoBertZeroForMaskedLM) -> None:
    ids = torch.randint(1000, (2, 12))
    model.train()
    before = model.config._attn_implementation
    analyse(model, [(ids, torch.ones_like(ids))])
    assert model.training and model.base_model.training and model.config._attn_implementation == before != "eager"
    assert not has_hooks(model)
    with pytest.raises(ValueError, match="no text has two tokens"):
        analyse(model, [(ids[:, :1], torch.ones_like(ids[:, :1]))])


def test_equal_tokens_stay_alike() -> None:
    torch.manual_seed(0)
    config = AutoBertZeroConfig(layers=[BERT, "conv(3)"], vocab_size=100, positions="none", block="pre_norm", **SIZES)
    found = analyse(AutoBertZeroForMaskedLM(config), [(torch.full((1, 9), 7), torch.ones(1, 9, dtype=torch.long))])
    assert found.token_cosine[:2] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert found.token_cosine[2] < 1, "a convolution sees the ends of the text"
    assert found.attention_entropy == [pytest.approx(1.0, abs=1e-6), None]


def test_show_measures_a_search_beside_any_encoder(
    model: AutoBertZeroForMaskedLM,
    tokenizer: BertTokenizer,
    documents: Dataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, theirs, text = (str(tmp_path / name) for name in ("ours", "bert", "text.txt"))
    model.save_pretrained(ours)
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **SIZES)).save_pretrained(theirs)
    for folder in (ours, theirs):
        tokenizer.save_pretrained(folder)
    Path(text).write_text("\n\n".join(documents["text"][:30]))
    picture = tmp_path / "layers.svg"
    words = ["show", ours, "--analyse", text, "--beside", theirs, "--tokens", "24"]
    assert main([*words, "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("layer  cosine  change  attention") == 2 and f"\n{theirs}\n" in printed
    assert "entropy of attention" in picture.read_text()
    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [len(each["token_cosine"]) for each in facts["analysis"].values()] == [6, 3]
    assert main(["show", theirs]) == 0
    assert "2 layers, hidden size 32" in capsys.readouterr().out, "an encoder that is read"
    for bad, reason in (
        (["show", "conv(9)", "--analyse", text], "conv(9) has no weights"),
        (["show", "bert", "--analyse", text], "bert has no weights"),
        (["show", ours, "--beside", theirs], "--beside goes with --analyse"),
        (["show", ours, "--analyse", str(tmp_path / "no.txt")], "no.txt"),
        (["show", ours, "--analyse", text, "--beside", str(tmp_path / "none")], "none"),
        (["show", ours, "--analyse", text, "--latex"], "leave out one"),
    ):
        assert main(bad) == 1
        said = capsys.readouterr().err
        assert reason in said and said.startswith("error: ") and said.count("\n") == 1, said
