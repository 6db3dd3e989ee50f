"""A recipe: everything that decides what a search does, as options in groups, from YAML and the command line."""

import dataclasses
import math
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.model import architecture
from autobert_zero_hf.model.architectures import ARCHITECTURES
from autobert_zero_hf.model.blocks import BLOCKS
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.mixers import KINDS
from autobert_zero_hf.model.operations import OPERATIONS
from autobert_zero_hf.model.origins import with_version
from autobert_zero_hf.model.registry import Registry
from autobert_zero_hf.training.shared_options import DataOptions, SizeOptions

from ..proxies.table import SCREENS
from ..space.budget import CostBudget
from ..space.candidate import Candidate
from ..space.mutation import MUTATIONS
from ..space.search_space import SearchSpace
from ..space.sizes import Sizes, SizesSpace, Steps
from ..space.starting import StartingSpace, start
from ..space.steering import Steering
from ..space.sub_models import SubModels
from ..strategy.strategy import Reject, Strategy
from ..strategy.table import STRATEGIES, StrategyContext, make_strategy
from .choices import CHOSEN, check_options, chosen_by, idle_options, refuse
from .contradictions import contradictions, misplaced, unlike_source
from .files import load_options, overridden, without_imports
from .options import (
    BudgetOptions,
    EstimationOptions,
    FinalOptions,
    InheritanceOptions,
    JointOptions,
    LatencyOptions,
    Part,
    RungOptions,
    RunOptions,
    ScreenOptions,
    SpaceOptions,
    SteeringOptions,
    StrategyOptions,
    SubModelOptions,
    SuperNetOptions,
    option_groups,
)
from .rungs import Rung

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig

_TRAINING_STEP = 4


@dataclass(frozen=True, init=False)
class Recipe:
    """The options of a search, checked: groups as attributes, and what follows from them.

    >>> Recipe(text=["my.txt"], candidates=100).budget.candidates
    100

    Args:
        recipe: the name of one that comes with the package, or a YAML file.
        options: what takes the place of the recipe's, by name.

    Raises:
        RecipeError: naming every option that is not known, of the wrong type or out of its range.
    """

    data: DataOptions
    sizes: SizeOptions
    space: SpaceOptions
    steering: SteeringOptions
    joint: JointOptions
    supernet: SuperNetOptions
    sub_models: SubModelOptions
    strategy: StrategyOptions
    screen: ScreenOptions
    inheritance: InheritanceOptions
    estimation: EstimationOptions
    latency: LatencyOptions
    budget: BudgetOptions
    rung: RungOptions
    final: FinalOptions
    run: RunOptions
    own: Mapping[type, Any]
    """Of each strategy and proxy, chosen or not, its own options, by their class."""
    given_space: Any = field(default=None, compare=False)
    """What can be found, where that is an object and not what the options say."""
    config: "AutoBertZeroConfig | None" = field(default=None, compare=False)
    """The sizes of every candidate, or the largest ones, once vocabulary and source are known."""

    def __init__(self, recipe: str = "quickstart", /, **options: Any):
        vars(self).update(vars(self.from_dict(overridden(load_options(recipe), options), options)))

    @classmethod
    def _made(cls, parts: Mapping[str, Any]) -> "Recipe":
        recipe = object.__new__(cls)
        vars(recipe).update({"given_space": None, "config": None, **parts})
        return recipe

    def with_parts(self, **parts: Any) -> "Recipe":
        """The same, but for these groups, or what else it has as attributes."""
        return self._made({each.name: getattr(self, each.name) for each in dataclasses.fields(self)} | parts)

    @classmethod
    def from_dict(cls, options: Mapping[str, Any], given: Collection[str] = ()) -> "Recipe":
        """A recipe of options by name; those that are missing take their defaults.

        The modules that stand under `import` are imported first.

        Args:
            options: by name.
            given: the names of those that somebody gave; an option of a strategy or proxy that is not chosen is refused
                where it was given, or is not as by default.
        """
        recipe = cls._of(without_imports(options))
        refuse([*misplaced(recipe, given), *contradictions(recipe)])
        return recipe

    @classmethod
    def restored(cls, options: Mapping[str, Any]) -> "Recipe":
        """A recipe of what `to_dict` gave, in this version or an older one, as a journal holds it.

        Options of strategies and proxies that are not chosen decide nothing, and are no mistake here.
        """
        recipe = cls._of(options)
        refuse(contradictions(recipe))
        return recipe

    @classmethod
    def _of(cls, options: Mapping[str, Any]) -> "Recipe":
        check_options(options)
        groups: dict[type, Any] = {
            group: group(**{f.name: options[f.name] for f in dataclasses.fields(group) if f.name in options})
            for group in option_groups()
        }
        fixed = {each.name: groups.pop(each.type) for each in dataclasses.fields(cls) if each.type in groups}
        return cls._made({**fixed, "own": groups})

    def own_options(self, part: Part) -> Any:
        """The options of a strategy or proxy; None where it has none of its own."""
        return None if part.options is None else self.own[part.options]

    def chosen(self, what: str) -> list[str]:
        """The name of the strategy, or of the proxies: the one that candidates are scored by, and those of rungs."""
        given = {**vars(self.strategy), **vars(self.estimation), "rungs": self.rung.rungs}
        return chosen_by(what, given)

    @property
    def rows_of_rungs(self) -> int:
        """How many rows the candidates of rungs are scored on."""
        return self.rung.rung_rows or self.estimation.evaluation_rows

    @property
    def proxies_of_rungs(self) -> list[str]:
        """The names of what scores the candidates of rungs."""
        return list(dict.fromkeys(rung.proxy for rung in self.rungs))

    @cached_property
    def rungs(self) -> list[Rung]:
        """The longer looks at the best candidates."""
        return [Rung.of(line) for line in self.rung.rungs]

    def _starts(self) -> Iterator[Candidate]:
        """The candidates that the first generation begins with."""
        for line in self.strategy.starts:
            try:
                yield self.check_start(line)
            except ValueError:
                if line not in ARCHITECTURES:
                    raise

    def check_start(self, line: str) -> Candidate:
        """The candidate that a line of `starts` gives.

        Raises:
            ValueError: if it is not legal, not of the space, or costs too much; the reason is told.
        """
        if not isinstance(self.search_space, SearchSpace):
            raise ValueError("all candidates have the layers of one backbone")
        candidate = start(line, self.search_space)
        if (reason := self.cost_budget(candidate)) is not None:
            raise ValueError(reason)
        return candidate

    def to_dict(self) -> dict[str, Any]:
        """Every option that the search depends on, by name; `restored` gives the same recipe back.

        The options of strategies and proxies that are not chosen are left out where they are as by default.
        """
        idle = {name for what in CHOSEN for name in idle_options(what, self.chosen(what))}
        groups = {**{type(group): group for group in vars(self).values()}, **self.own}
        written: dict[str, Any] = {}
        for kind in option_groups():
            usual = dataclasses.asdict(kind())
            values = dataclasses.asdict(groups[kind]) if kind in groups else usual
            written |= {name: value for name, value in values.items() if name not in idle or value != usual[name]}
        return written

    def origins(self) -> dict[str, str]:
        """Where the chosen parts come from that are not of this package: each one's module, and its version."""
        return {part: with_version(module) for part, module in self._modules().items()}

    def imports(self) -> list[str]:
        """The modules to import for these parts."""
        return sorted(set(self._modules().values()))

    def _modules(self) -> dict[str, str]:
        more = getattr(self.own_options(STRATEGIES[self.strategy.strategy]), "more_mutations", ())
        used: list[tuple[Registry[Any], Iterable[str]]] = [
            *((table, self.chosen(what)) for what, table in CHOSEN.items()),
            (SCREENS, [self.screen.screen_by] if self.screen.screen_by else []),
            (MUTATIONS, more),
            (OPERATIONS, self.space.operations),
            (KINDS, [text.partition("(")[0].strip() for text in self.space.layer_types]),
            (BLOCKS, [self.sizes.block, *self.space.blocks]),
        ]
        return {
            f"{table.what} {name}": table.modules[name]
            for table, names in used
            for name in names
            if name in table.modules
        }

    def in_space(self, space: Any) -> "Recipe":
        """This recipe, where candidates are of a space that is an object, whatever the options say of it."""
        return self.with_parts(given_space=space)

    def blocks_of_baseline(self, own: str) -> list[str]:
        """The blocks that the BERT beside a winner is trained in, of which the best counts.

        Args:
            own: the winner's, which is the first.
        """
        return list(dict.fromkeys([own, *self.final.baseline_blocks]))

    def make_strategy(self, rng: random.Random, reject: Reject) -> Strategy:
        """Makes the strategy of the recipe.

        Args:
            rng: the source of all chance.
            reject: looks at a candidate before it is proposed.

        Raises:
            ValueError: if the options do not fit together, or the strategy does not fit the space.
            ModuleNotFoundError: if it needs a library that is not installed.
        """
        common, space = self.strategy, self.steered_space
        # A space that is an object says itself what is drawn first.
        if common.starts and self.given_space is None and isinstance(space, SearchSpace):
            space = StartingSpace.of(space, list(self._starts()))
        context = StrategyContext(space, rng, reject, common.population, common.parents, common.children)
        return make_strategy(common.strategy, self.own_options(STRATEGIES[common.strategy]), context)

    @cached_property
    def search_space(self) -> SearchSpace | SubModels:
        """The space of what can be found."""
        if self.given_space is not None:
            given: SearchSpace | SubModels = self.given_space
            return given
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
            blocks=tuple(space.blocks),
        )

    @cached_property
    def steered_space(self) -> SearchSpace | SubModels:
        """The space where strategies look: what can be found, under the steering.

        Raises:
            ValueError: if nothing is left of it, or it has no layers to steer.
        """
        options, space = self.steering, self.search_space
        try:
            steering = Steering.of(options.pin, options.forbid, options.prefer)
        except ValueError as error:
            raise ValueError(f"pin, {error}") from error
        if steering is None:
            return space
        if not isinstance(space, SearchSpace):
            raise ValueError("pin, forbid and prefer are of layers, and here all candidates have those of one backbone")
        operations = {*self.space.operations}
        for option, names, known in (
            ("forbid", steering.forbidden, operations | space.types.keys()),
            ("prefer", steering.preferred, operations - steering.forbidden),
        ):
            if foreign := sorted(names - known):
                raise ValueError(f"{option}: {', '.join(map(excerpt, foreign))} is none of {', '.join(sorted(known))}")
        try:
            return space.steered(steering)
        except ValueError as error:
            raise ValueError(f"pin and forbid: {error}") from error

    @cached_property
    def searched_sizes(self) -> SizesSpace | None:
        """The sizes that candidates may have of their own; None where all have the same."""
        options = self.joint
        if self.given_space is not None:
            sizes: SizesSpace | None = getattr(self.given_space, "sizes", None)
            return sizes
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
        if (lowest := options.min_embedding_size) is not None:
            widest = self.sizes.embedding_size or 0
            if lowest > widest:
                raise ValueError(
                    f"the least embedding size ({lowest}) is of embeddings with a width of their own, up to "
                    f"embedding_size, which is {self.sizes.embedding_size or 'not given'}"
                )
            bounded["embedding_size"] = Steps.below(lowest, widest, options.hidden_step)
        return dataclasses.replace(space, **bounded)

    @property
    def training_space(self) -> SearchSpace | SubModels:
        """Where the super-net's backbones are drawn from: the same in steps of 4, as in AutoTinyBERT."""
        if (sizes := self.searched_sizes) is None:
            return self.search_space
        finer = {
            name: dataclasses.replace(steps, step=math.gcd(steps.step, _TRAINING_STEP))
            for name in ("hidden_size", "intermediate_size", "embedding_size")
            if (steps := sizes.steps.get(name)) is not None
        }
        return dataclasses.replace(self.search_space, sizes=dataclasses.replace(sizes, **finer))

    def branches(self, inner: int) -> list[str] | None:
        """Lines that the super-net has the weights of; None where all candidates have the layers of one backbone.

        Args:
            inner: the width of the configuration's feed-forward blocks.
        """
        # An object that draws candidates need not know of super-nets.
        known = self if hasattr(self.search_space, "branches") else self.with_parts(given_space=None)
        space = known.search_space
        return None if isinstance(space, SubModels) else space.branches(inner)

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
        """The latency that candidates have to meet, in words; empty where there is none."""
        joint = self.joint
        if joint.speedup is not None:
            return f"{joint.speedup:g} times as fast as {joint.speedup_over}"
        return "" if joint.latency_ms is None else f"{joint.latency_ms:g} ms"

    @cached_property
    def cost_budget(self) -> CostBudget:
        """What a candidate may cost."""
        whole, known = self.space.max_parameters_of == "model", self.config is not None
        # Until the text is read nobody knows how large the embeddings are, nor what a checkpoint's block costs.
        bounded = known or not self.sub_models.supernet_from
        return CostBudget(
            self.config or self.make_config(self.data.vocab_size),
            self.data.sequence_length,
            self.space.max_parameters if bounded and (known or not whole) else None,
            self.space.max_multiplications if bounded else None,
            self.searched_sizes,
            self.sub_models.layers,
            whole,
            self.space.blocks,
        )

    def with_config(self, config: "AutoBertZeroConfig") -> "Recipe":
        """This recipe, where the configuration is known that all candidates are like, which bounds depend on.

        Args:
            config: of the text's vocabulary, and of the checkpoint that the super-net begins as.

        Raises:
            RecipeError: if no backbone can be within the bounds, or the checkpoint has what the recipe has otherwise.
        """
        refuse(unlike_source(self, config))
        known = self.with_parts(config=config)
        try:
            known.cost_budget  # noqa: B018  # it checks itself
        except ValueError as error:
            refuse([str(error)])
        return known

    def make_config(
        self, vocab_size: int, special_ids: Mapping[str, Any] = MappingProxyType({})
    ) -> "AutoBertZeroConfig":
        """The sizes of every candidate, or the largest ones, on the backbone of the sub-models, or on BERT's.

        Args:
            vocab_size: entries of the vocabulary.
            special_ids: its special tokens, by the names that a configuration has for them; BERT's by default.
        """
        layers = self.sub_models.layers or architecture("bert", self.sizes.num_layers)
        words = {"vocab_size": vocab_size, **special_ids}
        return self.sizes.make_config(layers, self.data.sequence_length, words, self.sub_models.head_dim)
