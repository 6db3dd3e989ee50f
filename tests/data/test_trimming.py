"""A vocabulary with the words of some texts alone: what is computed of these stays, bit by bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification
from autobert_zero_hf.data.fitting import special_ids, take_special_tokens
from autobert_zero_hf.data.trimming import trimmed, used_ids
from autobert_zero_hf.errors import AutoBertZeroError

SIZES = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 20, "num_hidden_layers": 2}


def unigram(texts: list[str]) -> PreTrainedTokenizerFast:
    """As XLM-R's: pieces with their likelihoods, rows from <s> to </s>."""
    words = Tokenizer(models.Unigram())
    words.normalizer = normalizers.NFKC()
    words.pre_tokenizer, words.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {
        "cls_token": "<s>",
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


@pytest.fixture(params=["WordPiece", "BPE", "Unigram"])
def words(
    request: pytest.FixtureRequest, documents: Dataset, tokenizer: BertTokenizer, roberta: Path
) -> PreTrainedTokenizerBase:
    made: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
        "WordPiece": lambda: tokenizer,
        "BPE": lambda: AutoTokenizer.from_pretrained(roberta),
        "Unigram": lambda: unigram(documents["text"]),
    }
    return made[request.param]()


def model_for(words: PreTrainedTokenizerBase, tied: bool = True) -> AutoBertZeroForMaskedLM:
    config = AutoBertZeroConfig(vocab_size=len(words), tie_word_embeddings=tied, **SIZES, **special_ids(words))
    return AutoBertZeroForMaskedLM(config).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_texts_that_are_covered_keep_their_words_and_what_is_computed_of_them(
    words: PreTrainedTokenizerBase, tied: bool, documents: Dataset, tmp_path: Path
) -> None:
    texts = [text[:300] for text in documents["text"][:6]]
    model, before = model_for(words, tied), words.get_vocab()
    rows = words(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        wanted = model(**rows, output_hidden_states=True)
    new = trimmed(model, words, texts)
    take_special_tokens(model, new)
    assert words.get_vocab() == before
    model.save_pretrained(tmp_path)
    new.save_pretrained(tmp_path)
    model, new = AutoBertZeroForMaskedLM.from_pretrained(tmp_path).eval(), AutoTokenizer.from_pretrained(tmp_path)
    assert len(new) == model.config.vocab_size < len(before) and new.get_vocab().keys() < before.keys()
    assert (model.decoder.weight is model.get_input_embeddings().weight) is tied
    again = new(texts, padding=True, return_tensors="pt")
    tokens = [
        each.convert_ids_to_tokens(ids.flatten()) for each, ids in ((new, again.input_ids), (words, rows.input_ids))
    ]
    assert tokens[0] == tokens[1]
    with torch.no_grad():
        found = model(**again, output_hidden_states=True)
    for one, other in zip(found.hidden_states, wanted.hidden_states, strict=True):
        assert torch.equal(one, other)
    kept = torch.tensor([before[word] for word in sorted(new.get_vocab(), key=new.get_vocab().__getitem__)])
    torch.testing.assert_close(found.logits, wanted.logits[..., kept])
    assert model.config.pad_token_id == new.pad_token_id == model.get_input_embeddings().padding_idx
    pair = new(texts[0], texts[1])["input_ids"]
    assert new.convert_ids_to_tokens(pair) == words.convert_ids_to_tokens(words(texts[0], texts[1])["input_ids"])


def test_other_words_come_apart(words: PreTrainedTokenizerBase, documents: Dataset) -> None:
    """Words of the same letters are not unknown, though none of them was in the texts."""
    new = trimmed(model_for(words), words, documents["text"][:6])
    other = "Zebras quarrelled joyfully, wherever foxes vexed badgers."
    assert words.unk_token_id not in words(other)["input_ids"]
    assert new.unk_token_id not in new(other)["input_ids"]


def test_a_head_without_a_decoder_is_trimmed_too(tokenizer: BertTokenizer, documents: Dataset) -> None:
    config = AutoBertZeroConfig(vocab_size=len(tokenizer), **SIZES)
    model = AutoBertZeroForSequenceClassification(config).eval()
    text = documents["text"][0][:200]
    with torch.no_grad():
        wanted = model(**tokenizer(text, return_tensors="pt")).logits
        new = trimmed(model, tokenizer, [text])
        assert torch.equal(model(**new(text, return_tensors="pt")).logits, wanted)
    assert used_ids(tokenizer, [text]) < set(tokenizer.get_vocab().values())


def test_a_tokenizer_of_whole_words_is_refused() -> None:
    whole = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "a": 2}, unk_token="[UNK]"))
    words = PreTrainedTokenizerFast(tokenizer_object=whole, pad_token="[PAD]", unk_token="[UNK]")
    with pytest.raises(AutoBertZeroError, match="is of the kind WordLevel, and those whose words can be left out are"):
        trimmed(model_for(words), words, ["a"])
