"""The parts of a model card that follow from the model alone, and a card of nothing else."""

import json
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType

from huggingface_hub import ModelCardData
from transformers import PreTrainedModel

from .auto_map import AUTO_MAP
from .block import COUNTED, LEARNED, ROTARY
from .blocks import find_block
from .layers import parse_layer

TAGS = ("autobert-zero", "nas", "neural-architecture-search")
PIPELINE_TAGS = {
    "Model": "feature-extraction",
    "ForPreTraining": "fill-mask",
    "ForMaskedLM": "fill-mask",
    "ForNextSentencePrediction": "text-classification",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMultipleChoice": "multiple-choice",
}
"""The Hub's word for what a model does, by the end of its class name."""

_OF_POSITIONS = {
    COUNTED: " Positions are counted from the first token that is no padding.",
    ROTARY: " Queries and keys are rotated by position.",
}
CITATION = """```bibtex
@inproceedings{gao2022autobertzero,
  title     = {{AutoBERT-Zero}: Evolving {BERT} Backbone from Scratch},
  author    = {Gao, Jiahui and Xu, Hang and Shi, Han and Ren, Xiaozhe and Yu, Philip L. H. and Liang, Xiaodan and
               Jiang, Xin and Li, Zhenguo},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year      = {2022},
  note      = {arXiv:2107.07445}
}

@software{autobert_zero_hf,
  title  = {autobert-zero-hf: discovered {BERT} backbones for transformers},
  author = {{The authors of autobert-zero-hf}},
  year   = {2026}
}
```"""


def pipeline_tag(class_name: str) -> str | None:
    """What a model of this class does, in the Hub's word; None for a class that is not of this package."""
    return PIPELINE_TAGS.get(class_name.removeprefix("AutoBertZero"))


def describe_backbone(model: PreTrainedModel) -> str:
    """Sizes, and a table with a line for each layer, in Markdown."""
    config = model.config
    lines = [
        f"{config.num_hidden_layers} layers, hidden size {config.hidden_size}, {config.num_attention_heads} heads of "
        f"{config.head_dim}, {model.num_parameters():,} parameters, up to {config.max_position_embeddings} tokens.",
        "",
        "| layer | what it computes |",
        "|---|---|",
        *(f"| {number} | `{' '.join(layer.split())}` |" for number, layer in enumerate(config.layers, start=1)),
        "",
        " ".join(dict.fromkeys(parse_layer(layer).mixer.about for layer in config.layers)),
        *(
            f"\n`{word}` is of {origin}, and not of this package: that module is imported before the model is loaded."
            for word, origin in config.origins.items()
        ),
    ]
    if config.block != "bert":
        lines[-1] += f" {find_block(config.block).words}"
    if config.positions != LEARNED:
        lines[-1] += _OF_POSITIONS.get(config.positions, " No positions.")
    if any("+" in layer for layer in config.layers):
        lines[-1] += " After a plus stands a layer's own feed-forward block: `mlp(n)`, `n` wide, or `none`."
    return "\n".join(lines)


def describe_use(
    class_name: str,
    place: str,
    revision: str | None = None,
    with_code: bool = True,
    origins: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """How to load a model, in Markdown.

    Args:
        class_name: of the model.
        place: its Hub name or folder.
        revision: the tag or branch to load; the newest where none is given.
        with_code: whether the place carries the model's code, so that the package is not needed.
        origins: the modules that its layers need besides, as its configuration tells them; their code it does not
            carry.
    """
    auto = next((auto for auto, target in AUTO_MAP.items() if target.endswith(f".{class_name}")), "AutoModel")
    # As JSON has it, a text is one of Python, whatever is in it.
    place, pinned = (json.dumps(text, ensure_ascii=False) for text in (place, revision or ""))
    pinned = f", revision={pinned}" if revision else ""
    modules = {origin.partition(" ")[0]: word for word, origin in origins.items()}
    imports = "".join(f"import {module}  # registers {word}\n" for module, word in modules.items())
    text = f"""{_with_the_package()}:

```python
from transformers import {auto}, AutoTokenizer
import autobert_zero_hf  # registers the model type
{imports}
model = {auto}.from_pretrained({place}{pinned})
tokenizer = AutoTokenizer.from_pretrained({place}{pinned})
```
"""
    if with_code and not origins:
        text += f"""
Without it, with the code that lies beside the weights. It runs on your machine: read it, and name a commit as
`revision`, so that it cannot change afterwards.

```python
from transformers import {auto}, AutoTokenizer

model = {auto}.from_pretrained({place}{pinned}, trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained({place}{pinned}, trust_remote_code=True)
```
"""
    return text + "\nEvery other head opens the same weights, as with BERT; what they do not hold starts anew."


def _with_the_package() -> str:
    """How the package is installed: that of a release from PyPI; of a version before it, from its sources."""
    name = "autobert-zero-hf"
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # this file as a model's own code, elsewhere
        return f"With the package `{name}`"
    version = told["Version"]
    labelled = (each.partition(", ") for each in told.get_all("Project-URL") or ())
    source = next((place for label, _, place in labelled if label == "Source"), None)
    of_it = f"[its source]({source})" if source else "its source"
    if ".dev" in version:
        return f"With the package `{name}`, of which {version} is not published: `pip install .` in {of_it}"
    return f'With the package (`pip install "{name}>={version}"`' + (f"; {of_it})" if source else ")")


def plain_card(model: PreTrainedModel, repo_id: str) -> str:
    """The card of a model of which nothing is known but itself."""
    class_name = type(model).__name__
    about = ModelCardData(
        library_name="transformers", pipeline_tag=pipeline_tag(class_name), tags=[*(model.model_tags or TAGS)]
    )
    with_code = getattr(model.config, "auto_map", None) is not None
    return f"""---
{about.to_yaml()}
---

# {repo_id.rpartition("/")[2]}

A BERT whose layers are formulas that an architecture search can find (AutoBERT-Zero).

## Backbone

{describe_backbone(model)}

## Use

{describe_use(class_name, repo_id, with_code=with_code, origins=model.config.origins)}

## Training, results and limits

The model was pushed from Python, and nothing more is recorded of it. Ask its owner how it was trained and on what, and
measure it on data of your own before you rely on it.

## Citation

{CITATION}
"""
