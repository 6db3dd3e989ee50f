"""A search as a study of Optuna."""

from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.records import Evaluated


def as_study(history: History, storage: Any, name: str) -> optuna.Study:
    """A study whose trials are the candidates.

    Args:
        history: of the search.
        storage: as `optuna.create_study` takes it.
        name: of the study.
    """
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    parameters = {event.number: _parameters(event) for event in history.candidates}
    seen: dict[str, dict[Any, None]] = {}
    for each in parameters.values():
        for parameter, value in each.items():
            seen.setdefault(parameter, {})[value] = None
    distributions = {parameter: CategoricalDistribution(list(values)) for parameter, values in seen.items()}
    for event in history.candidates:
        own = parameters[event.number]
        trial = create_trial(
            state=TrialState.FAIL if event.score is None else TrialState.COMPLETE,
            value=event.score,
            params=own,
            distributions={parameter: distributions[parameter] for parameter in own},
            user_attrs=_attributes(event),
        )
        study.add_trial(trial)
    return study


def _parameters(event: Evaluated) -> dict[str, Any]:
    found: dict[str, Any] = {f"layer {number}": line for number, line in enumerate(event.layers, start=1)}
    found |= {"block": event.block} if event.block else {}
    return found | (event.sizes.to_dict() if event.sizes else {})


def _attributes(event: Evaluated) -> dict[str, Any]:
    facts = {name: getattr(event, name) for name in ("number", "generation", "origin", "standard_error", "seconds")}
    return facts | ({} if event.failure is None else {"failure": event.failure.value})
