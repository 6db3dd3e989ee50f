"""The energy of a search, measured by codecarbon itself where it is installed (the extra `carbon`)."""

import json
import time
from pathlib import Path

import pytest
from autobert_zero_hf.search.runtime.energy import measured_energy


def test_energy_adds_up_over_the_runs_of_a_search(tmp_path: Path) -> None:
    pytest.importorskip("codecarbon")
    file = tmp_path / "energy.json"
    found = []
    for _ in range(2):
        with measured_energy(file, begin=True):
            end = time.process_time() + 0.2
            while time.process_time() < end:
                pass
        found.append(json.loads(file.read_text()))
    first, both = found
    assert both["kilowatt_hours"] > first["kilowatt_hours"] > 0
    assert both["hours"] > first["hours"] > 0.2 / 3600
    assert both["measured_by"].startswith("codecarbon ")


def test_a_search_that_fails_is_counted_too(tmp_path: Path) -> None:
    pytest.importorskip("codecarbon")
    with pytest.raises(KeyboardInterrupt), measured_energy(tmp_path / "energy.json", begin=True):
        raise KeyboardInterrupt
    assert json.loads((tmp_path / "energy.json").read_text())["hours"] > 0


def test_processes_that_follow_measure_nothing(tmp_path: Path) -> None:
    with measured_energy(tmp_path / "energy.json", begin=False):
        pass
    assert not list(tmp_path.iterdir())


def test_a_meter_that_cannot_start_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """codecarbon reads a file of its own in the working directory."""
    pytest.importorskip("codecarbon")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".codecarbon.config").write_text("no section")
    with measured_energy(tmp_path / "energy.json", begin=True):
        pass
    assert "the energy is not measured: codecarbon cannot" in caplog.text
    assert not (tmp_path / "energy.json").exists()


@pytest.mark.parametrize("damaged", ["{", '{"hours": 1}', "[]"])
def test_a_damaged_file_ends_nothing_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: str) -> None:
    pytest.importorskip("codecarbon")
    (tmp_path / "energy.json").write_text(damaged)
    with measured_energy(tmp_path / "energy.json", begin=True):
        pass
    assert "energy.json is damaged" in caplog.text
    assert (tmp_path / "energy.json").read_text() == damaged
