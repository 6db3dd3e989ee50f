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
from autobert_zero_hf.data.trimming import trimmed, words_of
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
    assert set(*words_of(tokenizer, [text])) < tokenizer.get_vocab().keys()


def framed(words: Tokenizer) -> PreTrainedTokenizerFast:
    """With rows from [CLS] to [SEP], by a post-processor of several parts."""
    ids = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    frame = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ids)
    words.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), frame])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")


LETTERS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "zz", *"abehlo"]


def of_prefixes() -> Tokenizer:
    """A BPE whose pieces within a word have a prefix, and merges with such."""
    words = {
        word: number for number, word in enumerate([*LETTERS, *(f"##{each}" for each in "behlo"), "he", "hel", "##lo"])
    }
    merges = [("h", "##e"), ("##l", "##o"), ("he", "##l")]
    return Tokenizer(models.BPE(words, merges, unk_token="[UNK]", continuing_subword_prefix="##"))


def of_suffixes() -> Tokenizer:
    """A BPE whose last pieces of a word have a suffix, and that spells what it does not know in bytes."""
    own = [*LETTERS, *(f"{each}</w>" for each in "beo"), "he", "lo</w>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words = {word: number for number, word in enumerate(own)}
    merges = [("h", "e"), ("l", "o</w>")]
    return Tokenizer(models.BPE(words, merges, unk_token="[UNK]", end_of_word_suffix="</w>", byte_fallback=True))


def of_likelihoods() -> Tokenizer:
    """Pieces of which the least likely one decides what an unknown letter costs."""
    scores = {"[PAD]": 0.0, "[CLS]": 0.0, "[SEP]": 0.0, "[UNK]": 0.0, "a": -12.0, "b": -12.0, "ab": -1.0, "bX": -12.0}
    return Tokenizer(models.Unigram([*scores.items(), ("cc", -20.0), ("qq", -40.0)], unk_id=3))


@pytest.mark.parametrize(
    ("make", "text"),
    [(of_prefixes, "hello hel"), (of_suffixes, "hello be he"), (of_likelihoods, "abX ab")],
    ids=["prefixes", "suffixes", "likelihoods"],
)
def test_tokenizers_of_other_kinds(make: Callable[[], Tokenizer], text: str) -> None:
    backend = make()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = framed(backend)
    model = model_for(words)
    wanted = words.convert_ids_to_tokens(words(text)["input_ids"])
    new = trimmed(model, words, [text])
    assert new.convert_ids_to_tokens(new(text)["input_ids"]) == wanted and wanted[0] == "[CLS]"
    assert len(new) < len(words) and model.config.pad_token_id == new.pad_token_id


def test_entries_that_the_model_does_not_know_are_refused(tokenizer: BertTokenizer) -> None:
    model = model_for(tokenizer)
    model.resize_token_embeddings(len(tokenizer) - 3)
    before = model.get_input_embeddings().weight.clone()
    with pytest.raises(AutoBertZeroError, match=r"the tokenizer has 3 entries, .* that the model with its"):
        trimmed(model, tokenizer, ["The minister said so."])
    assert torch.equal(model.get_input_embeddings().weight, before)


def test_a_tokenizer_of_whole_words_is_refused() -> None:
    whole = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "a": 2}, unk_token="[UNK]"))
    words = PreTrainedTokenizerFast(tokenizer_object=whole, pad_token="[PAD]", unk_token="[UNK]")
    with pytest.raises(AutoBertZeroError, match="is of the kind WordLevel, and those whose words can be left out are"):
        trimmed(model_for(words), words, ["a"])
