"""A signal is what ended a command, whatever is raised after it."""

import os
import signal
from collections.abc import Iterator

import pytest

from autobert_zero_hf.commands import show
from autobert_zero_hf.commands.exit_status import Signals, Status, Terminated
from autobert_zero_hf.commands.main import main


@pytest.fixture(autouse=True)
def _hears_ctrl_c() -> Iterator[None]:
    """Also where the tests run as a job in the background, which is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "raised", "status"), [
    (signal.SIGTERM, Terminated, Status.TERMINATED), (signal.SIGINT, KeyboardInterrupt, Status.INTERRUPTED),
])  # fmt: skip
def test_the_first_signal_is_remembered(number: int, raised: type, status: Status) -> None:
    signals = Signals()
    with pytest.raises(KeyError, match="original_init_weights"), signals.raised():
        try:
            os.kill(os.getpid(), number)
        except raised:
            raise KeyError("original_init_weights") from None  # as a library's clean-up does
    assert signals.came is status
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_signal_nothing_is_remembered() -> None:
    signals = Signals()
    with pytest.raises(KeyboardInterrupt), signals.raised():
        raise KeyboardInterrupt
    assert signals.came is None


@pytest.mark.parametrize(("number", "status", "said"), [
    (signal.SIGTERM, Status.TERMINATED, "ended by SIGTERM"), (signal.SIGINT, Status.INTERRUPTED, "interrupted"),
])  # fmt: skip
def test_a_library_that_fails_when_it_is_interrupted_does_not_change_how_the_command_ended(
    number: int, status: Status, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: str) -> None:
        try:
            os.kill(os.getpid(), number)
        except BaseException:
            raise KeyError("original_init_weights") from None

    monkeypatch.setattr(show, "load_config", interrupted)
    for debug in ([], ["--debug"]):
        assert main([*debug, "show", "someone/model"]) == status
        assert capsys.readouterr().err == f"{said}\n"


def test_a_failure_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no such thing"]) == Status.FAILED
    assert capsys.readouterr().err.startswith("error: ")
