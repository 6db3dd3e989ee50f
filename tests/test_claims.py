"""Folders and files that are taken away from the process that works in them: nothing is written to what comes after."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autobert_zero_hf.claims import ReplacedError, check_claims, shared_claim
from autobert_zero_hf.growing import GrowingFile
from autobert_zero_hf.writing import claimed, refusals_explained, write_json, written_whole

# Another process claims the folder anew, and writes there.
OTHER = """
import sys
from pathlib import Path
from autobert_zero_hf.writing import claimed, write_json
folder = Path(sys.argv[1])
claim = claimed(folder, folder / ".lock")
write_json(folder / "facts.json", {"of": "another"})
(folder / "lines").write_text("another\\n")
(folder / ".model.partial").write_text("not whole yet")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def begun_by_another(folder: Path) -> dict[str, bytes]:
    shutil.rmtree(folder)
    subprocess.run([sys.executable, "-c", OTHER, str(folder)], check=True)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_is_written_to_the_folder_of_another_run(folder: Path) -> None:
    claim, lines = claimed(folder, folder / ".lock"), GrowingFile(folder / "lines")
    assert lines.read() == []
    lines.append(b"ours\n")
    follower = shared_claim(folder, folder / ".lock")
    assert follower is not None and follower.lost is None is claim.lost

    def half_written() -> None:
        with written_whole(folder / "model") as partial:
            partial.write_text("ours")
            before.update(begun_by_another(folder))

    before: dict[str, bytes] = {}
    writes: list[Callable[[], None]] = [
        half_written,
        lambda: lines.append(b"ours\n"),
        lambda: GrowingFile(folder / "new").append(b"ours\n"),
        lambda: write_json(folder / "facts.json", {}),
        lambda: write_json(folder / "deeper" / "facts.json", {}),
        lambda: check_claims(folder),
        claim.check,
        follower.check,
    ]
    for write in writes:
        with pytest.raises(ReplacedError, match="what is there now belongs to another run: nothing was written to it"):
            write()
        assert contents(folder) == before
    claim.release()
    follower.release()
    write_json(folder / "facts.json", {})  # what is claimed no more is not looked after


def test_a_folder_that_is_gone_is_said_to_be_gone(folder: Path) -> None:
    claim = claimed(folder, folder / ".lock")
    shutil.rmtree(folder)
    said = f"{folder} was removed or renamed while this process worked in it: what it had written there went with it"
    for write in (lambda: write_json(folder / "a", {}), lambda: GrowingFile(folder / "b").append(b"line\n")):
        with pytest.raises(ReplacedError, match=said):
            write()
    with pytest.raises(ReplacedError, match=said), refusals_explained(folder):
        raise AssertionError("it is looked before the work begins")
    assert not folder.exists()
    claim.release()


def test_a_folder_that_goes_while_something_is_written_is_not_a_full_disk(folder: Path) -> None:
    claim = claimed(folder, folder / ".lock")
    with pytest.raises(ReplacedError, match="was removed or renamed"), refusals_explained(folder):
        shutil.rmtree(folder)
        (folder / "file").write_text("")
    claim.release()


def test_a_lock_that_is_gone_ends_the_work(folder: Path) -> None:
    claim = claimed(folder, folder / ".lock")
    (folder / ".lock").unlink()
    with pytest.raises(ReplacedError, match=r"\.lock was removed while this process worked in .* so that another one"):
        write_json(folder / "facts.json", {})
    claim.release()


def test_a_folder_beside_a_claimed_one_is_free(folder: Path) -> None:
    claim = claimed(folder, folder / ".lock")
    shutil.rmtree(folder)
    write_json(folder.with_name("running.json"), {})
    claim.release()


def test_what_a_killed_process_left_unfinished_goes_with_the_next_claim(folder: Path) -> None:
    (folder / "front").mkdir(parents=True)
    (folder / ".best.partial").mkdir()
    ours = [".energy.json.partial", "front/.1.partial", ".best.partial/config.json"]
    others = [".report.html.partial", "energy.json", "front/1", ".hub.partial"]
    for name in ours + others:
        (folder / name).write_text("")
    claimed(folder, folder / ".lock", ["energy.json", "best", "front/*"]).release()
    left = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert left == sorted([*others, "front", ".lock"])


def test_ctrl_c_leaves_nothing_unfinished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "facts.json") as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def lines(tmp_path: Path) -> GrowingFile:
    file = GrowingFile(tmp_path / "lines")
    file.append(b"one\ntwo\n")
    return file


def test_lines_come_back_and_a_torn_one_is_dropped(lines: GrowingFile) -> None:
    with lines.path.open("ab") as file:
        file.write(b"thr")
    again = GrowingFile(lines.path)
    assert again.read() == [b"one", b"two"]
    again.append(b"three\n")
    assert lines.path.read_bytes() == b"one\ntwo\nthree\n"
    assert again.lines == 3


def test_a_file_that_was_removed_is_not_begun_anew(lines: GrowingFile) -> None:
    lines.path.unlink()
    with pytest.raises(ReplacedError, match="lines was removed while this process wrote to it, and its 2 lines went"):
        lines.append(b"three\n")
    assert not lines.path.exists()


def test_a_file_that_took_its_place_is_left_alone(lines: GrowingFile) -> None:
    lines.path.unlink()
    lines.path.write_bytes(b"one\ntwo\n")  # the same name and content, and on many disks the same number, were it free
    with pytest.raises(ReplacedError, match="was replaced while this process wrote to it, and its 2 lines went with"):
        lines.append(b"three\n")
    assert lines.path.read_bytes() == b"one\ntwo\n"


def test_a_file_that_another_program_writes_to_is_left_alone(lines: GrowingFile) -> None:
    with lines.path.open("ab") as file:
        file.write(b"theirs\n")
    with pytest.raises(ReplacedError, match="has 15 bytes, and not the 8 that this process left there"):
        lines.append(b"three\n")
    assert lines.path.read_bytes() == b"one\ntwo\ntheirs\n"


def test_a_file_that_appears_before_the_first_line_is_left_alone(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "lines")
    assert file.read() == []
    (tmp_path / "lines").write_bytes(b"")
    with pytest.raises(ReplacedError, match="was made by another program meanwhile"):
        file.append(b"one\n")
    assert (tmp_path / "lines").read_bytes() == b""


def test_files_are_let_go(tmp_path: Path) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = opened()
    for number in range(3):
        file = GrowingFile(tmp_path / f"{number}")
        file.append(b"line\n")
        file.append(b"line\n")
        claim = claimed(tmp_path, tmp_path / ".lock")
        del file, claim  # closed, and freed, with the last one who has them
    assert opened() == before
