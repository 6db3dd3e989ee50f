"""Runs that make a small BERT faster on real text, and what they wrote."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.latency.hardware import Hardware
from autobert_zero_hf.search.latency.measuring import Latency
from autobert_zero_hf.search.recipe.block_options import BlockRecipe
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.recipe.shrink_options import ShrinkOptions
from autobert_zero_hf.search.run.encoder_shrink import shrink_encoder
from autobert_zero_hf.search.runtime.block_records import LayerParts
from autobert_zero_hf.search.runtime.journal import read_history

from autobert_zero_hf.model.cost import layer_cost

OPTIONS: dict[str, Any] = {
    "sequence_length": 24,
    "calibration_rows": 32,
    "swap_rows": 8,
    "formula_candidates": 6,
    "part_steps": 3,
    "assemblies": 8,
    "healing_steps": 6,
    "healing_batch_size": 4,
    "latency_tokens": 24,
    "latency_passes": 3,
}


def by_work(models: Sequence[Any], options: LatencyOptions) -> list[Latency]:
    """Latencies that follow from the models alone, for runs that are compared."""

    def latency(model: Any) -> Latency:
        config = model.config
        layers = sum(layer_cost(line, config, options.latency_tokens).operations for line in config.layers)
        took = 0.1 + layers / 1e5
        return Latency(took, took, (took, took), options.latency_passes, 0.0, Hardware.here(options))

    return [latency(model) for model in models]


def beside(reference: Any, usual: float, models: Sequence[Any], options: LatencyOptions) -> list[Latency]:
    return by_work(models, options)


def run(bert: Path, text: Path, folder: Path, *speedups: float, **options: Any) -> dict[str, Any]:
    recipe = BlockRecipe({**OPTIONS, "source": str(bert), "text": [str(text)], **options})
    return shrink_encoder(recipe, ShrinkOptions(speedup=list(speedups)), folder)


def told(folder: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    own = ("elapsed", "crc", "identity", "environment", "waited")
    return [
        {name: value for name, value in event.items() if name not in own or event["event"] == "healed"}
        | {"elapsed": 0, "crc": 0}
        for event in events
    ]


def parts_in(folder: Path) -> list[tuple[int, str, list[float]]]:
    """What a run made of each layer, as far as it is."""
    journal = folder / "journal.jsonl"
    made = read_history(journal).of(LayerParts) if journal.is_file() and journal.stat().st_size else []
    return sorted((each.layer, each.digest, each.losses) for each in made)
