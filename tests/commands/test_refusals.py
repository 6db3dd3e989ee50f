"""What the machine refuses is said in a sentence: places that cannot be written to, before any work, and memory."""

from pathlib import Path

import pytest

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.writing import WritingError, check_folder, written_whole
from tests.small_disk import mounted

WRITERS = {
    "search": ["search"],
    "shrink": ["shrink"],
    "pretrain": ["pretrain"],
    "finetune": ["finetune", "--model", "none", "--task", "none"],
    "evaluate": ["evaluate", "--models", "none", "--tasks", "none"],
    "convert": ["convert", "none"],
}


@pytest.fixture
def places(tmp_path: Path) -> dict[Path, str]:
    """Folders that cannot be had, and why."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("kept")
    link.symlink_to(tmp_path / "nothing")
    return {
        file: f"error: {file} is a file; give another --output-dir\n",
        file / "a" / "b": f"error: {file / 'a' / 'b'} cannot be made: {file} is a file; give another --output-dir\n",
        link: f"error: {link} is a link to nothing; give another --output-dir\n",
        tmp_path / ("x" * 300): ": file name too long; give a shorter path\n",
    }


@pytest.mark.parametrize("words", WRITERS.values(), ids=WRITERS.keys())
def test_no_folder_can_be_made_there(
    words: list[str], places: dict[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, said in places.items():
        assert main([*words, "--output-dir", str(place)]) == 1
        printed = capsys.readouterr().err
        assert printed.endswith(said) and printed.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    "words", [*WRITERS.values(), ["show", "\udcff"], ["report", "\udcff"], ["push", "\udcff", "a/b"]]
)
def test_a_path_that_is_not_utf8_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if words[0] in WRITERS:
        words = [*words, "--output-dir", "runs/\udcff"]
    assert main(words) == 1
    assert "\\udcff' is not UTF-8: rename what it names, or give another\n" in capsys.readouterr().err


def test_a_place_that_is_read_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        for place, told in ((disk, f"{disk} may not be"), (disk / "a" / "b", f"{disk / 'a' / 'b'} not made")):
            with pytest.raises(WritingError, match="change its permissions, or give another --output-dir") as caught:
                check_folder(place)
            assert told in str(caught.value)
        assert main(["show", "bert", "--picture", str(disk / "bert.svg")]) == 1
        said = capsys.readouterr().err
        assert str(disk) in said and "ead-only file system" in said and "Errno" not in said


def test_a_folder_is_not_lost_where_a_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures.svg"
    folder.mkdir()
    (folder / "mine").write_text("kept")
    assert main(["show", "bert", "--picture", str(folder)]) == 1
    assert "is a folder, and what it holds would be lost: give a file's name" in capsys.readouterr().err
    with pytest.raises(WritingError), written_whole(folder) as partial:
        partial.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.svg"]
    assert (folder / "mine").read_text() == "kept"


def test_a_model_that_memory_has_no_room_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "a.txt"
    text.write_text("\n\n".join(f"The {number} words of a text." * 9 for number in range(60)))
    words = ["--text", str(text), "--architecture", "bert", "--vocab-size", "200", "--sequence-length", "16"]
    sizes = ["--num-layers", "1", "--hidden-size", "262144", "--intermediate-size", "1048576"]
    assert main(["pretrain", "--output-dir", str(tmp_path / "out"), *words, *sizes]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: there is not enough memory, ") and said.endswith("or fewer of them at once")
