"""What a search shows while it runs: in a real terminal, in a narrow one, in a log."""

import json
import os
import re
import shutil
from pathlib import Path

from tests.search.small_search import OPTIONS, candidates_in, journal
from tests.terminal import Piped, Terminal

BRAILLE = re.compile("[\u2801-\u28ff]")


def words(text: Path, folder: Path, *more: object, **changes: object) -> list[str]:
    options = {**OPTIONS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return ["search", "--output-dir", str(folder), "--text", str(text), *given, *map(str, more)]


def labelled(shown: str) -> dict[str, str]:
    """The rows of the view by their label."""
    rows = re.findall(r"^(budget|phase|done|speed|left|best|scores) +(\S.*)$", shown, re.MULTILINE)
    assert len({label for label, _ in rows}) == len(rows), f"the view stands there once:\n{shown}"
    return dict(rows)


def test_a_terminal_shows_the_search_and_is_left_as_it_was(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # More candidates than come while it is looked at.
    changes = {"candidates": 400, "supernet_steps": 4, "patience": 400, "max_parameters": 60_000}
    terminal = Terminal(words(text, folder, **changes))
    shown = terminal.wait_until(lambda shown: "an hour" in shown and BRAILLE.search(shown))
    view = labelled(shown)
    assert re.fullmatch(r"phase 3 of 4: Candidates, \d+:\d\d so far", view["phase"])
    done = re.fullmatch(r"(\d+) of 400, (\d+) failed", view["done"])
    assert done and 3 <= int(done[1]) <= candidates_in(folder)
    assert re.fullmatch(r"candidates [\d,]+ an hour", view["speed"])
    assert re.fullmatch(r"about [\d:]+, of the whole run about [\d:]+", view["left"])
    known = [event for event in journal(folder) if event["event"] == "candidate"][: int(done[1])]
    best = max(known, key=lambda event: (event["score"] or -1.0, -event["number"]))
    assert view["best"] == f"{best['score']:.4f} ± {best['standard_error']:.4f}"
    for layer in best["layers"]:
        assert layer[:80] in shown
    assert int(done[2]) == sum(event["score"] is None for event in known)
    # What was said before stands above it.
    assert shown.index("Super-net: 4 steps, 0:0") < shown.index("phase")

    for columns, rows in ((40, 24), (40, 8), (120, 40)):
        terminal.resize(columns, rows)
        before = len(terminal.raw)
        terminal.wait_until(lambda shown, before=before: terminal.raw.count(b"phase", before) > 1)  # drawn since
        view = labelled(terminal.look(0.3))
        assert view["phase"].startswith("phase 3 of 4: Candidates")
        assert {"done", "speed", "left"} <= set(view)
        assert ("scores" in view) == (rows > 8)

    terminal.interrupt()
    status, shown = terminal.end()
    assert status == 130
    assert not labelled(shown)
    assert shown.rstrip().endswith("interrupted: the same command goes on where it stopped")
    assert re.search(r"^Candidates \(phase 3 of 4\): \d+/400, ", shown, re.MULTILINE)
    assert b"\x1b[?1049h" not in terminal.raw


def test_a_search_of_a_terminal_gives_json_to_a_pipe_without_colours(
    finished: tuple[Path, str], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    # As if it had been broken off: a view is drawn once a second, and what is left takes some.
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(lines[:2]))
    (folder / "supernet.pt").unlink()
    ours, theirs = os.pipe()
    terminal = Terminal(words(text, folder, "--json"), columns=40, out=theirs, NO_COLOR="1")
    os.close(theirs)
    terminal.wait_until(lambda shown: "phase" in shown)
    status, shown = terminal.end()
    assert status == 0, shown
    assert not re.search(rb"\x1b\[(\d+;)*([34]\d|9\d)[;m]", terminal.raw)
    with os.fdopen(ours) as pipe:
        result = json.load(pipe)
    events = journal(folder)
    trained = {event["name"]: event for event in events if event["event"] == "trained"}
    assert result["models"]["best"]["layers"] == trained["best"]["layers"]
    assert (result["candidates"], list(result["models"])) == (13, ["best", "bert"])
    assert f"{result['difference']:+.4f} ± {result['difference_standard_error']:.4f}" in finished[1]

    status, out, err = Piped(["report", folder, "--json"]).end()
    assert (status, json.loads(out)) == (0, {"written": str(folder / "report.html")}), err
    status, out, err = Piped(["push", folder, "someone/first", "--dry-run", "--json"]).end()
    pushed = json.loads(out)
    assert (status, pushed["sent"], len(pushed["pages"])) == (0, False, 1), err
    page = pushed["pages"][0]
    assert page["card"] == (folder / "hub" / "README.md").read_text()
    sizes = {str(file.relative_to(folder / "hub")): file.stat().st_size for file in (folder / "hub").rglob("*.*")}
    assert {file["name"]: file["bytes"] for file in page["files"]} == {
        name: size for name, size in sizes.items() if (folder / "hub" / name).is_file()
    }


def test_a_dumb_terminal_and_a_log_get_plain_lines(finished: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    shutil.rmtree(folder / "best")
    terminal = Terminal(words(text, folder), TERM="dumb")
    status, shown = terminal.end()
    assert status == 0, shown
    assert b"\x1b" not in terminal.raw
    assert re.search(r"^Final training: 24 steps, \d:\d\d$", shown, re.MULTILINE)
    shutil.rmtree(folder / "best")
    status, out, err = Piped(words(text, folder), FORCE_COLOR="1").end()
    assert status == 0
    assert "\x1b" not in out + err
    assert "Final training: 24 steps, " in err
    assert "Final training" not in out
    assert out.startswith("13 candidates were evaluated, ")
