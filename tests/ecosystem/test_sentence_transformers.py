"""sentence-transformers, from a plain folder of transformers: it adds the mean over tokens by itself."""

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder, SentenceTransformer, SentenceTransformerTrainer, SparseEncoder
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, BertTokenizer


@pytest.fixture
def wanted(folder: Path, tokenizer: BertTokenizer, sentences: list[str]) -> torch.Tensor:
    """For each sentence the mean of its last hidden states, alone, without padding: (8, C)."""
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return torch.stack(
            [
                model(**tokenizer(text, truncation=True, return_tensors="pt")).last_hidden_state[0].mean(0)
                for text in sentences
            ]
        )


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_embeddings_are_means_of_real_tokens(
    folder: Path, sentences: list[str], wanted: torch.Tensor, batch_size: int
) -> None:
    model = SentenceTransformer(str(folder), device="cpu")
    assert model.max_seq_length == 64
    embeddings = model.encode(sentences, batch_size=batch_size, convert_to_tensor=True)
    torch.testing.assert_close(embeddings, wanted, rtol=1e-4, atol=1e-5)


def test_it_is_trained_saved_and_opened_again(
    folder: Path, sentences: list[str], wanted: torch.Tensor, tmp_path: Path
) -> None:
    model = SentenceTransformer(str(folder), device="cpu")
    halves = [(" ".join(words[::2]), " ".join(words[1::2])) for words in map(str.split, sentences)]
    pairs = Dataset.from_dict({"anchor": [one for one, _ in halves], "positive": [other for _, other in halves]})
    loss = MultipleNegativesRankingLoss(model)
    trainer = SentenceTransformerTrainer(model=model, train_dataset=pairs, loss=loss)
    trainer.args.set_training(learning_rate=1e-3, num_epochs=5, batch_size=8)
    trainer.args.report_to, trainer.args.save_strategy, trainer.args.output_dir = [], "no", str(tmp_path / "runs")
    before = model.similarity(*(model.encode(pairs[column]) for column in pairs.column_names)).softmax(-1)
    trainer.train()
    after = model.similarity(*(model.encode(pairs[column]) for column in pairs.column_names)).softmax(-1)
    assert after.diagonal().mean() > before.diagonal().mean()
    embeddings = model.encode(sentences, convert_to_tensor=True)
    assert not torch.allclose(embeddings, wanted, atol=1e-2)
    model.save_pretrained(str(tmp_path / "saved"))
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert torch.equal(again.encode(sentences, convert_to_tensor=True), embeddings)


def test_cross_encoders_score_pairs(folder: Path, tokenizer: BertTokenizer, sentences: list[str]) -> None:
    AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).save_pretrained(folder)
    pairs = list(zip(sentences[:4], sentences[4:], strict=True))
    scores = CrossEncoder(str(folder), device="cpu").predict(pairs, convert_to_tensor=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for pair, score in zip(pairs, scores, strict=True):
        with torch.no_grad():
            logit = model(**tokenizer(*pair, truncation=True, return_tensors="pt")).logits[0, 0]
        torch.testing.assert_close(score, logit.sigmoid(), rtol=1e-4, atol=1e-5)


def test_sparse_encoders_pool_the_logits_of_words(folder: Path, tokenizer: BertTokenizer, sentences: list[str]) -> None:
    """SPLADE: for each word of the vocabulary the greatest log(1 + relu(logit)) over the tokens."""
    embeddings = SparseEncoder(str(folder), device="cpu").encode(sentences, convert_to_sparse_tensor=False)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    for text, embedding in zip(sentences, embeddings, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0]
        torch.testing.assert_close(embedding, logits.relu().log1p().amax(0), rtol=1e-4, atol=1e-4)
