"""What trackers are told: read back with their own libraries."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType
from autobert_zero_hf.search.runtime.tracking import TrackingError, choose_trackers
from trackio.sqlite_storage import SQLiteStorage
from wandb.proto.wandb_internal_pb2 import Record

from autobert_zero_hf.commands.main import main
from tests.search.small_search import journal, search, tensorboard_scalars


def expected(folder: Path) -> dict[str, dict[int, float]]:
    """The scalars that belong to a journal, less those of the super-net."""
    events = journal(folder)
    found: dict[str, dict[int, float]] = {}
    best, failures, step = None, 0, 12
    for event in events:
        values: dict[str, Any] = {}
        if event["event"] == "candidate":
            step += 1
            values = {f"candidate/{name}": event[name] for name in ("number", "score", "standard_error", "seconds")}
            failures += event["score"] is None
            best = max((score for score in (best, event["score"]) if score is not None), default=None)
            values.update({"candidate/best_score": best, "candidate/failures": failures})
        if event["event"] == "trained":
            step += 1
            names = ("accuracy", "standard_error", "parameters")
            values = {f"final/{event['name']}/{name}": event[name] for name in names}
        for name, value in values.items():
            if value is not None:
                found.setdefault(name, {})[step] = value
    return found


def test_tensorboard_is_told_every_step_candidate_and_result(finished: tuple[Path, str]) -> None:
    scalars = tensorboard_scalars(finished[0])
    losses = scalars.pop("supernet/loss")
    assert list(losses) == list(range(1, 12 + 1))
    assert all(0 < loss < 10 for loss in losses.values())
    wanted = expected(finished[0])
    assert set(scalars) == set(wanted)
    for name, values in wanted.items():
        assert scalars[name] == pytest.approx(values, rel=1e-6), name


def test_trackio_is_told_the_same(finished: tuple[Path, str]) -> None:
    (start, *_) = journal(finished[0])
    logs = SQLiteStorage.get_logs("autobert-zero", f"whole-{start['identity']}")
    steps = [log["step"] for log in logs]
    assert steps == list(range(1, 12 + 13 + 2 + 1))
    told: dict[str, dict[int, float]] = {}
    for log in logs:
        for name, value in log.items():
            if "/" in name:
                told.setdefault(name, {})[log["step"]] = value
    assert len(told.pop("supernet/loss")) == 12
    assert told == expected(finished[0])


def wandb_records(file: Path) -> Iterator[Record]:
    """What a run offline left to be sent: LevelDB's log format behind 7 bytes, in which a record may have parts."""
    data, place, parts = file.read_bytes(), 7, b""
    block, header = 1 << 15, struct.Struct("<IHB")  # a check sum, a length, and which part it is
    while place < len(data):
        if block - place % block < header.size:  # the rest of a block that is too short for a header
            place += block - place % block
            continue
        _, length, part = header.unpack_from(data, place)
        place += header.size + length
        parts += data[place - length : place]
        if part in (1, 4):  # a whole record, the last of several parts
            yield Record.FromString(parts)
            parts = b""


def test_wandb_is_told_the_same(finished: tuple[Path, str]) -> None:
    (start, *_) = journal(finished[0])
    run = f"whole-{start['identity']}"
    (file,) = (finished[0] / "logs" / "wandb").glob(f"offline-run-*-{run}/run-{run}.wandb")
    told: dict[str, dict[int, float]] = {}
    for record in wandb_records(file):
        items = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        for name, value in items.items():
            if "/" in name:
                told.setdefault(name, {})[items["_step"]] = value
    assert len(told.pop("supernet/loss")) == 12
    assert told == expected(finished[0])


def test_the_recipe_is_shown_beside_the_metrics(finished: tuple[Path, str]) -> None:
    (start, *_) = journal(finished[0])
    config = SQLiteStorage.get_run_config("autobert-zero", f"whole-{start['identity']}")
    assert config is not None
    assert (config["candidates"], config["strategy"]) == (13, "op-nas")
    json.dumps(config)


def test_names_are_chosen_as_with_trainer() -> None:
    assert choose_trackers(["none"]) == []
    assert choose_trackers(["trackio", "tensorboard", "trackio"]) == ["trackio", "tensorboard"]
    assert {"tensorboard", "trackio"} <= set(choose_trackers(["all"]))


@pytest.mark.parametrize("names", [["tensorbord"], ["none", "tensorboard"], ["tensorboard", "all"]])
def test_other_names_are_refused(names: list[str]) -> None:
    with pytest.raises(TrackingError, match=f"all, none, or some of .*tensorboard.*, not {' '.join(names)}$"):
        choose_trackers(names)


def test_a_tracker_that_is_not_installed_is_said_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = min({kind.value for kind in LoggerType} - {kind.value for kind in get_available_trackers()} - {"all"})
    assert main(["search", "--output-dir", str(tmp_path / "run"), "--report-to", name]) == 1
    assert capsys.readouterr().err == f"error: report-to {name}: not installed: python -m pip install {name}\n"
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_does_not_start_is_said_before_any_work(text: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    said = search(text, tmp_path, status=1, report_to="tensorboard").splitlines()
    assert said[-1].startswith("error: report-to tensorboard: cannot be started (")
    assert said[-1].endswith("): mend that, or report elsewhere")
    assert not (tmp_path / "journal.jsonl").exists()
