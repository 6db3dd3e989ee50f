"""Mutations of OP-NAS (arXiv 2107.07445): inter-layer ones, drawn evenly, and intra-layer ones, drawn by priority.

Where candidates have sizes of their own, these are a third level, with the mutation of AutoTinyBERT. Each is a
callable, `mutation(candidate, space, rng, weights=None)`, that gives a candidate of the space back, or None where it
does not apply. Another one is a file like these, which registers it.
"""

from .table import MUTATIONS, USUAL, USUAL_MUTATIONS, Crossing, Level, Mutation, MutationOptions, Mutations, register

__all__ = [
    "MUTATIONS",
    "USUAL",
    "USUAL_MUTATIONS",
    "Crossing",
    "Level",
    "Mutation",
    "MutationOptions",
    "Mutations",
    "register",
]
