"""Are real checkpoints, converted, what transformers' own models compute of them? For a machine that reaches the Hub.

For each name: the model with its own head, and without one, on texts of several lengths in one batch, with padding on
either side; the largest difference at real tokens in float32. It also checks that the converted folder, saved and
opened again by the Auto classes, has the tokenizer, its padding and its longest text:

    python -m tests.benchmarks.checkpoints [NAME_OR_FOLDER...]
"""

import sys
import tempfile
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from autobert_zero_hf.commands.main import main as run_command
from autobert_zero_hf.conversion import HEADS, convert_checkpoint
from autobert_zero_hf.conversion.family import family_of

NAMES = (
    "sentence-transformers/all-MiniLM-L6-v2", "google-bert/bert-base-uncased", "FacebookAI/roberta-base",
    "FacebookAI/xlm-roberta-base", "distilbert/distilbert-base-uncased", "google/electra-small-discriminator",
    "google/electra-small-generator", "answerdotai/ModernBERT-base", "jhu-clsp/ettin-encoder-17m",
)  # fmt: skip
TEXTS = (
    "Prices rose again.",
    "The match was abandoned after heavy rain in the second half, and will be played again on Tuesday.",
    "Long. " + "The minister said that the economy had grown faster than anybody had expected. " * 12,
)
LARGEST = 1e-5


def differences(source: str) -> dict[str, float]:
    """By side of the padding and by what is compared."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    theirs = AutoModel.from_pretrained(source).eval()
    found = compared(theirs, convert_checkpoint(source, "Model").eval(), tokenizer)
    name = (AutoConfig.from_pretrained(source).architectures or ["Model"])[0]
    ours = convert_checkpoint(source).eval()
    family = family_of(theirs)
    if family is None or type(ours) is HEADS["Model"]:
        return found
    theirs = family[0].classes[family[0].head_of(name)].from_pretrained(source).eval()
    return found | {f"{name}, {what}": each for what, each in compared(theirs, ours, tokenizer).items()}


def compared(theirs: PreTrainedModel, ours: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    found, longest = {}, min(512, ours.config.max_position_embeddings)
    for side in ("right", "left"):
        rows: Any = tokenizer(list(TEXTS), padding=True, truncation=True, max_length=longest, padding_side=side,
                              return_tensors="pt")  # fmt: skip
        real = rows["attention_mask"].bool()
        with torch.no_grad():
            one, other = (model(**rows, output_hidden_states=True).hidden_states for model in (theirs, ours))
        found[side] = max(float((a - b)[real].abs().max()) for a, b in zip(one, other, strict=True))
    return found


def reopened(source: str) -> str:
    """The longest text and the padding of the folder that `convert` writes."""
    with tempfile.TemporaryDirectory() as folder:
        if run_command(["convert", source, "--output-dir", f"{folder}/converted"]):
            return "convert failed"
        tokenizer = AutoTokenizer.from_pretrained(f"{folder}/converted")
        config = AutoModel.from_pretrained(f"{folder}/converted").config
    same = tokenizer.pad_token_id == config.pad_token_id
    said = "" if same else ", not that of the model"
    return f"{tokenizer.model_max_length} tokens, padding {tokenizer.pad_token!r}{said}"


def main(names: list[str]) -> int:
    bad = 0
    for name in names or NAMES:
        found = differences(name)
        bad += max(found.values()) > LARGEST
        print(name, {what: f"{each:.1e}" for what, each in found.items()}, reopened(name), flush=True)
    print(f"{bad} of {len(names or NAMES)} differ by more than {LARGEST}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
