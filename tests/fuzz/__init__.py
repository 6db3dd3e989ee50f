"""Hostile input by the thousand: whatever comes of it is a result, or an error that was foreseen.

A module a kind of input, each with `run(count, seed)`, which gives the failures, and a command for a long run by hand:

    python -m tests.fuzz.formulas --count 12000 --seed 0
"""
