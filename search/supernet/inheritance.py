"""The weights that a candidate begins with: the super-net's, or its parent's where it has one (arXiv 2107.07445)."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from autobert_zero_hf.claims import check_claims
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.writing import written_whole

from ..recipe.options import InheritanceOptions
from ..space.candidate import Candidate
from ..space.sizes import Sizes
from ..strategy.evaluation import Evaluation
from .slicing import copy_overlap
from .supernet import SuperNet


class Inheritance:
    """Gives candidates their first weights, and keeps what they learnt where others need it.

    A child has its parent's weights wherever both have them: all of a layer's linears, whatever the formula, of its
    kernels the common centre, and of models of two sizes the common part. What the parent lacks comes from the
    super-net, and so does all of a child in another block than its parent.

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
        model = self.net.extract(candidate.layers, candidate.sizes, candidate.block)
        if self.options.inherit_from == "parent" and candidate.parent is not None:
            weights, sizes, block = self._load(candidate.parent)
            for name, own in model.named_parameters():
                if name in weights and block == candidate.block:
                    copy_overlap(name, own, candidate.sizes or self.net.sizes, weights[name], sizes)
        return model

    def keep(self, candidate: Candidate, model: AutoBertZeroForMaskedLM) -> None:
        """Keep the weights of a trained candidate, if they will be needed.

        Raises:
            WritingError: if they cannot be written.
        """
        if not self._keeps:
            return
        check_claims(self.folder)
        self.folder.mkdir(exist_ok=True)
        weights = {name: weight.detach().contiguous() for name, weight in model.named_parameters()}
        facts = {} if candidate.sizes is None else {"sizes": json.dumps(candidate.sizes.to_dict())}
        facts |= {} if candidate.block is None else {"block": candidate.block}
        with written_whole(self._file(candidate.identity)) as partial:
            save_file(weights, partial, metadata={**facts, "digest": _digest(candidate.identity, weights, facts)})

    def forget(self, candidate: Candidate) -> None:
        """Remove what was kept of a candidate."""
        check_claims(self.folder)
        self._file(candidate.identity).unlink(missing_ok=True)

    def end_generation(self, evaluations: Sequence[Evaluation]) -> None:
        """Write the generation's best back to the super-net; the earlier of two with the same score.

        Raises:
            AutoBertZeroError: if its weights are gone.
        """
        scored = [evaluation for evaluation in evaluations if evaluation.score is not None]
        if self.options.write_back and scored:
            best = max(scored, key=lambda evaluation: evaluation.rank_key).candidate
            self.net.absorb(best.layers, self._load(best.identity)[0], best.sizes, best.block)

    def _file(self, identity: str) -> Path:
        return self.folder / f"{identity}.safetensors"

    def _load(self, identity: str) -> tuple[dict[str, Tensor], Sizes, str | None]:
        """The weights of a trained candidate, its sizes, and its block where it has one of its own.

        Raises:
            AutoBertZeroError: if they are gone, or were damaged; an older version wrote nothing to tell it by.
        """
        path = self._file(identity)
        if not path.exists():
            raise AutoBertZeroError(
                f"{path} is missing, with the weights that others inherit: restore it, or search again in another "
                "--output-dir"
            )
        try:
            with safe_open(path, "pt", device=str(self.net.weights[0].device)) as file:
                facts = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
            if facts.get("digest") not in (None, _digest(identity, weights, facts)):
                raise ValueError("its digest is another one")
            sizes = facts.get("sizes")
            return weights, self.net.sizes if sizes is None else Sizes(**json.loads(sizes)), facts.get("block")
        except (SafetensorError, ValueError, TypeError) as error:
            raise AutoBertZeroError(
                f"{path}, with the weights that others inherit, was damaged ({error}): restore it, or search again in "
                "another --output-dir"
            ) from error


def _digest(identity: str, weights: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """Of what a candidate left, and of whose it is: one's weights are not taken for another's."""
    digest = hashlib.sha256(f"{identity} {facts.get('sizes')}".encode())
    for name in sorted(weights):
        weight = weights[name]
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
