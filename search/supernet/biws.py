"""Training of the super-net (BIWS, arXiv 2107.07445; AutoTinyBERT, 2021.acl-long.400), by random backbones."""

import logging
import random
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast

from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.training.replayable.curve import LossCurve
from autobert_zero_hf.training.replayable.loop import learning_rate_at, make_optimizer, set_learning_rate
from autobert_zero_hf.writing import written_whole

from ..recipe.options import SuperNetOptions
from ..space.candidate import Candidate
from ..space.search_space import ATTENTION, SearchSpace
from ..space.space import Space
from .objectives import MaskedLm, Objective
from .supernet import SuperNet

_STEPS_BETWEEN_CHECKPOINTS = 50

logger = logging.getLogger(__name__)


class SuperNetTraining:
    """The training of a super-net, over all processes; it goes on from its checkpoint where there is one.

    In a search space, layer types and kernels are drawn evenly, both types in any space. The attentions of a backbone
    are standard ones, and, in a share of the draws, random formulas. By default there are none: a random formula seldom
    lets much of its input through, and a super-net that met them in a tenth of the draws learnt less and ranked
    backbones worse, random formulas among them (`tests/benchmarks/biws_ranking.py`). Any other space is drawn from as
    it is.

    By the sandwich rule (arXiv 1903.05134), a step trains the largest and the smallest sub-model besides random ones,
    and all of them see the same rows.

    The gradients of a step's backbones are computed one by one, each clipped to length 1, so that a wild backbone does
    not drown the others, and averaged. The processes share the backbones of a step; since their gradients are summed in
    the order of the backbones, the sum is the same, bit by bit, for any number of processes. Which backbones, rows and
    masks a step has depends on the seed and the step alone.

    Args:
        net: the super-net, on its device and equal in all processes.
        space: where backbones are drawn from; each draw is another one, in whichever process.
        rows: the training rows.
        options: steps, batch size, backbones of a step, learning rate.
        seed: of the backbones, rows and masks.
        accelerator: the processes, and the autocast.
        checkpoint: the file; on a disk that all processes see.
        objective: what is learnt; the masked words by default.
        sandwich: what every step trains, before what is drawn; the largest and the smallest sub-model, or nothing.

    Raises:
        AutoBertZeroError: if a step has no place for a random backbone beside the sandwich.
    """

    def __init__(
        self,
        net: SuperNet,
        space: Space,
        rows: MaskedRows,
        options: SuperNetOptions,
        seed: int,
        accelerator: Accelerator,
        checkpoint: Path,
        objective: Objective | None = None,
        sandwich: Sequence[Candidate] = (),
    ):
        if sandwich and options.backbones_per_step <= len(sandwich):
            raise AutoBertZeroError(
                f"backbones_per_step {options.backbones_per_step}: by the sandwich rule a step trains the largest and "
                f"the smallest sub-model besides random ones, so give at least {len(sandwich) + 1}"
            )
        self.net = net
        # The BERT beside the winner inherits from the super-net in any space, so its attentions are always trained.
        if isinstance(space, SearchSpace) and ATTENTION not in space.types:
            space = SearchSpace(
                space.num_layers,
                space.kernel_sizes,
                layer_types=(*space.layer_types, ATTENTION),
                sizes=space.sizes,
                feed_forward=space.feed_forward,
                blocks=space.blocks,
            )
        self.space = space
        self.rows = rows
        self.options = options
        self.seed = seed
        self.accelerator = accelerator
        self.checkpoint = checkpoint
        self.objective = MaskedLm(net) if objective is None else objective
        self.sandwich = tuple(sandwich)
        self.parameters = [*net.parameters(), *self.objective.beside.parameters()]
        self.optimizer = make_optimizer(self.parameters, options.supernet_learning_rate)
        self.curve: LossCurve | None = LossCurve(options.supernet_steps)
        self.steps_done = self._load()

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.steps_done >= self.options.supernet_steps

    def run(self, after_step: Callable[[int, float], None]) -> None:
        """Train to the end, with a checkpoint every 50 steps and after the last.

        Args:
            after_step: called with the number of steps done and the loss of the last.
        """
        self.net.train()
        while not self.finished:
            loss = self._step(self.steps_done)
            self.steps_done += 1
            if self.curve is not None:
                self.curve.add(self.steps_done, loss)
            if self.finished or self.steps_done % _STEPS_BETWEEN_CHECKPOINTS == 0:
                self._save()
            after_step(self.steps_done, loss)

    def _step(self, step: int) -> float:
        # One vector a backbone: its gradients, whether it used each parameter, and its loss.
        many, parameters = self.options.backbones_per_step, self.parameters
        sizes = [p.numel() for p in parameters]
        total = self._sum_over_backbones(step, many)
        gradients, used, (losses, finite) = total.split([sum(sizes), len(sizes), 2])
        for parameter, gradient, times in zip(parameters, gradients.split(sizes), used.tolist(), strict=True):
            # A branch that no backbone of the step activated keeps its weights and its moments.
            parameter.grad = gradient.view_as(parameter) / many if times else None
        set_learning_rate(
            self.optimizer, learning_rate_at(step, self.options.supernet_steps, self.options.supernet_learning_rate)
        )
        self.optimizer.step()
        self.optimizer.zero_grad()
        return (losses / finite).item() if finite else float("nan")

    def _sum_over_backbones(self, step: int, many: int) -> torch.Tensor:
        """The sum of a step's vectors, added up in the order of its backbones, whichever process computed them."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        total: torch.Tensor | None = None
        for first in range(0, many, processes):
            mine = first + rank < many
            own = self._backbone_gradient(step, first + rank) if mine else None
            for owner in range(min(processes, many - first)):
                each = self._from_process(owner, own)
                total = each.clone() if total is None else total.add_(each)
        assert total is not None
        return total

    def _from_process(self, owner: int, own: torch.Tensor | None) -> torch.Tensor:
        if owner != self.accelerator.process_index or own is None:
            length = sum(p.numel() for p in self.parameters) + len(self.parameters) + 2
            own = self.parameters[0].new_empty(length)
        return broadcast(own, from_process=owner)  # in place; nothing happens where there is one process

    def _draw(self, place: int, rng: random.Random) -> Candidate:
        """The backbone at a place of a step."""
        if place < len(self.sandwich):
            return self.sandwich[place]
        if isinstance(self.space, SearchSpace):
            attention = None if rng.random() < self.options.random_attention else BERT_ATTENTION
            return self.space.sample(rng, attention)
        return self.space.sample(rng)

    def _backbone_gradient(self, step: int, place: int) -> torch.Tensor:
        draw, parameters = step * self.options.backbones_per_step + place, self.parameters
        rng = random.Random(f"{self.seed}/super-net/{draw}")
        candidate = self._draw(place, rng)
        number = step if self.sandwich else draw
        batch = self.rows.sample(number, self.options.supernet_batch_size, self.seed).to(parameters[0].device)
        devices = [batch.input_ids.device] if batch.input_ids.is_cuda else []
        with torch.random.fork_rng(devices), self.accelerator.autocast():
            torch.manual_seed(rng.getrandbits(63))  # of the dropout
            loss = self.objective.loss(candidate, batch, number)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        flat = torch.cat(
            [p.new_zeros(p.numel()) if g is None else g.flatten() for p, g in zip(parameters, gradients, strict=True)]
        )
        used = flat.new_tensor([g is not None for g in gradients], dtype=flat.dtype)
        norm = flat.norm()
        if not (torch.isfinite(norm) and torch.isfinite(loss)):  # such a backbone teaches nothing
            return flat.new_zeros(len(flat) + len(used) + 2)
        clipped = flat / norm.clamp_min(1.0)
        return torch.cat([clipped, used, flat.new_tensor([loss.item(), 1.0])])

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            state = {"step": self.steps_done, "weights": self.net.state_dict()}
            if self.curve is not None:
                state["losses"] = self.curve.state
            if beside := self.objective.beside.state_dict():
                state["beside"] = beside
            if not self.finished:
                state["optimizer"] = self.optimizer.state_dict()
            # A file object hands on what the system says; with a path, torch would hide it.
            with written_whole(self.checkpoint) as partial, partial.open("wb") as file:
                torch.save(state, file)
        self.accelerator.wait_for_everyone()

    def _load(self) -> int:
        if not self.checkpoint.exists():
            return 0
        try:
            with zipfile.ZipFile(self.checkpoint) as parts:  # torch does not look at the checksums that it writes
                if (part := parts.testzip()) is not None:
                    raise zipfile.BadZipFile(f"{part} was changed")
            state = torch.load(self.checkpoint, map_location=next(self.net.parameters()).device, weights_only=True)
        except (EOFError, RuntimeError, UnpicklingError, zipfile.BadZipFile, zlib.error) as error:
            logger.warning("%s cannot be read (%s): the super-net is trained again", self.checkpoint, error)
            return 0
        self.net.load_state_dict(state["weights"])
        self.objective.beside.load_state_dict(state.get("beside", {}))
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])
        losses = state.get("losses")  # an older version kept none
        self.curve = None if losses is None else LossCurve(self.options.supernet_steps, losses)
        return state["step"]
