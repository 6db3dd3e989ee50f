"""What anybody can send to the explorer, with or without its page: answered in words, and nothing is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio import Blocks

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.explorer.app import open_search, serve
from autobert_zero_hf.explorer.masks import MaskFiller

HOSTILE: tuple[Any, ...] = (
    None, "", [], {}, [[]], {"a": {}}, True, -1, 99, 1e308, "\ud83d", "<b>x</b>", "conv(9", "relu(q)", "x" * 20_000,
)  # fmt: skip


class Served:
    """The explorer as it is served, asked as its page asks it."""

    def __init__(self, page: Blocks):
        self.address = page.local_url.rstrip("/")
        # One for all requests: each client that is made reads all certificates anew.
        self.client = httpx.Client(timeout=60)
        config = self.client.get(f"{self.address}/config").json()
        parts = {part["id"]: part for part in config["components"]}
        self.events = {each["id"]: [parts[place] for place in each["inputs"]] for each in config["dependencies"]}

    def ask(self, event: int, data: list[Any], about: Any = None) -> list[Any]:
        """What an event answers, which must be no error."""
        asked = {"data": data, "fn_index": event, "session_hash": "tests", "event_data": about}
        kind = {"content-type": "application/json"}
        queue = f"{self.address}/gradio_api/queue"
        self.client.post(f"{queue}/join", content=json.dumps(asked), headers=kind).raise_for_status()
        with self.client.stream("GET", f"{queue}/data?session_hash=tests") as answer:
            for line in answer.iter_lines():
                told = json.loads(line[len("data:") :]) if line.startswith("data:") else {}
                if told.get("msg") == "process_completed":
                    assert told["success"], (event, data, about, told)
                    return told["output"]["data"]
        raise AssertionError((event, data, about))

    def event_with(self, *kinds: str) -> int:
        """The first event whose inputs are of these kinds."""
        return next(event for event, parts in self.events.items() if [part["type"] for part in parts] == [*kinds])


@pytest.fixture(scope="module")
def served(searched: Path) -> Iterator[Served]:
    page = open_search(searched)
    serve(page, "127.0.0.1", wait=False)
    asked = Served(page)
    yield asked
    asked.client.close()
    page.close()


def test_nothing_is_uploaded(served: Served) -> None:
    for path in ("/gradio_api/upload", "/gradio_api/upload/", "/upload", "/gradio_api/upload?upload_id=x"):
        answer = served.client.post(served.address + path, files={"files": ("x.txt", b"kept")})
        assert (answer.status_code, answer.text) == (403, "This page takes no files.")
    assert served.client.get(served.address).status_code == 200


def test_no_input_is_an_error(served: Served, capfd: pytest.CaptureFixture) -> None:
    clicks = 0
    for event, parts in served.events.items():
        usual = [0 if part["type"] == "dataset" else part["props"].get("value") for part in parts]
        for place in range(len(parts)):
            for value in HOSTILE:
                served.ask(event, [*usual[:place], value, *usual[place + 1 :]])
        if [part["type"] for part in parts] == ["state"]:  # a click on a row, or on a dot
            nothing = {"__type__", "props"}  # what says that all stays as it is
            for row in (None, [], [""], ["x"], {"a": 1}, [10**30], ["9" * 5000], [True]):
                assert served.ask(event, [None], {"index": [0, 0], "value": "", "row_value": row})[2].keys() == nothing
            for about in (None, {}, {"number": -1}, {"number": "\ud83d"}):
                assert served.ask(event, [None], about)[2].keys() == nothing
            for about in ({"index": [0, 0], "value": 1, "row_value": [1]}, {"number": 1}):
                assert "Candidate 1<" in served.ask(event, [None], about)[2]
            clicks += 1
    assert clicks == 3  # on the two charts and in the table
    assert "Traceback" not in capfd.readouterr().err


def test_a_mask_that_cannot_be_filled_is_said_in_a_sentence(served: Served) -> None:
    event = served.event_with("dropdown", "textbox")

    def fill(text: str, name: str = "best") -> tuple[Any, str]:
        words, said = served.ask(event, [name, text])
        return words, said

    words, said = fill("The government has [MASK] a new law.")
    assert len(words["confidences"]) == 8 and said == ""
    for text, reason in {
        "The government has a new law.": "Write [MASK] once, where a word is wanted; the text has none.",
        "[MASK] and [MASK]": "the text has 2.",
        "[MASK]" + " a" * 40: "The text has 43 tokens, with those at its beginning and end, and this model takes 32",
        "[MASK]" + " a" * 9_000: "The text has 18,006 characters, 10,000 are taken: shorten it.",
    }.items():
        words, said = fill(text)
        assert not words and reason in said, said
    assert "Choose one of the models." in fill("[MASK]", "../../elsewhere")[1]


def test_a_model_that_is_gone_since_the_page_was_opened(tmp_path: Path) -> None:
    with pytest.raises(AutoBertZeroError, match=r"^The model best cannot be used: "):
        MaskFiller(tmp_path / "best").fill("a [MASK]")
