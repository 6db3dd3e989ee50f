"""An encoder of sentences that lies on the Hub, made faster: what belongs to it comes along."""

import json
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerBase

from tests.hub.pages import small
from tests.hub.server import Hub

from .client import Client

OPTIONS = (
    "--sequence-length 24 --calibration-rows 16 --swap-rows 4 --formula-candidates 0 --part-steps 0 --assemblies 4 "
    "--healing-steps 2 --latency-tokens 24 --latency-passes 3"
)
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def test_an_encoder_of_sentences_is_fetched_with_its_pooling(
    hub: Hub, lfs_client: Client, documents: Dataset, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40}
    folder = tmp_path / "encoder"
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "modules.json").write_text(json.dumps(MODULES))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    repo = hub.create("model", "someone/encoder")
    hub.commit(repo, "main", "an encoder", {name: small(content) for name, content in files.items()})
    text = tmp_path / "news.txt"
    text.write_text("\n\n".join(documents["text"][:60]))
    before = len(hub.requests)
    out = tmp_path / "faster"
    words = ["shrink", "someone/encoder", "--speedup", "1.2", "--text", str(text), "--output-dir", str(out)]
    done = lfs_client.run(*words, *OPTIONS.split())
    assert done.status == 0, done.err
    assert any("1_Pooling/config.json" in each for each in hub.requests[before:])
    for which in ("best", "dropped"):
        made = out / "1.2x" / which
        for name in ("modules.json", "1_Pooling/config.json"):
            assert (made / name).read_bytes() == files[name]
        assert AutoModel.from_pretrained(made).config.hidden_size == 32
    assert json.loads((out / "shrink.json").read_text())["source"] == "someone/encoder"
