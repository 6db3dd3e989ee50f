"""Distillation."""

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.training.pretraining.data import Examples, RowsByPlace
from autobert_zero_hf.training.pretraining.distillation import (
    Distillation,
    DistillationOptions,
    check_teacher,
    load_teacher,
)

SIZES = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="module")
def batch(documents: Dataset, tokenizer: BertTokenizer) -> dict[str, torch.Tensor]:
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence=False, seed=0)
    rows = RowsByPlace(examples, examples.rows(documents.select(range(3))))
    return torch.utils.data.default_collate([rows[place] for place in range(8)])


@pytest.fixture
def student(tiny_config: AutoBertZeroConfig) -> AutoBertZeroForMaskedLM:
    fields = tiny_config.to_dict()
    model = AutoBertZeroForMaskedLM(
        AutoBertZeroConfig(**{**fields, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    )
    model.config.sparse_prediction = True
    return model.train()


@pytest.fixture(scope="module")
def bert(tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wider than the student."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    torch.manual_seed(3)
    BertForMaskedLM(BertConfig(**SIZES, vocab_size=len(tokenizer), max_position_embeddings=64)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_teacher_that_cannot_be_one_of_ours_teaches_as_it_is(tmp_path: Path) -> None:
    config = RobertaConfig(**SIZES, vocab_size=50, max_position_embeddings=20, hidden_act="relu")
    RobertaForMaskedLM(config).save_pretrained(tmp_path / "other")
    RobertaForMaskedLM(RobertaConfig(**{**config.to_dict(), "hidden_act": "gelu"})).save_pretrained(tmp_path / "usual")
    assert isinstance(load_teacher(str(tmp_path / "other"), True), RobertaForMaskedLM)
    assert isinstance(load_teacher(str(tmp_path / "usual"), True), AutoBertZeroForMaskedLM)


def test_who_equals_its_teacher_has_nothing_to_learn_from_it(
    student: AutoBertZeroForMaskedLM, batch: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    student.save_pretrained(tmp_path)
    wanted = student(**batch).loss.item()
    distillation = Distillation(student, load_teacher(str(tmp_path), True), DistillationOptions())
    assert student(**batch).loss.item() == pytest.approx(wanted, rel=1e-5)
    with torch.no_grad():
        student.autobert_zero.layers[1].mlp_norm.bias.add_(1)
    taught = student(**batch).loss.item()
    distillation.end()
    assert taught > student(**batch).loss.item() + 1  # the squared difference alone


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_the_loss_is_what_the_papers_say(
    student: AutoBertZeroForMaskedLM,
    batch: dict[str, torch.Tensor],
    bert: Path,
    tokenizer: BertTokenizer,
    tmp_path: Path,
    kind: str,
) -> None:
    """Of teachers that decode the masked words alone, and that decode all."""
    if kind == "distilbert":
        sizes = {"dim": 48, "hidden_dim": 64, "n_layers": 1, "n_heads": 2, "vocab_size": len(tokenizer)}
        DistilBertForMaskedLM(DistilBertConfig(**sizes)).save_pretrained(tmp_path)
    source = str(bert if kind == "bert" else tmp_path)
    own = student(**batch).loss.item()
    names = set(student.state_dict())
    options = DistillationOptions(hidden_weight=0.7, soft_label_weight=0.4, temperature=3.0)
    distillation = Distillation(student, load_teacher(source, True), options)
    loss = student(**batch).loss
    original = (BertForMaskedLM if kind == "bert" else DistilBertForMaskedLM).from_pretrained(source).eval()
    with torch.no_grad():
        taught = original(batch["input_ids"], output_hidden_states=True)
        mine = student.autobert_zero(batch["input_ids"]).last_hidden_state
        hidden = (student.teacher_projection(mine) - taught.hidden_states[-1]).square().mean()
        asked = batch["labels"] != -100
        teacher = (taught.logits[asked] / 3).softmax(-1)
        student_log = (student.decoder(student.head(mine[asked])) / 3).log_softmax(-1)
        divergence = (teacher * (teacher.log() - student_log)).sum(-1).mean() * 9
    assert loss.item() == pytest.approx(own + 0.7 * hidden.item() + 0.4 * divergence.item(), rel=1e-4)
    loss.backward()
    assert student.teacher_projection.weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in distillation.teacher.parameters())
    # In evaluation, and afterwards, it is the student alone.
    assert student.eval()(**batch).loss.item() == pytest.approx(own, rel=1e-5)
    distillation.end()
    assert student.train()(**batch).loss.item() == pytest.approx(own, rel=1e-5)
    assert set(student.state_dict()) == names


def test_the_parts_of_a_batch_add_up(
    student: AutoBertZeroForMaskedLM, batch: dict[str, torch.Tensor], bert: Path
) -> None:
    Distillation(student, load_teacher(str(bert), True), DistillationOptions(hidden_weight=0.0))
    total = (batch["labels"] != -100).sum()
    whole = student(**batch).loss
    parts = [{name: each[part] for name, each in batch.items()} for part in (slice(0, 3), slice(3, 8))]
    torch.testing.assert_close(sum(student(**part, num_items_in_batch=total).loss for part in parts), whole)


def test_teachers_that_do_not_fit(documents: Dataset, tokenizer: BertTokenizer, bert: Path, tmp_path: Path) -> None:
    BertModel(BertConfig(**SIZES, vocab_size=len(tokenizer))).save_pretrained(tmp_path / "headless")
    with pytest.raises(AutoBertZeroError, match=r"no head that predicts words \(cls.*--soft-label-weight 0"):
        load_teacher(str(tmp_path / "headless"), soft_labels=True)
    load_teacher(str(tmp_path / "headless"), soft_labels=False)
    with pytest.raises(AutoBertZeroError, match="cannot load a masked-LM model"):
        load_teacher(str(tmp_path / "nothing"), soft_labels=True)
    teacher = load_teacher(str(bert), soft_labels=True)
    check_teacher(teacher, str(bert), tokenizer, len(tokenizer), 64)
    with pytest.raises(AutoBertZeroError, match="vocabulary of 1,000 entries, the student one of 800"):
        check_teacher(teacher, str(bert), tokenizer, 800, 64)
    with pytest.raises(AutoBertZeroError, match="takes 64 tokens at most"):
        check_teacher(teacher, str(bert), tokenizer, len(tokenizer), 65)
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    swapped = BertTokenizer(vocab={word: number for number, word in enumerate([*words[:-2], words[-1], words[-2]])})
    with pytest.raises(AutoBertZeroError, match="1,000 entries each, of which 2 differ"):
        check_teacher(teacher, str(bert), swapped, len(tokenizer), 64)
    # Of a teacher without a tokenizer the sizes are all that is known, wherever special tokens stand.
    turned = BertTokenizer(vocab={word: number for number, word in enumerate([*words[5:], *words[:5]])})
    headless = str(tmp_path / "headless")
    check_teacher(load_teacher(headless, soft_labels=False), headless, turned, len(tokenizer), 64)
