"""The search for backbones, in the three pillars of architecture search: space, strategy, estimation.

The folder `search` is installed as `autobert_zero_hf.search`, and is imported under that name only.
"""

if __name__ == "search":
    raise ImportError("import autobert_zero_hf.search: the folder `search` is a part of that package, not a package")
