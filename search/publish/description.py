"""What is known of a model, in the words of its card."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.folders import JOURNAL
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.places import without_places
from autobert_zero_hf.standard_error import plus_minus

from ..recipe.recipe import Recipe
from ..runtime.records import Data
from ..runtime.run_folder import BERT, BEST, SCRATCH, finalists_of
from ..space.sizes import Sizes
from .card import Card
from .encoder_card import encoder_card, find_record
from .facts import FILES, ModelFacts, SearchFacts, text_of
from .results import METRICS, hub_dataset, results_of

_MEASURED = {*METRICS, "score", "loss", "next_sentence_accuracy", "rows", "majority", "task", "layers", "model_type"}
"""Facts that a card tells elsewhere than in the table of a training."""


def describe(facts: ModelFacts, metadata: Mapping[str, Any], history: str | None = None) -> Card:
    """The card of a model.

    Args:
        facts: what is known of it.
        metadata: fields of the Hub's metadata, such as `license`.
        history: the data set on the Hub that holds the search's journal.

    Raises:
        AutoBertZeroError: if the facts lack what a card needs, as those of another program do.
    """
    try:
        return _describe(facts, metadata, history)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        files = ", ".join(FILES[name] for name in facts.records) or JOURNAL
        raise AutoBertZeroError(
            f"a card cannot be made of what lies in {facts.folder} ({files}: {type(error).__name__} {error}): "
            "write that again with this version, or take it away"
        ) from error


def _describe(facts: ModelFacts, metadata: Mapping[str, Any], history: str | None) -> Card:
    shrunk = find_record(facts.folder)
    if shrunk is not None:
        card = encoder_card(shrunk)
        return replace(card, results=[*card.results, *results_of(facts)], metadata={**_metadata(facts), **metadata})
    title, summary = _title(facts)
    return Card(
        title=title,
        summary=summary,
        training=_training(facts) or ["How the weights were trained is not recorded beside them."],
        results=results_of(facts),
        remarks=_remarks(facts),
        searched=_searched(facts.search, history) if facts.search else (),
        metadata={**_metadata(facts), **metadata},
    )


def _training(facts: ModelFacts) -> list[str]:
    """All that led to the weights, the first training first."""
    told = _training(facts.origin) if facts.origin else []
    if facts.search and facts.finalist:
        told.append(
            final_training(
                Recipe.restored(facts.search.recipe),
                facts.finalist,
                facts.search.history.data,
                facts.search.finalists[facts.finalist].learning_rate,
                facts.search.finalists[facts.finalist].block,
            )
        )
    if record := facts.records.get("pretraining"):
        known = {**record, "text": text_of(record["options"])}
        told.append("Pre-training, by masked language modelling:\n\n" + _table(known))
    if record := facts.records.get("result"):
        told.append(f"Fine-tuning on {escaped(record['task'])}:\n\n" + _table(record))
    return told


def final_training(
    recipe: Recipe, name: str, read: Data | None, rate: float | None = None, block: str | None = None
) -> str:
    """How a finalist of a search comes by its weights.

    Args:
        recipe: of the search.
        name: of the finalist, as `finalist_title` has it.
        read: what the journal says of the text.
        rate: its peak learning rate, where that is the best of several.
        block: its own, where it has one.
    """
    anew = name == SCRATCH or (name == BERT and block not in (None, *recipe.space.blocks))
    data, sub_models, supernet, final = recipe.data, recipe.sub_models, recipe.supernet, recipe.final
    named = (sub_models.supernet_from, sub_models.teacher, data.tokenizer)
    source, teacher, tokenizer = (escaped(without_places(each)) for each in named)
    new = (read and read.new_vocabulary) or "WordPieces"  # an older journal does not tell
    taught = f"the attention scores and hidden states of {teacher}"
    learnt = {"masked-lm": "", "distillation": f" of {taught}", "both": f" of masked words and {taught}"}
    weights = (
        "random weights"
        if anew
        else f"weights inherited from a super-net ({'AutoTinyBERT' if sub_models.layers else 'BIWS'}; "
        + (f"begun with weights of {source}; " if source else "")
        + f"{supernet.supernet_steps} steps{learnt[sub_models.supernet_loss]} with {supernet.backbones_per_step} "
        f"backbones, {supernet.supernet_batch_size} rows each)"
    )
    text = escaped(text_of(recipe.to_dict()))
    rated = f"{final.final_learning_rate if rate is None else rate:g}"
    if rate is not None and len(final.baseline_rates) > 1:
        rated += f", the best of {len(final.baseline_rates)}"
    if rate is not None and final.baseline_blocks:
        rated += f", in the block {block or recipe.sizes.block}, the best of those it was tried in"
    steps = final.final_steps + (supernet.supernet_steps if anew and name == BERT else 0)
    return (
        f"Masked language modelling of {text}{f', and {taught}' if teacher else ''}: {weights}, "
        f"then {steps} steps of {final.final_batch_size} rows of {data.sequence_length} tokens, peak "
        f"learning rate {rated}; seed {recipe.run.seed}, mixed precision {recipe.run.mixed_precision}. "
        + (
            f"The vocabulary is that of {source or teacher or tokenizer}."
            if source or teacher or tokenizer
            else f"A vocabulary of {data.vocab_size:,} {new} was trained on the same text."
        )
    )


def finalist_title(name: str, candidates: int, text: str, sizes: Sizes | None = None) -> tuple[str, str]:
    """Title and summary of the card of a search's winner, "best", of its baseline, "bert", or of its front, "front/1".

    Args:
        name: of the finalist.
        candidates: how many were evaluated.
        text: what the search ran on, in words.
        sizes: the finalist's, where candidates had sizes of their own.
    """
    found = "" if sizes is None else f" Its sizes were searched, too: {sizes}."
    text = escaped(text)
    if name == BEST:
        return "A BERT backbone found by search", f"The best of {candidates} candidates on {text}.{found}"
    if name == BERT:
        of_sizes = "" if sizes is None else f", in the sizes that it found: {sizes}"
        return "A small BERT", f"Standard attention in every layer: the baseline of a search on {text}{of_sizes}."
    if name == SCRATCH:
        return "A small encoder, from scratch", f"The baseline of a search for sizes on {text}: {sizes}."
    compromise = "One of the best compromises of score, speed and number of parameters"
    return "A BERT backbone found by search", f"{compromise} among {candidates} candidates on {text}.{found}"


def _title(facts: ModelFacts) -> tuple[str, str]:
    search = facts.search
    if search and facts.finalist:
        sizes = search.finalists[facts.finalist].sizes
        return finalist_title(facts.finalist, len(search.candidates), search.text, sizes)
    among = f"{len(search.candidates)} candidates on {escaped(search.text)}" if search else ""
    made = f", whose backbone was found among {among}" if search else ""
    if "result" in facts.records:
        task = escaped(facts.records["result"]["task"])
        return f"An AutoBERT-Zero model, fine-tuned on {task}", f"A model for {task}{made}."
    trained = ", pre-trained" if "pretraining" in facts.records else ""
    return f"An AutoBERT-Zero model{trained}", f"A BERT whose layers are lines of text in its configuration{made}."


def _searched(search: SearchFacts, history: str | None) -> list[str]:
    recipe, candidates = escaped(search.recipe), search.candidates
    failed = sum(event.score is None for event in candidates)
    origins = {
        name.rpartition(" ")[2]: origin for name, origin in search.origins.items() if name.startswith("operation ")
    }
    operations = ", ".join(
        f"{name} (from {origins[name]})" if name in origins else name for name in recipe["operations"]
    )
    of_kinds = {
        "attention": f"formulas of up to {recipe['max_operations']} operations out of {operations}",
        "convolution": f"lightweight convolutions with kernels of {', '.join(map(str, recipe['kernel_sizes']))}",
    }
    words = [of_kinds.get(each) or f"`{each}`" for each in recipe["layer_types"]]
    tasks = f" ({', '.join(recipe['tasks'])}; {recipe['task_steps']} steps on each)" if recipe["tasks"] else ""
    space = "; or ".join(words)
    blocks = f"; in a block of {' or '.join(recipe['blocks'])}" if recipe["blocks"] else ""
    most, varied = ("", "") if recipe["search_sizes"] == "no" else ("up to ", f" {_varied_sizes(recipe)}")
    return [
        f"Space: {most}{recipe['num_layers']} layers, each one of {space}{blocks}.{varied}",
        f"Strategy: {escaped(search.strategy)}, seed {recipe['seed']}. {len(candidates)} candidates were "
        f"evaluated, {failed} of them failed.",
        f"Score: {escaped(search.proxy)}{tasks}, after {recipe['candidate_steps']} training steps on weights "
        f"inherited from the {recipe['inherit_from']}.",
        f"Text: {escaped(search.text)}.",
        f"Cost: {search.hours:.2f} hours with {search.processes} process{'es' if search.processes > 1 else ''}"
        + (_energy(search) if search.energy else "; the energy was not measured")
        + ".",
        "All of it, with pictures, is in [the report](report.html), a page to download; the recipe is "
        "[recipe.yaml](recipe.yaml); every candidate, with its score, is in [journal.jsonl](journal.jsonl)"
        + (f", and in the data set [{history}](https://huggingface.co/datasets/{history})" if history else "")
        + ".",
    ]


def _varied_sizes(recipe: Mapping[str, Any]) -> str:
    """The sizes that were searched, and what bounded them."""
    space = Recipe.restored(recipe).searched_sizes
    assert space is not None
    hidden, inner = space.hidden_size, space.intermediate_size
    heads, dims, embeddings = space.num_attention_heads, space.head_dim, space.embedding_size
    bounds = {
        "latency_ms": "{} ms of latency",
        "speedup": "{} times the speed of {over}",
        "max_parameters": f"{{:,}} parameters in the {recipe['max_parameters_of']}",
        "max_multiplications": "{:,} multiplications of a token in the layers",
    }
    over = without_places(recipe["speedup_over"])
    given = [words.format(recipe[name], over=over) for name, words in bounds.items() if recipe[name] is not None]
    return (
        f"Sizes: {space.num_hidden_layers.lowest} to {space.num_hidden_layers.highest} layers, hidden "
        f"{hidden.lowest} to {hidden.highest}, feed-forward {inner.lowest} to {inner.highest}, {heads.lowest} to "
        f"{heads.highest} heads of {dims.lowest} to {dims.highest}"
        + (f", embeddings {embeddings.lowest} to {embeddings.highest}" if embeddings else "")
        + (f"; bounded by {' and '.join(given)}" if given else "")
        + "."
    )


def _energy(search: SearchFacts) -> str:
    assert search.energy is not None
    measured = search.energy["hours"]
    part = "" if measured >= 0.95 * search.hours else f" in the {measured:.2f} hours that were measured"
    energy = f"{search.energy['kilowatt_hours']:.2g} kWh of the whole machine{part}"
    return f", and {energy} (estimated by {escaped(search.energy['measured_by'])})"


def _remarks(facts: ModelFacts) -> str:
    remarks = ["It is that of the measured rows, not of other seeds, unless several are named."]
    if facts.search and facts.finalist in (names := finalists_of(facts.search.recipe)):
        best, beside = (facts.search.scores[name] for name in names)
        difference, error = best.difference(beside)
        how = (
            "The backbone and the BERT were trained for the same steps on the weights of the same super-net"
            if names[1] == BERT
            else "The model that was cut from the super-net, and the same one from scratch, had the same last training"
        )
        remarks.append(f"{how}; the difference, on the same words, is {plus_minus(difference, error, signed=True)}.")
    result = facts.records.get("result", {})
    if result.get("majority") is not None and result["majority"] != result["baseline"]:
        remarks.append(f"The most frequent class of the training rows has an accuracy of {result['majority']:.4f}.")
    return " ".join(remarks)


def _table(record: Mapping[str, Any]) -> str:
    """The facts of a training, less what the results tell."""
    lines = ["| | |", "|---|---|"]
    for name, value in escaped(without_places(record)).items():
        told = name in _MEASURED or name.endswith(("standard_error", "baseline"))
        nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(e, dict | list) for e in value))
        if not told and not nested and value not in (None, []):
            lines.append(f"| {name.replace('_', ' ')} | {_shown(value)} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _metadata(facts: ModelFacts) -> dict[str, Any]:
    """What the facts say of language and data; nothing is guessed."""
    found: dict[str, Any] = {}
    if datasets := sorted({name for each in _sources(facts) if (name := hub_dataset(each))}):
        found["datasets"] = datasets
    recipe = facts.search.recipe if facts.search and facts.finalist else {}
    if recipe and not recipe["text"] and not recipe["dataset"]:
        found["language"] = "en"  # the demo's
    return found


def _sources(facts: ModelFacts) -> Iterator[Mapping[str, Any]]:
    """All records that may name data that the model was made of, or measured on."""
    if facts.origin:
        yield from _sources(facts.origin)
    if facts.search:
        yield facts.search.recipe
    for record in facts.records.values():
        yield from (record, record.get("options") or {}, *record.get("tasks", {}).values())
