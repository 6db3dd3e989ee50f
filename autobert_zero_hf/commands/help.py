"""The help of a command: on one screen what matters most, and by group all there is."""

import copy
from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autobert_zero_hf.options import common_help

from .mistakes import LineParser

_SHORT_EXAMPLES = 2
_WIDEST_OPTION = 26
"""Columns that an option may take in the short help and still have its words beside it."""


class HelpParser(LineParser):
    """The parser of a command, which has a help of one screen and one of everything.

    Args:
        examples: how the command is called; the short help shows the first two.
        notes: what else there is to know.
        arguments: those of any parser.
    """

    def __init__(self, *, examples: Sequence[str] = (), notes: str = "", **arguments: Any):
        super().__init__(**arguments)
        self.examples = examples
        self.notes = notes
        self.add_argument(
            "--help-all",
            action=_HelpAll,
            nargs=0,
            default=SUPPRESS,
            help="show all options, by group, and what else there is to know",
        )

    def format_help(self) -> str:
        """What the command does, an example, its arguments, and its most common options in a few words each."""
        options = _formatted([("options that matter most", _in_few_words(self))], self.prog)
        count = sum(bool(action.option_strings) for action in self._actions)
        last = f"--help-all shows all {count} options, by group, and what else there is to know.\n"
        return "\n".join([_opening(self, self.examples[:_SHORT_EXAMPLES]), options, last])

    def format_help_all(self) -> str:
        """All options by group, all examples, and the notes."""
        groups = [(group.title, group._group_actions) for group in self._action_groups]
        return "\n".join([_opening(self, self.examples), _formatted(groups, self.prog), self.notes.strip("\n")]) + "\n"


class _HelpAll(Action):
    """Prints the help of everything and ends, as `--help` does."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        assert isinstance(parser, HelpParser)
        print(parser.format_help_all(), end="")
        parser.exit()


def _opening(parser: HelpParser, examples: Iterable[str]) -> str:
    formatter = HelpFormatter(parser.prog)
    formatter.add_text(parser.description)
    return "\n".join([formatter.format_help(), "example:", *(f"  {example}" for example in examples), ""])


def _formatted(groups: Iterable[tuple[str | None, Iterable[Action]]], prog: str) -> str:
    formatter = HelpFormatter(prog, max_help_position=_WIDEST_OPTION)
    for title, actions in groups:
        formatter.start_section(title)
        formatter.add_arguments(actions)
        formatter.end_section()
    return formatter.format_help()


def _in_few_words(parser: ArgumentParser) -> Iterator[Action]:
    """What stands in no group, and of groups the options that are declared common; what must be given comes first."""
    ungrouped = [*parser._positionals._group_actions, *parser._optionals._group_actions]
    for action in sorted(parser._actions, key=_how_late):
        words = common_help(action) or (action.help if action in ungrouped and action.default != SUPPRESS else None)
        if words:
            shown = copy.copy(action)
            shown.help = f"{words} (required)" if action.option_strings and action.required else words
            yield shown


def _how_late(action: Action) -> int:
    return 0 if not action.option_strings else 1 if action.required else 2
