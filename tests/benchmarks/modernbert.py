"""How fast is a converted ModernBERT beside transformers' own, and how much memory do its texts take?

ModernBERT's base size (22 layers, hidden size 768), random weights, one text without padding, both in one process, in
turn, medians; memory is that of the tensors of a forward pass, less its weights. It adds to the JSON beside it, length
by length:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.modernbert [--tokens 128 512 2048 8192] [--rounds 3]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers import ModernBertConfig, ModernBertModel, PreTrainedModel

from autobert_zero_hf.conversion import from_encoder
from tests.benchmarks.paired import compare, machine, peak_of_tensors

VOCABULARY = 1000


def encode(model: PreTrainedModel, ids: Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def compute() -> None:
        model(input_ids=ids)

    return compute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[128, 512, 2048, 8192])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
    theirs = ModernBertModel(ModernBertConfig(vocab_size=VOCABULARY, **special, attn_implementation="sdpa")).eval()
    sides = {"ModernBertModel": theirs, "converted": from_encoder(theirs)}
    path = Path(__file__).with_name("modernbert-cpu.json")
    kept = json.loads(path.read_text()) if path.exists() else {"what": "ModernBERT's base size, one text, float32"}
    kept["machine"] = machine()
    for tokens in given.tokens:
        ids = torch.randint(1, VOCABULARY, (1, tokens))
        with torch.no_grad():
            found, wanted = (sides[name](input_ids=ids).last_hidden_state for name in ("converted", "ModernBertModel"))
        computes = {name: encode(model, ids) for name, model in sides.items()}
        row = kept.setdefault("tokens", {})[str(tokens)] = {
            "largest difference": float((found - wanted).abs().max()),
            **compare(computes, given.rounds),
            "memory, MB": {name: peak_of_tensors(compute) for name, compute in computes.items()},
        }
        print(tokens, json.dumps(row), flush=True)
        path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
