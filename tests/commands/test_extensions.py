"""Modules of others: they are imported because somebody says so, before anything else, and named where they matter."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.strategy.table import STRATEGIES
from transformers import AutoConfig

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.extensions import import_extensions
from autobert_zero_hf.model import block, mixers
from autobert_zero_hf.model.card import plain_card
from autobert_zero_hf.model.operations import operation_names, unregister
from tests.commands.test_start import WATCHED
from tests.terminal import run

OPERATION = """
from autobert_zero_hf.model.operations import Operation, register, unchanged

register(Operation("relu_of_mine", 1, lambda x, head_size: x.relu(), axes=unchanged, source="Nair and Hinton, 2010"))
"""
STRATEGY = """
from dataclasses import dataclass

from autobert_zero_hf.options import option
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.table import StrategyKind, register


@dataclass
class Options:
    \"\"\"The strategy of mine.\"\"\"

    generation: int = option(3, "candidates of a generation of mine")


def make(context, options):
    return RandomSearch(context.space, context.rng, options.generation, context.reject)


register(StrategyKind("mine", "a strategy of mine", make, Options, searches_layers=False))
"""
LAYERS = """
from dataclasses import dataclass

from autobert_zero_hf.model.block import register as register_block
from autobert_zero_hf.model.block_pre_norm import PreNormBlock
from autobert_zero_hf.model.mixers import Mixer, register
from autobert_zero_hf.model.work import Work


@register
@dataclass(frozen=True)
class Shift(Mixer):
    word = "shift_of_mine"
    kind = "shift_of_mine"
    noun = "a shift"
    example = "shift_of_mine"
    about = "`shift_of_mine` takes the token before."
    module = "shift"
    mixes_tokens = True

    def work(self, sizes, tokens):
        return Work()

    def latex(self, write):
        return "X"

    def mix(self, module, hidden_states, mask):
        return hidden_states.roll(1, 1)


@register_block
class MyBlock(PreNormBlock):
    name = "block_of_mine"
    positions = "rotary"
"""
THERE = """
import os, sys
from autobert_zero_hf.commands.main import main
os.chdir(sys.argv.pop(1))
sys.exit(main())
"""
FORMULA = "matmul(softmax(matmul(relu_of_mine(q), transpose(k))), v)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with two modules; what they register is taken out again."""
    (tmp_path / "my_operations.py").write_text(OPERATION)
    (tmp_path / "my_strategies.py").write_text(STRATEGY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("my_operations", "my_strategies"):
        sys.modules.pop(name, None)
    if "relu_of_mine" in operation_names():
        unregister("relu_of_mine")
    if "mine" in STRATEGIES:
        STRATEGIES.remove("mine")


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a new interpreter, which says in the last line of stderr what it imported that is heavy."""
    return subprocess.run([sys.executable, "-c", WATCHED, *words], cwd=folder, capture_output=True, text=True)


def test_help_and_mistakes_know_what_a_module_registers_and_stay_quick(folder: Path) -> None:
    done = command(folder, "search", "--import", "my_strategies", "--help-all")
    assert done.returncode == 0, done.stderr
    assert "mine: a strategy of mine" in " ".join(done.stdout.split())
    assert "--generation INT" in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"
    done = command(folder, "search", "--output-dir", "x", "--strategy", "mine")
    assert done.returncode == 2
    assert "not 'mine' (not registered: --import the module that defines it)" in done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_an_operation_is_probed_before_a_model_is_made_of_it(folder: Path) -> None:
    done = command(folder, "show", "relu_of_mine(q)", "--import", "my_operations")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]", "and no sooner: a formula is shown without torch"
    (folder / "my_operations.py").write_text(OPERATION.replace("x.relu()", "x.log()"))
    Path("config.json").write_text(json.dumps({"model_type": "autobert_zero", "layers": [FORMULA]}))
    status, said = run(["-c", THERE, folder, "show", ".", "--import", "my_operations"])
    assert status == 1
    assert "operation 'relu_of_mine': a value is not finite for inputs around 0" in said


def test_a_formula_of_ones_own_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "relu_of_mine(q)"]) == 1
    assert "not registered: --import the module that defines it" in capsys.readouterr().err
    assert main(["show", "relu_of_mine(q)", "--import", "my_operations"]) == 0
    assert "normal form  relu_of_mine(q)" in capsys.readouterr().out


WRONG = {
    "not there": ("nowhere", "there is no module nowhere in this folder, on PYTHONPATH or among what is installed"),
    "not in a package": ("my_operations.more", "there is no module my_operations.more in this folder"),
    "a path": ("./my_operations.py", "'./my_operations.py': give a module as Python imports it"),
    "fails": ("fails", "it fails (ZeroDivisionError: division by zero): see python -c 'import fails'"),
    "needs another": ("needs", "it fails (ModuleNotFoundError: No module named 'nothing_of_that_name')"),
    "ends": ("ends", "it ends the interpreter (status 3)"),
}


@pytest.mark.parametrize(("module", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_module_that_cannot_be_imported_is_told_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str], module: str, said: str
) -> None:
    (folder / "fails.py").write_text("1 / 0")
    (folder / "needs.py").write_text("import nothing_of_that_name")
    (folder / "ends.py").write_text("raise SystemExit(3)")
    assert main(["show", "bert", "--import", module]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --import ") and said in line


def test_a_recipe_imports_and_chooses(folder: Path) -> None:
    (folder / "mine.yaml").write_text("import: [my_strategies]\nstrategy: mine\ngeneration: 4\n")
    recipe = Recipe.from_dict(load_options("mine.yaml"))
    assert recipe.to_dict()["generation"] == 4
    assert recipe.origins() == {"strategy mine": "my_strategies"}
    assert recipe.imports() == ["my_strategies"]
    assert "generation" not in Recipe.from_dict({}).to_dict()
    done = command(folder, "search", "--output-dir", "x", "--recipe", "mine.yaml", "--generation", "none")
    assert "--generation: must be a whole number, not 'none'" in done.stderr, "the parser knows the recipe's module"
    for wrong in ({"import": 3}, {"import": [3]}):
        with pytest.raises(RecipeError, match="import must be a list of the names of modules"):
            Recipe.from_dict(wrong)


def test_a_config_names_the_module_and_opens_with_it_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = AutoBertZeroConfig(layers=["conv(3)"], hidden_size=8, num_attention_heads=2).to_dict()
    assert main(["show", FORMULA, "--import", "my_operations"]) == 0
    config = AutoBertZeroConfig(layers=[FORMULA], hidden_size=8, num_attention_heads=2, vocab_size=9)
    config.save_pretrained("model")
    assert json.loads(Path("model", "config.json").read_text())["origins"] == {"relu_of_mine": "my_operations"}
    assert AutoConfig.from_pretrained("model").origins == {"relu_of_mine": "my_operations"}
    assert AutoBertZeroConfig(**{**config.to_dict(), "layers": ["conv(3)"]}).to_dict().keys() == plain.keys()
    assert "origins" not in plain
    card = plain_card(AutoBertZeroForMaskedLM(config), "someone/model")
    assert "import my_operations  # registers relu_of_mine" in card
    assert "`relu_of_mine` is of my_operations, and not of this package" in card
    assert "trust_remote_code" not in card
    status, said = run(["-c", THERE, folder, "show", "model"])
    assert status == 1
    assert "not registered: --import the module that defines it" in said
    assert "it was made where relu_of_mine is of 'my_operations'" in said
    status, said = run(["-c", THERE, folder, "show", "model", "--import", "my_operations"])
    assert status == 0, said
    assert FORMULA in said


def test_a_layer_kind_and_a_block_are_named_where_they_are_used(folder: Path, tmp_path: Path) -> None:
    (folder / "my_layers.py").write_text(LAYERS)
    try:
        import_extensions(["my_layers"])
        config = AutoBertZeroConfig(layers=["shift_of_mine"], block="block_of_mine", hidden_size=12)
        assert config.origins == {"block_of_mine": "my_layers", "shift_of_mine": "my_layers"}
        config.save_pretrained(tmp_path / "model")
        options = {"num_layers": 2, "block": "block_of_mine", "layer_types": ["attention", "shift_of_mine"]}
        recipe = Recipe.from_dict(options)
        assert recipe.make_config(100).positions == "rotary"
        assert recipe.origins() == {"block block_of_mine": "my_layers", "layer kind shift_of_mine": "my_layers"}
    finally:
        block.unregister("block_of_mine")
        mixers.unregister("shift_of_mine")
        sys.modules.pop("my_layers")
    assert AutoBertZeroConfig(layers=["conv(3)"], hidden_size=12).to_dict().keys().isdisjoint({"origins"})
    with pytest.raises(ValueError, match="unknown block 'block_of_mine': known are bert, modernbert") as refused:
        AutoBertZeroConfig.from_pretrained(tmp_path / "model")
    for said in ("--import the module that defines it", "it was made where block_of_mine is of 'my_layers'"):
        assert said in str(refused.value)


def test_a_config_that_names_a_module_imports_nothing(folder: Path) -> None:
    (folder / "of_a_stranger.py").write_text("raise SystemExit(7)")
    options = {"layers": ["odd(q)"], "origins": {"odd": "of_a_stranger", "more": ["x"]}}
    for origins in (options["origins"], {"odd": ["x"] * 10**6}, ["odd"], "odd"):
        with pytest.raises(ValueError, match="unknown operation 'odd'") as caught:
            AutoBertZeroConfig(**{**options, "origins": origins})
        assert len(str(caught.value)) < 2000
    assert "of_a_stranger" not in sys.modules


def test_a_name_is_registered_once_and_by_letters(folder: Path) -> None:
    assert main(["show", "bert", "--import", "my_strategies"]) == 0
    mine = STRATEGIES["mine"]
    assert STRATEGIES.modules.get("mine") == "my_strategies" and STRATEGIES.modules.get("random") is None
    with pytest.raises(ValueError, match="strategy 'mine' is registered already"):
        STRATEGIES.register(mine)
    with pytest.raises(ValueError, match=r"'A\.B' cannot name a strategy"):
        STRATEGIES.register(type(mine)("A.B", "", mine.make))
