"""Journals with something changed in them: whoever reads one says so in a line, or takes it; nothing else is raised.

python -m tests.fuzz.journals --count 2000
"""

import argparse
import copy
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from autobert_zero_hf.search.publish.facts import read_search
from autobert_zero_hf.search.publish.page import stage_search
from autobert_zero_hf.search.publish.report import write_report
from autobert_zero_hf.search.publish.report_facts import read_report_facts
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.summary import in_words, search_result
from autobert_zero_hf.search.runtime.dispatch import Dispatcher
from autobert_zero_hf.search.runtime.journal import Journal, read_history
from autobert_zero_hf.search.runtime.loop import SearchLoop
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.strategy.evaluation import Evaluation

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.explorer.app import open_search
from autobert_zero_hf.explorer.views import compare, matching, show_candidate
from autobert_zero_hf.model import FormulaError
from tests.search.journal_lines import Events, read_journal
from tests.search.old_journals import OLD, with_checksums, without_checksums

NAMES = ("plain", "sized")
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 10**18, 10**400, 0.5, -0.0, 1e300, 1e-300, "", "x", "0.8", "\ud83d", "\0", "../..", "conv(3)",
    "conv(", "<b>", [], [0], ["conv(3)"], [[[]]], {}, {"a": 1}, "9" * 400,
)  # fmt: skip
"""What is put in a place of another."""
READERS = ("report", "explorer", "result", "page", "resume")


def run(count: int, seed: int, readers: Sequence[str] = READERS) -> list[str]:
    """Change journals and have them read.

    Args:
        count: how many journals.
        seed: of the changes.
        readers: who reads each.

    Returns:
        What was raised that no reader foresees: the reader, the change and the exception.
    """
    failures = []
    originals = {name: read_journal(OLD / name / "journal.jsonl") for name in NAMES}
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            rng = random.Random(f"{seed}/{number}")
            name = rng.choice(NAMES)
            data, change = _changed(originals[name], rng)
            folder = Path(place) / name
            folder.mkdir(exist_ok=True)
            (folder / "journal.jsonl").write_bytes(data)
            for reader in readers:
                try:
                    _READ[reader](folder, originals[name][0]["recipe"])
                except (AutoBertZeroError, FormulaError):
                    continue
                except Exception as error:
                    failures.append(f"{number}, {name}, {change}: {reader}: {type(error).__name__}: {error}")
    return failures


def _changed(events: Events, rng: random.Random) -> tuple[bytes, str]:
    """A journal with one to three changes, and the changes in words."""
    write = rng.choice((with_checksums, without_checksums))
    events = copy.deepcopy(events[: rng.choice((len(events), len(events), rng.randrange(1, len(events) + 1)))])
    if rng.random() < 0.4:  # of the file: with checksums they are always seen
        data = bytearray(rng.choice((without_checksums, without_checksums, write))(events))
        said = []
        for _ in range(rng.randint(1, 3)):
            spot = rng.randrange(len(data))
            data[spot] ^= 1 << rng.randrange(8)
            said.append(f"byte {spot}")
        return bytes(data), ", ".join(said)
    said = [rng.choice(_CHANGES)(events, rng) for _ in range(rng.randint(1, 3)) if events]
    return (write if events and write is with_checksums else without_checksums)(events), ", ".join(said)


def _place(event: dict[str, Any], rng: random.Random) -> tuple[Any, Any]:
    """A mapping or list in an event, at any depth, and a key of it."""
    within: Any = event
    while True:
        key = rng.choice(list(within)) if isinstance(within, dict) else rng.randrange(len(within))
        if not isinstance(within[key], dict | list) or not within[key] or rng.random() < 0.3:
            return within, key
        within = within[key]


def _key(events: Events, rng: random.Random) -> str:
    event = rng.choice(events)
    within, key = _place(event, rng)
    if not isinstance(key, str) or not key:
        return _value(events, rng)
    spot = rng.randrange(len(key))
    other = key[:spot] + chr(ord(key[spot]) ^ 1 << rng.randrange(6)) + key[spot + 1 :]
    within[other] = within.pop(key)
    return f"{event.get('event')}: {key!r} is {other!r}"


def _value(events: Events, rng: random.Random) -> str:
    event = rng.choice(events)
    within, key = _place(event, rng)
    # Of the same kind it goes further.
    similar = [value for value in VALUES if type(value) is type(within[key])]
    within[key] = rng.choice(similar if similar and rng.random() < 0.6 else VALUES)
    return f"{event.get('event')}: {key!r} = {str(within[key])[:40]!r}"


def _lacking(events: Events, rng: random.Random) -> str:
    event = rng.choice(events)
    within, key = _place(event, rng)
    del within[key]
    return f"{event.get('event')}: without {key!r}"


def _added(events: Events, rng: random.Random) -> str:
    event, other = rng.choice(events), rng.choice(events)
    key = rng.choice(list(other) or ["x"])
    event[key] = copy.deepcopy(other.get(key))
    return f"{event.get('event')}: {key!r} of {other.get('event')}"


def _lines(events: Events, rng: random.Random) -> str:
    place, other = (rng.randrange(len(events)) for _ in range(2))
    how = rng.choice(("doubled", "left out", "exchanged"))
    if how == "doubled":
        events.insert(other, copy.deepcopy(events[place]))
    elif how == "left out":
        del events[place]
    else:
        events[place], events[other] = events[other], events[place]
    return f"line {place + 1} {how}"


_CHANGES: tuple[Callable[[Events, random.Random], str], ...] = (_key, _value, _value, _value, _lacking, _added, _lines)


def _report(folder: Path, _: dict[str, Any]) -> None:
    write_report(read_report_facts(folder)).encode()


def _explorer(folder: Path, _: dict[str, Any]) -> None:
    open_search(folder)
    facts = read_report_facts(folder)
    recipe = Recipe.restored(facts.recipe)
    config = recipe.make_config(recipe.data.vocab_size)
    numbers = [each.number for each in matching(facts, "conv", "mutated", 0.1) + matching(facts)]
    for number in numbers[:3]:
        show_candidate(facts, number, config).encode()
    if numbers:
        compare(facts, numbers[0], numbers[-1], config).encode()


def _result(folder: Path, _: dict[str, Any]) -> None:
    read_search(folder)  # which says whether it is finished
    result = search_result(folder)
    in_words(result)
    json.dumps(result, allow_nan=False)


def _page(folder: Path, _: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        stage_search(read_search(folder), Path(place))
        assert read_history(Path(place) / "journal.jsonl")


def _resume(folder: Path, options: dict[str, Any]) -> None:
    """The loop up to the first candidate that the journal does not hold."""
    journal = Journal.open(folder / "journal.jsonl", options)
    try:
        recipe = Recipe.restored(options)
        rng = random.Random(f"{recipe.run.seed}/strategy")
        strategy = recipe.make_strategy(rng, recipe.cost_budget)

        def evaluate(candidate: Candidate) -> Evaluation:
            return Evaluation(candidate, 0.0, 0.0)

        SearchLoop(
            strategy,
            evaluate,
            lambda candidate: len(candidate.layers),
            recipe.budget,
            Dispatcher(Accelerator(cpu=True)),
            journal,
            lambda done, note="": None,
        ).run()
    finally:
        journal.close()


_READ: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "report": _report,
    "explorer": _explorer,
    "result": _result,
    "page": _page,
    "resume": _resume,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="journals")
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS), help="who reads each")
    arguments = parser.parse_args()
    failures = run(arguments.count, arguments.seed, arguments.readers)
    print("\n".join([*failures, f"{len(failures)} of {arguments.count} journals raised what nobody foresees"]))
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
