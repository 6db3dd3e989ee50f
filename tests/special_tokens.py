"""A tokenizer that is not BERT's: its first entry begins every text, and it pads with the second."""

from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordLevelTrainer
from transformers import PreTrainedTokenizerFast

NAMES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_tokenizer(documents: Dataset, folder: Path, entries: int = 800) -> PreTrainedTokenizerFast:
    """As RoBERTa's: <s> is 0 and <pad> is 1; it says nothing of how long a text may be."""
    backend = Tokenizer(WordLevel(unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    backend.train_from_iterator(documents["text"], WordLevelTrainer(vocab_size=entries, special_tokens=NAMES))
    ends = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=ends)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
