"""Searches on a table of backbones: what is told is what the table says, and what it costs is counted."""

import json
import math
import random
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.replay import BackboneTable, TableMutations, TableSpace, climb, replay
from autobert_zero_hf.search.replay.table import TableError, closeness
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.local_search import LocalSearch
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.predictor import Predictor
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.benchmarks.backbone_table.tpe import TableTpe

BACKBONES = 80
STRATEGIES: dict[str, Any] = {
    "random": RandomSearch,
    "op-nas": partial(OpNas, population_size=8, num_parents=3, num_children=3, mutations=TableMutations()),
    "evolution": partial(RegularizedEvolution, population_size=8, sample_size=3, mutations=TableMutations()),
    "predictor": partial(Predictor, population_size=8, num_parents=3, generation_size=4, mutations=TableMutations()),
    "tpe": TableTpe,
    "local": partial(LocalSearch, population_size=8, generation_size=4, mutations=TableMutations()),
}


def write(folder: Path) -> Path:
    """A table of backbones that are the better the larger their kernels; tasks say the same with less noise."""
    space, rng = SearchSpace(3, kernel_sizes=(3, 5, 9, 31), max_operations=4), random.Random(0)
    folder.mkdir()
    backbones, scores = [], []
    for number in range(BACKBONES):
        layers, name = space.sample(rng).layers, f"b{number}"
        backbones.append({"name": name, "layers": list(layers)})
        worth = sum(math.log2(int(line[5:-1])) for line in layers if line.startswith("conv(")) / 15
        look = {"backbone": name, "standard_error": 0.01}
        failed = "logsigmoid" in str(layers)
        scores.append({**look, "look": "words", "score": None if failed else worth + rng.gauss(0, 0.1), "seconds": 1.0})
        if not failed:
            scores += [
                {**look, "look": "tasks", "task": task, "score": worth + shift, "seconds": 5.0}
                for task, shift in (("a", 0.1), ("b", -0.1))
            ]
    for file, rows in (("backbones", backbones), ("scores", scores)):
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> BackboneTable:
    return BackboneTable.load(write(tmp_path_factory.mktemp("table") / "table"))


def test_a_look_at_several_tasks_is_their_mean(table: BackboneTable) -> None:
    identity, look = next(iter(table.looks["tasks"].items()))
    layers = table.backbones[identity].layers
    worth = sum(math.log2(int(line[5:-1])) for line in layers if line.startswith("conv(")) / 15
    assert look.score == pytest.approx(worth) and look.seconds == 10.0
    assert look.standard_error == pytest.approx(math.sqrt(2) * 0.01 / 2)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_backbone_is_looked_at_once_and_paid_for(name: str, table: BackboneTable) -> None:
    found = replay(STRATEGIES[name], table, "words", 1e9, seed=0)
    identities = [each.candidate.identity for each in found.evaluations]
    assert len(identities) == len(set(identities)) and set(identities) <= set(table.backbones)
    # Where all that is near its parents is known, evolution ends; the others go on elsewhere.
    assert len(identities) > (0.5 if name == "evolution" else 0.9) * len(table.backbones)
    assert list(found.seconds) == [float(place) for place in range(1, len(identities) + 1)]
    for each in found.evaluations:
        look = table.looks["words"][each.candidate.identity]
        assert (each.score, each.failure is None) == (look.score, look.score is not None)
    assert found == replay(STRATEGIES[name], table, "words", 1e9, seed=0), "the seed decides"
    short = replay(STRATEGIES[name], table, "words", 20.0, seed=0)
    assert short.seconds[-1] <= 20.0 and identities[: len(short.evaluations)] == [
        each.candidate.identity for each in short.evaluations
    ]


def test_steps_to_what_is_near_find_the_best_sooner(table: BackboneTable) -> None:
    best = max(look.score for look in table.looks["words"].values() if look.score is not None)
    until = {
        name: statistics.mean(
            min(60.0, replay(make, table, "words", 60.0, seed).seconds_to(best)) for seed in range(16)
        )
        for name, make in STRATEGIES.items()
    }
    assert max(until["op-nas"], until["evolution"], until["tpe"]) < until["random"], until
    assert until["predictor"] < min(until["op-nas"], until["evolution"]), until


def test_rungs_are_paid_for_and_the_last_one_decides(table: BackboneTable) -> None:
    before = replay(RandomSearch, table, "words", 30.0, seed=1)
    after = climb(table, before, [(5, "tasks")])
    ranked = sorted((each for each in before.evaluations if each.score is not None), key=lambda each: -each.rank_key)
    assert [each.candidate for each in after.evaluations] == [each.candidate for each in ranked[:5]]
    assert after.seconds[-1] == before.seconds[-1] + 50.0
    assert climb(table, before, [(5, "tasks")], {"tasks": "words"}).seconds[-1] == after.seconds[-1] + 5.0
    twice = climb(table, before, [(5, "words"), (3, "tasks")], {"tasks": "words"})
    assert twice.seconds[-1] == before.seconds[-1] + 5.0 + 30.0, "what was trained in a rung before is there"
    assert after.best is not None
    scores = {each.candidate.identity: each.score for each in after.evaluations}
    assert scores[after.best.identity] == max(scores.values())


def test_what_is_near_is_alike(table: BackboneTable) -> None:
    for identity, others in list(table.neighbours.items())[:20]:
        assert len(others) == len(table.backbones) - 1 and identity not in others
    space, rng = TableSpace(table), random.Random(0)
    for _ in range(50):
        candidate = space.sample(rng)
        child = TableMutations().graph(candidate, space, rng, dict.fromkeys(space.operations, 1.0))
        assert space.rejection(child) is None and child.identity != candidate.identity


@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("conv(3)", "conv(5)", "conv(31)"),
        ("conv(31)", "conv(9)", BERT_ATTENTION),
        (BERT_ATTENTION, "matmul(softmax(matmul(q, transpose(k))), v)", "matmul(q, matmul(transpose(k), v))"),
        (f"window(8, {BERT_ATTENTION})", f"window(16, {BERT_ATTENTION})", f"window(256, {BERT_ATTENTION})"),
    ],
)
def test_layers_are_near_by_what_they_have_in_common(one: str, near: str, far: str) -> None:
    assert 0 < closeness(one, near) < closeness(one, far) <= 1
    assert closeness(one, one) == 0 and closeness(one, far) == closeness(far, one)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("backbones", None, "no table can be read there"),
        ("backbones", "no json\n", "line 1: no JSON"),
        ("backbones", '{"name": "b"}\n', "line 1: it has no 'layers'"),
        ("backbones", '{"name": "b", "layers": "conv(3)"}\n', "line 1: 'layers' must be a list of texts"),
        ("scores", "[]\n", "line 1: it has no 'backbone'"),
        (
            "scores",
            '{"backbone": "x", "look": "a", "score": 1, "standard_error": 1, "seconds": 1}\n',
            "no backbone 'x'",
        ),
    ],
)
def test_what_is_no_table_is_refused(file: str, text: str | None, said: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "table")
    if text is None:
        (folder / f"{file}.jsonl").unlink()
    else:
        (folder / f"{file}.jsonl").write_text(text)
    with pytest.raises(TableError, match=said):
        BackboneTable.load(folder)
