"""Mistakes of the command line, each said in one line: what was given, what is wrong with it, what is near to it."""

from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from autobert_zero_hf.model.excerpts import excerpt, shortened
from autobert_zero_hf.options import did_you_mean

from .exit_status import Status

_LONGEST = 60
"""Characters of a word that are shown: it may be a whole file."""


class LineParser(ArgumentParser):
    """A parser that says a mistake in a line, without a page of usage, and names what is nearest to it.

    Options are written out, and what begins with two dashes is one.

    Args:
        arguments: those of any parser.
    """

    def __init__(self, **arguments: Any):
        super().__init__(**{**arguments, "allow_abbrev": False, "exit_on_error": False})
        self.register("type", int, _whole_number)
        self.register("type", float, _number)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        """Parse the words, all of which must be known; a command calls this of its own ones."""
        assert args is not None
        for word in self._own(args):
            if _is_option(word) and (name := word.partition("=")[0]) not in self._option_string_actions:
                self.error(
                    f"there is no option {shortened(name, _LONGEST)}{did_you_mean(name, self._option_string_actions)}"
                )
        try:
            found, unknown = super().parse_known_args(args, namespace)
        except ArgumentError as error:
            self.error(": ".join(filter(None, [error.argument_name, error.message])))
        if unknown:
            self.error(f"nothing takes {excerpt(unknown[0])} here")
        return found, unknown

    def _own(self, words: Sequence[str]) -> Iterable[str]:
        """The words before those of a command, and before two dashes, behind which no word is an option."""
        words = list(takewhile(lambda word: word != "--", words))
        return words if self._subparsers is None else takewhile(lambda word: word.startswith("-"), words)

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        near = did_you_mean(str(value), action.choices)
        if self._subparsers is not None and action in self._subparsers._group_actions:
            self.error(f"there is no command {excerpt(value)}{near or ': give one of ' + ', '.join(action.choices)}")
        raise ArgumentError(action, f"must be one of {', '.join(action.choices)}, not {excerpt(value)}{near}")

    def error(self, message: str) -> NoReturn:
        """Say the mistake, and how to see what is right, in a line; and end.

        Args:
            message: what is wrong.

        Raises:
            SystemExit: with the status of a command line that is not understood.
        """
        self.exit(Status.USAGE, f"error: {message} ({self.prog} --help)\n")


def _is_option(word: str) -> bool:
    return word.startswith("--") and " " not in word


def _whole_number(word: str) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a whole number, not {excerpt(word)}") from error


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise ArgumentTypeError(f"must be a number, not {excerpt(word)}") from error
