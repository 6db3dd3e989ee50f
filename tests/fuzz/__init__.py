"""Hostile inputs, many of them, by a seed; `python -m tests.fuzz.KIND --count N` for a long run."""
