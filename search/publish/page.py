"""The folder that a page of the Hub is made of: whole, on the disk, before anything is sent."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import autobert_zero_hf
from autobert_zero_hf.conversion.loading import check_finite, unreadable_refused
from autobert_zero_hf.data.fitting import fit_length, take_special_tokens
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AUTO_MAP, AutoBertZeroConfig
from autobert_zero_hf.places import without_places
from autobert_zero_hf.rendering import draw_backbone, to_svg
from autobert_zero_hf.standard_error import say_error
from autobert_zero_hf.writing import written_whole

from ..runtime.codec import encode_all
from ..runtime.run_folder import RunFolder
from .card import Card, Result, write_card
from .facts import FILES, ModelFacts, SearchFacts
from .links import check_links
from .report import write_report
from .report_facts import report_facts
from .sample import sample_of

PICTURE = "backbone.svg"
EVALUATION = ".eval_results/autobert-zero.yaml"


def stage_model(
    facts: ModelFacts,
    card: Card,
    place: Path,
    repo_id: str,
    revision: str | None = None,
    example: str | None = None,
) -> None:
    """Write the folder of a model's page: weights, config, tokenizer, code, picture, card, results, recipe and journal.

    And the report of the search, without the time at which it is written: the same page again is the same files.

    Args:
        facts: of the model.
        card: what its card says.
        place: where to; what was there is replaced once all is written.
        repo_id: the page.
        revision: the tag or branch that the card says to load.
        example: the text that the card shows an answer to, as `sample_of` takes it.

    Raises:
        AutoBertZeroError: if the model or its tokenizer cannot be loaded, or lacks weights; if it has no answer to the
            example.
        WritingError: if there is no room.
    """
    model, tokenizer = load(facts.folder)
    card = replace(card, picture=PICTURE, sample=sample_of(model, tokenizer, example, card.metadata.get("language")))
    with written_whole(place) as partial:
        model.save_pretrained(partial, include_code=True)
        tokenizer.save_pretrained(partial)
        (partial / PICTURE).write_text(to_svg(draw_backbone(model.config.layers)), encoding="utf-8")
        for name in facts.records:
            _write_json(partial / FILES[name], without_places(facts.records[name]))
        if facts.search:
            stage_search(facts.search, partial)
            report = write_report(report_facts(facts.search), dated=False)
            RunFolder(partial).report.write_text(report, encoding="utf-8")
        if entries := _entries(card.results):
            (partial / EVALUATION).parent.mkdir()
            (partial / EVALUATION).write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
        (partial / "README.md").write_text(write_card(card, model, repo_id, revision), encoding="utf-8")


def stage_search(search: SearchFacts, place: Path) -> None:
    """Write a search's recipe, journal and energy into a folder, without the places of files on this machine.

    Raises:
        AutoBertZeroError: if one of them is a link that leaves the search's folder.
    """
    staged = RunFolder(place)
    check_links(search.folder.path, (staged.journal.name, staged.energy.name))
    recipe = yaml.safe_dump(without_places(search.recipe), sort_keys=False, allow_unicode=True)
    staged.recipe.write_text(recipe, encoding="utf-8")
    staged.journal.write_bytes(encode_all(map(without_places, search.history.events)))
    if search.energy:
        _write_json(staged.energy, search.energy)


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model with all of its weights, and its tokenizer, as they are to be published.

    Raises:
        AutoBertZeroError: if there is none of this package, something of it is missing or would be dropped, a weight is
            no number, or a file of it lies elsewhere.
    """
    check_links(folder)
    if (folder / "adapter_config.json").exists():
        raise AutoBertZeroError(
            f"{folder} holds an adapter of PEFT, which is no whole model: merge it (merge_and_unload), save that to "
            "another folder, and push it"
        )
    with unreadable_refused(f"the model in {folder} cannot be loaded", folder):
        config = AutoConfig.from_pretrained(folder)
        if not isinstance(config, AutoBertZeroConfig):
            raise AutoBertZeroError(f"{folder} holds a {config.model_type} model, and not one of this package")
        class_name = (config.architectures or ["AutoBertZeroModel"])[0]
        if class_name not in (place.rpartition(".")[2] for auto, place in AUTO_MAP.items() if auto != "AutoConfig"):
            raise AutoBertZeroError(
                f"{folder / 'config.json'} names {class_name} in architectures, which is no class of this package: "
                "save the model anew, or mend that name"
            )
        model_class = getattr(autobert_zero_hf, class_name)
        model, found = model_class.from_pretrained(folder, output_loading_info=True)
        if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.txt")):
            raise AutoBertZeroError(
                f"{folder} holds no tokenizer: save the model's own there (tokenizer.save_pretrained)"
            )
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if missing := sorted(found["missing_keys"]) + sorted(str(key) for key in found["mismatched_keys"]):
        raise AutoBertZeroError(
            f"the weights in {folder} are not whole, {len(missing)} are missing or of another shape ({missing[0]}): "
            "make the model again"
        )
    if dropped := sorted(found["unexpected_keys"]):
        raise AutoBertZeroError(
            f"the weights in {folder} hold {len(dropped)} that {class_name} has no place for ({dropped[0]}), and that "
            "would be lost: name the class that they are of in architectures of config.json, or save the model anew"
        )
    check_finite(model, folder)
    take_special_tokens(model, tokenizer)
    return model, fit_length(tokenizer, model.config)


def _entries(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results on data sets of the Hub, in the form of `.eval_results`."""
    entries = [
        EvalResultEntry(
            dataset_id=result.hub_dataset,
            task_id=result.task,
            value=round(result.value, 6),
            notes=f"{result.metric}, {_error(result.standard_error)}, {result.measured_on}",
        )
        for result in results
        if result.hub_dataset
    ]
    return eval_result_entries_to_yaml(entries)


def _error(standard_error: float | None) -> str:
    return f"standard error {say_error(standard_error)}"


def _write_json(path: Path, facts: Any) -> None:
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
