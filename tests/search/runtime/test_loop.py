"""The loop over a strategy, in one process, with scores that follow from the candidates."""

import json
import random
from pathlib import Path

import pytest
from accelerate import Accelerator
from autobert_zero_hf.search.recipe.options import BudgetOptions
from autobert_zero_hf.search.runtime.dispatch import Dispatcher
from autobert_zero_hf.search.runtime.journal import Journal, JournalError
from autobert_zero_hf.search.runtime.loop import SearchLoop
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.random_search import RandomSearch


def run(file: Path, candidates: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """The identities of all candidates, and of those that were evaluated."""
    evaluated = []

    def evaluate(candidate: Candidate) -> Evaluation:
        evaluated.append(candidate.identity)
        return Evaluation(candidate, int(candidate.identity[:6], 16) / 16**6, 0.01)

    journal = Journal.open(file, {})
    try:
        loop = SearchLoop(
            RandomSearch(SearchSpace(2), random.Random(seed)),
            evaluate,
            lambda candidate: len(candidate.layers[0]),
            BudgetOptions(candidates=candidates),
            Dispatcher(Accelerator(cpu=True)),
            journal,
            lambda done, note="": None,
        )
        loop.run()
    finally:
        journal.close()
    return [evaluation.candidate.identity for evaluation in loop.done], evaluated


def test_what_the_journal_holds_is_not_evaluated_again(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole.jsonl", 30)
    known, _ = run(tmp_path / "journal.jsonl", 12)
    resumed, evaluated = run(tmp_path / "journal.jsonl", 30)
    assert resumed == whole
    assert sorted(evaluated) == sorted(set(whole).difference(known))


def test_a_journal_that_the_strategy_does_not_come_to_again_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    run(file, 12)
    before = file.read_bytes()
    with pytest.raises(JournalError, match="holds 12 candidates that the strategy does not come to any more"):
        run(file, 30, seed=1)
    assert file.read_bytes() == before
    assert len([line for line in before.splitlines() if json.loads(line)["event"] == "candidate"]) == 12
