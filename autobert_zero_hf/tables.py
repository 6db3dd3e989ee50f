"""Tables of parts that are chosen by their names; whoever adds a part writes a file that registers it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from .model.origins import registering_module


class Named(Protocol):
    """A part of a table."""

    @property
    def name(self) -> str:
        """The name that the part is chosen by."""
        ...


PartT = TypeVar("PartT", bound=Named)


class Table(Mapping[str, PartT]):
    """Parts of one kind by their names, in the order of the alphabet.

    The built-in ones are the modules of a package, each of which registers its own. They are imported when the table is
    first read, so that a file more is a part more.

    Args:
        what: a part is, in a word.
        package: of the built-in ones.
    """

    def __init__(self, what: str, package: str):
        self.what = what
        self._package: str | None = package
        self._parts: dict[str, PartT] = {}
        self._modules: dict[str, str] = {}

    def register(self, part: PartT) -> PartT:
        """Adds a part.

        Raises:
            ValueError: if its name is none, or is another part's.
        """
        if not re.fullmatch(r"[a-z][a-z0-9]*([ -][a-z0-9]+)*", part.name):
            raise ValueError(f"{part.name!r} cannot name a {self.what}: take small letters, digits and hyphens")
        if part.name in self._parts:
            raise ValueError(f"a {self.what} {part.name!r} is registered already")
        self._parts[part.name] = part
        if (module := registering_module()) is not None:
            self._modules[part.name] = module
        return part

    def unregister(self, name: str) -> None:
        """Takes a part out of the table.

        Raises:
            KeyError: if there is none of this name.
        """
        del self._parts[name]
        self._modules.pop(name, None)

    def module_of(self, name: str) -> str | None:
        """The module that registered a part; None for a built-in one, and where there is none of this name."""
        return self._modules.get(name)

    def __getitem__(self, name: str) -> PartT:
        self._import()
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self._import()
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        self._import()
        return len(self._parts)

    def _import(self) -> None:
        package, self._package = self._package, None  # a module that is being imported may look here
        if package is not None:
            try:
                for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
                    importlib.import_module(module.name)
            except BaseException:
                self._package = package
                raise
