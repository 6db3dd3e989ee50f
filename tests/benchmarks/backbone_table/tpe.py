"""Optuna's TPE on a table, whose backbones are no product of choices.

A study of what a backbone has: the kind of each layer, with its numbers, and for each operation whether a formula has
it. What TPE suggests is seldom a backbone of the table; the one that is not known yet and agrees with it in most is
looked at, and told with what it has itself.
"""

import random
from collections import Counter
from collections.abc import Sequence

import optuna
from autobert_zero_hf.search.replay import TableSpace
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from autobert_zero_hf.model import parse_layer


class TableTpe:
    """TPE (Bergstra et al. 2011) of Optuna, with its own settings.

    Args:
        space: of a table.
        rng: seeds the sampler.
    """

    def __init__(self, space: TableSpace, rng: random.Random):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.rejections: Counter[str] = Counter()
        self._study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=rng.getrandbits(32)))
        self._left = {identity: self._has(each, space) for identity, each in space.table.backbones.items()}
        self._known = dict(self._left)
        self._backbones = space.table.backbones
        names = list(next(iter(self._left.values())))
        values = {name: sorted({each[name] for each in self._left.values()}) for name in names}
        self._choices: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(some) for name, some in values.items() if len(some) > 1
        }

    def ask(self) -> list[Candidate]:
        """The backbone next to what TPE suggests; empty where all are known."""
        if not self._left:
            return []
        trial = self._study.ask(self._choices)
        wanted = trial.params
        self._study.tell(trial, state=TrialState.FAIL)  # it stands in the study as what was looked at
        identity = max(self._left, key=lambda each: sum(self._left[each][name] == wanted[name] for name in wanted))
        del self._left[identity]
        return [self._backbones[identity]]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add what was looked at to the study."""
        for each in evaluations:
            has = {name: self._known[each.candidate.identity][name] for name in self._choices}
            state = TrialState.FAIL if each.score is None else TrialState.COMPLETE
            self._study.add_trial(create_trial(state=state, value=each.score, params=has, distributions=self._choices))

    @staticmethod
    def _has(candidate: Candidate, space: TableSpace) -> dict[str, str | bool]:
        mixers = [parse_layer(line).mixer for line in candidate.layers]
        there = {node.name for graph in candidate.graphs.values() for node in graph.operations}
        kinds = {f"layer {place}": f"{mixer.kind} {mixer.values}" for place, mixer in enumerate(mixers, 1)}
        return {**kinds, **{f"has {name}": name in there for name in space.operations}}
