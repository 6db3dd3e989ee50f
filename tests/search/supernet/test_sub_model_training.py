"""Training a super-net of sub-models: what is drawn, and what is learnt."""

import runpy
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from autobert_zero_hf.search.recipe.options import SubModelOptions, SuperNetOptions
from autobert_zero_hf.search.run.from_options import load_teacher, make_objective
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.supernet import biws
from autobert_zero_hf.search.supernet.biws import SuperNetTraining
from autobert_zero_hf.search.supernet.distillation import Teacher, TeacherDistillation
from autobert_zero_hf.search.supernet.objectives import InPlaceDistillation, MaskedLm, Objective
from autobert_zero_hf.search.supernet.supernet import SuperNet
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.training.replayable.masked_lm import train_masked_lm
from tests.terminal import run_together

LARGEST = Sizes(2, 32, 64, 4, 8)
SPACE = SubModels((BERT_ATTENTION,) * 2, SizesSpace.within(LARGEST, "head_dim", 4, 4))
OPTIONS = SuperNetOptions(supernet_steps=24, supernet_batch_size=4, supernet_learning_rate=3e-3, backbones_per_step=3)


@pytest.fixture
def config(tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    return LARGEST.config(tiny_config, SPACE.layers)


@pytest.fixture
def net(config: AutoBertZeroConfig) -> SuperNet:
    return SuperNet(config, None, seed=0)


@pytest.fixture(scope="module")
def teacher_folder(tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT without a head, wider than the super-net, with as many heads."""
    folder = tmp_path_factory.mktemp("teacher")
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 64, "num_attention_heads": 4}
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=3, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def load(folder: Path, rows: MaskedRows, sizes: SizesSpace = SPACE.sizes) -> Teacher:
    return Teacher.load(str(folder), sizes, rows.tokenizer, len(rows.tokenizer), 32)


class Recorded(MaskedLm):
    """Remembers what was drawn."""

    def __init__(self, net: SuperNet):
        super().__init__(net)
        self.drawn: list[tuple[int, Candidate]] = []

    def loss(self, candidate: Candidate, batch: Any, number: int) -> torch.Tensor:
        self.drawn.append((number, candidate))
        return super().loss(candidate, batch, number)


def train(net: SuperNet, rows: MaskedRows, folder: Path, objective: Objective, steps: int, **more: Any) -> list[float]:
    losses: list[float] = []
    options = replace(OPTIONS, supernet_steps=steps)
    training = SuperNetTraining(
        net, SPACE, rows, options, 0, Accelerator(cpu=True), folder / "supernet.pt", objective, **more
    )
    training.run(lambda step, loss: losses.append(loss))
    return losses


def test_each_draw_is_another_sub_model(net: SuperNet, rows: MaskedRows, tmp_path: Path) -> None:
    objective = Recorded(net)
    train(net, rows, tmp_path, objective, 4)
    numbers, drawn = zip(*objective.drawn, strict=True)
    assert numbers == tuple(range(12)), "each draw has rows of its own"
    assert len({candidate.identity for candidate in drawn}) == 12
    assert all(SPACE.rejection(candidate) is None for candidate in drawn)


def test_a_loud_sub_model_does_not_drown_the_others(
    config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path
) -> None:
    class Loud(MaskedLm):
        factor = 1.0

        def loss(self, candidate: Candidate, batch: Any, number: int) -> torch.Tensor:
            return super().loss(candidate, batch, number) * (self.factor if number == 4 else 1.0)

    trained = []
    for factor in (1e3, 1e5):
        net = SuperNet(config, None, seed=0)
        objective = Loud(net)
        objective.factor = factor
        (tmp_path / f"{factor}").mkdir()
        train(net, rows, tmp_path / f"{factor}", objective, 3)
        trained.append(net)
    for one, two in zip(trained[0].weights, trained[1].weights, strict=True):
        torch.testing.assert_close(one, two)


def test_a_sandwich_has_the_largest_the_smallest_and_random_ones_on_the_same_rows(
    net: SuperNet, rows: MaskedRows, tmp_path: Path
) -> None:
    objective = Recorded(net)
    train(net, rows, tmp_path, objective, 3, sandwich=SPACE.extremes)
    assert [number for number, _ in objective.drawn] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    drawn = [candidate for _, candidate in objective.drawn]
    assert all(candidate.sizes == SPACE.sizes.largest for candidate in drawn[::3])
    assert all(candidate.sizes == SPACE.sizes.smallest for candidate in drawn[1::3])
    assert len(set(drawn[2::3])) == 3
    with pytest.raises(AutoBertZeroError, match=r"backbones_per_step 2: .* give at least 3"):
        SuperNetTraining(
            net, SPACE, rows, replace(OPTIONS, backbones_per_step=2), 0, Accelerator(cpu=True), tmp_path / "x",
            sandwich=SPACE.extremes,
        )  # fmt: skip


def test_smaller_sub_models_learn_what_the_largest_predicts(net: SuperNet, rows: MaskedRows) -> None:
    largest, smallest = SPACE.extremes
    batch = rows.sample(0, 4, seed=0)
    objective = InPlaceDistillation(net, largest)
    net.train()
    torch.manual_seed(0)
    learnt = objective.loss(smallest, batch, 0)
    assert net.training
    torch.manual_seed(0)
    student = net(smallest.layers, batch.input_ids, batch.labels, smallest.sizes).logits.log_softmax(-1)
    model = net.extract(largest.layers, largest.sizes).eval()
    predicted = model(input_ids=batch.input_ids, labels=batch.labels, sparse_prediction=True).logits.softmax(-1)
    torch.testing.assert_close(learnt, -(predicted * student).sum(-1).mean())
    net.eval()
    hard = net(largest.layers, batch.input_ids, batch.labels, largest.sizes).loss
    assert objective.loss(largest, batch, 0) == hard
    gradient = torch.autograd.grad(learnt, net.named_weights["decoder.bias"])[0]
    assert gradient.abs().max() > 0
    # The next batch has predictions of its own.
    assert objective.loss(smallest, rows.sample(1, 4, seed=0), 1) != objective.loss(smallest, batch, 2)


FAMILY: list[tuple[type[PreTrainedModel], Any]] = [
    (BertModel, BertConfig),
    (ElectraModel, ElectraConfig),
    (RobertaModel, RobertaConfig),
    (DistilBertModel, DistilBertConfig),
]


@pytest.mark.parametrize(("model_class", "config_class"), FAMILY)
def test_scores_are_what_the_attention_is_made_of(model_class: type[PreTrainedModel], config_class: Any) -> None:
    sizes: dict[str, Any] = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    if model_class is DistilBertModel:
        sizes = {"vocab_size": 50, "dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 32}
    model = model_class(config_class(**sizes, attn_implementation="eager"))
    teacher = Teacher(model, "it")
    tokens = torch.randint(5, 50, (2, 7))
    expected = model(tokens, output_attentions=True)
    found = teacher.encode(tokens)
    assert (teacher.heads, teacher.hidden_size) == (3, 24)
    assert found.scores is not None
    torch.testing.assert_close(found.scores.softmax(-1), expected.attentions[-1])
    assert torch.equal(found.hidden_states, expected.last_hidden_state)


@pytest.mark.parametrize("sizes", [LARGEST, Sizes(1, 20, 16, 4, 5)])
def test_the_loss_is_that_of_the_extracted_model(
    net: SuperNet, rows: MaskedRows, teacher_folder: Path, sizes: Sizes
) -> None:
    net.eval()
    objective = TeacherDistillation(net, load(teacher_folder, rows))
    candidate, batch = SPACE.candidate(sizes), rows.sample(0, 4, seed=0)
    bert = BertModel.from_pretrained(teacher_folder, attn_implementation="eager").eval()
    model = net.extract(candidate.layers, sizes).eval().base_model
    model.set_attn_implementation("eager")
    mask = torch.ones_like(batch.input_ids)
    mask[2:, 21:] = 0
    with torch.no_grad():
        taught = objective.teacher.encode(batch.input_ids, mask)
        teacher, student = (
            each(batch.input_ids, attention_mask=mask, output_attentions=True) for each in (bert, model)
        )
        loss = objective.difference(candidate, taught, batch.input_ids, mask)
        padded = torch.where(mask == 0, 9, batch.input_ids)
        again = objective.difference(candidate, objective.teacher.encode(padded, mask), padded, mask)
    projection = objective.beside.get_submodule("teacher_projection")
    assert isinstance(projection, torch.nn.Linear)
    projected = student.last_hidden_state @ projection.weight[:, : sizes.hidden_size].T + projection.bias
    real = mask.bool()
    hidden = (projected - teacher.last_hidden_state)[real].square().sum() / teacher.last_hidden_state[
        real
    ].square().sum()
    # Of scores, their logarithms after the softmax know all but a constant of each row.
    difference = student.attentions[-1].log() - teacher.attentions[-1].log()
    pairs = (real[:, None, :, None] & real[:, None, None, :]).expand_as(difference)
    heads = [each.scores for each in (taught, objective.teacher.encode(batch.input_ids, mask))]
    assert heads[0] is not None and heads[1] is not None and torch.equal(heads[0], heads[1])
    least = sum(row[seen].var(correction=0) * seen.sum() for row, seen in zip(
        difference.flatten(0, 2), pairs.flatten(0, 2), strict=True
    ) if seen.any()) / heads[0][pairs].square().sum()  # fmt: skip
    assert loss - hidden >= least - 1e-6
    torch.testing.assert_close(again, loss)
    unpadded = objective.loss(candidate, batch, 0)
    assert unpadded != loss


@pytest.mark.parametrize("inherits", [True, False])
def test_a_model_that_is_cut_out_learns_on_from_the_teacher(
    net: SuperNet, rows: MaskedRows, teacher_folder: Path, inherits: bool
) -> None:
    """Its loss is that of the super-net's slice, and of the masked words; it alone is changed, not its teacher."""
    net.eval()
    objective = TeacherDistillation(net, load(teacher_folder, rows))
    projection = objective.beside.get_submodule("teacher_projection")
    torch.nn.init.normal_(projection.get_parameter("weight"), std=0.1)
    candidate, batch = SPACE.candidate(Sizes(1, 20, 16, 4, 5)), rows.sample(0, 4, seed=0)
    model = net.extract(candidate.layers, candidate.sizes).eval()
    alone = objective.alone(model, inherits).eval()
    with torch.no_grad():
        expected = objective.loss(candidate, batch, 0) + MaskedLm(net).loss(candidate, batch, 0)
        found = alone(batch.input_ids, batch.labels).loss
        if inherits:
            torch.testing.assert_close(found, expected)
        else:
            assert found != expected, "a projection that begins anew"
    before = [p.clone() for p in (*objective.teacher.model.parameters(), *objective.beside.parameters())]
    train_masked_lm(alone, rows, 12, 8, 5e-3, 0, nullcontext)
    assert all(map(torch.equal, before, (*objective.teacher.model.parameters(), *objective.beside.parameters())))
    with torch.no_grad():
        assert alone(batch.input_ids, batch.labels).loss < 0.9 * found
    assert alone(batch.input_ids, batch.labels).loss.requires_grad
    assert not any("projection" in name or "teacher" in name for name in model.state_dict())


def test_scores_count_head_by_head(net: SuperNet, rows: MaskedRows, config: AutoBertZeroConfig) -> None:
    """A super-net that is its own teacher has no difference; if two heads change places, it has."""
    net.eval()
    candidate, batch = SPACE.extremes[0], rows.sample(0, 4, seed=0)
    model = net.extract(candidate.layers, candidate.sizes).eval()
    objective = TeacherDistillation(net, Teacher(model, "itself"))
    with torch.no_grad():
        assert objective.loss(candidate, batch, 0) == pytest.approx(0.0, abs=1e-10)
        attention = model.base_model.layers[-1].attention
        for each in (attention.q_proj, attention.k_proj, attention.v_proj):
            each.weight.copy_(each.weight.view(2, 2, 8, 32).flip(1).reshape(32, 32))
            each.bias.copy_(each.bias.view(2, 2, 8).flip(1).reshape(32))
        attention.o_proj.weight.copy_(attention.o_proj.weight.view(32, 2, 2, 8).flip(2).reshape(32, 32))
        # The same function, so the hidden states are the same.
        assert objective.loss(candidate, batch, 1) > 1e-6


def test_what_has_no_scores_learns_hidden_states_alone(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, teacher_folder: Path
) -> None:
    def scores(line: str) -> tuple[str, str] | None:
        return parse_layer(line).mixer.score_weights

    assert (
        scores(BERT_ATTENTION) == scores("matmul(softmax(scale(matmul(q, transpose(k)))), q)") == ("q_proj", "k_proj")
    )
    for other in (
        "matmul(q, matmul(transpose(k), v))",
        "matmul(softmax(matmul(q, transpose(k))), v)",  # not scaled
        "matmul(softmax(scale(matmul(v, transpose(k)))), v)",
        f"window(2, {BERT_ATTENTION})",
        "conv(9)",
    ):
        assert scores(other) is None
    layers = (BERT_ATTENTION, "conv(3)")
    net = SuperNet(LARGEST.config(tiny_config, layers), None, seed=0).eval()
    objective = TeacherDistillation(net, load(teacher_folder, rows))
    batch, candidate = rows.sample(0, 4, seed=0), Candidate(layers, sizes=LARGEST)
    hidden = net.encode(layers, batch.input_ids)
    projection = objective.beside.get_submodule("teacher_projection")
    taught = objective.teacher.encode(batch.input_ids).hidden_states
    torch.testing.assert_close(
        objective.loss(candidate, batch, 0), (projection(hidden) - taught).square().sum() / taught.square().sum()
    )
    teacher = Teacher(AutoBertZeroModel(net.config), "ours")
    assert teacher.encode(batch.input_ids).scores is None


def test_a_super_net_learns_from_its_teacher_and_goes_on_where_it_was_broken_off(
    config: AutoBertZeroConfig,
    rows: MaskedRows,
    teacher_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(biws, "_STEPS_BETWEEN_CHECKPOINTS", 20)

    def fresh() -> tuple[SuperNet, Objective]:
        net = SuperNet(config, None, seed=0)
        options = SubModelOptions(supernet_loss="distillation", teacher=str(teacher_folder))
        teacher = load_teacher(options, SPACE.sizes, rows.tokenizer, config)
        return net, make_objective(options, net, SPACE.extremes[0], teacher)

    class BrokenOffError(Exception):
        pass

    def kill(step: int, loss: float) -> None:
        if step == 22:
            raise BrokenOffError

    (whole, objective), (broken, of_broken), (resumed, of_resumed) = fresh(), fresh(), fresh()
    head = whole.named_weights["head.dense.weight"].detach().clone()
    (tmp_path / "whole").mkdir()
    losses = train(whole, rows, tmp_path / "whole", objective, 24)
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    training = SuperNetTraining(
        broken, SPACE, rows, OPTIONS, 0, Accelerator(cpu=True), tmp_path / "supernet.pt", of_broken
    )
    with pytest.raises(BrokenOffError):
        training.run(kill)
    assert len(train(resumed, rows, tmp_path, of_resumed, 24)) == 4
    for one, two in zip(whole.weights, resumed.weights, strict=True):
        assert torch.equal(one, two)
    for one, two in zip(objective.beside.parameters(), of_resumed.beside.parameters(), strict=True):
        assert torch.equal(one, two)
    assert torch.equal(whole.named_weights["head.dense.weight"], head), "nothing asked for words"
    assert not any("teacher" in name for name in whole.extract(SPACE.layers).state_dict())


SCRIPT = """
import sys
from pathlib import Path
from accelerate import Accelerator
from datasets import load_from_disk
from transformers import AutoTokenizer
from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.search.supernet.biws import SuperNetTraining
from autobert_zero_hf.search.supernet.objectives import InPlaceDistillation
from autobert_zero_hf.search.supernet.supernet import SuperNet
from autobert_zero_hf.search.recipe.options import SuperNetOptions
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.training.replayable.masked_lm import train_masked_lm

folder, checkpoint = map(Path, sys.argv[1:])
rows = MaskedRows(load_from_disk(folder / "rows").with_format("torch"), AutoTokenizer.from_pretrained(folder))
config = AutoBertZeroConfig.from_pretrained(folder)
space = SubModels(tuple(config.layers), SizesSpace.within(Sizes.of(config), "head_dim", 4, 4))
net = SuperNet(config, None, seed=0)
options = SuperNetOptions(supernet_steps=5, supernet_batch_size=4, backbones_per_step=5)
objective = InPlaceDistillation(net, space.extremes[0])
accelerator = Accelerator(cpu=True)
print("one of", accelerator.num_processes, "processes")
training = SuperNetTraining(net, space, rows, options, 0, accelerator, checkpoint, objective, space.extremes)
training.run(lambda step, loss: None)
"""


def test_two_processes_train_the_same_bit_by_bit(
    config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.rows.save_to_disk(tmp_path / "rows")
    rows.tokenizer.save_pretrained(tmp_path)
    config.save_pretrained(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = [[str(script), str(tmp_path), str(tmp_path / f"{processes}.pt")] for processes in (1, 2)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as there: sums over another number of threads round differently
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", arguments[0])
            runpy.run_path(str(script))
    finally:
        torch.set_num_threads(threads)
    ended, said = run_together(2, ["-c", SCRIPT, *arguments[1][1:]])
    assert ended == 0, said
    assert said.count("one of 2 processes") == 2
    one, two = (torch.load(each[2], weights_only=True)["weights"] for each in arguments)
    assert all(torch.equal(weight, two[name]) for name, weight in one.items())


def test_a_teacher_that_does_not_fit_is_refused(
    rows: MaskedRows, teacher_folder: Path, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    with pytest.raises(AutoBertZeroError, match=r"has a vocabulary of 1,000 entries, the student one of 1,200"):
        Teacher.load(str(teacher_folder), SPACE.sizes, tokenizer, 1200, 32)
    varied = SizesSpace.within(LARGEST, "heads", 4, 4)
    with pytest.raises(AutoBertZeroError, match=r"has 4 attention heads, the sub-models have 1 to 4: .*head_dim"):
        load(teacher_folder, rows, varied)
    with pytest.raises(AutoBertZeroError, match="has 4 attention heads, the sub-models have 2:"):
        load(teacher_folder, rows, SizesSpace.within(Sizes(2, 32, 64, 2, 8), "head_dim", 4, 4))
    with pytest.raises(AutoBertZeroError, match="cannot load a masked-LM model"):
        load(tmp_path / "nothing", rows)
    with pytest.raises(AutoBertZeroError, match="takes 512 tokens at most"):
        Teacher.load(str(teacher_folder), SPACE.sizes, tokenizer, len(tokenizer), 600)
