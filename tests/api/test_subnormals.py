"""Numbers that are nearly nought are nought where a run trains, and kept where a model is served or timed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from autobert_zero_hf.search import search
from autobert_zero_hf.search.latency.measuring import measure
from autobert_zero_hf.search.recipe.options import LatencyOptions
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import BertTokenizer, PreTrainedModel

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroModel,
    evaluate,
    finetune,
    pretrain,
)
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.launch.subnormals import are_flushed, subnormals
from tests.api.test_search import SMALL
from tests.task_folders import write_demo_tasks


@pytest.fixture
def seen() -> Iterator[list[bool]]:
    """Whether they were nought, at each pass of a model; the test begins where they are kept."""
    passes: list[bool] = []

    def note(module: torch.nn.Module, _: Any) -> None:
        if isinstance(module, PreTrainedModel):
            passes.append(are_flushed())

    handle = register_module_forward_pre_hook(note)
    assert not are_flushed()
    yield passes
    handle.remove()


def test_the_block_decides_and_leaves_things_as_they_were() -> None:
    smallest, tiny = torch.tensor(1.2e-38), torch.tensor(1e-3)  # beneath the product nothing is normal
    with subnormals(flushed=True):
        assert smallest * tiny == 0
        with subnormals(flushed=False):
            assert smallest * tiny > 0
        assert smallest * tiny == 0
    assert smallest * tiny > 0
    with pytest.raises(ZeroDivisionError), subnormals(flushed=True):
        raise ZeroDivisionError
    assert smallest * tiny > 0


def test_it_is_known_whatever_tensors_are_by_default() -> None:
    with subnormals(flushed=True), torch.device("meta"):
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            assert are_flushed()
        finally:
            torch.set_default_dtype(before)


def test_trainings(seen: list[bool], tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path) -> None:
    model = tmp_path / "model"
    AutoBertZeroForMaskedLM(tiny_config).save_pretrained(model)
    tokenizer.save_pretrained(model)
    tasks = write_demo_tasks(tmp_path / "tasks", load_demo().select(range(0, 2000, 16)))
    few = {"data": tasks, "epochs": 1, "train_rows": 16, "max_length": 16}
    for run in (
        lambda: pretrain(tmp_path / "more", model=model, text=SMALL["text"], max_steps=1, sequence_length=16),
        lambda: finetune(model, "topics", tmp_path / "tuned", **few),
        lambda: evaluate(model, "topics", tmp_path / "table", seeds=1, **few),
        lambda: search(output_dir=tmp_path / "search", **SMALL),
    ):
        run()
        assert seen and all(seen)
        assert not are_flushed()
        seen.clear()


IN_A_COMMAND = """
import sys, torch
from torch.nn.modules.module import register_module_forward_pre_hook
from autobert_zero_hf.commands.main import main

def note(*_):
    products = torch.full((1_000_000,), 1.2e-38) * 1e-3  # by all threads
    assert torch.get_num_threads() == 2 and not products.count_nonzero(), products.count_nonzero()

register_module_forward_pre_hook(note)
sys.exit(main(sys.argv[1:]))
"""


def test_they_are_nought_in_all_threads_of_a_command(tmp_path: Path) -> None:
    words = ["pretrain", "--text", str(SMALL["text"]), "--output-dir", str(tmp_path / "run"), "--max-steps", "1"]
    sizes = ["--hidden-size", "16", "--num-attention-heads", "2", "--sequence-length", "16"]
    two_threads = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", IN_A_COMMAND, *words, *sizes], check=True, env=two_threads)


def test_latencies_are_those_of_a_model_that_is_served(seen: list[bool], tiny_config: AutoBertZeroConfig) -> None:
    with own_state():
        measure([AutoBertZeroModel(tiny_config)], LatencyOptions(latency_tokens=8, latency_warm_up=1, latency_passes=3))
        assert are_flushed()
    assert seen and not any(seen)
