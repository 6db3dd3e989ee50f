"""What the user can mend."""

import errno
import os

_MAX_PATH = 300
_ADVICE = {
    errno.ENOENT: "check how it is spelt",
    errno.EACCES: "change its permissions, or give another path",
    errno.EPERM: "change its permissions, or give another path",
    errno.EROFS: "give a place that may be written to",
    errno.EEXIST: "something of that name is in the way, give another path",
    errno.ENOTDIR: "a part of that path is a file, give another path",
    errno.EISDIR: "a file is wanted there",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room on that disk",
    errno.EMFILE: "raise the number of files that a process may hold open (ulimit -n)",
}


class AutoBertZeroError(Exception):
    """Something that the user can mend; the message is one line that says what is wrong and what to do."""


class WritingError(AutoBertZeroError):
    """A file or folder that could not be written."""


def explain_refusal(error: OSError) -> str:
    """What the system refused, in a line: the path, the reason, and what to do; a library's own words as they are."""
    if error.errno is None:
        return str(error)
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    shown = " and ".join(path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}..." for path in paths)
    reason = error.strerror or os.strerror(error.errno)
    told = f"{shown}: {reason[:1].lower()}{reason[1:]}" if paths else reason
    return f"{told}; {_ADVICE.get(error.errno, 'put that right, and run the same command again')}"
