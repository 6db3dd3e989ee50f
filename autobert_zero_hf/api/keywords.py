"""Groups of options as keyword arguments of a function: in its signature, in its help, and from what a caller gives."""

import dataclasses
import inspect
import os
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from textwrap import dedent, fill, indent
from types import MappingProxyType
from typing import Any, TypeVar

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import find_problems

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_WIDTH = 110


class OptionError(AutoBertZeroError, ValueError):
    """Options that cannot be used; the message names every problem."""


def with_options(
    *groups: type, leave_out: Collection[str] = (), defaults: Mapping[str, Any] = MappingProxyType({})
) -> Callable[[FunctionT], FunctionT]:
    """A function that takes `**options`, with the options of these groups in its signature and its help.

    Args:
        groups: dataclasses of options.
        leave_out: the names of those that the function does not have, or has itself.
        defaults: by name, where they are other than those of the groups.
    """

    def shown(function: FunctionT) -> FunctionT:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        taken, added, lines = {*leave_out, *(each.name for each in own)}, list[inspect.Parameter](), list[str]()
        for group in groups:
            hints = typing.get_type_hints(group)
            fields = [field for field in dataclasses.fields(group) if field.name not in taken]
            lines += ["", f"{(group.__doc__ or '').rstrip('.')}:"] if fields else []
            for field in fields:
                taken.add(field.name)
                default = field.default_factory() if callable(field.default_factory) else field.default
                default, hint = defaults.get(field.name, default), hints[field.name]
                parameter = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default)
                added.append(parameter.replace(annotation=hint))
                words = f"{field.name}: {field.metadata['help']} [{default!r}]"
                lines.append(fill(words, _WIDTH, initial_indent="    ", subsequent_indent="        "))
        described = dedent(f"    {function.__doc__}").rstrip() + "\n\nOptions:\n"
        function.__doc__ = described + indent("\n".join(lines), "    ") + "\n"
        parameters = [*own, *added]
        setattr(function, "__signature__", signature.replace(parameters=parameters))  # noqa: B010  # of any callable
        return function

    return shown


def checked(options: Mapping[str, Any], groups: Sequence[type]) -> dict[str, Any]:
    """What a caller gave, as options are written down, and fit for them.

    Args:
        options: by name.
        groups: that they are of.

    Raises:
        OptionError: naming every option that is not known, of the wrong type or out of its range.
    """
    given = plain(options, groups)
    if problems := find_problems(groups, given):
        raise OptionError("; ".join(problems))
    return given


def plain(options: Mapping[str, Any], groups: Sequence[type]) -> dict[str, Any]:
    """What a caller gave, as options are written down: paths as texts, and one value as a list where that is wanted.

    Args:
        options: by name.
        groups: that they are of.
    """
    many = {
        name
        for group in groups
        for name, hint in typing.get_type_hints(group).items()
        if typing.get_origin(hint) is list
    }
    return {name: _plain(value, name in many) for name, value in options.items()}


def _plain(value: Any, many: bool) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(each, many=False) for each in value]
    return [value] if many else value
