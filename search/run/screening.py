"""Screening: untrained models are measured, and how well the measure ranks those that were trained."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import kendalltau, spearmanr

from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM

from ..proxies.proxy import Proxy
from ..proxies.table import SCREENS
from ..recipe.recipe import Recipe
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation
from ..strategy.screened import Screened
from ..strategy.strategy import Strategy

_SCREENED_ROWS = 32


@dataclass(frozen=True)
class Untrained:
    """What a zero-cost proxy says of a candidate's untrained model: the same weights for the same candidate.

    Args:
        proxy: looks at the model.
        like: the config of every candidate in all that it does not say itself.
        seed: of the weights.
    """

    proxy: Proxy
    like: AutoBertZeroConfig
    seed: int

    def __call__(self, candidate: Candidate) -> float:
        """The score; minus infinity where something is not finite."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = AutoBertZeroForMaskedLM(candidate.config(self.like))
        try:
            return self.proxy(model, lambda _: None).value
        except FloatingPointError:
            return float("-inf")


@dataclass(frozen=True)
class RankAgreement:
    """How well a proxy ranks candidates as their trained scores do: 1 as these, 0 by chance, -1 the other way round.

    Args:
        kendall: tau.
        spearman: rho.
        candidates: how many were compared.
    """

    kendall: float
    spearman: float
    candidates: int

    @classmethod
    def of(cls, proxy: Sequence[float], trained: Sequence[float]) -> "RankAgreement":
        """The agreement of two scores of the same candidates; not a number where one of them is the same for all."""
        with warnings.catch_warnings():  # scipy's, of what is not a number here
            warnings.simplefilter("ignore")
            kendall, spearman = (float(measure(proxy, trained).statistic) for measure in (kendalltau, spearmanr))
        return cls(kendall, spearman, len(proxy))

    def __str__(self) -> str:
        if math.isnan(self.kendall):
            return f"no ranks to compare over {self.candidates} candidates"
        return f"Kendall's tau {self.kendall:.2f}, Spearman's rho {self.spearman:.2f} over {self.candidates} candidates"


def screened(strategy: Strategy, recipe: Recipe, config: AutoBertZeroConfig, rows: MaskedRows) -> Strategy:
    """The strategy, screened by what the recipe says, if it does.

    Args:
        strategy: proposes.
        recipe: by what, and how many are kept.
        config: of candidates, in all that they do not say themselves.
        rows: those that untrained models are measured on: the first of them, without masks.
    """
    options = recipe.screen
    if options.screen_by is None:
        return strategy
    input_ids = rows.rows[: min(_SCREENED_ROWS, len(rows))]["input_ids"]
    proxy = SCREENS[options.screen_by].make(input_ids)
    worth = Untrained(proxy, config, recipe.run.seed)
    return Screened(strategy, worth, 0.5 if options.screen_keep is None else options.screen_keep)


def screening_report(strategy: Strategy, recipe: Recipe, evaluations: Sequence[Evaluation]) -> str | None:
    """How well what was screened by ranks those that were trained, and what it cost; None without screening."""
    if not isinstance(strategy, Screened) or not strategy.worth:
        return None
    scores = {e.candidate.identity: e.score for e in evaluations if e.score is not None}
    agreement = RankAgreement.of([strategy.worth[identity] for identity in scores], list(scores.values()))
    seconds = strategy.seconds / len(strategy.worth)
    return f"Screened by {recipe.screen.screen_by}, {seconds:.3f} s a candidate; with the scores: {agreement}"
