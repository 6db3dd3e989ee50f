"""A recipe: everything that decides what a search does, as options in groups, from YAML and the command line."""

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroConfig, architecture
from autobert_zero_hf.model.graph import INPUTS, MAX_DEPTH, MAX_OPERATIONS
from autobert_zero_hf.model.operations import operation_names
from autobert_zero_hf.options import Range, find_problems, option, option_names
from autobert_zero_hf.training.shared_options import DataOptions, SizeOptions

from .space.budget import Budget
from .space.search_space import LAYER_TYPES, SearchSpace
from .space.sizes import Sizes, SizesSpace, Steps
from .space.sub_models import SubModels

RECIPES = Path(__file__).parent / "recipes"
_TRAINING_STEP = 4


class RecipeError(AutoBertZeroError, ValueError):
    """A recipe that cannot be used; the message names every problem."""


@dataclass
class SpaceOptions:
    """What a layer can be."""

    kernel_sizes: Annotated[list[int], Range(1)] = option((3, 5, 7, 9, 15, 31, 65), "kernel sizes of convolutions, odd")
    layer_types: list[str] = option(LAYER_TYPES, "attention, convolution or both")
    operations: list[str] = option(operation_names(), "the operations of formulas")
    inputs: list[str] = option(INPUTS, "those of q, k and v that formulas use")
    max_operations: Annotated[int, Range(1, MAX_OPERATIONS + 1)] = option(10, "operations of an attention at most")
    max_depth: Annotated[int, Range(1, MAX_DEPTH + 1)] = option(
        MAX_DEPTH, "operations inside one another at most, in an attention"
    )
    shared_attention: bool = option(False, "one formula for all attention layers of a backbone")
    max_parameters: Annotated[int | None, Range(1)] = option(
        None, "parameters of all layers at most, embeddings not counted"
    )
    max_multiplications: Annotated[int | None, Range(1)] = option(
        None, "multiplications of a token in all layers at most, in a row of text"
    )


@dataclass
class JointOptions:
    """Sizes that are searched beside the layers, what candidates may take, and the best compromises."""

    search_sizes: Literal["no", "heads", "head_dim"] = option(
        "no",
        "whether candidates have sizes of their own, up to those of the model: with fewer heads, or with narrower ones",
    )
    hidden_step: Annotated[int, Range(1)] = option(16, "between two hidden sizes")
    intermediate_step: Annotated[int, Range(1)] = option(32, "between two feed-forward sizes")
    min_layers: Annotated[int, Range(1)] = option(1, "layers of a candidate at least")
    min_hidden_size: Annotated[int | None, Range(1)] = option(
        None, "hidden size of a candidate at least; by itself 128, or half of the largest if that is less"
    )
    min_intermediate_size: Annotated[int | None, Range(1)] = option(
        None, "feed-forward size of a candidate at least; by itself as with the hidden size"
    )
    latency_ms: Annotated[float | None, Range(1e-6)] = option(
        None, "milliseconds that a candidate may take; those of 0.85 to 1.1 times as much by prediction are trained"
    )
    speedup_over: str | None = option(None, "a model, a folder or a name of the Hub, whose latency sets that bound")
    speedup: Annotated[float | None, Range(1e-6)] = option(None, "how many times as fast as that model, with it")
    latency_samples: Annotated[int, Range(20)] = option(
        200, "random candidates that are measured, which the prediction is fitted to"
    )
    front: Annotated[int, Range(0)] = option(
        0, "the best compromises of score, speed and parameters that are trained on and kept, with the winner, at most"
    )


@dataclass
class SuperNetOptions:
    """How the shared weights are trained."""

    supernet_steps: Annotated[int, Range(1)] = option(600, "training steps of the super-net")
    supernet_batch_size: Annotated[int, Range(1)] = option(8, "rows that each backbone of a step sees")
    backbones_per_step: Annotated[int, Range(1)] = option(2, "random backbones whose gradients are averaged in a step")
    supernet_learning_rate: Annotated[float, Range(0.0)] = option(2e-3, "peak learning rate of the super-net")
    random_attention: Annotated[float, Range(0.0, 1.001)] = option(
        0.0, "share of those backbones whose attentions are random formulas; the rest have standard ones"
    )


@dataclass
class SubModelOptions:
    """The super-net of a search for sizes."""

    layers: list[str] = option(
        (), "the backbone whose sizes alone are searched, a line for each layer; none where layers are searched, too"
    )
    head_dim: Annotated[int | None, Range(1)] = option(
        None, "width of a head of the largest model; by itself hidden size / heads"
    )
    supernet_from: str | None = option(
        None,
        "a BERT or a model of this package, folder or Hub name, from which the super-net's first weights are cut; "
        "its tokenizer is used, too",
    )
    sandwich: bool = option(
        False,
        "whether each step trains the largest and the smallest sub-model besides random ones; where masked words are "
        "learnt, the others learn the largest one's predictions of them",
    )
    supernet_loss: Literal["masked-lm", "distillation", "both"] = option(
        "masked-lm",
        "what the super-net learns: masked words, its teacher's attention scores and hidden states, or the sum of both",
    )
    teacher: str | None = option(
        None,
        "of --supernet-loss distillation and both: a BERT-like model of the same vocabulary and number of heads, "
        "folder or Hub name",
    )

    def __post_init__(self) -> None:
        if (self.supernet_loss != "masked-lm") != (self.teacher is not None):
            raise RecipeError("supernet_loss: distillation or both needs a teacher, and a teacher one of these losses")


@dataclass
class StrategyOptions:
    """Where the search looks next."""

    strategy: Literal["op-nas", "uniform", "evolution", "random", "optuna", "fast", "evolved"] = option(
        "op-nas",
        "OP-NAS, the same with operations drawn evenly, regularised evolution, random search, a sampler of Optuna; "
        "over sizes, random search among good proportions, or evolved sizes, as in AutoTinyBERT",
    )
    population: Annotated[int, Range(1)] = option(
        24, "random candidates in the first generation; of evolved sizes, the best so far that are parents"
    )
    parents: Annotated[int, Range(1)] = option(5, "best candidates that have children")
    children: Annotated[int, Range(1)] = option(2, "children of a parent in a generation")
    tournament: Annotated[int, Range(1)] = option(10, "candidates that compete to be a parent, in evolution")
    alpha: Annotated[float, Range(0.0)] = option(1.0, "exploration of operations that were rarely tried, in OP-NAS")
    operation_credit: Literal["presence", "occurrences"] = option(
        "presence", "whether a candidate's score counts once for an operation that it holds, or each time it occurs"
    )
    temperature: Annotated[float, Range(1e-6)] = option(
        1.0, "of the draw of operations in OP-NAS; the lower, the more the priorities count"
    )
    levels: Literal["both", "one"] = option(
        "both",
        "what changes from parent to child in OP-NAS: layout and formulas, as in the paper, and sizes where they vary; "
        "or one of them",
    )
    sampler: str = option("TPESampler", "the sampler of Optuna, by its name in optuna.samplers")
    reward_scale: Literal["ranks", "range"] = option(
        "ranks", "how scores enter OP-NAS's priorities: by rank, or between the run's worst and best"
    )


@dataclass
class ScreenOptions:
    """What is trained of what the strategy proposes."""

    screen_by: Literal["parameters", "operations", "w-pca"] | None = option(
        None, "train only the best of each generation by a measure of untrained models: counts, or W-PCA"
    )
    screen_keep: Annotated[float | None, Range(1e-6, 1.000001)] = option(
        None, "share of a generation that is trained, with --screen-by; by itself half"
    )


@dataclass
class InheritanceOptions:
    """The weights that a candidate begins with."""

    inherit_from: Literal["super-net", "parent"] = option(
        "super-net", "whose weights a mutant begins with; its parent's are kept on the disk, a file a candidate"
    )
    write_back: bool = option(
        False, "whether the best candidate of each generation leaves its trained weights in the super-net"
    )


@dataclass
class EstimationOptions:
    """How a candidate is scored."""

    proxy: Literal["accuracy", "loss", "tasks"] = option(
        "accuracy",
        "what is measured: held-out masked words predicted, their loss, or the mean score of fine-tuned tasks",
    )

    candidate_steps: Annotated[int, Range(0)] = option(8, "training steps of a candidate on its inherited weights")
    candidate_batch_size: Annotated[int, Range(1)] = option(8, "rows of such a step")
    candidate_learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "learning rate of such a step")
    candidate_seconds: Annotated[float, Range(0.0)] = option(
        600.0, "seconds after which the training of a candidate is given up; it counts as a failure"
    )
    evaluation_rows: Annotated[int, Range(2)] = option(
        256, "held-out rows that every candidate is scored on, with the same masks; of a task, validation rows"
    )


@dataclass
class TaskOptions:
    """The tasks of --proxy tasks."""

    tasks: list[str] = option((), "tasks to fine-tune on: bbc_topics, GLUE's of the Hub, or those of --task-data")
    task_data: str | None = option(None, "a folder of tasks: NAME/train.jsonl, validation.jsonl and labels.json")
    task_steps: Annotated[int, Range(1)] = option(100, "training steps on each task")
    task_batch_size: Annotated[int, Range(1)] = option(16, "rows of such a step")
    task_learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "peak learning rate of such a training")


@dataclass
class LatencyOptions:
    """How the latency of a model is measured; by default as in AutoTinyBERT."""

    latency_runtime: Literal["torch", "onnx"] = option("torch", "what runs the model: PyTorch, or ONNX Runtime")
    latency_device: str = option("cpu", "where it runs")
    latency_threads: Annotated[int, Range(1)] = option(1, "threads on the CPU")
    latency_batch_size: Annotated[int, Range(1)] = option(1, "texts of a forward pass")
    latency_tokens: Annotated[int, Range(1)] = option(128, "tokens of a text")
    latency_warm_up: Annotated[int, Range(0)] = option(5, "forward passes before those that count")
    latency_passes: Annotated[int, Range(1)] = option(30, "forward passes that count, of which the median is taken")


@dataclass
class BudgetOptions:
    """When the search ends: whichever comes first."""

    candidates: Annotated[int, Range(1)] = option(64, "candidates to evaluate")
    hours: Annotated[float, Range(0.0)] = option(24.0, "hours after which no new generation is begun")
    patience: Annotated[int, Range(1)] = option(
        20, "generations without a better candidate after which the search ends"
    )


@dataclass
class FinalOptions:
    """How the winner, and a BERT beside it, are trained on."""

    final_steps: Annotated[int, Range(0)] = option(
        400, "training steps of the winner and of the BERT, on their inherited weights"
    )
    final_batch_size: Annotated[int, Range(1)] = option(8, "rows of such a step")
    final_learning_rate: Annotated[float, Range(0.0)] = option(1e-3, "peak learning rate")


@dataclass
class RunOptions:
    """Chance and numbers."""

    seed: Annotated[int, Range(0, 2**32)] = option(0, "of all chance: the split, the masks, the weights, the search")
    mixed_precision: Literal["auto", "no", "bf16"] = option(
        "auto", "bf16 autocast or none; by itself, what the search was begun with, else what the machine gains from"
    )


GROUPS = (
    DataOptions,
    SizeOptions,
    SpaceOptions,
    JointOptions,
    SuperNetOptions,
    SubModelOptions,
    StrategyOptions,
    ScreenOptions,
    InheritanceOptions,
    EstimationOptions,
    TaskOptions,
    LatencyOptions,
    BudgetOptions,
    FinalOptions,
    RunOptions,
)
OPTION_NAMES = option_names(GROUPS)
_LATER = (JointOptions, ScreenOptions, LatencyOptions, SubModelOptions)
"""Groups that a recipe names only where one of their options is given."""


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
            raise RecipeError(f"kernel_sizes must rise: {kernels}")
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
        given = [name for name, value in dataclasses.asdict(options).items() if value not in (None, False, [])]
        if not sized and options != SubModelOptions():
            raise RecipeError(f"{', '.join(given)}: for a search of sizes, which search_sizes heads or head_dim begins")
        if options.layers and len(options.layers) != self.sizes.num_layers:
            raise RecipeError(f"layers has {len(options.layers)} lines, num_layers is {self.sizes.num_layers}")
        if options.supernet_loss == "distillation" and self.estimation.proxy != "tasks":
            raise RecipeError(
                "supernet_loss: distillation leaves the head that predicts words untrained, so that it cannot be "
                "scored by masked words: take proxy: tasks, or supernet_loss: both"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every option by name; `from_dict` gives the same recipe back.

        Some groups are left out where they have their defaults, so that a search from before they were stays as it is.
        """
        groups = [getattr(self, field.name) for field in dataclasses.fields(self)]
        given = [group for group in groups if type(group) not in _LATER or group != type(group)()]
        return {name: value for group in given for name, value in dataclasses.asdict(group).items()}

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
        )

    def make_config(self, vocab_size: int) -> AutoBertZeroConfig:
        """The sizes of every candidate, or the largest ones, on the backbone of the sub-models, or on BERT's."""
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
        )


def load_options(name_or_path: str) -> dict[str, Any]:
    """The options of a recipe: the name of one that comes with the package, or a YAML file.

    Raises:
        RecipeError: if there is none, or if it is not a mapping of options.
    """
    path = Path(name_or_path)
    if not path.suffix and (RECIPES / f"{name_or_path}.yaml").is_file():
        path = RECIPES / f"{name_or_path}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in RECIPES.glob("*.yaml"))
        raise RecipeError(f"no recipe {name_or_path!r}: give one of {', '.join(known)}, or the path of a YAML file")
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    options = {} if options is None else options
    if not isinstance(options, dict):
        raise RecipeError(f"{path}: a recipe is a mapping, such as `seed: 0`, not {type(options).__name__}")
    try:
        _check(options)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    return options


def _check(options: dict[str, Any]) -> None:
    if problems := find_problems(GROUPS, options):
        raise RecipeError("; ".join(problems))
