"""A recipe: everything that decides what a search does, as options in groups, from YAML and the command line."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import architecture
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.options import find_problems
from autobert_zero_hf.reading import ReadingError, decode, parse_yaml
from autobert_zero_hf.training.shared_options import DataOptions, SizeOptions

from .recipe_options import (
    GROUPS,
    BudgetOptions,
    EstimationOptions,
    FinalOptions,
    InheritanceOptions,
    JointOptions,
    LatencyOptions,
    RunOptions,
    ScreenOptions,
    SpaceOptions,
    StrategyOptions,
    SubModelOptions,
    SuperNetOptions,
    TaskOptions,
)
from .recipe_paths import from_folder
from .space.budget import Budget
from .space.search_space import SearchSpace
from .space.sizes import Sizes, SizesSpace, Steps
from .space.sub_models import SubModels

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig

RECIPES = Path(__file__).parent / "recipes"
_TRAINING_STEP = 4


class RecipeError(AutoBertZeroError, ValueError):
    """A recipe that cannot be used; the message names every problem."""


@dataclass(frozen=True)
class Recipe:
    """The options of a search, checked: groups as attributes, and what follows from them.

    Raises:
        RecipeError: naming every option that is not known, of the wrong type or out of its range.
    """

    data: DataOptions
    sizes: SizeOptions
    space: SpaceOptions
    joint: JointOptions
    supernet: SuperNetOptions
    sub_models: SubModelOptions
    strategy: StrategyOptions
    screen: ScreenOptions
    inheritance: InheritanceOptions
    estimation: EstimationOptions
    task: TaskOptions
    latency: LatencyOptions
    budget: BudgetOptions
    final: FinalOptions
    run: RunOptions

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> "Recipe":
        """From options by name; those that are missing take their defaults."""
        _check(options)
        parts: list[Any] = [
            group(**{f.name: options[f.name] for f in dataclasses.fields(group) if f.name in options})
            for group in GROUPS
        ]
        recipe = cls(*parts)
        width, heads, kernels = recipe.sizes.hidden_size, recipe.sizes.num_attention_heads, recipe.space.kernel_sizes
        if width % heads and recipe.sub_models.head_dim is None:
            raise RecipeError(f"hidden_size ({width}) is not a multiple of num_attention_heads ({heads})")
        if kernels != sorted(set(kernels)):
            raise RecipeError(f"kernel_sizes must rise: {excerpt(kernels)}")
        if recipe.strategy.strategy == "evolution" and recipe.strategy.tournament > recipe.strategy.population:
            raise RecipeError(
                f"tournament ({recipe.strategy.tournament}) must not exceed population ({recipe.strategy.population})"
            )
        if recipe.screen.screen_keep is not None and recipe.screen.screen_by is None:
            raise RecipeError("screen_keep needs screen_by, the measure that is screened by")
        if (recipe.estimation.proxy == "tasks") != bool(recipe.task.tasks):
            raise RecipeError("proxy: tasks needs names of tasks, and these need that proxy: give both, or neither")
        joint = recipe.joint
        if (joint.speedup_over is None) != (joint.speedup is None):
            raise RecipeError("speedup_over names a model and speedup how many times as fast: give both, or neither")
        if joint.latency_ms is not None and joint.speedup is not None:
            raise RecipeError("latency_ms and speedup are two bounds on the same: give one of them")
        recipe._check_sub_models()
        try:
            recipe.search_space, recipe.cost_budget  # noqa: B018  # they check themselves
        except ValueError as error:
            raise RecipeError(str(error)) from error
        return recipe

    def _check_sub_models(self) -> None:
        options, sized = self.sub_models, self.joint.search_sizes != "no"
        if (options.supernet_loss != "masked-lm") != (options.teacher is not None):
            raise RecipeError("supernet_loss: distillation or both needs a teacher, and a teacher one of these losses")
        usual = dataclasses.asdict(SubModelOptions())
        given = [name for name, value in dataclasses.asdict(options).items() if value != usual[name]]
        of_sizes = ("hidden_step", "intermediate_step", "min_layers", "min_hidden_size", "min_intermediate_size")
        given += [name for name in of_sizes if getattr(self.joint, name) != getattr(JointOptions(), name)]
        if given and not sized:
            raise RecipeError(f"{', '.join(given)}: for a search of sizes, which search_sizes heads or head_dim begins")
        if options.layers and len(options.layers) != self.sizes.num_layers:
            raise RecipeError(f"layers has {len(options.layers)} lines, num_layers is {self.sizes.num_layers}")
        if options.supernet_loss == "distillation" and self.estimation.proxy != "tasks":
            raise RecipeError(
                "supernet_loss: distillation leaves the head that predicts words untrained, so that it cannot be "
                "scored by masked words: take proxy: tasks, or supernet_loss: both"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every option by name; `from_dict` gives the same recipe back."""
        groups = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return {name: value for group in groups for name, value in dataclasses.asdict(group).items()}

    @cached_property
    def search_space(self) -> SearchSpace | SubModels:
        """What can be found."""
        space = self.space
        if self.sub_models.layers:
            assert self.searched_sizes is not None
            return SubModels(tuple(self.sub_models.layers), self.searched_sizes)
        return SearchSpace(
            num_layers=self.sizes.num_layers,
            kernel_sizes=tuple(space.kernel_sizes),
            operations=tuple(space.operations),
            max_operations=space.max_operations,
            max_depth=space.max_depth,
            inputs=tuple(space.inputs),
            layer_types=tuple(space.layer_types),
            shared_attention=space.shared_attention,
            sizes=self.searched_sizes,
            feed_forward=tuple(space.feed_forward),
        )

    @cached_property
    def searched_sizes(self) -> SizesSpace | None:
        """Those that candidates may have of their own; None where all have the same."""
        options = self.joint
        if options.search_sizes == "no":
            return None
        space = SizesSpace.within(self.largest, options.search_sizes, options.hidden_step, options.intermediate_step)
        least = {
            "num_hidden_layers": options.min_layers,
            "hidden_size": options.min_hidden_size,
            "intermediate_size": options.min_intermediate_size,
        }
        bounded = {}
        for name, lowest in least.items():
            steps: Steps = getattr(space, name)
            if lowest is not None:
                if lowest > steps.highest:
                    raise ValueError(f"the least {name} ({lowest}) is more than that of the model ({steps.highest})")
                bounded[name] = Steps.below(lowest, steps.highest, steps.step)
        return dataclasses.replace(space, **bounded)

    @property
    def training_space(self) -> SearchSpace | SubModels:
        """Where the super-net's backbones are drawn from: the same in steps of 4, as in AutoTinyBERT."""
        if (sizes := self.searched_sizes) is None:
            return self.search_space
        finer = {
            name: dataclasses.replace(steps, step=math.gcd(steps.step, _TRAINING_STEP))
            for name in ("hidden_size", "intermediate_size")
            for steps in [getattr(sizes, name)]
        }
        return dataclasses.replace(self.search_space, sizes=dataclasses.replace(sizes, **finer))

    @property
    def largest(self) -> Sizes:
        """The sizes of every candidate, or the largest ones."""
        return Sizes.of(self.make_config(self.data.vocab_size))

    @property
    def bounds_latency(self) -> bool:
        """Whether candidates have a latency to meet."""
        return self.joint.latency_ms is not None or self.joint.speedup is not None

    @property
    def latency_budget(self) -> str:
        """That latency in words; empty where there is none."""
        joint = self.joint
        if joint.speedup is not None:
            return f"{joint.speedup:g} times as fast as {joint.speedup_over}"
        return "" if joint.latency_ms is None else f"{joint.latency_ms:g} ms"

    @cached_property
    def cost_budget(self) -> Budget:
        """What a candidate may cost."""
        config = self.make_config(self.data.vocab_size)
        return Budget(
            config,
            self.data.sequence_length,
            self.space.max_parameters,
            self.space.max_multiplications,
            self.searched_sizes,
            self.sub_models.layers,
        )

    def make_config(
        self, vocab_size: int, special_ids: Mapping[str, Any] = MappingProxyType({})
    ) -> "AutoBertZeroConfig":
        """The sizes of every candidate, or the largest ones, on the backbone of the sub-models, or on BERT's.

        Args:
            vocab_size: entries of the vocabulary.
            special_ids: its special tokens, by the names that a configuration has for them; BERT's by default.
        """
        from autobert_zero_hf.model import AutoBertZeroConfig

        return AutoBertZeroConfig(
            layers=self.sub_models.layers or architecture("bert", self.sizes.num_layers),
            head_dim=self.sub_models.head_dim or self.sizes.hidden_size // self.sizes.num_attention_heads,
            vocab_size=vocab_size,
            hidden_size=self.sizes.hidden_size,
            num_attention_heads=self.sizes.num_attention_heads,
            intermediate_size=self.sizes.intermediate_size,
            hidden_dropout_prob=self.sizes.dropout,
            attention_probs_dropout_prob=self.sizes.dropout,
            max_position_embeddings=self.data.sequence_length,
            initializer_range=self.sizes.initializer_range,
            # Masked-LM training teaches the first token nothing, and a convolution shows it its neighbours only.
            classifier_pooling="mean",
            **special_ids,
        )


def load_options(name_or_path: str) -> dict[str, Any]:
    """The options of a recipe: the name of one that comes with the package, or a YAML file.

    The relative paths in a file mean the folder that it lies in.

    Raises:
        RecipeError: if there is none, or if it is not a mapping of options.
    """
    path = Path(name_or_path)
    packaged = not path.suffix and (RECIPES / f"{name_or_path}.yaml").is_file()
    if packaged:
        path = RECIPES / f"{name_or_path}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in RECIPES.glob("*.yaml"))
        raise RecipeError(
            f"no recipe {excerpt(name_or_path)}: give one of {', '.join(known)}, or the path of a YAML file"
        )
    try:
        options = parse_yaml(decode(path.read_bytes()))
    except ReadingError as error:
        raise RecipeError(f"{path} is {error}") from error
    options = {} if options is None else options
    if not isinstance(options, dict):
        raise RecipeError(f"{path}: a recipe is a mapping, such as `seed: 0`, not {type(options).__name__}")
    try:
        _check(options)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    return options if packaged else from_folder(options, path.parent)


def overridden(options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The options of a recipe with others in their place; a text replaces a data set, and a data set a text."""
    kept = dict(options)
    for name, others in (("text", ("dataset", "dataset_config", "text_column")), ("dataset", ("text",))):
        if name in given:
            for other in others:
                kept.pop(other, None)
    return {**kept, **given}


def _check(options: dict[str, Any]) -> None:
    if problems := find_problems(GROUPS, options):
        raise RecipeError("; ".join(problems))
