"""Any sampler of Optuna (Akiba et al. 2019, arXiv 1907.10902) on the same space, define-by-run.

A backbone is a series of categorical suggestions: for each layer its type, then its kernel, or operation after
operation and operand after operand of a graph that grows from its inputs. Each step offers what is legal there and
still lets the graph be finished within the bounds. Optuna wants the same choices under the same name, so a name ends
with them: ``layer 2, step 1, operand 2 of q|k|v``. Sizes, where they vary, are suggested first, as whole numbers.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.model.graph import AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.layers import FeedForward, Layer
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, operation
from autobert_zero_hf.options import option

from ..space.candidate import Candidate
from ..space.search_space import SearchSpace
from ..space.sizes import Sizes
from .evaluation import Evaluation
from .strategy import Proposals, Reject, at_least
from .table import StrategyContext, StrategyKind, register

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage


_END = "end"
_TRIES = 50


@dataclass
class OptunaOptions:
    """Optuna."""

    sampler: str = option("TPESampler", "the sampler of Optuna, by its name in optuna.samplers")


class OptunaStrategy:
    """A study that is asked and told.

    What fails ends as FAIL. A trial that is not proposed (a duplicate, or rejected) ends as PRUNED, from which samplers
    such as TPE learn to go elsewhere; told a duplicate's known score, or nothing, they insist.

    Args:
        space: where to search.
        rng: seeds the sampler, if that is given by name.
        sampler: an Optuna sampler, with a seed of its own if it shall be reproducible; or the name of one.
        storage: where Optuna keeps the study: an object or a URL; in memory by default.
        study_name: what it is called there; a new name by default. A study is not continued: the results of a search
            that is taken up again are told to a new one.
        generation_size: the candidates of a generation, which can be evaluated in parallel.
        reject: looks at a candidate before it is proposed.

    Raises:
        ModuleNotFoundError: if Optuna is not installed.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        sampler: "BaseSampler | str" = "TPESampler",
        storage: "BaseStorage | str | None" = None,
        study_name: str | None = None,
        generation_size: int = 10,
        reject: Reject | None = None,
    ):
        at_least(1, generation_size=generation_size)
        try:
            import optuna
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(
                "this strategy needs Optuna: pip install 'autobert-zero-hf[optuna]'", name=missing.name
            ) from missing
        if isinstance(sampler, str):
            sampler = _sampler(sampler, rng.getrandbits(32))
        self.space = space
        self.generation_size = generation_size
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # the search says itself what it does
        self.study = optuna.create_study(
            storage=storage, sampler=sampler, study_name=study_name, direction="maximize", load_if_exists=False
        )
        self._states = optuna.trial.TrialState
        self._proposals = Proposals(space, reject)
        self._growth = _SuggestedGrowth(space)
        self._trials: dict[str, Trial] = {}

    @property
    def rejections(self) -> Counter[str]:
        """How many trials were not proposed, by reason."""
        return self._proposals.rejections

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        asked: list[Candidate] = []
        tries = 0
        while len(asked) < self.generation_size and tries < _TRIES:
            tries += 1
            trial = self.study.ask()
            candidate = self._suggest(trial)
            if candidate is None:
                self.rejections["formula too large"] += 1
                self._finish(trial, "PRUNED")
            elif self._proposals.rejection(candidate) is not None:
                self._finish(trial, "PRUNED")
            else:
                self._trials[candidate.identity] = trial
                asked.append(candidate)
                tries = 0
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell the study, in the order of the trials."""
        for evaluation in self._proposals.told(evaluations):
            trial = self._trials.pop(evaluation.candidate.identity)
            self._finish(trial, "FAIL" if evaluation.score is None else "COMPLETE", evaluation.score)

    def _finish(self, trial: "Trial", state: str, score: float | None = None) -> None:
        try:
            self.study.tell(trial, score, state=self._states[state])
        except RuntimeError as stop:
            # A sampler that has seen everything stops the study, which only `optimize` allows; the trial is told.
            if "Study.stop" not in str(stop):
                raise

    def _suggest(self, trial: "Trial") -> Candidate | None:
        """The backbone of a trial; None for a formula that is longer than the language allows."""
        layers: list[str] = []
        shared: AttentionGraph | None = None
        try:
            sizes = self._suggest_sizes(trial)
            depth = self.space.num_layers if sizes is None else sizes.num_hidden_layers
            for number in range(1, depth + 1):
                layer = f"layer {number}"
                kind = _choose(trial, f"{layer}, type", [each.partition("(")[0] for each in self.space.layer_types])
                layer_type = self.space.types[kind]
                numbers = {
                    name: _choose(trial, f"{layer}, {name.removesuffix('_size')}", values)
                    for name, values in layer_type.choices.items()
                }
                graph = None
                if layer_type.kind.takes_formula:
                    graph = shared or self._growth.suggest(trial, "attention" if self.space.shared_attention else layer)
                    shared = graph if self.space.shared_attention else None
                mixer = layer_type.kind.of(numbers, graph)
                layers.append(str(Layer(mixer, self._suggest_feed_forward(trial, layer))))
        except FormulaError:
            return None
        block = _choose(trial, "block", self.space.blocks) if self.space.blocks else None
        return Candidate(tuple(layers), origin=type(self.study.sampler).__name__, sizes=sizes, block=block)

    def _suggest_feed_forward(self, trial: "Trial", layer: str) -> FeedForward | None:
        written = _choose(trial, f"{layer}, feed-forward", self.space.feed_forward)
        return self.space.feed_forwards[self.space.feed_forward.index(written)]

    def _suggest_sizes(self, trial: "Trial") -> Sizes | None:
        if self.space.sizes is None:
            return None
        suggested: dict[str, Any] = {}
        for name, steps in self.space.sizes.steps.items():
            single = steps.lowest == steps.highest
            suggested[name] = (
                steps.lowest if single else trial.suggest_int(name, steps.lowest, steps.highest, step=steps.step)
            )
        return Sizes(**suggested)


def _sampler(name: str, seed: int) -> "BaseSampler":
    from optuna import samplers

    seeded = [known for known in samplers.__all__ if known.endswith("Sampler") and known != "BaseSampler"]
    if name not in seeded:
        raise ValueError(f"Optuna has no sampler {name!r}, but {', '.join(seeded)}")
    try:
        return getattr(samplers, name)(seed=seed)
    except TypeError as more:
        raise ValueError(f"Optuna's {name} needs more than a seed ({more}): give the sampler itself") from more


def _choose(trial: "Trial", name: str, choices: Iterable[Any]) -> Any:
    choices = tuple(choices)
    if len(choices) == 1:
        return choices[0]
    return trial.suggest_categorical(f"{name} of {'|'.join(map(str, choices))}", choices)


_Kind = tuple[Axes, bool, int]
"""A node's axes, whether tokens are mixed in it, and how deep it is."""


class _SuggestedGrowth:
    """Graphs that grow by suggestions and are certain to end as an attention of the space."""

    def __init__(self, space: SearchSpace):
        self._space = space
        # What cannot be reached need not be told apart.
        self._max_depth = space.max_depth if space.max_depth < space.max_operations else None
        self._known_steps: dict[frozenset[_Kind], float] = {}
        self._known_legal: dict[tuple[frozenset[_Kind], int], dict[str, dict[tuple[_Kind, ...], _Kind]]] = {}

    def suggest(self, trial: "Trial", layer: str) -> AttentionGraph:
        """The graph that a trial suggests: it ends with a node that is tokens x features and mixes tokens.

        Raises:
            FormulaError: if its text would be too long.
        """
        nodes = [Node(name) for name in self._space.inputs]
        labels = list(self._space.inputs)
        kinds: list[_Kind] = [(TOKENS_BY_FEATURES, False, 0)] * len(nodes)
        for step in range(1, self._space.max_operations + 1):
            legal = self._legal(frozenset(kinds), self._space.max_operations - step)
            ends = [_END] if _is_output(kinds[-1]) else []
            name = _choose(trial, f"{layer}, step {step}, operation", [*ends, *legal])
            if name == _END:
                break
            operands: tuple[int, ...] = ()
            for position in range(operation(name).arity):
                so_far = tuple(kinds[o] for o in operands)
                fitting = {there[position] for there in legal[name] if there[:position] == so_far}
                places = [place for place, kind in enumerate(kinds) if kind in fitting]
                choices = [labels[place] for place in places]
                chosen = _choose(trial, f"{layer}, step {step}, operand {position + 1}", choices)
                operands = (*operands, labels.index(chosen))
            nodes.append(Node(name, operands))
            kinds.append(legal[name][tuple(kinds[o] for o in operands)])
            labels.append(str(step))
        return AttentionGraph.from_nodes(nodes)

    def _legal(self, there: frozenset[_Kind], left: int) -> dict[str, dict[tuple[_Kind, ...], _Kind]]:
        """The operations and kinds of operands after which `left` more steps are enough to end, and the result."""
        if (there, left) not in self._known_legal:
            found: dict[str, dict[tuple[_Kind, ...], _Kind]] = {}
            for name, operands, result in self._applications(there):
                if _is_output(result) or self._steps(there | {result}) <= left:
                    found.setdefault(name, {})[operands] = result
            self._known_legal[there, left] = found
        return self._known_legal[there, left]

    def _steps(self, there: frozenset[_Kind]) -> float:
        """The fewest steps from nodes of these kinds to a new one that can be the output."""
        if there not in self._known_steps:
            frontier, seen, steps = {there}, {there}, 1
            while frontier and there not in self._known_steps:
                grown: set[frozenset[_Kind]] = set()
                for state in frontier:
                    results = {result for _, _, result in self._applications(state)}
                    if any(map(_is_output, results)):
                        self._known_steps[there] = steps
                        break
                    grown.update(state | {result} for result in results)
                frontier, steps = grown - seen, steps + 1
                seen |= grown
            self._known_steps.setdefault(there, math.inf)
        return self._known_steps[there]

    def _applications(self, there: frozenset[_Kind]) -> Iterator[tuple[str, tuple[_Kind, ...], _Kind]]:
        """What can be applied to nodes of these kinds, and what kind comes out."""
        for name in self._space.operations:
            rule = operation(name)
            for operands in itertools.product(sorted(there), repeat=rule.arity):
                axes = tuple(kind[0] for kind in operands)
                if axes not in rule.legal_axes:
                    continue
                mixes = rule.reduces_tokens(axes) or any(kind[1] for kind in operands)
                depth = 0 if self._max_depth is None else 1 + max(kind[2] for kind in operands)
                if self._max_depth is None or depth <= self._max_depth:
                    yield name, operands, (rule.legal_axes[axes], mixes, depth)


def _is_output(kind: _Kind) -> bool:
    return kind[0] == TOKENS_BY_FEATURES and kind[1]


def _make(context: StrategyContext, options: OptunaOptions) -> OptunaStrategy:
    return OptunaStrategy(
        context.space,
        context.rng,
        options.sampler,
        generation_size=context.generation_size,
        reject=context.reject,
    )


register(StrategyKind("optuna", "a sampler of Optuna", _make, OptunaOptions, draws=False))
