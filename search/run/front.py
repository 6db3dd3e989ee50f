"""The best compromises of a search: what no other candidate beats in score, speed and parameters at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autobert_zero_hf.model import AutoBertZeroConfig
from autobert_zero_hf.model.cost import masked_lm_parameters
from autobert_zero_hf.standard_error import plus_minus

from ..runtime.history import History
from ..runtime.run_folder import BASELINES, FRONT
from ..space.budget import CostBudget
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation
from ..strategy.pareto import pareto_front, spread, survivors


@dataclass(frozen=True)
class Compromise:
    """A scored candidate and what it costs.

    Args:
        evaluation: its score.
        parameters: of the whole model, embeddings and masked-LM head included.
        multiplications: of a token in all layers.
        predicted_ms: its latency; None where no latency was bounded, and multiplications stand for it.
    """

    evaluation: Evaluation
    parameters: int
    multiplications: int
    predicted_ms: float | None

    @property
    def objectives(self) -> tuple[float, float, float]:
        """Score, speed and smallness, the larger the better."""
        time = self.multiplications if self.predicted_ms is None else self.predicted_ms
        return self.evaluation.rank_key, -time, -float(self.parameters)

    @property
    def candidate(self) -> Candidate:
        """The candidate that was evaluated."""
        return self.evaluation.candidate


def rank(
    evaluations: Sequence[Evaluation],
    config: AutoBertZeroConfig,
    budget: CostBudget,
    predict: Callable[[Candidate], float] | None,
) -> list[Compromise]:
    """All that were scored, the best score first; of those with the same, the faster one, then the smaller one.

    Args:
        evaluations: of the search; failures have no place.
        config: the sizes of candidates that have none of their own, and the vocabulary.
        budget: counts multiplications.
        predict: a candidate's latency in milliseconds; None where it was not bounded.
    """

    def compromise(evaluation: Evaluation) -> Compromise:
        candidate = evaluation.candidate
        operations = budget.cost(candidate.layers, candidate.sizes, candidate.block).operations
        parameters = masked_lm_parameters(candidate.config(config))
        return Compromise(evaluation, parameters, operations, None if predict is None else predict(candidate))

    found = [compromise(evaluation) for evaluation in evaluations if evaluation.score is not None]
    return sorted(found, key=lambda each: each.objectives, reverse=True)


def best_compromises(ranked: Sequence[Compromise], number: int) -> list[Evaluation]:
    """So many of them, front by front."""
    return [ranked[place].evaluation for place in survivors([each.objectives for each in ranked], number)]


def find_front(ranked: Sequence[Compromise]) -> list[Compromise]:
    """The compromises that no other one dominates, in the same order."""
    return [ranked[place] for place in pareto_front([each.objectives for each in ranked])]


def name_models(front: Sequence[Compromise], best: Candidate, number: int) -> dict[str, Candidate]:
    """The folders of those that are kept: the winner's own, and front/1 and so on for the others, by falling score.

    Where there are more than `number`, those that lie far from one another.
    """
    kept = [front[place].candidate for place in spread([each.objectives for each in front], number)]
    others = [candidate for candidate in kept if candidate.identity != best.identity]
    return {f"{FRONT}/{place}": candidate for place, candidate in enumerate(others, start=1)}


def describe_front(front: Sequence[Compromise], finalists: Mapping[str, Candidate], history: History) -> dict[str, Any]:
    """What `front.json` holds: every compromise, its folder where it is kept, and what was measured of it.

    Args:
        front: all compromises.
        finalists: those that are kept, by folder.
        history: of the search: what came of the finalists, and what was measured.
    """
    folders = {candidate.identity: name for name, candidate in finalists.items() if name not in BASELINES}
    members = []
    for each in front:
        identity = each.candidate.identity
        latency, folder = history.measured(identity), folders.get(identity)
        result = history.finalists.get(folder) if folder else None
        members.append(
            {
                "folder": folder,
                "identity": identity,
                "layers": list(each.candidate.layers),
                "sizes": None if each.candidate.sizes is None else each.candidate.sizes.to_dict(),
                **({} if each.candidate.block is None else {"block": each.candidate.block}),
                "score": each.evaluation.score,
                "standard_error": each.evaluation.standard_error,
                "parameters": each.parameters,
                "multiplications": each.multiplications,
                "predicted_ms": None if each.predicted_ms is None else round(each.predicted_ms, 4),
                "measured_ms": None if latency is None else latency.median,
                "measured_interval": None if latency is None else list(latency.interval),
                "accuracy": None if result is None else result.accuracy,
                "accuracy_error": None if result is None else result.standard_error,
            }
        )
    speed = "predicted_ms" if any(each.predicted_ms is not None for each in front) else "multiplications"
    return {"objectives": ["score", speed, "parameters"], "members": members}


def front_table(facts: Mapping[str, Any]) -> list[str]:
    """The kept models of `front.json` as lines of text, with a head."""
    timed = facts["objectives"][1] == "predicted_ms"
    time = f"{'predicted':>10} {'measured':>10}" if timed else f"{'mult. a token':>14}"
    kept = [member for member in facts["members"] if member["folder"] is not None]
    lines = [
        f"The best compromises of score, {'latency' if timed else 'multiplications'} and parameters, {len(kept)} of "
        f"{len(facts['members'])} kept:",
        f"  {'folder':<9} {'score':>7} {'accuracy after':>16} {'parameters':>11} {time}",
    ]
    for member in kept:
        accuracy = plus_minus(member["accuracy"], member["accuracy_error"])
        spent = f"{member['multiplications']:>14,}"
        if timed:
            measured = "" if member["measured_ms"] is None else f"{member['measured_ms']:.2f} ms"
            spent = f"{member['predicted_ms']:>7.2f} ms {measured:>10}"
        lines.append(
            f"  {member['folder']:<9} {member['score']:>7.4f} {accuracy:>16} {member['parameters']:>11,} {spent}"
        )
    return lines
