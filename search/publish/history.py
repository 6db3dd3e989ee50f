"""The journal of a search as a data set: one row a candidate."""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List, Value
from huggingface_hub import DatasetCard, DatasetCardData

from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.model.card import CITATION
from autobert_zero_hf.writing import written_whole

from ..runtime.records import Evaluated
from .facts import SearchFacts
from .page import stage_search

ROWS = "data/train-00000-of-00001.parquet"
FEATURES = Features(
    {
        "number": Value("int32"),
        "generation": Value("int32"),
        "identity": Value("string"),
        "parent": Value("string"),
        "origin": Value("string"),
        "layers": List(Value("string")),
        "score": Value("float64"),
        "standard_error": Value("float64"),
        "failure": Value("string"),
        "detail": Value("string"),
        "seconds": Value("float64"),
        "elapsed": Value("float64"),
    }
)
_MEANINGS = {
    "number": "in the order in which the search asked for them, from 1",
    "generation": "from 0; the first is random",
    "identity": "a hash of the backbone's normal form, and of its sizes where it has its own: the same for backbones "
    "that compute the same",
    "parent": "the identity of the candidate that it was mutated from; none for a random one",
    "origin": "how it was made, in words",
    "layers": "a line for each layer, as in `config.layers`",
    "score": "the larger the better; none where it failed",
    "standard_error": "of the score, over held-out rows",
    "failure": "why there is no score",
    "detail": "of the failure",
    "seconds": "that its evaluation took",
    "elapsed": "seconds of the search when it was done",
}

_MEANINGS_OF_OWN = {
    "num_hidden_layers": "the layers of the candidate",
    "hidden_size": "width of its hidden states",
    "intermediate_size": "width inside its feed-forward blocks",
    "num_attention_heads": "heads of its attentions, and kernels of its convolutions",
    "head_dim": "width of a head",
    "embedding_size": "width of its embeddings, which a linear layer brings to the hidden size",
    "block": "what stands around its mixers, as in `config.block`",
}
"""Of the columns that a search has besides, where candidates have sizes, or a block, of their own."""


def stage_history(
    search: SearchFacts, place: Path, repo_id: str, model: str, metadata: dict[str, Any], revision: str | None = None
) -> None:
    """Write the folder of a data set's page: the candidates as Parquet, the journal, the recipe and a card.

    Args:
        search: whose journal it is.
        place: where to; what was there is replaced once all is written.
        repo_id: the page of the data set.
        model: that of the model that the search found.
        metadata: fields of the Hub's metadata, such as `license`.
        revision: the tag or branch that the card says to load.

    Raises:
        WritingError: if there is no room.
    """
    rows = [_row(each) for each in search.candidates]
    own = {name: Value("string" if name == "block" else "int32") for name in _own_columns(search)}
    features = Features({**FEATURES, **own})
    with written_whole(place) as partial:
        (partial / ROWS).parent.mkdir(parents=True)
        Dataset.from_list(rows, features=features).to_parquet(partial / ROWS)
        stage_search(search, partial)
        (partial / "README.md").write_text(_card(search, repo_id, model, metadata, revision), encoding="utf-8")


def _row(event: Evaluated) -> dict[str, Any]:
    return {name: getattr(event, name) for name in FEATURES} | _own(event)


def _own(event: Evaluated) -> dict[str, Any]:
    """The sizes that a candidate has of its own, and its block."""
    block = {} if event.block is None else {"block": event.block}
    return (event.sizes.to_dict() if event.sizes else {}) | block


def _own_columns(search: SearchFacts) -> list[str]:
    """All candidates of a search have the same of their own."""
    return list(_own(search.candidates[0])) if search.candidates else []


def _card(search: SearchFacts, repo_id: str, model: str, metadata: dict[str, Any], revision: str | None) -> str:
    pinned = f", revision={json.dumps(revision, ensure_ascii=False)}" if revision else ""
    card_data = DatasetCardData(
        pretty_name=f"Candidates of {repo_id.rpartition('/')[2]}",
        tags=["autobert-zero", "nas", "neural-architecture-search"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
        **metadata,
    )
    text = escaped(search.text)
    failed = sum(each.score is None for each in search.candidates)
    meanings = _MEANINGS | {name: _MEANINGS_OF_OWN[name] for name in _own_columns(search)}
    columns = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in meanings.items())
    return DatasetCard(
        f"""---
{card_data.to_yaml()}
---

# The candidates of a search for BERT backbones

{len(search.candidates)} candidates on {text}, {failed} of them failed, one row each, {search.hours:.2f} hours.
What the search found is the model [{model}](https://huggingface.co/{model}).

```python
from datasets import load_dataset

candidates = load_dataset("{repo_id}"{pinned}, split="train").sort("score", reverse=True)
```

| column | what it holds |
|---|---|
{columns}

`recipe.yaml` holds the options of the search, and `journal.jsonl` every event of it, from which these rows are made.

## Citation

{CITATION}
"""
    ).content
