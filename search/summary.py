"""What a search found, for whoever waits for it: the facts, and the same in words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autobert_zero_hf.training.masked_lm import MaskedScore
from autobert_zero_hf.training.standard_error import plus_minus

from .front import front_table
from .preparation import final_rows, rows_that_chose
from .proxies.tasks import TaskOptions
from .publish.facts import BASELINES, ConstantAnswer, finalists_of, read_json
from .recipe import Recipe
from .runtime.journal import JournalError, read_events
from .runtime.standing import clock
from .space.candidate import Candidate
from .space.sizes import Sizes


def search_result(folder: Path) -> dict[str, Any]:
    """What a finished search found: its winner beside the baseline.

    Args:
        folder: of the run.

    Returns:
        What JSON can hold. `constant_answer` is None where an older version began the search. `models` has the winner
        first: layers, sizes where they were searched, parameters, accuracy
        and its standard error, and, where they were measured, the score on tasks and the latency in milliseconds.

    Raises:
        JournalError: if the journal is damaged, or not that of a finished search.
    """
    events = read_events(folder / "journal.jsonl")
    recipe = Recipe.restored(events[0]["recipe"])

    def of(kind: str) -> list[dict[str, Any]]:
        return [event for event in events if event["event"] == kind]

    names = finalists_of(recipe.to_dict())
    trained = {record["name"]: record for record in of("trained")}
    if not of("data") or not of("finished") or set(names) - set(trained):
        raise JournalError(f"{folder / 'journal.jsonl'} is not that of a finished search: lines of it are missing")
    candidates, (finished, *_) = of("candidate"), of("finished")
    best, beside = (MaskedScore(tuple(trained[n]["correct"]), tuple(trained[n]["masked"])) for n in names)
    difference, error = best.difference(beside)
    rows = final_rows(recipe, of("data")[0]["held_out_rows"])
    constant = ConstantAnswer.of(events)
    latencies = {record["identity"]: record for record in of("measured")}
    front = read_json(folder / "front.json") if (folder / "front.json").exists() else None
    written = [*names, "journal.jsonl", *(["front.json"] if front else [])]
    return {
        "folder": str(folder),
        "reason": finished["reason"],
        "candidates": len(candidates),
        "failed": sum(record["score"] is None for record in candidates),
        "constant_answer": None if constant is None else asdict(constant),
        "seconds": max(record["elapsed"] for record in events),
        "rejections": finished.get("rejections"),
        "models": {name: _model(trained[name], latencies) for name in names},
        "difference": difference,
        "difference_standard_error": error,
        "masked_words": sum(best.masked),
        "held_out_rows": len(best.masked),
        "rows_chose_the_winner": rows.start < rows_that_chose(recipe),
        "final_steps": recipe.final.final_steps,
        "tasks": recipe.own[TaskOptions].tasks,
        "latency_target_ms": next((event["target"] for event in of("latency")), None),
        "front": front,
        "written": [str(folder / name) for name in written],
    }


def _model(trained: Mapping[str, Any], latencies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    kept = ("layers", "sizes", "parameters", "accuracy", "standard_error", "task_score", "task_error")
    sizes = Sizes(**trained["sizes"]) if "sizes" in trained else None
    latency = latencies.get(Candidate(tuple(trained["layers"]), sizes=sizes).identity)
    measured = {} if latency is None else {key: latency[key] for key in ("median", "interval", "verdict")}
    return {key: trained[key] for key in kept if key in trained} | ({"latency_ms": measured} if measured else {})


def in_words(result: Mapping[str, Any]) -> str:
    """The same for a reader.

    Args:
        result: what `search_result` gave.
    """
    return "\n".join(_lines(result))


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    models: Mapping[str, Mapping[str, Any]] = result["models"]
    (best, beside), baseline = models.values(), BASELINES[list(models)[1]]
    yield (
        f"{result['candidates']} candidates were evaluated, {result['failed']} of them failed; "
        f"{clock(result['seconds'])} in all."
    )
    if result["constant_answer"] is not None:
        yield str(ConstantAnswer(**result["constant_answer"]))
    if result["rejections"] is not None:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in result["rejections"].items())
        yield f"Rejected before training: {counts or 'none'}"
    sizes = f" ({Sizes(**best['sizes'])})" if "sizes" in best else ""
    yield f"The best backbone, {best['parameters']:,} parameters{sizes}:"
    yield from (f"  {number:>2}  {layer}" for number, layer in enumerate(best["layers"], start=1))
    which = "some of which chose the winner" if result["rows_chose_the_winner"] else "that did not choose the winner"
    words, rows = result["masked_words"], result["held_out_rows"]
    yield f"Accuracy (± standard error) on {words:,} masked words of {rows:,} held-out rows"
    yield f"{which}, after {result['final_steps']} more steps each on the weights of the same super-net:"
    yield f"  best         {plus_minus(best['accuracy'], best['standard_error'])}"
    score = plus_minus(beside["accuracy"], beside["standard_error"])
    yield f"  {baseline:<12} {score}  ({beside['parameters']:,} parameters)"
    difference, error = result["difference"], result["difference_standard_error"]
    yield f"  difference  {plus_minus(difference, error, signed=True)}  {_verdict(difference, error)}"
    if result["tasks"]:
        yield f"Mean score on {', '.join(result['tasks'])}, on the rows that chose the winner:"
        for shown, model in (("best", best), (baseline, beside)):
            if "task_score" in model:
                yield f"  {shown:<12} {plus_minus(model['task_score'], model['task_error'])}"
    if "latency_ms" in best and result["latency_target_ms"] is not None:
        yield f"Latency, measured, of a target of {result['latency_target_ms']:.2f} ms:"
        for shown, model in (("best", best), (baseline, beside)):
            if "latency_ms" in model:
                yield f"  {shown:<12} {_latency(model['latency_ms'], verdict=model is best)}"
    if result["front"]:
        yield from front_table(result["front"])
    yield f"Written: {', '.join(result['written'])}"


def _verdict(difference: float, error: float | None) -> str:
    if error is None:
        return "these rows do not tell which is better"
    verdict = "better" if difference > 2 * error else "worse" if difference < -2 * error else "not clearly different"
    return f"best is {verdict}"


def _latency(measured: Mapping[str, Any], verdict: bool) -> str:
    low, high = measured["interval"]
    kept = "not clear whether within" if measured["verdict"] == "not clear" else measured["verdict"]
    said = f", {kept} the band" if verdict else ""
    return f"{measured['median']:.2f} ms ({low:.2f} to {high:.2f}){said}"
