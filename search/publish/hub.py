"""A folder as a page of the Hub: one commit that holds all of it, or none.

Every step can be done again without harm: a page that exists is taken, a folder that has arrived is not sent again,
and a commit names the one that it follows. So an answer that was lost on its way, a connection that dropped or a busy
Hub is met by starting over, and what came through is seen before anything is said to have failed.
"""

import logging
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

from autobert_zero_hf.errors import AutoBertZeroError

from . import http
from .push_options import PushOptions

logger = logging.getLogger(__name__)

STALE = {
    "model": r"model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|\.eval_results/autobert-zero\.yaml",
    "dataset": r"data/train-\d+-of-\d+\.parquet",
    "space": r"(autobert_zero_hf|runs)/.*",
}
"""Files of an earlier push that would be loaded, or shown, beside what took their place; all others stay."""


class PublishError(AutoBertZeroError):
    """A folder that could not be brought to the Hub."""


@dataclass(frozen=True)
class Pushed:
    """A page: its address, the commit that holds the folder, and whether this push made it."""

    url: str
    commit: str
    new: bool


def give_up_after(seconds: float) -> None:
    """End every request of this process after so many seconds without an answer; by default it waits for ever.

    To be called before anything is uploaded: Xet's client, which has requests of its own, reads its environment once.
    """
    os.environ.setdefault("HF_XET_CLIENT_READ_TIMEOUT", f"{math.ceil(1000 * seconds)}ms")
    http.give_up_after(seconds)


def check_name(repo_id: str) -> None:
    """Refuse what cannot be a page's name.

    Raises:
        PublishError: if it is not `NAMESPACE/NAME` of letters, digits, `-`, `_` and `.`. The Hub takes a name alone,
            too, but the card, which says what to load, is written before the Hub is asked.
    """
    try:
        validate_repo_id(repo_id)
        if "/" not in repo_id:
            raise HFValidationError("the user or organisation is missing")
    except HFValidationError as error:
        raise PublishError(f"{repo_id!r} is no name of a page on the Hub, such as someone/model: {error}") from error


_NOT_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{")
_NO_REF = re.compile(r"-.*|/.*|.*/|(.*/)?\..*|.*\.|.*\.lock(/.*)?|@|HEAD|refs/.*|[0-9a-f]{40}")


def check_refs(options: PushOptions) -> None:
    """Refuse what cannot be the name of a branch or of a tag, as git has it.

    Raises:
        PublishError: if one of the two cannot.
    """
    for option_name, name in (("--revision", options.revision), ("--tag", options.tag)):
        if name is None:
            continue
        wrong = _NOT_IN_A_REF.search(name)
        if wrong or not name or len(name) > 200 or not name.isprintable() or _NO_REF.fullmatch(name):
            why = f"it must not have {wrong[0]!r} in it" if wrong else "git takes no such name"
            raise PublishError(
                f"{option_name} {name[:80]!r} cannot name a branch or a tag, {why}: give one such as v1.0, of letters, "
                "digits, `.`, `-`, `_` and single `/`"
            )


def check_token() -> None:
    """Refuse to begin without a token.

    Raises:
        PublishError: if none is stored and none is in the environment.
    """
    if get_token() is None:
        raise PublishError("there is no token for the Hub: log in with `hf auth login`, or set HF_TOKEN, and try again")


def push(folder: Path, repo_id: str, message: str, options: PushOptions, repo_type: str = "model") -> Pushed:
    """Bring a folder to a page of the Hub, in one commit.

    Where the page holds the folder already, nothing is sent; files of the page that are not in the folder stay, but for
    those that an earlier push left and that would be loaded beside the new ones.

    Args:
        folder: what the page is to hold; left as it is.
        repo_id: the page.
        message: of the commit.
        options: how.
        repo_type: "model", "dataset" or "space".

    Raises:
        PublishError: if it cannot be done; says in which step, why, and what is known of the page.
    """
    pushing = _Pushing(folder, repo_id, message, options, repo_type)
    for waited in _waits(options):
        time.sleep(waited)
        try:
            return pushing.attempt()
        except (OSError, http.LIBRARY.HTTPError, RuntimeError, ValueError) as error:
            cause, last = error, pushing.step
            logger.debug("%s: %s", last, error, exc_info=True)
        if not _passes(cause) or last == _Pushing.UPLOADING:  # the library has tried that several times
            break
    raise PublishError(f"{folder} was not pushed to {repo_id}: {last}, {in_words(cause, repo_id)}; {pushing.state()}")


def _waits(options: PushOptions) -> Iterator[float]:
    yield 0.0
    for attempt in range(options.attempts - 1):
        yield options.wait * 2**attempt


class _Pushing:
    """One push, whose attempts begin anew."""

    UPLOADING = "when the files were uploaded"

    def __init__(self, folder: Path, repo_id: str, message: str, options: PushOptions, repo_type: str):
        self.api = HfApi()
        self.folder = folder
        self.repo_id = repo_id
        self.message = message
        self.options = options
        self.repo_type = repo_type
        self.step = ""
        self.head = ""
        """The commit that the page was at before anything of this push was sent."""

    def attempt(self) -> Pushed:
        self.step = "when the page was made"
        private = True if self.options.private else None
        sdk = "gradio" if self.repo_type == "space" else None
        page = self.api.create_repo(
            self.repo_id, repo_type=self.repo_type, private=private, exist_ok=True, space_sdk=sdk
        )
        self.repo_id = page.repo_id
        if self.options.revision:
            self.step = "when the branch was made"
            self.api.create_branch(self.repo_id, branch=self.options.revision, repo_type=self.repo_type, exist_ok=True)
        self.step = "when the page was read"
        head = self._read_head()
        whole, stale = self._compare()
        if head != self.head and not whole:
            raise PublishError(f"{self.folder} was not pushed: {_WORDS[412].format(page=self.repo_id)}")
        self._check_tag(whole, head)
        commit = head if whole else self._commit(head, stale)
        if self.options.tag and self.options.tag not in self._tags():
            self.step = "when the commit was tagged"
            self.api.create_tag(self.repo_id, tag=self.options.tag, revision=commit, repo_type=self.repo_type)
        return Pushed(str(page), commit, new=head != self.head or not whole)

    def _read_head(self) -> str:
        info = self.api.repo_info(self.repo_id, repo_type=self.repo_type, revision=self.options.revision)
        if self.options.private and not info.private:
            raise PublishError(
                f"{self.repo_id} exists, and is public: make it private in its settings, or push without --private"
            )
        assert info.sha is not None
        self.head = self.head or info.sha
        return info.sha

    def _compare(self) -> tuple[bool, list[str]]:
        """Whether the page holds the folder, and what it holds that an earlier push left."""
        found = self.api.verify_repo_checksums(
            self.repo_id, repo_type=self.repo_type, revision=self.options.revision, local_dir=self.folder
        )
        stale = [path for path in found.missing_paths if re.fullmatch(STALE[self.repo_type], path)]
        return not (found.mismatches or found.extra_paths or stale), stale

    def _commit(self, head: str, stale: list[str]) -> str:
        additions = [
            CommitOperationAdd(path.relative_to(self.folder).as_posix(), path)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        ]
        self.step = self.UPLOADING
        self.api.preupload_lfs_files(
            self.repo_id, additions, repo_type=self.repo_type, revision=self.options.revision, free_memory=False
        )
        self.step = "when the commit was made"
        # `upload_folder` would make several commits of a refused one.
        operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
            *additions,
            *(CommitOperationDelete(path) for path in stale),
        ]
        made = self.api.create_commit(
            self.repo_id,
            operations,
            commit_message=self.message,
            repo_type=self.repo_type,
            revision=self.options.revision,
            parent_commit=head,
        )
        return made.oid

    def _tags(self) -> dict[str, str]:
        refs = self.api.list_repo_refs(self.repo_id, repo_type=self.repo_type)
        return {tag.name: tag.target_commit for tag in refs.tags}

    def _check_tag(self, whole: bool, head: str) -> None:
        tag = self.options.tag
        if tag and (there := self._tags().get(tag)) and not (whole and there == head):
            raise PublishError(
                f"{self.repo_id} has a tag {tag} already, for another commit ({there[:8]}): give another"
            )

    def state(self) -> str:
        """What is known of the page after a failure."""
        if not self.head:
            return "nothing was sent"
        try:
            if self._compare()[0]:
                return "the page holds it all the same"
            unchanged = self._read_head() == self.head
        except (OSError, http.LIBRARY.HTTPError):
            return "whether the page has changed could not be seen"
        return "the page is as it was" if unchanged else "the page has changed meanwhile"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _status(error: BaseException) -> int | None:
    """The status of the Hub's answer, where that is why something failed."""
    for cause in _causes(error):
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code
    return None


def _passes(error: BaseException) -> bool:
    """Whether the same request may succeed a little later; also where somebody else has committed, to see who."""
    status = _status(error)
    if status is None:
        return any(isinstance(cause, http.LIBRARY.TransportError) for cause in _causes(error))
    return status in (408, 409, 412, 429) or status >= 500


_WORDS = {
    400: "the Hub finds the request wrong",
    401: "the Hub does not know the token: log in with `hf auth login`, or set HF_TOKEN",
    402: "the Hub asks for a payment",
    403: "the token may not write to {page}: give one that may (`hf auth login`), or another name",
    404: "the Hub does not find {page}, or the token may not see it",
    409: "another change of {page} is under way",
    412: "somebody else has changed {page} meanwhile: look at it before you push over it",
    429: "the Hub takes no more requests for now: wait a few minutes",
}


def in_words(error: BaseException, page: str) -> str:
    """What went wrong, in a line; without addresses, which may be signed."""
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set: unset it"
    if (status := _status(error)) is not None:
        reason = _WORDS.get(status, "the Hub has a fault of its own: wait a little" if status >= 500 else "")
        said = next((cause.server_message for cause in _causes(error) if isinstance(cause, HfHubHTTPError)), None)
        parts = [f"the Hub answered {status}", reason.format(page=page), f"it says {_line(said)!r}" if said else ""]
        return ": ".join(part for part in parts if part)
    for cause in _causes(error):
        if isinstance(cause, http.LIBRARY.TimeoutException):
            return "the Hub did not answer in time: try later, or with a longer --timeout"
        if isinstance(cause, http.LIBRARY.ConnectError):
            return "the Hub could not be reached: look to the network, and HF_ENDPOINT where it is set"
        if isinstance(cause, http.LIBRARY.TransportError):
            return "the connection to the Hub broke off"
    return _line(str(error))


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
