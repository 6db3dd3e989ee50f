import hashlib
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoTokenizer, BertTokenizer

from autobert_zero_hf.data.corpus import CorpusError
from autobert_zero_hf.data.tokenization import Pieces, Writing, train_tokenizer
from tests.terminal import run


def test_it_is_a_bert_tokenizer_that_auto_tokenizer_loads(tokenizer: BertTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(loaded, BertTokenizer)
    assert len(loaded) == 1000
    assert (loaded.pad_token_id, loaded.model_max_length) == (0, 64)
    encoded = loaded("The Government [MASK]", "in LONDON")
    assert loaded.decode(encoded["input_ids"]) == "[CLS] the government [MASK] [SEP] in london [SEP]"
    assert set(encoded["token_type_ids"]) == {0, 1}
    assert loaded("the")["input_ids"] == tokenizer("the")["input_ids"]


@pytest.mark.parametrize("pieces", ["wordpiece", "bpe"])
def test_the_same_text_gives_the_same_vocabulary_in_every_process(
    documents: Dataset, pieces: Pieces, tmp_path: Path
) -> None:
    documents.to_parquet(tmp_path / "text.parquet")
    script = (
        "import sys, datasets\n"
        "from autobert_zero_hf.data.tokenization import Writing, train_tokenizer\n"
        "documents = datasets.Dataset.from_parquet(sys.argv[1], cache_dir=sys.argv[2])\n"
        "writing = Writing(sys.argv[3])\n"
        "train_tokenizer(documents, 2000, writing=writing).save_pretrained(sys.argv[2])\n"
    )
    digests = set()
    for number in range(3):
        folder = tmp_path / str(number)
        ended, said = run(["-c", script, tmp_path / "text.parquet", folder, pieces])
        assert ended == 0, said
        digests.add(hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest())
    assert len(digests) == 1


GERMAN = ["Die Straße führt über den Fluß, und schön ist sie.", "Früher gab es hier Ölmühlen; heute übt man Flöte."]
THAI = ["ภาษาไทยเขียนติดกันโดยไม่มีช่องว่างระหว่างคำ", "วันนี้อากาศดีมากเราจึงออกไปเดินเล่นที่สวนสาธารณะ"]
JAPANESE = ["私は日本語を勉強しています。", "これはテストで、少しだけ難しいです。"]
CHINESE = ["我喜欢学习中文，这是一个测试。", "今天的天气很好。"]
HINDI = ["हिन्दी में लिखा हुआ पाठ", "आज मौसम बहुत अच्छा है"]
PROTEINS = ["MKVLAAGIVG" * 20, "such words are long: " + "ACDEFGHIKL" * 15]
WRITINGS = {
    "German": (GERMAN, Writing(accents=True), "die straße führt"),
    "Hindi": (HINDI, Writing(accents=True), "हिन्दी में लिखा हुआ पाठ"),
    "Chinese": (CHINESE, Writing(), "我 喜 欢"),
    "Thai": (THAI, Writing("bpe", accents=True), THAI[0]),
    "Japanese": (JAPANESE, Writing("bpe", accents=True), JAPANESE[0]),
    "long words": (PROTEINS, Writing("bpe"), "mkvlaagivg"),
}


@pytest.mark.parametrize(("texts", "writing", "begins"), WRITINGS.values(), ids=WRITINGS)
def test_a_script_has_the_vocabulary_that_it_asks_for(
    texts: list[str], writing: Writing, begins: str, tmp_path: Path
) -> None:
    """Accents and vowel signs stay, words without spaces come apart, and nothing is unknown."""
    text = Dataset.from_dict({"text": texts * 10})
    assert Writing.of(text) == writing
    train_tokenizer(text, 150, 64, writing).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    encoded = tokenizer(texts[0], texts[1])
    assert tokenizer.unk_token_id not in encoded["input_ids"]
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"])[0] == "[CLS]"
    assert set(encoded["token_type_ids"]) == {0, 1}
    assert encoded["input_ids"].count(tokenizer.sep_token_id) == 2
    assert (tokenizer.pad_token_id, tokenizer.mask_token, tokenizer.model_max_length) == (0, "[MASK]", 64)
    assert tokenizer.decode(tokenizer(texts[0])["input_ids"], skip_special_tokens=True).startswith(begins)


def test_what_is_chosen_is_not_looked_for(documents: Dataset) -> None:
    german = Dataset.from_dict({"text": GERMAN})
    assert Writing.of(documents) == Writing(), "English"
    assert Writing.of(german, cased=True) == Writing(cased=True, accents=True)
    assert Writing.of(documents, cased=True) == Writing(cased=True, accents=True), "as in BERT"
    assert Writing.of(german, "bpe", accents=False) == Writing("bpe")
    found = {
        str(writing): train_tokenizer(german, 200, writing=writing).tokenize("Früher Ölmühlen.")
        for writing in (Writing(), Writing(cased=True), Writing("bpe"), Writing("bpe", cased=True, accents=True))
    }
    assert "".join(found["WordPieces, in lower case"]).replace("##", "") == "fruherolmuhlen."
    assert "".join(found["WordPieces"]).replace("##", "") == "FruherOlmuhlen."
    bpe = "pieces (BPE), which need no spaces between words"
    assert "".join(found[f"{bpe}, in lower case"]).replace("▁", " ") == "fruher olmuhlen."
    assert "".join(found[f"{bpe}, with accents"]).replace("▁", " ") == "Früher Ölmühlen."


@pytest.mark.parametrize("pieces", ["wordpiece", "bpe"])
def test_a_vocabulary_without_room_for_the_characters_is_refused(documents: Dataset, pieces: Pieces) -> None:
    with pytest.raises(CorpusError, match="a vocabulary of 20 entries has no room for the"):
        train_tokenizer(documents, vocab_size=20, writing=Writing(pieces))
