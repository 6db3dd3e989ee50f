"""Sizes of a backbone, and the space that AutoTinyBERT searches (Yin et al. 2021, 2021.acl-long.400)."""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig


@dataclass(frozen=True, order=True)
class Sizes:
    """The sizes of a backbone, by the names of its config; all layers are alike.

    Args:
        num_hidden_layers: its layers.
        hidden_size: width of the hidden states.
        intermediate_size: width inside the feed-forward blocks.
        num_attention_heads: heads of an attention, and kernels of a convolution.
        head_dim: width of a head. All heads together need not be as wide as the hidden states.
        embedding_size: width of the embeddings, which a linear layer brings to the hidden size (ELECTRA's and ALBERT's
            factor), where it is searched; None where it is that of the configuration which the backbone is like.
    """

    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    head_dim: int
    embedding_size: int | None = None

    @classmethod
    def of(cls, config: "AutoBertZeroConfig") -> Self:
        """The sizes of a configuration; the width of its embeddings is its own."""
        names = {field.name for field in dataclasses.fields(cls)} - {"embedding_size"}
        return cls(**{name: getattr(config, name) for name in names})

    def to_dict(self) -> dict[str, int]:
        """The sizes by name; without that of the embeddings where it is not searched."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def width(self) -> int:
        """The width of all heads together: the paper's qkv."""
        return self.num_attention_heads * self.head_dim

    def config(self, like: "AutoBertZeroConfig", layers: Sequence[str]) -> "AutoBertZeroConfig":
        """A config of these sizes, and in all else like another.

        Raises:
            ValueError: if the layers are not as many, or not legal.
        """
        from autobert_zero_hf.model import AutoBertZeroConfig

        return AutoBertZeroConfig(**{**like.to_dict(), **self.to_dict(), "layers": list(layers)})

    def __str__(self) -> str:
        embeddings = "" if self.embedding_size is None else f", embeddings {self.embedding_size}"
        return (
            f"{self.num_hidden_layers} layers, hidden {self.hidden_size}, feed-forward {self.intermediate_size}, "
            f"{self.num_attention_heads} heads of {self.head_dim}{embeddings}"
        )


@dataclass(frozen=True)
class Steps:
    """The whole numbers from `lowest` to `highest`, `step` apart; the highest is among them."""

    lowest: int
    highest: int
    step: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.lowest <= self.highest or self.step < 1 or (self.highest - self.lowest) % self.step:
            raise ValueError(
                f"{self.lowest} to {self.highest} in steps of {self.step}: the lowest is at least 1, and the highest a "
                "whole number of steps above it"
            )

    @classmethod
    def below(cls, lowest: int, highest: int, step: int) -> Self:
        """The steps down from `highest` as far as `lowest`, or just above it; `highest` alone if it is lower."""
        return cls(highest - max(0, highest - lowest) // step * step, highest, step)

    @property
    def values(self) -> range:
        """All numbers that the steps reach."""
        return range(self.lowest, self.highest + 1, self.step)


@dataclass(frozen=True)
class SizesSpace:
    """Sub-models of a largest one; each size has its own range.

    Args:
        num_hidden_layers: and so on: as in `Sizes`.
        embedding_size: None where it is the same for all.
    """

    num_hidden_layers: Steps
    hidden_size: Steps
    intermediate_size: Steps
    num_attention_heads: Steps
    head_dim: Steps
    embedding_size: Steps | None = None

    @classmethod
    def within(cls, largest: Sizes, vary: str, hidden_step: int = 16, intermediate_step: int = 32) -> Self:
        """The paper's space below a largest model, in the steps of its search; in training, both are 4.

        Args:
            largest: the sizes of the super-model.
            vary: "heads", their number at their full width, as where masked words are learnt; or "head_dim", the width
                of all of them, as where a teacher's attention is learnt, which has as many heads.
            hidden_step: of the hidden size.
            intermediate_step: of the feed-forward size.

        Raises:
            ValueError: if `vary` is neither.

        >>> bert = Sizes(8, 768, 3072, 12, 64)
        >>> SizesSpace.within(bert, "heads").count, SizesSpace.within(bert, "head_dim").count
        (366048, 1525200)
        """
        if vary not in VARIED:
            raise ValueError(f"vary is one of {', '.join(VARIED)}, not {vary!r}")
        heads, head_dim = largest.num_attention_heads, largest.head_dim
        return cls(
            Steps(1, largest.num_hidden_layers),
            Steps.below(min(128, largest.hidden_size // 2), largest.hidden_size, hidden_step),
            Steps.below(min(128, largest.intermediate_size // 2), largest.intermediate_size, intermediate_step),
            Steps(1, heads) if vary == "heads" else Steps(heads, heads),
            Steps(head_dim, head_dim) if vary == "heads" else Steps(max(1, 15 * head_dim // 64), head_dim),
        )

    @property
    def count(self) -> int:
        """How many sizes there are in the space."""
        total = 1
        for steps in self.steps.values():
            total *= len(steps.values)
        return total

    @property
    def steps(self) -> dict[str, Steps]:
        """What each size may be, by name; without that of the embeddings where it is the same for all."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(SizesSpace)}
        return {name: steps for name, steps in named.items() if steps is not None}

    @property
    def smallest(self) -> Sizes:
        """The sizes that are all the lowest."""
        return Sizes(**{name: steps.lowest for name, steps in self.steps.items()})

    @property
    def largest(self) -> Sizes:
        """The sizes that are all the highest."""
        return Sizes(**{name: steps.highest for name, steps in self.steps.items()})

    def rejection(self, sizes: Sizes) -> str | None:
        """Why sizes do not belong to the space, in words; None if they do."""
        for name, steps in self.steps.items():
            if (value := getattr(sizes, name)) not in steps.values:
                return f"{name} {value} is none of {steps.lowest} to {steps.highest} in steps of {steps.step}"
        if self.embedding_size is None and sizes.embedding_size is not None:
            return f"embedding_size {sizes.embedding_size} is its own, but all of the space have the same"
        return None

    def sample(self, rng: random.Random) -> Sizes:
        """Each size is drawn evenly."""
        drawn: dict[str, Any] = {name: rng.choice(steps.values) for name, steps in self.steps.items()}
        return Sizes(**drawn)


VARIED = ("heads", "head_dim")
