"""A program that proposes backbones: it is asked in JSON, and answers in JSON.

What it reads on its standard input is an object: `space` says what a backbone can be, `candidates` what came of those
that were evaluated, the best first, `wanted` how many it may propose, and `wrong` which of its last answers were none,
and why. It writes a list, on its standard output, of backbones, each a list of its layers.
"""

import json
import logging
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.reading import ReadingError, parse_json

from ..recipe.choices import RecipeError
from ..space.candidate import Candidate
from ..space.search_space import SearchSpace
from ..space.starting import written
from ..strategy.evaluation import Evaluation

logger = logging.getLogger(__name__)

SECONDS = 600.0
"""For an answer."""
_TURNS = 3
"""A wrong answer goes back so often, but for the last time."""
_SHOWN = 100
"""Candidates that the program is told of."""

Check = Callable[[str], Candidate]
"""The candidate of a line; raises `ValueError` with the reason why it can be none."""


@dataclass(frozen=True)
class Program:
    """A command that is run for each generation.

    Args:
        command: as in a shell, without pipes and the like.

    Raises:
        RecipeError: if it is empty, its quotes do not close, or there is no such program.
    """

    command: str

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise RecipeError(f"propose, {excerpt(self.command)}: {error}") from error
        if not words:
            raise RecipeError("propose is empty: give the command of a program")
        if shutil.which(words[0]) is None:
            raise RecipeError(f"propose: there is no program {excerpt(words[0])} that can be run")

    def propose(self, space: SearchSpace, told: Sequence[Evaluation], wanted: int, check: Check) -> list[str]:
        """The backbones that it proposes and that can be evaluated, each on a line.

        What is wrong with others is told to it, and it is asked again, three times in all. Whatever it does, the search
        goes on: a program that fails, or takes ten minutes, is warned of.
        """
        asked: dict[str, Any] = {"space": _described(space), "candidates": _told(told)}
        accepted, wrong = list[str](), list[dict[str, Any]]()
        for _ in range(_TURNS):
            try:
                answers = self._answers({**asked, "wanted": wanted - len(accepted), "wrong": wrong})
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                logger.warning("%s proposes nothing: %s", self.command, _why(error))
                break
            wrong = []
            for answer in answers[: wanted - len(accepted)]:
                try:
                    line = _line(answer)
                    check(line)
                    if line in accepted:
                        raise ValueError("it is among these answers twice")
                    accepted.append(line)
                except ValueError as error:
                    wrong.append({"answer": answer, "why": str(error)})
            if not wrong:
                break
        else:
            logger.warning("%s: %d wrong answers are left, the last: %s", self.command, len(wrong), wrong[-1]["why"])
        return accepted

    def _answers(self, asked: Mapping[str, Any]) -> list[Any]:
        ended = subprocess.run(  # what somebody gives on the command line
            shlex.split(self.command),
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        answers = parse_json(ended.stdout)
        if not isinstance(answers, list):
            raise ReadingError(f"no list of backbones, but {excerpt(answers)}")
        return answers


def _line(answer: Any) -> str:
    if isinstance(answer, list) and answer and all(isinstance(layer, str) for layer in answer):
        return written(answer)
    raise ValueError("a backbone is a list of its layers, each a text")


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"it ended with {error.returncode}{f' ({excerpt(last)})' if last else ''}"
    return f"it took more than {SECONDS:g} seconds" if isinstance(error, subprocess.TimeoutExpired) else str(error)


def _described(space: SearchSpace) -> dict[str, Any]:
    names = ("num_layers", "layer_types", "kernel_sizes", "operations", "inputs", "max_operations", "max_depth",
             "feed_forward", "shared_attention")  # fmt: skip
    said: dict[str, Any] = {name: getattr(space, name) for name in names}
    if (steering := space.steering) is not None:
        said["pinned"] = {place + 1: line for place, line in steering.pinned.items()}
        said["preferred"] = sorted(steering.preferred)
    return said


def _told(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    ranked = sorted(evaluations, key=lambda each: -each.rank_key)
    return [
        {
            "layers": list(each.candidate.layers),
            "score": each.score,
            "standard_error": each.standard_error,
            "failure": each.failure,
            "origin": each.candidate.origin,
        }
        for each in ranked[:_SHOWN]
    ]
