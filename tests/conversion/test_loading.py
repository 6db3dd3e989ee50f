"""Weights that cannot be used are refused in a line by all that open a model, and the line names the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search.supernet.starting_weights import Start
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, PreTrainedModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.conversion import convert_checkpoint
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.training.pretraining.distillation import load_teacher
from autobert_zero_hf.training.pretraining.starting_point import StartOptions, make_student

WEIGHTS, INDEX, PICKLE = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"


def finite_no_more(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    name = sorted(weights)[3]
    weights[name].view(-1)[1] = float("inf")
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def instead(name: str, write: Callable[[Path], Any]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        write(folder / name)

    return change


def index(place: Any) -> Callable[[Path], Any]:
    facts = {"metadata": {}, "weight_map": {"some.weight": place}}
    return lambda file: file.write_text(json.dumps(facts))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "infinite": (finite_no_more, f"{WEIGHTS} are not all numbers: 1 of the"),
    "cut off": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100]), WEIGHTS),
    "empty": (instead(PICKLE, lambda file: file.write_bytes(b"")), f"{PICKLE} is damaged, or a pickle of more than"),
    "no pickle": (instead(PICKLE, lambda file: file.write_bytes(b"\x80\x02no")), f"{PICKLE} is damaged, or a pickle"),
    "code": (instead(PICKLE, lambda file: torch.save({"a": Path}, file)), f"{PICKLE} is damaged, or a pickle of more"),
    "a list": (instead(PICKLE, lambda file: torch.save([1, 2], file)), f"among them [^ ]*{PICKLE}, are not those"),
    "a cut archive": (
        instead(PICKLE, lambda file: (torch.save({}, file), file.write_bytes(file.read_bytes()[:200]))),
        f"{PICKLE} is damaged",
    ),
    "up": (instead(INDEX, index("../../..")), rf"{INDEX} names '\.\./\.\./\.\.' as a file of weights, which is none"),
    "away": (instead(INDEX, index("/etc/passwd")), f"{INDEX} names '/etc/passwd' as a file of weights"),
    "a number": (instead(INDEX, index(3)), f"{INDEX} names 3 as a file of weights"),
    "nested": (instead(INDEX, lambda file: file.write_text("[" * 100_000)), f"{INDEX} is no index of weights"),
    "no map": (instead(INDEX, lambda file: file.write_text("{}")), f"{INDEX} is no index of weights"),
}


@pytest.fixture(scope="module")
def models(tiny_settings: dict[str, Any]) -> dict[bool, PreTrainedModel]:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    bert = BertForMaskedLM(BertConfig(vocab_size=tiny_settings["vocab_size"], max_position_embeddings=64, **sizes))
    return {True: AutoBertZeroForMaskedLM(AutoBertZeroConfig(**tiny_settings)), False: bert}


OPENERS: dict[str, tuple[bool, Callable[[str], Any]]] = {
    "pretrain --model": (
        True,
        lambda source: make_student(StartOptions(model=source), {}, "ForMaskedLM", 32, lambda: 9, 0),
    ),
    "--supernet-from": (True, lambda source: Start(source, seed=0)),
    "--teacher": (False, lambda source: load_teacher(source, soft_labels=True)),
    "convert": (False, convert_checkpoint),
}
"""By what opens a model, whether it is one of ours, and how."""


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("opener", OPENERS)
def test_it_is_refused(opener: str, name: str, models: dict[bool, PreTrainedModel], tmp_path: Path) -> None:
    ours, opened = OPENERS[opener]
    models[ours].save_pretrained(tmp_path)
    opened(str(tmp_path))
    change, reason = BAD[name]
    change(tmp_path)
    with pytest.raises(AutoBertZeroError, match=reason) as refused:
        opened(str(tmp_path))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 700


def test_fine_tuning_refuses_it_too(
    models: dict[bool, PreTrainedModel], tokenizer: BertTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("infinite", "code", "up"):
        folder = tmp_path / name
        models[True].save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        BAD[name][0](folder)
        words = ["--task", "bbc_topics", "--train-rows", "8", "--output-dir", str(tmp_path / "out")]
        assert main(["finetune", "--model", str(folder), *words]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert str(folder) in said and "not foreseen" not in said


def test_a_model_that_lacks_a_layer_is_not_trained_on(models: dict[bool, PreTrainedModel], tmp_path: Path) -> None:
    """transformers starts it anew, with a warning among many."""
    models[True].save_pretrained(tmp_path)
    weights = {name: weight for name, weight in load_file(tmp_path / WEIGHTS).items() if ".layers.1." not in name}
    save_file(weights, tmp_path / WEIGHTS, {"format": "pt"})
    for opener in ("pretrain --model", "--supernet-from"):
        with pytest.raises(AutoBertZeroError, match="weights of its backbone"):
            OPENERS[opener][1](str(tmp_path))
