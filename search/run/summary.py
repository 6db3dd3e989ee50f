"""What a search found, for whoever waits for it: the facts, and the same in words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autobert_zero_hf.progress.steps import clock
from autobert_zero_hf.standard_error import plus_minus

from ..proxies.tasks import TaskOptions
from ..publish.difference import Difference
from ..publish.facts import ConstantAnswer, read_json
from ..publish.rungs import RungFacts, rungs_of
from ..publish.worth import RandomDraws, Ties
from ..recipe.recipe import Recipe
from ..runtime.history import History
from ..runtime.journal import JournalError, read_history
from ..runtime.records import Trained
from ..runtime.run_folder import BASELINES, RunFolder, finalists_of
from ..space.sizes import Sizes
from .front import front_table
from .preparation import final_rows, rows_that_chose

_VERDICTS = {
    "the same": "best is that {baseline} itself: nothing better was found",
    "not known": "these rows do not tell which is better",
}


def search_result(folder: Path) -> dict[str, Any]:
    """What a finished search found: its winner beside the baseline.

    Args:
        folder: of the run.

    Returns:
        What JSON can hold. `constant_answer` is None where an older version began the search, `ties` where no error is
        known, `random_draws` where there are few random candidates, or no others. `models` has the winner
        first: layers, sizes where they were searched, parameters, accuracy and its standard error, and, where they were
        measured, the score on tasks and the latency in milliseconds.

    Raises:
        JournalError: if there is no journal, or it is damaged, or not that of a finished search.
    """
    run = RunFolder(folder)
    if not run.journal.is_file():
        raise JournalError(f"{folder} is not the folder of a search: there is no {run.journal.name}")
    history = read_history(run.journal)
    data, finished, finalists = history.data, history.finished, history.finalists
    names = finalists_of(history.recipe) if history.events else ()
    if data is None or finished is None or set(names) - set(finalists):
        raise JournalError(f"{run.journal} is not that of a finished search: lines of it are missing")
    recipe = Recipe.restored(history.recipe)
    trained = [finalists[name] for name in names]
    own = trained[0].block or recipe.sizes.block
    best, difference = trained[0].score, Difference.of(*trained)
    rows = final_rows(recipe, data.held_out_rows)
    constant = ConstantAnswer.of(history)
    front = read_json(run.front) if run.front.exists() else None
    written = [*map(run.finalist, names), run.journal, *([run.front] if front else [])]
    return {
        "folder": str(folder),
        "reason": finished.reason,
        "candidates": len(history.candidates),
        "failed": len(history.candidates) - len(history.scored),
        "constant_answer": None if constant is None else asdict(constant),
        "ties": asdict(ties) if (ties := Ties.of(history)) else None,
        "random_draws": asdict(draws) if (draws := RandomDraws.of(history)) else None,
        "seconds": history.elapsed,
        "rejections": finished.rejections,
        "models": {name: _model(finalists[name], history) for name in names},
        "difference": difference.value,
        "difference_standard_error": difference.error,
        "verdict": difference.verdict,
        "masked_words": sum(best.masked),
        "held_out_rows": len(best.masked),
        "rows_chose_the_winner": rows.start < rows_that_chose(recipe),
        "final_steps": recipe.final.final_steps,
        **({"rungs": rungs} if (rungs := [asdict(each) for each in rungs_of(history)]) else {}),
        **({"baseline_rates": rates} if len(rates := recipe.final.baseline_rates) > 1 else {}),
        **({"baseline_blocks": blocks} if len(blocks := recipe.blocks_of_baseline(own)) > 1 else {}),
        "tasks": recipe.own[TaskOptions].tasks,
        "latency_target_ms": history.latency.target if history.latency else None,
        "front": front,
        "written": list(map(str, written)),
    }


def _model(trained: Trained, history: History) -> dict[str, Any]:
    facts: dict[str, Any] = {"layers": trained.layers}
    if trained.sizes is not None:
        facts["sizes"] = trained.sizes.to_dict()
    if trained.block is not None:
        facts["block"] = trained.block
    facts |= {name: getattr(trained, name) for name in ("parameters", "accuracy", "standard_error")}
    if trained.task_score is not None:
        facts |= {"task_score": trained.task_score, "task_error": trained.task_error}
    if (latency := history.measured(trained.candidate.identity)) is not None:
        interval = list(latency.interval)
        facts["latency_ms"] = {"median": latency.median, "interval": interval, "verdict": latency.verdict}
    return facts


def in_words(result: Mapping[str, Any]) -> str:
    """Writes what a search found for a reader.

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
    if result["random_draws"] is not None:
        yield str(RandomDraws(**result["random_draws"]))
    if result["ties"] is not None:
        yield str(Ties(**result["ties"]))
    if result["rejections"] is not None:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in result["rejections"].items())
        yield f"Rejected before training: {counts or 'none'}"
    own = [str(Sizes(**best["sizes"]))] if "sizes" in best else []
    own += [f"block {best['block']}"] if "block" in best else []
    besides = f" ({', '.join(own)})" if own else ""
    yield f"The best backbone, {best['parameters']:,} parameters{besides}:"
    yield from (f"  {number:>2}  {layer}" for number, layer in enumerate(best["layers"], start=1))
    yield from (str(RungFacts(**each)) for each in result.get("rungs", []))
    which = "some of which chose the winner" if result["rows_chose_the_winner"] else "that did not choose the winner"
    words, rows = result["masked_words"], result["held_out_rows"]
    yield f"Accuracy (± standard error) on {words:,} masked words of {rows:,} held-out rows"
    yield f"{which}, after {result['final_steps']} more steps each on the weights of the same super-net:"
    yield f"  best         {plus_minus(best['accuracy'], best['standard_error'])}"
    score = plus_minus(beside["accuracy"], beside["standard_error"])
    tuned = f"; the best of {len(rates)} learning rates" if (rates := result.get("baseline_rates")) else ""
    if blocks := result.get("baseline_blocks"):
        tuned += f"; in the block {beside.get('block', blocks[0])}, the best of {', '.join(blocks)}"
    yield f"  {baseline:<12} {score}  ({beside['parameters']:,} parameters{tuned})"
    difference = difference_in(result)
    said = _VERDICTS.get(difference.verdict, "best is {verdict}").format(verdict=difference.verdict, baseline=baseline)
    yield f"  difference  {plus_minus(difference.value, difference.error, signed=True)}  {said}"
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


def difference_in(result: Mapping[str, Any]) -> Difference:
    """How much better the winner is than what stands beside it.

    Args:
        result: what `search_result` gave.
    """
    is_same = result["verdict"] == "the same"
    return Difference(result["difference"], result["difference_standard_error"], is_same)


def _latency(measured: Mapping[str, Any], verdict: bool) -> str:
    low, high = measured["interval"]
    kept = "not clear whether within" if measured["verdict"] == "not clear" else measured["verdict"]
    said = f", {kept} the band" if verdict else ""
    return f"{measured['median']:.2f} ms ({low:.2f} to {high:.2f}){said}"
