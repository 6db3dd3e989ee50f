"""What Xet's client writes to a store that is a folder."""

import struct


def words(digest: bytes) -> str:
    """A digest as Xet prints it: four words of 64 bits, each with its last byte first."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", digest))


def xet_files(table: bytes) -> list[tuple[str, str]]:
    """The files of a table, their names in the store and their sha256, each as words.

    After a header, records of 48 bytes: of each file its own, one for each piece of it, as many of checksums if the
    highest flag is set, and one with the sha256 if the second highest is.
    """
    found, place = [], 48
    while table[place : place + 32] != b"\xff" * 32:
        name, (flags, pieces) = table[place : place + 32], struct.unpack_from("<II", table, place + 32)
        place += 48 * (1 + pieces * (2 if flags & 1 << 31 else 1))
        if flags & 1 << 30:
            # The client has read the digest's hexadecimal digits as words.
            found.append((words(name), words(bytes.fromhex(words(table[place : place + 32])))))
            place += 48
    return found
