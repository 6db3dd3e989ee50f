"""A folder that carries its code opens, computes and is saved again where this package is not installed."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForPreTraining, AutoBertZeroModel
from autobert_zero_hf.model import AUTO_MAP
from tests.model.test_heads import EVERY_PLAN, perturbed
from tests.model.test_modeling import config_with

TEXT = "The prime minister said the economy was growing."

ELSEWHERE = """
import importlib.util, sys
import torch, transformers
from safetensors.torch import save_file

folder, again, text, results, *autos = sys.argv[1:]
assert importlib.util.find_spec("autobert_zero_hf") is None
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
inputs = tokenizer(text, return_tensors="pt")
found = {}
for auto in autos:
    torch.manual_seed(0)
    for source in (folder, again):
        model = getattr(transformers, auto).from_pretrained(source, trust_remote_code=True).eval()
        assert type(model).__module__.startswith("transformers_modules."), type(model)
        assert type(model.config).__module__.startswith("transformers_modules."), type(model.config)
        if source == folder:
            with torch.no_grad():
                shaped = {k: v[None] for k, v in inputs.items()} if auto == "AutoModelForMultipleChoice" else inputs
                outputs = model(**shaped)
            found |= {f"{auto}.{k}": v.contiguous() for k, v in outputs.items() if isinstance(v, torch.Tensor)}
            model.save_pretrained(again)
save_file(found, results)
filler = transformers.pipeline("fill-mask", model=folder, trust_remote_code=True)
assert len(filler(f"The {filler.tokenizer.mask_token} minister .")) == 5
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has what this one has, but for this package."""
    root = tmp_path_factory.mktemp("elsewhere")
    venv.create(root / "venv")
    packages = root / "packages"
    packages.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if "autobert_zero" not in entry.name and entry.suffix != ".pth":
                (packages / entry.name).symlink_to(entry)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (root / "venv" / "lib" / version / "site-packages" / "packages.pth").write_text(str(packages))
    return root / "venv" / "bin" / "python"


def test_every_auto_class_opens_it_without_the_package(
    elsewhere: Path, tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    model = perturbed(AutoBertZeroForPreTraining, config_with(tiny_config, EVERY_PLAN))
    model.save_pretrained(folder, include_code=True)
    tokenizer.save_pretrained(folder)
    autos = [auto for auto in AUTO_MAP if auto != "AutoConfig"]
    subprocess.run(
        [elsewhere, "-c", ELSEWHERE, folder, tmp_path / "again", TEXT, tmp_path / "results", *autos],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path / "home")},
    )
    found = load_file(tmp_path / "results")
    inputs = tokenizer(TEXT, return_tensors="pt")
    for auto in autos:
        torch.manual_seed(0)  # a head that starts anew starts as it did there
        ours = getattr(transformers, auto).from_pretrained(folder).eval()
        assert type(ours).__module__.startswith("autobert_zero_hf.")  # the package wins where it is
        with torch.no_grad():
            choices = {name: tensor[None] for name, tensor in inputs.items()}
            outputs = ours(**(choices if auto == "AutoModelForMultipleChoice" else inputs))
        for name, wanted in outputs.items():
            assert torch.equal(found.pop(f"{auto}.{name}"), wanted), (auto, name)
    assert not found


def test_only_what_was_asked_for_carries_code(tiny_config: AutoBertZeroConfig, tmp_path: Path) -> None:
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.save_pretrained(tmp_path / "with", include_code=True)
    assert json.loads((tmp_path / "with" / "config.json").read_text())["auto_map"] == AUTO_MAP
    assert not hasattr(model.config, "auto_map")
    # One that was opened from such a folder does not promise files that are not there.
    for opened, name in ((model, "again"), (AutoBertZeroModel.from_pretrained(tmp_path / "with"), "opened")):
        opened.save_pretrained(tmp_path / name)
        assert "auto_map" not in json.loads((tmp_path / name / "config.json").read_text())
        assert not list((tmp_path / name).glob("*.py"))


def test_a_map_to_another_repository_stays(tiny_config: AutoBertZeroConfig, tmp_path: Path) -> None:
    """As transformers keeps it: the code is where it was, wherever the weights go."""
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.config.auto_map = there = {auto: f"someone/model--{place}" for auto, place in AUTO_MAP.items()}
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["auto_map"] == there


def test_the_map_names_every_head() -> None:
    from autobert_zero_hf.model import modeling_autobert_zero, modeling_heads

    heads = {*modeling_heads.__all__, "AutoBertZeroModel", "AutoBertZeroConfig"} - {"AutoBertZeroForPreTrainingOutput"}
    assert {place.rpartition(".")[2] for place in AUTO_MAP.values()} == heads
    assert modeling_autobert_zero.__all__ == ["AutoBertZeroModel", "AutoBertZeroPreTrainedModel"]
