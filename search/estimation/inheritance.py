"""The weights that a candidate begins with: the super-net's, or its parent's where it has one (arXiv 2107.07445)."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.writing import written_whole

from ..recipe import InheritanceOptions
from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation
from .supernet import SuperNet, centre


class Inheritance:
    """Gives candidates their first weights, and keeps what they learnt where others need it.

    A child has its parent's weights wherever both have them: all of a layer's linears, whatever the formula, and of its
    kernels the common centre. What the parent lacks comes from the super-net.

    With write-back, the best candidate of each generation leaves what it learnt in the super-net, for all that follow.
    Then scores of different generations are not on the same weights; the processes write back at the same moments, so
    that their super-nets stay equal.

    Args:
        net: the trained super-net; it is not changed, since write-backs go to a copy.
        options: where weights come from, and whether they are written back.
        folder: for the weights of trained candidates, one file each, as large as a model; on a disk that all processes
            see. Nothing is written where no option needs it.
    """

    def __init__(self, net: SuperNet, options: InheritanceOptions, folder: Path):
        self.net = copy.deepcopy(net) if options.write_back else net
        self.options = options
        self.folder = folder

    @property
    def _keeps(self) -> bool:
        return self.options.write_back or self.options.inherit_from == "parent"

    def model_for(self, candidate: Candidate) -> AutoBertZeroForMaskedLM:
        """A model with the weights that the candidate inherits.

        Raises:
            AutoBertZeroError: if its parent's weights are gone.
        """
        model = self.net.extract(candidate.layers)
        if self.options.inherit_from == "parent" and candidate.parent is not None:
            weights = self._load(candidate.parent)
            with torch.no_grad():
                for name, own in model.named_parameters():
                    if name in weights:
                        _copy_centre(own, weights[name])
        return model

    def keep(self, candidate: Candidate, model: AutoBertZeroForMaskedLM) -> None:
        """Keep the weights of a trained candidate, if they will be needed.

        Raises:
            WritingError: if they cannot be written.
        """
        if not self._keeps:
            return
        self.folder.mkdir(exist_ok=True)
        with written_whole(self._file(candidate.identity)) as partial:
            save_file({name: weight.detach().contiguous() for name, weight in model.named_parameters()}, partial)

    def end_generation(self, evaluations: Sequence[Evaluation]) -> None:
        """Write the generation's best back to the super-net; the earlier of two with the same score.

        Raises:
            AutoBertZeroError: if its weights are gone.
        """
        scored = [evaluation for evaluation in evaluations if evaluation.score is not None]
        if self.options.write_back and scored:
            best = max(scored, key=lambda evaluation: evaluation.rank_key).candidate
            self.net.absorb(best.layers, self._load(best.identity))

    def _file(self, identity: str) -> Path:
        return self.folder / f"{identity}.safetensors"

    def _load(self, identity: str) -> dict[str, Tensor]:
        file = self._file(identity)
        if not file.exists():
            raise AutoBertZeroError(
                f"{file} is missing, with the weights that others inherit: restore it, or search again in another "
                "--output-dir"
            )
        return load_file(file, device=str(self.net.weights[0].device))


def _copy_centre(own: Tensor, other: Tensor) -> None:
    """Copy what both have: everything, or, of kernels of two sizes, the centre along the last axis."""
    common = torch.Size((*own.shape[:-1], min(own.shape[-1], other.shape[-1])))
    centre(own, common).copy_(centre(other, common))
