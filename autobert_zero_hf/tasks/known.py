"""The tasks that are there without a folder, by their names."""

from .glue import GLUE

DEMO = "bbc_topics"
SQUAD = {"squad": ("rajpurkar/squad", "plain_text"), "squad_v2": ("rajpurkar/squad_v2", "squad_v2")}
"""SQuAD's data sets of the Hub and their configurations."""
HUB_TASKS = (*GLUE, *SQUAD)
"""The tasks that the Hub has: GLUE's, `squad` and `squad_v2`."""
TASKS = (DEMO, *HUB_TASKS)
