"""Lines of a backbone: legal ones that were spoilt, and noise."""

import random

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO
from autobert_zero_hf.model.graph import FormulaError
from autobert_zero_hf.model.layers import backbone_identity, parse_layer
from autobert_zero_hf.model.operations import operation_names
from autobert_zero_hf.rendering import draw_backbone, to_latex

from .hostile import failure_of, hostile_value, main, mutated

WORDS = (*operation_names(), "q", "k", "v", "conv", "(", ")", ",", " ", "9", "Q", "CONV", "conv2", "é", ".", "\n", "_")


def line(rng: random.Random) -> object:
    """One line."""
    kind = rng.random()
    if kind < 0.6:
        return mutated(rng.choice(AUTOBERT_ZERO), rng)
    if kind < 0.85:
        return "".join(rng.choice(WORDS) for _ in range(rng.choice((1, 3, 10, 40, 3000))))
    if kind < 0.95:
        opened = rng.choice(("neg(", "add(q, ", "conv(", "(")) * rng.choice((1, 30, 40, 2000, 100_000))
        return opened + "q" + ")" * rng.randrange(40)
    return hostile_value(rng)


def read(text: object) -> None:
    """All that is done with a line before a model is built."""
    layer = parse_layer(text)  # type: ignore[arg-type]
    backbone_identity([str(layer)])
    to_latex(str(layer))
    draw_backbone([str(layer)])


def run(count: int, seed: int) -> list[str]:
    """The failures among so many lines."""
    rng = random.Random(seed)
    lines = (line(rng) for _ in range(count))
    return [failure for text in lines if (failure := failure_of(text, lambda text=text: read(text), (FormulaError,)))]  # type: ignore[misc]


if __name__ == "__main__":
    main(run, 12_000)
