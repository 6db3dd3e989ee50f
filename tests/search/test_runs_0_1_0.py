"""Runs of version 0.1.0: each loads, is told as that version told it, and goes on to the end that it came to there."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from autobert_zero_hf.search.latency import samples as latency_samples
from autobert_zero_hf.search.latency.hardware import Hardware
from autobert_zero_hf.search.latency.measuring import Latency
from autobert_zero_hf.search.recipe.choices import decisive
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.recipe.shrink_options import ShrinkOptions
from autobert_zero_hf.search.run.search_run import search
from autobert_zero_hf.search.run.summary import in_words, search_result
from autobert_zero_hf.search.run.super_net_shrink import shrink_super_net
from autobert_zero_hf.search.runtime.environment import PACKAGES, environment

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.explorer.app import open_search

from .journal_lines import Events, read_journal, with_checksums
from .old_journals import OLD

RUNS = Path(__file__).parent / "runs_0_1_0"
FINISHED = ("finished", "joint", "shrink/1ms", "shrink/900-parameters")
LATER = {"analysis", "new_vocabulary", "loss_curve"}
"""What events tell since then."""
TIMES = {"elapsed", "seconds", "median", "p95", "interval", "waited", "verdict"}
COMPUTED = {"score", "standard_error", "accuracy", "correct", "digest"}
"""What another processor, or another version of a library, rounds otherwise."""


@pytest.fixture
def take(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Copies a run beside its text, as if its latencies had been measured here; in a process that has done nothing."""
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    shutil.copy(OLD / "text.txt", tmp_path)

    def copy(name: str) -> Path:
        folder = Path(shutil.copytree(RUNS / name, tmp_path / "run"))
        for samples in folder.glob("latency.jsonl"):
            start, rest = samples.read_text().split("\n", 1)
            here = vars(Hardware.here(LatencyOptions()))
            samples.write_text(json.dumps({**json.loads(start), "hardware": here}) + "\n" + rest)
        return folder

    with contextlib.chdir(tmp_path):
        yield copy
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def events_of(name: str) -> Events:
    return read_journal(RUNS / name / "journal.jsonl")


def go_on(folder: Path) -> Events:
    search(Recipe.from_dict(read_journal(folder / "journal.jsonl")[0]["recipe"]), folder)
    return read_journal(folder / "journal.jsonl")


def rounded_as_here(events: Events) -> bool:
    """Whether the search ran on such a processor and with such libraries."""
    begun, here = events[0]["environment"], environment()
    return begun["processor"] == here.processor and all(
        begun["versions"][name] == here.versions[name] for name in PACKAGES
    )


def told(events: Events) -> list[str]:
    """The events, less what differs between two runs of the same search."""
    own = LATER | (TIMES if rounded_as_here(events) else TIMES | COMPUTED)
    start = {"event": "start", "recipe": decisive(events[0]["recipe"]), "contents": events[0]["contents"]}
    return sorted(
        json.dumps({name: value for name, value in event.items() if name not in own}, sort_keys=True)
        for event in (start, *events[1:])
    )


LATER_TOLD = {"ties", "random_draws", "verdict"}
"""What is told of a search, and was not by then."""


@pytest.mark.parametrize("name", FINISHED)
def test_what_was_found_is_told_as_it_was(name: str, take: Callable[[str], Path]) -> None:
    folder = take(name)
    said = {**search_result(folder), "folder": "", "written": []}
    known = json.loads((folder / "summary.json").read_text())
    assert {name: value for name, value in json.loads(json.dumps(said)).items() if name not in LATER_TOLD} == known
    assert in_words(said)


@pytest.mark.parametrize("name", ["joint", "shrink/1ms", "in_supernet", "in_candidates"])
def test_it_has_a_report(name: str, take: Callable[[str], Path]) -> None:
    folder = take(name)
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text()
    candidates = [event for event in events_of(name) if event["event"] == "candidate"]
    assert f"<dd>{len(candidates)} evaluated, 0 of them failed" in page
    assert all(f"{event['score']:.4f}" in page for event in candidates)
    open_search(folder)


def test_it_is_a_page_of_the_hub_with_the_same_journal(take: Callable[[str], Path]) -> None:
    folder = take("finished")
    assert main(["push", str(folder), "someone/x", "--push-history", "someone/y", "--dry-run"]) == 0
    for page in ("hub", "hub-history"):
        assert (folder / page / "journal.jsonl").read_bytes() == (folder / "journal.jsonl").read_bytes()


def test_a_finished_one_is_left_alone(take: Callable[[str], Path]) -> None:
    folder = take("joint")
    assert go_on(folder) == events_of("joint")


@pytest.mark.parametrize("name", ["in_supernet", "in_candidates", "in_final_training"])
def test_a_search_goes_on_to_the_same_end(name: str, take: Callable[[str], Path]) -> None:
    folder = take(name)
    if name != "in_supernet":  # otherwise it is trained again, as in the joint search
        shutil.copy(RUNS / "finished" / "supernet.pt", folder)
    after = go_on(folder)
    assert after[: len(events_of(name))] == events_of(name)
    assert told(after) == told(events_of("finished"))


def test_a_joint_search_goes_on_to_the_same_end(take: Callable[[str], Path]) -> None:
    after, name = go_on(take("joint_in_final_training")), "joint_in_final_training"
    assert after[: len(events_of(name))] == events_of(name)
    assert told(after) == told(events_of("joint"))


def test_measuring_goes_on_where_it_was_left(take: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = (RUNS / "in_latency" / "latency.jsonl").read_text().splitlines()[1:]
    # The same candidates were measured for the other search.
    whole = [json.loads(line) for line in (RUNS / "joint" / "latency.jsonl").read_text().splitlines()[1:]]
    assert [json.loads(line)["layers"] for line in before] == [each["layers"] for each in whole[: len(before)]]
    turns = []

    def measured(models: Sequence[Any], options: LatencyOptions) -> list[Latency]:
        places = range(len(before) + sum(turns), len(before) + sum(turns) + len(models) - 1)
        turns.append(len(places))
        found = [whole[places[0]]["reference"], *(whole[place]["milliseconds"] for place in places)]
        return [Latency(each, each, (each, each), 4, 0.0, Hardware.here(options)) for each in found]

    monkeypatch.setattr(latency_samples, "measure", measured)
    folder = take("in_latency")
    after = go_on(folder)
    assert sum(turns) == len(whole) - len(before)
    assert (folder / "latency.jsonl").read_text().splitlines()[1 : len(before) + 1] == before
    assert after[:2] == events_of("in_latency") and after[-1]["event"] == "finished"


def test_a_shrink_goes_on_to_the_same_end(take: Callable[[str], Path]) -> None:
    folder, name = take("shrink_in_second_budget"), "shrink_in_second_budget"
    recipe = Recipe.from_dict(events_of(name)[0]["recipe"])
    shrink_super_net(recipe, ShrinkOptions(latency_ms=[1.0], max_parameters=[900, 500]), folder)
    for budget in ("1ms", "900-parameters", "500-parameters"):
        after, before = read_journal(folder / budget / "journal.jsonl"), events_of(f"shrink/{budget}")
        if budget == "500-parameters" and not rounded_as_here(before):
            # All of it is scored here, so that another candidate may be the best.
            assert [event["event"] for event in after] == [event["event"] for event in before]
        else:
            assert told(after) == told(before), budget
    assert read_journal(folder / "journal.jsonl") == events_of(name)
    assert main(["report", str(folder / "500-parameters")]) == 0


def test_options_that_came_later_are_as_they_are_by_default(take: Callable[[str], Path]) -> None:
    folder = take("in_final_training")
    start, *events = read_journal(folder / "journal.jsonl")
    for name in ("reward_scale", "levels"):
        del start["recipe"][name]
    (folder / "journal.jsonl").write_bytes(with_checksums([start, *events]))
    after = go_on(folder)
    assert after[0] == start and after[-1]["event"] == "finished"
