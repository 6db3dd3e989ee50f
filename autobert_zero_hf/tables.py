"""Tables of parts that are chosen by their names; whoever adds a part writes a file that registers it."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from .model.registry import Registry


class Named(Protocol):
    """A part of a table."""

    @property
    def name(self) -> str:
        """The name that the part is chosen by."""
        ...


PartT = TypeVar("PartT", bound=Named)


def no_problems(options: Any, common: Any) -> Iterable[str]:  # noqa: ARG001
    """What a part answers whose own options fit whatever is chosen beside them."""
    return ()


class Table(Registry[PartT]):
    """Parts of one kind by their names, in the order of the alphabet.

    The built-in ones are the modules of a package, each of which registers its own. They are imported when the table is
    first read, so that a file more is a part more.

    Args:
        what: a part is, in a word.
        package: of the built-in ones.
    """

    def __init__(self, what: str, package: str):
        super().__init__(what)
        self._package: str | None = package

    def register(self, part: PartT) -> PartT:
        """Adds a part.

        Raises:
            ValueError: if its name is none, or is another part's.
        """
        if not re.fullmatch(r"[a-z][a-z0-9]*([ -][a-z0-9]+)*", part.name):
            raise ValueError(f"{part.name!r} cannot name a {self.what}: take small letters, digits and hyphens")
        self.add(part.name, part)
        return part

    def __getitem__(self, name: str) -> PartT:
        self._import()
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        self._import()
        return iter(sorted(super().__iter__()))

    def __len__(self) -> int:
        self._import()
        return super().__len__()

    def _import(self) -> None:
        package, self._package = self._package, None  # a module that is being imported may look here
        if package is not None:
            try:
                for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
                    importlib.import_module(module.name)
            except BaseException:
                self._package = package
                raise
