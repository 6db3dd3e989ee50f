"""The first weights of a super-net, cut from a checkpoint: its bottom layers, and of each weight the slice."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.conversion import convert_checkpoint
from autobert_zero_hf.conversion.loading import load, unreadable_refused
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM, parse_layer
from autobert_zero_hf.training.pretraining.distillation import check_vocabulary
from autobert_zero_hf.training.pretraining.starting_point import read_config

from ..space.sizes import Sizes
from .slicing import cut
from .supernet import SuperNet


class Start:
    """A checkpoint that a super-net begins as a part of.

    Args:
        source: a folder or Hub name of a model of this package, or of an encoder that is read, with any head or none.
        seed: of the weights of the head that predicts words, where the checkpoint has none.

    Raises:
        AutoBertZeroError: if there is no such checkpoint.
    """

    def __init__(self, source: str | Path, seed: int):
        self.source = str(source)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = self._load().eval()
        self.sizes = Sizes.of(self.model.config)

    def _load(self) -> AutoBertZeroForMaskedLM:
        if read_config(self.source).model_type != AutoBertZeroConfig.model_type:
            model = convert_checkpoint(self.source, "ForMaskedLM")
            assert isinstance(model, AutoBertZeroForMaskedLM)
            return model
        with unreadable_refused(f"cannot load the model {self.source!r}", self.source):
            return load(AutoBertZeroForMaskedLM, self.source)[0]

    def check_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Refuse another tokenizer than the checkpoint's: its embeddings are those of its words.

        Raises:
            AutoBertZeroError: if the words differ; it names the numbers.
        """
        check_vocabulary(
            f"the checkpoint {self.source}",
            self.model,
            self.source,
            "the tokenizer",
            tokenizer,
            len(tokenizer),
            "use the checkpoint's tokenizer",
        )

    def config(self, sizes: Sizes, length: int, layers: Sequence[str] | None = None) -> AutoBertZeroConfig:
        """The configuration of a super-net of these sizes that begins as a part of the checkpoint.

        Args:
            sizes: the largest ones.
            length: tokens of a row.
            layers: the backbone; the checkpoint's bottom layers by default.

        Raises:
            AutoBertZeroError: if the checkpoint is smaller, or the backbone is another one; both are named.
        """
        own = self.model.config
        too_small = [
            f"{name} {there}, not {wanted}"
            for name, there, wanted in (
                *((name, value, getattr(sizes, name)) for name, value in self.sizes.to_dict().items()),
                ("max_position_embeddings", own.max_position_embeddings, length),
            )
            if there < wanted
        ]
        if too_small:
            raise AutoBertZeroError(
                f"a super-net of {sizes}, for {length} tokens, cannot be cut from {self.source}, which has "
                f"{self.sizes}, for {own.max_position_embeddings} tokens: {'; '.join(too_small)}; give a larger "
                "checkpoint, or smaller sizes"
            )
        bottom = own.layers[: sizes.num_hidden_layers]
        layers = bottom if layers is None else list(layers)
        for number, (ours, theirs) in enumerate(zip(layers, bottom, strict=True), start=1):
            if not _fits(ours, theirs, sizes, self.sizes):
                raise AutoBertZeroError(
                    f"layer {number} of the super-net is {ours}, that of {self.source} {theirs}, which lacks some of "
                    "its weights: give a checkpoint of the same kinds of layers"
                )
        config = sizes.config(own, layers)
        config.max_position_embeddings = length
        return config

    @torch.no_grad()
    def give(self, net: SuperNet) -> None:
        """Copy into a super-net, made by `config`, what it is a part of; a branch that the checkpoint lacks stays.

        Raises:
            ValueError: if the super-net does not fit.
        """
        weights = dict(self.model.named_parameters())
        for name, shared in net.named_weights.items():
            if name in weights:
                shared.copy_(cut(name, weights[name], self.sizes, shared.shape, net.sizes))


def _fits(ours: str, theirs: str, sizes: Sizes, their_sizes: Sizes) -> bool:
    """Whether a layer's weights are among those of another."""
    mine, other = parse_layer(ours), parse_layer(theirs)
    if mine.inner(sizes) > other.inner(their_sizes):
        return False
    if not (weights := mine.mixer.own_weights.keys()):
        return True
    lengths = other.mixer.lengths
    return (
        mine.mixer.module == other.mixer.module
        and weights <= other.mixer.own_weights.keys()
        and all(length <= lengths[name] for name, length in mine.mixer.lengths.items())
    )
