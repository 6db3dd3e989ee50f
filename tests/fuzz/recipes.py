"""Recipes: options of hostile values, and YAML that was spoilt."""

import json
import random
import tempfile
from pathlib import Path

import yaml
from autobert_zero_hf.search.recipe.files import RECIPES, load_options
from autobert_zero_hf.search.recipe.options import option_groups
from autobert_zero_hf.search.recipe.recipe import Recipe

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import option_names

from .hostile import failure_of, hostile_value, main, mutated

BOMBS = (
    "[" * 2000,
    "a: " * 2000,
    "seed: " + "9" * 5000,
    "seed: 0x" + "f" * 10_000,
    "a: &a [x]\n" + "".join(f"a{n}: &a [*a, *a]\n" for n in range(30)),
    "a: &a {x: 1}\nb: {<<: [*a, *a]}",
    "seed: !!python/object/apply:os.system ['true']",
    "seed: !!bool x",
    "seed: !!timestamp x",
    "? [a]\n: b",
    "seed: 2001-99-99",
    'text: ["\\ud83d"]',
    "seed: *nothing",
)


def content(rng: random.Random) -> str:
    """One recipe."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(BOMBS)
    source = rng.choice(sorted(RECIPES.glob("*.yaml"))).read_text(encoding="utf-8")
    if kind < 0.45:
        return mutated(source, rng)
    options = {**yaml.safe_load(source)}
    for _ in range(rng.choice((1, 1, 3))):
        options[rng.choice(option_names(option_groups()))] = hostile_value(rng)
    return json.dumps(options)  # which is YAML, and is written however deep it is


def run(count: int, seed: int) -> list[str]:
    """The failures among so many recipes."""
    rng = random.Random(seed)
    failures = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "mine.yaml")
        for _ in range(count):
            text = content(rng)
            path.write_text(text, encoding="utf-8", errors="replace")
            failure = failure_of(text, lambda: Recipe.from_dict(load_options(str(path))), (AutoBertZeroError,))
            failures += [failure] * (failure is not None)
    return failures


if __name__ == "__main__":
    main(run, 50)
