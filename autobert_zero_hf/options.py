"""Options as dataclasses: a field is an option's type, default, help and range, in files and on the command line."""

import dataclasses
import difflib
import enum
import math
import re
import sys
import types
import typing
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from .model.excerpts import excerpt, shortened
from .model.origins import NOT_REGISTERED

OptionsT = TypeVar("OptionsT")
_TOLD = 8
"""Problems that a message names at most."""
_COMPARED = 60
"""Characters of a word that are compared with what is known: it may be a whole file."""


@dataclass(frozen=True)
class Range:
    """What a number, or each of a list, must be: at least `minimum` and less than `below`; for `Annotated`."""

    minimum: float
    below: float = math.inf

    def __str__(self) -> str:
        return f"at least {_shown(self.minimum)}" + (
            f" and below {_shown(self.below)}" if self.below < math.inf else ""
        )


@dataclass(frozen=True)
class OneOf:
    """What a text, or each of a list, must be: a name of a table, to which extensions may add; for `Annotated`.

    Args:
        table: parts by their names; what they have as `words` stands in the help.
    """

    table: Mapping[str, Any]

    def __str__(self) -> str:
        return f"one of {', '.join(self.table)}"

    def in_words(self) -> str:
        """Each name with the words of its part."""
        described = [(name, getattr(part, "words", "")) for name, part in self.table.items()]
        return "; ".join(f"{name}: {words}" if words else name for name, words in described)


Place = Literal["text", "tasks", "dataset", "model", "backbone"]
"""What a path leads to: a file of text, a folder of tasks; a data set or a model, which may be the Hub's; a
backbone, by its name or as a model's."""


def option(default: Any, text: str, place: Place | None = None, *, common: bool = False) -> Any:
    """A field of an option group.

    Args:
        default: its default; a tuple stands for a list.
        text: its help; what comes after the first semicolon is not in the short one.
        place: what it leads to, where it is a path, or a list of them.
        common: whether it matters to most users, and stands in the short help of a command.
    """
    metadata = {"help": text, "place": place, "common": common}
    if isinstance(default, tuple):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def option_names(groups: Sequence[type]) -> tuple[str, ...]:
    """The names of the options of these groups, in order."""
    return tuple(field.name for group in groups for field in dataclasses.fields(group))


def with_defaults(groups: Sequence[type], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, with the defaults of those options of these groups that are not among them."""
    options = [field for group in groups for field in dataclasses.fields(group)]
    defaults = {f.name: f.default_factory() if callable(f.default_factory) else f.default for f in options}
    return {**defaults, **values}


def places_in(groups: Sequence[type], values: Mapping[str, Any]) -> dict[str, Place]:
    """What leads to where, of the options of these groups that are given and are paths."""
    fields = (field for group in groups for field in dataclasses.fields(group))
    return {f.name: f.metadata["place"] for f in fields if f.metadata["place"] and values.get(f.name)}


def find_problems(groups: Sequence[type], values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the names, types and ranges of these values, of many the first; empty if nothing is."""
    hints: dict[str, Any] = {}
    for group in groups:
        hints.update(typing.get_type_hints(group, include_extras=True))
    problems: list[str] = []
    for name, value in values.items():
        wanted = unmet(value, hints[name]) if name in hints else ""
        if name in hints and not wanted:
            continue
        if len(problems) == _TOLD:
            return [*problems, "and more"]
        if wanted:
            hint = f" ({NOT_REGISTERED})" if _named_in(hints[name]) else ""
            problems.append(f"{name} must be {wanted}, not {excerpt(value)}{hint}")
        else:
            near = difflib.get_close_matches(shortened(str(name), _COMPARED), hints, n=1, cutoff=0.0)
            problems.append(f"unknown option {excerpt(name)}: the nearest known one is {near[0]!r}")
    return problems


def given_options(group: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """A group of the options that were given, of all that a command line says; the rest has its defaults."""
    return group(**{name: values[name] for name in option_names([group]) if name in values})


def add_options(
    parser: ArgumentParser,
    group: type,
    leave_out: Collection[str] = (),
    defaults: Mapping[str, Any] = types.MappingProxyType({}),
    common: bool = True,
) -> None:
    """Add an option to the command line for each field of a group; one that is not given is absent from the result.

    Args:
        parser: of the command.
        group: the options.
        leave_out: those that the command does not have.
        defaults: what the help says of those that the command has other defaults of.
        common: whether those that are declared common are so to the users of this command.
    """
    assert group.__doc__ is not None
    section = parser.add_argument_group(group.__doc__.rstrip("."))
    hints = typing.get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        if field.name in leave_out:
            continue
        hint, names = hints[field.name], _named_in(hints[field.name])
        kind, many, choices = _command_line_type(hint)
        default = field.default_factory() if callable(field.default_factory) else field.default
        # A recipe may have some where by themselves there are none; of files, none is a mistake.
        none = many and not default and field.metadata["place"] is None
        default = defaults.get(field.name, default)
        shown = " ".join(map(str, default)) if isinstance(default, list) else default
        flag, text = f"--{field.name.replace('_', '-')}", field.metadata["help"]
        few = text.partition(";")[0] + (f": {', '.join(names.table)}" if names else "")
        text += f": {names.in_words()}" if names else ""
        if kind is bool:
            shown = "yes" if default else "no"
            kinds: dict[str, Any] = {"action": BooleanOptionalAction}
        else:
            kinds = {
                "type": _name_of(names) if names else kind,
                "nargs": "*" if none else "+" if many else None,
                "choices": choices,
                "metavar": ("NAME" if names else None if choices else kind.__name__.upper().replace("STR", "TEXT")),
            }
        by_itself = "" if default in (None, []) else f" [{shown}]"
        action = section.add_argument(flag, default=SUPPRESS, help=text + by_itself, **kinds)
        if common and field.metadata["common"]:
            action.in_few_words = few + by_itself  # type: ignore[attr-defined]


def common_help(action: Action) -> str | None:
    """The help of a common option, in a few words; None of any other.

    Args:
        action: of a parser.
    """
    return getattr(action, "in_few_words", None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about a word that is not known: which one is near to it; empty where none is.

    Args:
        word: as it was given.
        known: those that there are.

    >>> did_you_mean("--candidate", ["--candidates", "--hours"]), did_you_mean("--zzz", ["--hours"])
    ('; did you mean --candidates?', '')
    """
    near = difflib.get_close_matches(shortened(word, _COMPARED), known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def add_groups(
    parser: ArgumentParser,
    groups: Sequence[type],
    leave_out: Collection[str] = (),
    defaults: Mapping[str, Any] = types.MappingProxyType({}),
    common: bool = True,
) -> None:
    """Add the options of groups, each once: what one group has from another is an option of both.

    Args:
        parser: of the command.
        groups: the options.
        leave_out: as in `add_options`; so are `defaults` and `common`.
        defaults: the same.
        common: the same.
    """
    added = set(leave_out)
    for group in groups:
        add_options(parser, group, added, defaults, common)
        added.update(option_names([group]))


def _command_line_type(hint: Any) -> tuple[type, bool, tuple[Any, ...] | None]:
    """The type of one word, whether there may be many, and the choices."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        kind, many, choices = _command_line_type(arguments[0])
        return kind, many, tuple(arguments[1].table) if isinstance(arguments[1], OneOf) else choices
    if typing.get_origin(hint) is list:
        return arguments[0], True, None
    if typing.get_origin(hint) is Literal:
        return str, False, arguments
    if arguments:  # optional
        return _command_line_type(arguments[0])
    return hint, False, None


def _named_in(hint: Any) -> OneOf | None:
    """The table that an option's names are of; None for one of another kind."""
    return next((each for each in typing.get_args(hint)[1:] if isinstance(each, OneOf)), None)


def _name_of(names: OneOf) -> Callable[[str], str]:
    def name(word: str) -> str:
        if word not in names.table:
            hint = did_you_mean(word, names.table) or f" ({NOT_REGISTERED})"
            raise ArgumentTypeError(f"must be {names}, not {excerpt(word)}{hint}")
        return word

    return name


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def unmet(value: Any, hint: Any) -> str:
    """What a value of plain data should be by a type's annotation, and is not, in words; empty if all is well."""
    limits = None
    if typing.get_origin(hint) is Annotated:
        hint, limits = typing.get_args(hint)
    if not _is_a(value, hint):
        return str(limits) if isinstance(limits, OneOf) else _described(hint)
    if not all(_is_whole(text) for text in (value if isinstance(value, list) else [value])):
        return "of whole characters"
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    if isinstance(limits, OneOf):
        return "" if all(name in limits.table for name in numbers) else str(limits)
    if limits is not None and not all(limits.minimum <= number < limits.below for number in numbers):
        return str(limits)
    return ""


def _is_whole(value: Any) -> bool:
    """Whether it is no text that holds half of a character, a lone surrogate, which cannot be written down."""
    return not (isinstance(value, str) and re.search("[\ud800-\udfff]", value))


def _is_a(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(_is_a(v, arguments[0]) for v in value)
    if origin is tuple:
        many = isinstance(value, list) and len(value) == len(arguments)
        return many and all(_is_a(v, argument) for v, argument in zip(value, arguments, strict=True))
    if origin is dict:
        return isinstance(value, dict) and all(_is_a(v, arguments[1]) for v in value.values())
    if hint is Any:
        return True
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_is_a(value, argument) for argument in arguments)
    if isinstance(value, bool) and hint is not bool:
        return False
    if hint is float:  # a file of facts has no place for infinity, nor float for every whole number
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return isinstance(value, hint)


def _described(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return f"a list of {_described(arguments[0]).removeprefix('a ')}s"
    if origin is tuple:
        return f"{len(arguments)} of {_described(arguments[0]).removeprefix('a ')}s"
    if origin is dict:
        return f"a mapping of names to {_described(arguments[1]).removeprefix('a ')}s"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(member.value for member in hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_described, arguments))
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    return {**words, Any: "a value"}[hint]
