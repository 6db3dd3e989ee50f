"""What a search found, in words, for whoever waits for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.training.masked_lm import MaskedScore

from .finalists import final_rows, rows_that_chose
from .front import front_table
from .publish.facts import BASELINES, finalists_of, read_json
from .recipe import Recipe
from .runtime.journal import Journal
from .runtime.progress import Reporter, clock
from .space.candidate import Candidate
from .space.sizes import Sizes


def say_result(recipe: Recipe, folder: Path, journal: Journal, reporter: Reporter) -> None:
    """Print what a search that is finished found: its winner beside the baseline.

    Args:
        recipe: of the search.
        folder: of the run.
        journal: its journal.
        reporter: prints.
    """
    say, events = reporter.say, journal.of
    names = finalists_of(recipe.to_dict())
    trained = {record["name"]: record for record in events("trained")}
    if set(names) - set(trained):  # a process that follows, and was not told
        return
    candidates = events("candidate")
    failed = sum(record["score"] is None for record in candidates)
    seconds = max(record["elapsed"] for record in journal.events)
    scores = {name: MaskedScore(tuple(r["correct"]), tuple(r["masked"])) for name, r in trained.items()}
    best, beside = (scores[name] for name in names)
    difference, error = best.difference(beside)
    verdict = "better" if difference > 2 * error else "worse" if difference < -2 * error else "not clearly different"
    say(f"\n{len(candidates)} candidates were evaluated, {failed} of them failed; {clock(seconds)} in all.")
    for rejections in [event["rejections"] for event in events("finished") if "rejections" in event]:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in rejections.items())
        say(f"Rejected before training: {counts or 'none'}")
    sizes = f" ({Sizes(**trained['best']['sizes'])})" if "sizes" in trained["best"] else ""
    say(f"The best backbone, {trained['best']['parameters']:,} parameters{sizes}:")
    for number, layer in enumerate(trained["best"]["layers"], start=1):
        say(f"  {number:>2}  {layer}")
    rows = final_rows(recipe, events("data")[0]["held_out_rows"])
    unseen = rows.start >= rows_that_chose(recipe)
    which = "that did not choose the winner" if unseen else "some of which chose the winner"
    say(
        f"Accuracy (± standard error) on {sum(best.masked):,} masked words of {len(best.masked):,} held-out rows\n"
        f"{which}, after {recipe.final.final_steps} more steps each on the weights of the same super-net:"
    )
    say(f"  best         {best.value:.4f} ± {best.standard_error:.4f}")
    size = f"({trained[names[1]]['parameters']:,} parameters)"
    say(f"  {BASELINES[names[1]]:<12} {beside.value:.4f} ± {beside.standard_error:.4f}  {size}")
    say(f"  difference  {difference:+.4f} ± {error:.4f}  best is {verdict}")
    if recipe.task.tasks:
        say(f"Mean score on {', '.join(recipe.task.tasks)}, on the rows that chose the winner:")
        for name, shown in zip(names, _shown(names), strict=True):
            say(f"  {shown:<12} {trained[name]['task_score']:.4f} ± {trained[name]['task_error']:.4f}")
    _say_latencies(names, trained, journal, reporter)
    written = [*names, "journal.jsonl"]
    if (folder / "front.json").exists():
        for line in front_table(read_json(folder / "front.json")):
            say(line)
        written += ["front.json"]
    say(f"Written: {', '.join(str(folder / name) for name in written)}")


def _say_latencies(
    names: Sequence[str], trained: Mapping[str, Mapping[str, Any]], journal: Journal, reporter: Reporter
) -> None:
    latencies = {record["identity"]: record for record in journal.of("measured")}
    for (target,) in [journal.of("latency")] if latencies else []:
        reporter.say(f"Latency, measured, of a target of {target['target']:.2f} ms:")
        for name, shown in zip(names, _shown(names), strict=True):
            own = Sizes(**trained[name]["sizes"]) if "sizes" in trained[name] else None
            record = latencies[Candidate(tuple(trained[name]["layers"]), sizes=own).identity]
            low, high = record["interval"]
            verdict = f", {record['verdict']} the band" if name == "best" else ""
            reporter.say(f"  {shown:<12} {record['median']:.2f} ms ({low:.2f} to {high:.2f}){verdict}")


def _shown(names: Sequence[str]) -> tuple[str, str]:
    return "best", BASELINES[names[1]]
