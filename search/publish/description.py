"""What is known of a model, in the words of its card."""

from typing import Any

from ..recipe import Recipe
from .card import Card, Result, masked_lm_result
from .facts import ModelFacts, SearchFacts, without_places

STRATEGIES = {
    "op-nas": "OP-NAS",
    "uniform": "OP-NAS with operations drawn evenly",
    "evolution": "regularised evolution",
    "random": "random search",
    "optuna": "a sampler of Optuna",
}
PROXIES = {
    "accuracy": "accuracy on masked words of held-out rows",
    "loss": "loss on masked words of held-out rows",
    "tasks": "mean score after a short fine-tuning on tasks",
}
_METRICS = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman", "exact_match")
_NOT_TRAINING = {*_METRICS, "score", "standard_error", "baseline", "majority", "rows", "task", "layers"}


def describe(facts: ModelFacts, metadata: dict[str, Any], history: str | None = None) -> Card:
    """The card of a model.

    Args:
        facts: what is known of it.
        metadata: fields of the Hub's metadata, such as `license`.
        history: the data set on the Hub that holds the search's journal.
    """
    search, finalist = facts.search, facts.finalist
    training, results = [], []
    remarks = ["The errors are those of the measured rows, not of other seeds."]
    baseline = "baseline"
    if search and finalist:
        training.append(final_training(Recipe.from_dict(search.recipe)))
        other = search.scores["bert" if finalist == "best" else "best"]
        results.append(masked_lm_result(search.scores[finalist], other, search.text))
        difference, error = search.scores[finalist].difference(other)
        baseline = "a BERT of the same size" if finalist == "best" else "the backbone that the search found"
        remarks.append(
            f"Both were trained for the same steps on the weights of the same super-net. The difference, on the same "
            f"words, is {difference:+.4f} ± {error:.4f}."
        )
    if "pretraining" in facts.records:
        training.append("Pre-trained by masked language modelling:\n\n" + _table(facts.records["pretraining"]))
        results += _pretraining_results(facts.records["pretraining"])
    if "result" in facts.records:
        record = facts.records["result"]
        training.append(f"Fine-tuned on {record['task']}:\n\n" + _table(record))
        results.append(_task_result(record))
        baseline = "answering the same whatever the text"
        if record.get("majority") is not None and record["majority"] != record["baseline"]:
            remarks.append(f"The most frequent class of the training rows has an accuracy of {record['majority']:.4f}.")
    if not training:
        training.append("How the weights were trained is not recorded beside them.")
    title, summary = _title(facts)
    return Card(
        title=title,
        summary=summary,
        training=training,
        results=results,
        baseline=baseline,
        remarks=" ".join(remarks),
        searched=_searched(search, history) if search else (),
        metadata={**_metadata(facts), **metadata},
    )


def final_training(recipe: Recipe) -> str:
    """How the finalists of a search come by their weights."""
    data, supernet, final = recipe.data, recipe.supernet, recipe.final
    return (
        f"Weights inherited from a super-net (BIWS; {supernet.supernet_steps} steps of {supernet.backbones_per_step} "
        f"backbones, {supernet.supernet_batch_size} rows each), then {final.final_steps} steps of "
        f"{final.final_batch_size} rows of {data.sequence_length} tokens, peak learning rate "
        f"{final.final_learning_rate:g}; seed {recipe.run.seed}, mixed precision {recipe.run.mixed_precision}. A "
        f"vocabulary of {data.vocab_size:,} WordPieces was trained on the same text."
    )


def finalist_title(name: str, candidates: int, text: str) -> tuple[str, str]:
    """Title and summary of the card of a search's winner, "best", or of its baseline, "bert"."""
    if name == "best":
        return "A BERT backbone found by search", f"The best of {candidates} candidates on {text}."
    return "A small BERT", f"Standard attention in every layer: the baseline of a search on {text}."


def _title(facts: ModelFacts) -> tuple[str, str]:
    search = facts.search
    if search and facts.finalist:
        return finalist_title(facts.finalist, len(search.candidates), search.text)
    made = f", whose backbone is the best of {len(search.candidates)} candidates on {search.text}" if search else ""
    if "result" in facts.records:
        task = facts.records["result"]["task"]
        return f"A discovered BERT backbone, fine-tuned on {task}", f"A model for {task}{made}."
    kind = "pre-trained" if "pretraining" in facts.records else "AutoBERT-Zero"
    return f"A discovered BERT backbone, {kind}", f"A model whose layers are lines of text in its configuration{made}."


def _searched(search: SearchFacts, history: str | None) -> list[str]:
    recipe, candidates = search.recipe, search.candidates
    failed = sum(record["score"] is None for record in candidates)
    kernels = ", ".join(map(str, recipe["kernel_sizes"]))
    operations = ", ".join(recipe["operations"])
    kinds = {
        "attention": f"formulas of up to {recipe['max_operations']} operations out of {operations}",
        "convolution": f"lightweight convolutions with kernels of {kernels}",
    }
    space = "; or ".join(kinds[each] for each in recipe["layer_types"])
    return [
        f"Space: {recipe['num_layers']} layers, each one of {space}.",
        f"Strategy: {STRATEGIES[recipe['strategy']]}, seed {recipe['seed']}. {len(candidates)} candidates were "
        f"evaluated, {failed} of them failed.",
        f"Score: {PROXIES[recipe['proxy']]}, after {recipe['candidate_steps']} training steps on weights inherited "
        f"from the {recipe['inherit_from']}.",
        f"Text: {search.text}.",
        f"Cost: {search.hours:.2f} hours with {search.processes} process{'es' if search.processes > 1 else ''}"
        + (_energy(search) if search.energy else "; the energy was not measured")
        + ".",
        "The recipe is `recipe.yaml`; every candidate, with its score, is in `journal.jsonl`"
        + (f", and as a data set in [{history}](https://huggingface.co/datasets/{history})" if history else "")
        + ".",
    ]


def _energy(search: SearchFacts) -> str:
    assert search.energy is not None
    measured = search.energy["hours"]
    part = "" if measured >= 0.99 * search.hours else f" in the {measured:.2f} hours that were measured"
    return f", {search.energy['kilowatt_hours']:.4f} kWh{part} (estimated by codecarbon)"


def _task_result(record: dict[str, Any]) -> Result:
    names = [name.replace("_", " ") for name in _METRICS if name in record]
    return Result(
        task=record["task"],
        metric=names[0] if len(names) == 1 else f"mean of {' and '.join(names)}",
        value=record["score"],
        standard_error=record.get("standard_error"),
        measured_on=f"{record['rows']:,} held-out rows",
        baseline=(record["baseline"], None),
        dataset=record["task"],
        task_type="question-answering" if "exact_match" in record else "text-classification",
        hub_dataset=_hub_dataset(record),
    )


def _pretraining_results(record: dict[str, Any]) -> list[Result]:
    return []


def _hub_dataset(record: dict[str, Any]) -> str | None:
    name = record.get("dataset")
    return name if isinstance(name, str) and "/" in name and not name.startswith(("/", ".")) else None


def _table(record: dict[str, Any]) -> str:
    """The facts of a training, less what the results tell."""
    lines = ["| | |", "|---|---|"]
    for name, value in without_places(record).items():
        if name in _NOT_TRAINING or value is None or isinstance(value, dict):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        shown = f"{shown:,}" if isinstance(shown, int) and not isinstance(shown, bool) else shown
        shown = f"{shown:.6g}" if isinstance(shown, float) else shown
        lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    return "\n".join(lines)


def _metadata(facts: ModelFacts) -> dict[str, Any]:
    """What the facts say of licence, language and data; nothing is guessed."""
    found: dict[str, Any] = {}
    recipe = facts.search.recipe if facts.search else {}
    names = [_hub_dataset(record) for record in (recipe, *facts.records.values()) if isinstance(record, dict)]
    if datasets := sorted({name for name in names if name}):
        found["datasets"] = datasets
    if recipe and not recipe["text"] and not recipe["dataset"]:
        found["language"] = "en"  # the demo's
    return found
