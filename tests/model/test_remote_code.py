"""A folder that carries its code opens, computes and is saved again where this package is not installed."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
import transformers
from huggingface_hub import ModelCard, RepoUrl
from packaging.version import Version
from safetensors.torch import load_file
from transformers import BertTokenizer
from transformers.integrations.peft import MIN_PEFT_VERSION

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForPreTraining, AutoBertZeroModel
from autobert_zero_hf import model as package
from autobert_zero_hf.model import AUTO_MAP
from tests.model.test_heads import EVERY_PLAN, perturbed
from tests.model.test_modeling import OTHER_KINDS, config_with

whole = pytest.mark.skipif(
    Version(transformers.__version__) < Version("5.12"),
    reason="transformers before 5.12 copied a folder's code in part, and pushed no folder that is a Path",
)
TEXT = "The prime minister said the economy was growing."

ELSEWHERE = """
import importlib.util, sys
import torch, transformers
from safetensors.torch import save_file

text, *autos = sys.argv[1:]
assert importlib.util.find_spec("autobert_zero_hf") is None
for folder, again in (("first", "second"), ("second", "third")):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    inputs = tokenizer(text, return_tensors="pt")
    found = {}
    for auto in autos:
        torch.manual_seed(0)
        model = getattr(transformers, auto).from_pretrained(folder, trust_remote_code=True).eval()
        for its_own in (model, model.config):
            assert type(its_own).__module__.startswith(f"transformers_modules.{folder}."), type(its_own)
        with torch.no_grad():
            outputs = model(**({k: v[None] for k, v in inputs.items()} if "MultipleChoice" in auto else inputs))
        found |= {f"{auto}.{k}": v.contiguous() for k, v in outputs.items() if isinstance(v, torch.Tensor)}
        if auto == autos[0]:
            model.save_pretrained(again)
            tokenizer.save_pretrained(again)
    save_file(found, f"{folder}.results")
    filler = transformers.pipeline("fill-mask", model=folder, trust_remote_code=True)
    assert len(filler(f"The {filler.tokenizer.mask_token} minister .")) == 5
"""


@whole
def test_every_auto_class_opens_it_without_the_package(
    elsewhere: Path, tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    """And what the headless model of such a folder is saved to there."""
    model = perturbed(AutoBertZeroForPreTraining, config_with(tiny_config, [*EVERY_PLAN, *OTHER_KINDS]))
    model.save_pretrained(tmp_path / "first", include_code=True)
    tokenizer.save_pretrained(tmp_path / "first")
    autos = [auto for auto in AUTO_MAP if auto != "AutoConfig"]
    assert autos[0] == "AutoModel"
    environment = {**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path / "home")}
    subprocess.run([elsewhere, "-c", ELSEWHERE, TEXT, *autos], check=True, cwd=tmp_path, env=environment)
    for folder in ("first", "second"):
        assert json.loads((tmp_path / folder / "config.json").read_text())["auto_map"] == AUTO_MAP
        found = load_file(tmp_path / f"{folder}.results")
        inputs = tokenizer(TEXT, return_tensors="pt")
        for auto in autos:
            torch.manual_seed(0)  # a head that starts anew starts as it did there
            ours = getattr(transformers, auto).from_pretrained(tmp_path / folder).eval()
            assert type(ours).__module__.startswith("autobert_zero_hf.")  # the package wins where it is
            with torch.no_grad():
                choices = {name: tensor[None] for name, tensor in inputs.items()}
                outputs = ours(**(choices if auto == "AutoModelForMultipleChoice" else inputs))
            for name, wanted in outputs.items():
                assert torch.equal(found.pop(f"{auto}.{name}"), wanted), (folder, auto, name)
        assert not found


def carries_code(folder: Path) -> bool:
    """Whether a folder has the code, and says so; both or neither."""
    named = json.loads((folder / "config.json").read_text()).get("auto_map")
    files = {file.stem for file in folder.glob("*.py")}
    assert named in (None, AUTO_MAP)
    assert {place.partition(".")[0] for place in (named or {}).values()} <= files
    assert ("modeling_heads" in files) is (named is not None)
    return named is not None


def test_a_folder_carries_code_if_it_is_asked_to_or_the_one_before_did(
    tiny_config: AutoBertZeroConfig, tmp_path: Path
) -> None:
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.save_pretrained(tmp_path / "plain")
    assert not carries_code(tmp_path / "plain")
    model.save_pretrained(tmp_path / "with", include_code=True)
    assert carries_code(tmp_path / "with")
    opened = AutoBertZeroModel.from_pretrained(tmp_path / "with")
    opened.save_pretrained(tmp_path / "again")
    assert carries_code(tmp_path / "again")
    opened.save_pretrained(tmp_path / "without", include_code=False)
    assert not carries_code(tmp_path / "without")
    copied = {file.stem for file in (tmp_path / "with").glob("*.py")}
    assert copied == {file.stem for file in Path(package.__path__[0]).glob("*.py")} - {"__init__", "cost"}


@whole
def test_code_is_written_where_a_configuration_is(
    tiny_config: AutoBertZeroConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the main process, in time to be pushed, and not to a file."""
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.save_pretrained(tmp_path / "other process", is_main_process=False, include_code=True)
    # Some versions of transformers write the weights in every process.
    assert {file.name for file in (tmp_path / "other process").iterdir()} <= {"model.safetensors"}
    (tmp_path / "file").touch()
    model.save_pretrained(tmp_path / "file", include_code=True)  # an error in the log, as transformers has it

    pushed: list[set[str]] = []

    def upload(working_dir: str, repo_id: str, files_timestamps: dict[str, float], **options: object) -> None:
        pushed.append({file.name for file in Path(working_dir).iterdir()} - set(files_timestamps))

    monkeypatch.setattr(model, "_upload_modified_files", upload)
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", lambda self, name, **options: RepoUrl(f"someone/{name}"))
    monkeypatch.setattr("transformers.modeling_utils.create_and_tag_model_card", lambda *_, **__: ModelCard(""))
    model.save_pretrained(tmp_path / "pushed", push_to_hub=True, include_code=True)
    assert {"config.json", "model.safetensors", "modeling_heads.py", "graph.py"} <= pushed[0]


@whole
def test_no_code_is_written_beside_an_adapter(tiny_config: AutoBertZeroConfig, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", minversion=MIN_PEFT_VERSION)
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.add_adapter(peft.LoraConfig())
    model.save_pretrained(tmp_path / "adapter", include_code=True)
    assert not list((tmp_path / "adapter").glob("*.py"))


def test_a_map_to_another_repository_stays(tiny_config: AutoBertZeroConfig, tmp_path: Path) -> None:
    """As transformers keeps it: the code is where it was, wherever the weights go. Tokenizers have pairs."""
    model = AutoBertZeroForMaskedLM(tiny_config)
    model.config.auto_map = there = {
        **{auto: f"someone/model--{place}" for auto, place in AUTO_MAP.items()},
        "AutoTokenizer": ["someone/model--tokenization.Tokenizer", None],
    }
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["auto_map"] == there == model.config.auto_map
    assert not list(tmp_path.glob("*.py"))


def test_the_map_names_every_head() -> None:
    from autobert_zero_hf.model import modeling_autobert_zero, modeling_heads

    heads = {*modeling_heads.__all__, "AutoBertZeroModel", "AutoBertZeroConfig"} - {"AutoBertZeroForPreTrainingOutput"}
    assert {place.rpartition(".")[2] for place in AUTO_MAP.values()} == heads
    assert modeling_autobert_zero.__all__ == ["AutoBertZeroModel", "AutoBertZeroPreTrainedModel"]
