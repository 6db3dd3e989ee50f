"""What is imported before a command has anything to compute: nothing that takes seconds."""

import subprocess
import sys

import pytest

HEAVY = ("accelerate", "datasets", "huggingface_hub", "matplotlib", "numpy", "scipy", "torch", "transformers")
FORMULA = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
WATCHED = f"""
import atexit, sys
atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
sys.argv = ["autobert-zero", *sys.argv[1:]]
from autobert_zero_hf.commands.main import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], 0),
        (["search", "--help"], 0),
        (["--print-completion", "bash"], 0),
        (["serach"], 2),
        (["report", "--ouput", "x.html"], 2),
        (["show", FORMULA, "--json"], 0),
        (["show", "autobert-zero"], 0),
        (["show", "matmul(q, k"], 1),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else str(each),
)
def test_what_needs_no_model_imports_nothing_heavy(words: list[str], status: int) -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


ORDERS = {
    "the package first": "import autobert_zero_hf; from transformers import AutoConfig, AutoModelForMaskedLM",
    "a model of transformers amid": "import autobert_zero_hf; from transformers import BertModel; "
    "from transformers import AutoConfig, AutoModelForMaskedLM",
    "a class of it first": "from autobert_zero_hf import AutoBertZeroForMaskedLM as Ours; "
    "from transformers import AutoConfig, AutoModelForMaskedLM",
    "transformers first": "from transformers import AutoConfig, AutoModelForMaskedLM; import autobert_zero_hf",
}
OPENED = """
config = AutoConfig.for_model("autobert_zero", layers=["conv(3)"], hidden_size=8, num_attention_heads=2, vocab_size=9)
print(type(AutoModelForMaskedLM.from_config(config)).__name__, config._repr_html_()[:5])
"""
CONFIGURATION = """
import sys, autobert_zero_hf
from transformers import AutoConfig
AutoConfig.for_model("autobert_zero", layers=["conv(3)"])
assert not any("modeling_autobert" in name for name in sys.modules)
print("no model")
"""
EACH = """
import os, sys
import torch._dynamo, transformers.core_model_loading, transformers.loss.loss_utils
assert "transformers.models.auto" not in sys.modules
for code in sys.argv[1:]:
    sys.stdout.flush()
    if not (child := os.fork()):
        exec(code)
        sys.exit()
    if os.waitpid(child, 0)[1]:
        print("failed")
"""
"""Runs each code in a process of its own, without the Auto classes and this package; what stands behind them, and takes
seconds, is imported once for all."""


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What each order, and the configuration alone, had to say."""
    codes = {**{name: order + OPENED for name, order in ORDERS.items()}, "configuration": CONFIGURATION}
    done = subprocess.run([sys.executable, "-c", EACH, *codes.values()], stdout=subprocess.PIPE, text=True)
    return dict(zip(codes, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("order", ORDERS)
def test_the_auto_classes_know_the_model_type_whichever_is_imported_first(order: str, told: dict[str, str]) -> None:
    assert told[order] == "AutoBertZeroForMaskedLM <div>"


def test_a_configuration_needs_no_model(told: dict[str, str]) -> None:
    assert told["configuration"] == "no model"
    code = 'import sys, autobert_zero_hf; assert not {"torch", "transformers"} & sys.modules.keys()'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
