"""A checkpoint of version 0.1.0, and what that computed with it: names, identities and numbers stay.

It was made by that version: four layers of width 8, weights of seed 0 with noise added.
"""

import json
from pathlib import Path

import torch

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.model import backbone_identity

FOLDER = Path(__file__).parent / "checkpoints" / "0_1_0"
SAID = json.loads((FOLDER / "outputs.json").read_text())


def test_it_computes_what_it_did() -> None:
    model, info = AutoBertZeroForMaskedLM.from_pretrained(FOLDER, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    ids = torch.tensor(SAID["input_ids"])
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=(ids != 0).long()).logits
    torch.testing.assert_close(logits, torch.tensor(SAID["logits"]), rtol=1e-5, atol=1e-6)


def test_its_configuration_is_written_as_it_was(tmp_path: Path) -> None:
    """But for what a configuration has since then, with the values that it had by itself."""
    config = AutoBertZeroConfig.from_pretrained(FOLDER)
    config.save_pretrained(tmp_path)
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (FOLDER, tmp_path))
    assert {**after, **before, "transformers_version": ""} == {**after, "transformers_version": ""}
    assert {name: after[name] for name in after.keys() - before.keys()} == {
        "block": "bert",
        "positions": "learned",
        "rope_theta": 10000.0,
        "pooler_act": "tanh",
        "embedding_size": None,
        "local_rope_theta": None,
        "first_norm": None,
    }


def test_new_models_of_a_seed_begin_as_they_did() -> None:
    torch.manual_seed(0)
    model = AutoBertZeroForMaskedLM(AutoBertZeroConfig.from_pretrained(FOLDER))
    sums = {name: float(weight.detach().double().abs().sum()) for name, weight in model.named_parameters()}
    assert sums == SAID["begun"]


def test_identities_are_what_they_were() -> None:
    assert {line: backbone_identity([line]) for line in SAID["identities"]} == SAID["identities"]
    assert backbone_identity(AutoBertZeroConfig.from_pretrained(FOLDER).layers) == SAID["identity"]
