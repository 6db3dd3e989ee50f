"""What a message shows of a value that came from outside, however long or deep that is."""

import reprlib

MAX_WIDTH = 160
"""Characters that `excerpt` shows at most."""


class _Short(reprlib.Repr):
    """Python's notation, with `...` for what is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 12
        self.maxstring = self.maxlong = self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        # Python itself refuses to write a number of thousands of digits.
        return super().repr_int(x, level) if x.bit_length() < 1024 else f"a number of {x.bit_length():,} bits"


_SHORT = _Short()


def excerpt(value: object) -> str:
    """A value in Python's notation, on one line of 160 characters at most.

    >>> excerpt("conv(9)"), excerpt([3, 5])
    ("'conv(9)'", '[3, 5]')
    >>> len(excerpt("x" * 10**6))
    60
    >>> excerpt(2**9999)
    'a number of 10,000 bits'
    """
    return shortened(_SHORT.repr(value), MAX_WIDTH)


def shortened(text: str, width: int) -> str:
    """A text of so many characters at most, without its middle where it is longer.

    >>> shortened("a formula that goes on", 12)
    'a fo... s on'
    """
    if len(text) <= width:
        return text
    kept = (width - 4) // 2
    return f"{text[: width - 4 - kept]}... {text[-kept:]}"
