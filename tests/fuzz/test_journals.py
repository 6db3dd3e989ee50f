"""A short run; the seed is fixed, so that what fails once fails again."""

from .journals import run


def test_a_changed_journal_is_taken_or_said_to_be_damaged() -> None:
    assert run(40, seed=0) == []
