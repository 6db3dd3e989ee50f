"""A short run of each kind of hostile input; the long ones are begun by hand."""

import logging

import pytest

from . import configs, formulas, recipes, tasks


@pytest.mark.parametrize(
    ("kind", "count"),
    [(formulas, 300), (configs, 60), (tasks, 15), (recipes, 15)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_hostile_input_is_foreseen(kind, count: int) -> None:
    logging.disable(logging.WARNING)  # of what is left out, as it should be
    try:
        assert kind.run(count, seed=1) == []
    finally:
        logging.disable(logging.NOTSET)
