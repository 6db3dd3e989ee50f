"""Parts by their names, and where they come from: what tables of operations, layer kinds and blocks are."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from .origins import registering_module

PartT = TypeVar("PartT")


class Registry(Mapping[str, PartT]):
    """Parts of one kind by their names, in the order of their registration.

    Args:
        what: a part is, in a word.

    Attributes:
        modules: by the names of parts that are not of this package, the modules that registered them.
        caches: what to call when a part is taken out, so that nothing is kept that was read with it.
    """

    def __init__(self, what: str):
        self.what = what
        self.modules: dict[str, str] = {}
        self.caches: list[Callable[[], None]] = []
        self._parts: dict[str, PartT] = {}

    def add(self, name: str, part: PartT) -> None:
        """Adds a part. It is of the module that calls the function that calls this one.

        Raises:
            ValueError: if the name is another part's.
        """
        if name in self._parts:
            raise ValueError(f"{self.what} {name!r} is registered already")
        self._parts[name] = part
        if (module := registering_module(callers=3)) is not None:
            self.modules[name] = module

    def remove(self, name: str) -> PartT:
        """Takes a part out, and gives it back.

        Raises:
            KeyError: if there is none of this name.
        """
        part = self._parts.pop(name)
        self.modules.pop(name, None)
        for clear in self.caches:
            clear()
        return part

    def __getitem__(self, name: str) -> PartT:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
