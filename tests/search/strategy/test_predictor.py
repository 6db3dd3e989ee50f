"""The predictor: what it takes candidates for, and that it finds what its model can see."""

import random
import statistics
from collections import Counter

import numpy as np
import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.features import features
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.predictor import Predictor
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.rewards import rewards
from autobert_zero_hf.search.strategy.strategy import Proposals

SPACE = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=8)


def worth(candidate: Candidate) -> Evaluation:
    """Convolutions over 9 tokens are good, and softmax of a product; a formula without fails."""
    counts = Counter(features(candidate))
    if counts["attention"] and not counts["matmul"]:
        return Evaluation(candidate, None, failure="not finite")
    return Evaluation(
        candidate, counts["convolution 9"] + 0.7 * counts["softmax of matmul"] - 0.1 * counts["attention"]
    )


def by_refitting(known: list[dict[str, float]], scores: list[float], asked: list[dict[str, float]]) -> list[float]:
    """Ridge regression by its normal equations, the penalty chosen by fitting anew without each row in turn."""
    names = sorted(set().union(*known))
    table, rest = (np.array([[each.get(name, 0.0) for name in names] for each in rows]) for rows in (known, asked))
    centre, spread = table.mean(0), np.where(table.std(0) > 0, table.std(0), 1.0)
    table, rest, values = (table - centre) / spread, (rest - centre) / spread, np.array(scores)

    def fit(rows: np.ndarray, wanted: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, float]:
        means = rows.mean(0)
        apart = rows - means
        weights = np.linalg.solve(apart.T @ apart + penalty * np.eye(len(names)), apart.T @ (wanted - wanted.mean()))
        return weights, means, wanted.mean()

    def left_out(penalty: float) -> float:
        errors = []
        for row in range(len(values)):
            weights, means, mean = fit(np.delete(table, row, 0), np.delete(values, row), penalty)
            errors.append((values[row] - mean - (table[row] - means) @ weights) ** 2)
        return float(np.mean(errors))

    penalty = min((10 ** (power / 2) for power in range(-4, 7)), key=left_out)
    weights, means, mean = fit(table, values, penalty)
    return [float(each) for each in mean + (rest - means) @ weights]


def test_it_predicts_as_ridge_regression_fitted_anew_without_each_row() -> None:
    strategy = Predictor(SPACE, random.Random(0), population_size=20)
    strategy.tell([worth(each) for each in strategy.ask()])
    asked = RandomSearch(SPACE, random.Random(1), 15).ask()
    told = strategy.population
    assert any(each.score is None for each in told), "failures are learnt from, too"
    reference = by_refitting(
        [features(each.candidate) for each in told],
        rewards([each.score for each in told]),
        [features(each) for each in asked],
    )
    assert strategy.predicted(asked) == pytest.approx(reference, abs=2e-6)
    assert strategy.predicted([]) == []


def test_it_finds_what_its_model_can_see_sooner_than_chance() -> None:
    def after(evaluations: int, strategy: Predictor | RandomSearch) -> float:
        best: list[float] = []
        while len(best) < evaluations:
            told = [worth(candidate) for candidate in strategy.ask()]
            strategy.tell(told)
            best += [each.rank_key for each in told]
        return max(best[:evaluations])

    chosen, drawn = (
        [after(40, make(SPACE, random.Random(seed))) for seed in range(8)]
        for make in (lambda *given: Predictor(*given, population_size=12, generation_size=6), RandomSearch)
    )
    assert statistics.mean(chosen) > statistics.mean(drawn) + 0.5


def test_the_best_predicted_comes_first_and_the_others_may_be_asked_for_later() -> None:
    shown: list[str] = []
    strategy = Predictor(
        SPACE, random.Random(0), 12, generation_size=4, drawn=5, reject=lambda each: shown.append(each.identity)
    )
    strategy.tell([worth(each) for each in strategy.ask()])
    asked = strategy.ask()
    values = strategy.predicted(asked)
    assert len(asked) == 4 and values == sorted(values, reverse=True)
    assert len(shown) == len(set(shown)) == 12 + 4 * 5
    with pytest.raises(ValueError, match="not asked for"):
        strategy.tell([worth(next(each for each in RandomSearch(SPACE, random.Random(9), 1).ask()))])


def test_what_it_chooses_is_no_random_draw() -> None:
    strategy = Predictor(SPACE, random.Random(0), population_size=12, generation_size=12, drawn=3)
    first = strategy.ask()
    strategy.tell([worth(each) for each in first])
    later = [each for _ in range(6) for each in drive(strategy)]
    assert {each.origin for each in first} == {"random"}
    anew = [each.origin for each in later if each.parent is None]
    assert set(anew) == {"random, chosen by the predictor"}


def drive(strategy: Predictor) -> list[Candidate]:
    asked = strategy.ask()
    strategy.tell([worth(each) for each in asked])
    return asked


def test_what_was_withdrawn_may_be_proposed_again_and_is_not_judged_again() -> None:
    judged: list[Candidate] = []
    proposals = Proposals(SPACE, judged.append)
    one, other = RandomSearch(SPACE, random.Random(0), 2).ask()
    assert [proposals.rejection(each) for each in (one, other)] == [None, None]
    proposals.withdraw([one])
    with pytest.raises(ValueError, match="not asked for"):
        proposals.told([Evaluation(one, 1.0)])
    assert (proposals.rejection(other), proposals.rejection(one)) == ("duplicate", None)
    assert [each.candidate for each in proposals.told([Evaluation(one, 1.0), Evaluation(other, 0.0)])] == [other, one]
    assert judged == [one, other]


def test_features_say_what_a_backbone_computes_and_not_how_it_is_written() -> None:
    twice = Candidate(("matmul(softmax(transpose(transpose(matmul(q, transpose(k))))), v)", "conv(9) + none"))
    once = Candidate(("matmul(softmax(matmul(q, transpose(k))), v)", "conv(9) + none"))
    assert features(twice) == features(once)
    assert features(once).items() >= {
        "attention": 1, "matmul": 2, "softmax of matmul": 1, "matmul of softmax": 1, "matmul of v": 1, "matmul of k": 1,
        "convolution 9": 1, "+ none": 1,
    }.items()  # fmt: skip
    sized = Candidate(("conv(9)",), sizes=Sizes(1, 64, 128, 4, 16), block="modernbert")
    assert features(sized).items() >= {"block modernbert": 1, "hidden_size": 6.0, "intermediate_size": 7.0}.items()
