"""What a Hub holds: pages, their commits, and the files of these."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class File:
    """`oid` is git's; a large file has a sha256, too, by which the stores hold its content."""

    oid: str
    size: int
    content: bytes | None = None
    sha256: str | None = None


@dataclass
class Commit:
    oid: str
    message: str
    files: dict[str, File]


@dataclass
class Repo:
    private: bool
    branches: dict[str, list[Commit]] = field(default_factory=dict)
    tags: dict[str, Commit] = field(default_factory=dict)

    def find(self, revision: str) -> Commit | None:
        if revision in self.branches:
            return self.branches[revision][-1]
        every = [commit for commits in self.branches.values() for commit in commits]
        return self.tags.get(revision) or next((commit for commit in every if commit.oid == revision), None)


def small(content: bytes) -> File:
    return File(hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), len(content), content)
