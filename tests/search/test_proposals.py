"""A program that proposes backbones: a real one, in a process of its own, that answers well, badly, or not at all."""

import json
import random
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.program import Program
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.starting import PROPOSED, start
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.outside import Joined

from autobert_zero_hf.commands.main import main
from tests.search.small_search import candidates_in, journal, search, without_times, words
from tests.terminal import kill_when

SPACE = Recipe.from_dict({"num_layers": 2}).search_space
TOLD = [Evaluation(Candidate(("conv(3)", "conv(3)")), 0.1), Evaluation(Candidate(("conv(3)", "conv(5)")), 0.2)]


def program(folder: Path, code: str) -> str:
    """The command of a program that has read `asked`, and writes what it was asked to a file."""
    file = folder / "propose.py"
    file.write_text(
        "import json, pathlib, sys\n"
        "asked = json.load(sys.stdin)\n"
        f"with open({str(folder / 'asked.jsonl')!r}, 'a') as log: print(json.dumps(asked), file=log)\n" + code
    )
    return shlex.join([sys.executable, str(file)])


def asked(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]


def propose(command: str, wanted: int = 2) -> list[str]:
    return Program(command).propose(SPACE, TOLD, wanted, lambda line: start(line, SPACE))


def test_it_is_told_what_there_is_and_what_came_before(tmp_path: Path) -> None:
    command = program(tmp_path, "print(json.dumps([['conv(9)', 'conv(7)'], ['conv(9)', 'conv(5)'], ['x', 'y']]))")
    assert propose(command) == ["conv(9) | conv(7)", "conv(9) | conv(5)"], "no more than are wanted"
    (told,) = asked(tmp_path)
    assert (told["wanted"], told["wrong"], told["space"]["num_layers"]) == (2, [], 2)
    assert told["space"]["operations"] == list(SPACE.operations)
    assert [(each["layers"], each["score"]) for each in told["candidates"]] == [
        (["conv(3)", "conv(5)"], 0.2),
        (["conv(3)", "conv(3)"], 0.1),
    ]


def test_a_wrong_answer_goes_back_with_its_place_until_it_is_right(tmp_path: Path) -> None:
    good, bad = ["conv(9)", "conv(7)"], ["conv(9)", "matmul(q, k)"]
    code = f"print(json.dumps([{good}, {bad}] if not asked['wrong'] else [{good}, ['conv(3)', 'conv(5)']]))"
    assert propose(program(tmp_path, code)) == ["conv(9) | conv(7)"], "the second time the first one is not wanted"
    first, second, third = asked(tmp_path)
    assert (first["wanted"], second["wanted"], third["wanted"]) == (2, 1, 1)
    (wrong,) = second["wrong"]
    assert wrong["answer"] == bad and "    matmul(q, k)\n    ^" in wrong["why"]
    assert third["wrong"] == [{"answer": good, "why": "it is among these answers twice"}]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('no key')", "it ended with 1 ('no key')"),
        ("print('conv(3)')", "not JSON"),
        ("print(json.dumps({'layers': []}))", "no list of backbones, but"),
        ("print(json.dumps(['conv(3)', 3, [], [3]]))", "a backbone is a list of its layers, each a text"),
        ("print(json.dumps([['conv(3)']]))", "1 layers, not 2"),
        ("print('[' * 10**5)", "nested"),
    ],
)
def test_what_is_no_answer_is_warned_of_and_nothing_more(
    tmp_path: Path, code: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert propose(program(tmp_path, code)) == []
    assert said in caplog.text
    assert len(asked(tmp_path)) <= 3


def test_a_command_that_is_none_is_refused(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, said in (
        ("", "propose is empty"),
        ("python 'x", "No closing quotation"),
        ("/no/such/program --now", "there is no program '/no/such/program' that can be run"),
        (__file__, "that can be run"),
    ):
        assert main([*words(text, tmp_path / "run", mixed_precision="no"), "--propose", given]) == 1
        assert said in capsys.readouterr().err
    assert main([*words(text, tmp_path / "run", strategy="optuna", mixed_precision="no"), "--propose", "python"]) == 1
    assert "the strategy optuna takes in nothing from others here" in capsys.readouterr().err
    assert not (tmp_path / "run" / "journal.jsonl").exists()


@pytest.mark.parametrize("name", ["op-nas", "evolution", "local-search", "predictor", "random"])
def test_what_is_proposed_may_become_a_parent(name: str) -> None:
    options = {"num_layers": 2, "population": 12, "strategy": name}
    options |= {"tournament": 12} if name == "evolution" else {}
    recipe = Recipe.from_dict(options)
    strategy = recipe.make_strategy(random.Random(0), lambda _: None)
    mine = [start(line, SPACE) for line in ("conv(65) | conv(31)", "conv(65) | conv(15)", "conv(65) | conv(31)")]
    joined = Joined(strategy, lambda generation, space, told, known: [] if generation else mine)
    asked = joined.ask()
    assert asked[:2] == mine[:2] and len({each.identity for each in asked}) == len(asked) == (2 + len(asked[2:]))
    joined.tell([Evaluation(each, 1.0 if each == mine[1] else 0.5) for each in asked])
    children = [each for each in joined.ask() if each.parent == mine[1].identity]
    assert bool(children) == (name != "random")


def test_what_was_proposed_is_in_the_journal_and_is_not_asked_for_again(text: Path, tmp_path: Path) -> None:
    """Killed, and gone on without the program, in two processes: the same as with it to the end."""
    code = (
        "kernels = [3, 5, 7, 9, 15]\n"
        "number = len(asked['candidates'])\n"
        "print(json.dumps([[f'conv({k})', f'conv({kernels[number % 5]})'] for k in kernels][:asked['wanted']]))"
    )
    command, broken, whole = program(tmp_path, code), tmp_path / "broken", tmp_path / "whole"
    few = {"candidates": 16, "population": 4, "final_steps": 1, "mixed_precision": "no"}
    kill_when(lambda: candidates_in(broken) >= 8, [*words(text, broken, **few), "--propose", command])
    turns, proposed = len(asked(tmp_path)), [e for e in journal(broken) if e["event"] == "proposed"]
    assert proposed and [event["generation"] for event in proposed] == list(range(len(proposed)))
    search(text, broken, processes=2, **few)
    assert len(asked(tmp_path)) == turns
    events = [event for event in journal(broken) if event["event"] == "candidate"]
    mine = [event for event in events if event["origin"] == PROPOSED]
    assert {" | ".join(event["layers"]) for event in mine} == {line for e in proposed for line in e["backbones"]}
    # The same from the answers alone.
    whole.mkdir()
    (whole / "journal.jsonl").write_bytes((broken / "journal.jsonl").read_bytes())
    assert "is finished" not in search(text, whole, **few)
    assert without_times(whole)[: len(without_times(broken))] == without_times(broken)


def test_it_is_told_what_somebody_wants_and_what_does_not_keep_to_it_goes_back(text: Path, tmp_path: Path) -> None:
    code = "print(json.dumps([['conv(9)', 'conv(3)']] if not asked['wrong'] else [['conv(9)', 'conv(5)']]))"
    few = {"candidates": 5, "population": 4, "num_layers": 2, "final_steps": 1, "max_parameters": 60_000}
    steered = {**few, "mixed_precision": "no", "pin": ["2: conv(5)"], "prefer": ["softmax"]}
    assert main([*words(text, tmp_path / "run", **steered), "--propose", program(tmp_path, code)]) == 0
    first, second = asked(tmp_path)[:2]
    assert (first["space"]["pinned"], first["space"]["preferred"]) == ({"2": "conv(5)"}, ["softmax"])
    assert second["wrong"] == [{"answer": ["conv(9)", "conv(3)"], "why": "layer 2 is to be conv(5)"}]
    mine = [event["layers"] for event in journal(tmp_path / "run") if event.get("origin") == PROPOSED]
    assert mine == [["conv(9)", "conv(5)"]]
