"""The table of encoders that are read: a row a family, which says how its checkpoints become models of this package.

A row is a class, in a file of its own, made known by `register`. Most families are transformers' own: of these a row
says which classes they have, what our configuration makes of theirs, and what their weights are called.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel
from ..model.registry import Registry
from .heads import HEADS
from .loading import load, shared_fields
from .renaming import rename

_OF_WORDS = ("ForPreTraining", "ForMaskedLM")


class Family(ABC):
    """A row of the table of families.

    Attributes:
        model_type: in a config.json.
        title: what people call it.
        heads: those that both the family and this package have.
        not_ours: heads of the family that bear a name of this package's, and are others; a checkpoint with such a one
            becomes a model without a head.
    """

    model_type: ClassVar[str]
    title: ClassVar[str]
    not_ours: ClassVar[Sequence[str]] = ()

    @property
    @abstractmethod
    def heads(self) -> Sequence[str]:
        """The heads of [`~autobert_zero_hf.conversion.HEADS`] that the family has, too."""

    @abstractmethod
    def head_of(self, class_name: str) -> str:
        """The head in the name of one of its classes: "ForMaskedLM" of "BertForMaskedLM"."""

    @abstractmethod
    def load(
        self, source: str, head: str, config: Mapping[str, Any], **load_options: Any
    ) -> AutoBertZeroPreTrainedModel:
        """Open a checkpoint, and convert it.

        Args:
            source: a folder or Hub name.
            head: one of `heads`. What the checkpoint lacks of it starts anew; a pooler that it lacks is left out of
                "Model".
            config: the contents of its config.json.
            load_options: those of `from_pretrained`.

        Raises:
            AutoBertZeroError: if weights of the backbone are missing, or it computes what no model of this package
                does.
        """


class TransformersFamily(Family):
    """A family of encoders that transformers has classes for.

    Attributes:
        prefix: of the names of its classes.
        rules: for `rename`, from its weights' names to ours.
        aliases: further names that a file may have for a weight, which both stand for one.
        activation_of_words: that of the heads which predict words, where it is always the same.
    """

    prefix: ClassVar[str]
    rules: ClassVar[Sequence[tuple[str, str]]]
    aliases: ClassVar[Mapping[str, str]] = MappingProxyType({})
    activation_of_words: ClassVar[str | None] = None

    @property
    def classes(self) -> dict[str, type[PreTrainedModel]]:
        """The classes of transformers by their heads."""
        named = (
            (each, getattr(transformers, f"{self.prefix}{each}", None)) for each in HEADS if each not in self.not_ours
        )
        return {head: found for head, found in named if found is not None}

    @property
    def heads(self) -> Sequence[str]:
        """The heads that transformers has a class for."""
        return tuple(self.classes)

    def head_of(self, class_name: str) -> str:
        """What follows the family's name."""
        return class_name.removeprefix(self.prefix)

    @abstractmethod
    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The family's configuration as the fields of ours, the layers among them."""

    def weights(
        self,
        weights: Mapping[str, Tensor],
        config: PreTrainedConfig,  # noqa: ARG002
        head: str,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """The weights of a model of the family by our names.

        Args:
            weights: by its own names.
            config: of the model.
            head: of the model.
        """
        return rename(weights, self.rules, self.aliases)

    def check(self, model: PreTrainedModel, head: str) -> None:
        """Refuse what computes something else than a model of this package can.

        Raises:
            AutoBertZeroError: saying what it is.
        """
        config = model.config
        if getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
            raise AutoBertZeroError(
                f"{self.title} as a decoder (is_decoder or add_cross_attention in its configuration) cannot be "
                "converted: AutoBERT-Zero is an encoder; give one"
            )
        if (positions := getattr(config, "position_embedding_type", "absolute")) != "absolute":
            raise AutoBertZeroError(
                f'{self.title} with position_embedding_type "{positions}" cannot be converted: AutoBERT-Zero has '
                "absolute positions; give a checkpoint that has them"
            )
        if head == "ForQuestionAnswering" and config.num_labels != 2:
            raise AutoBertZeroError(
                f"question answering with {config.num_labels} labels cannot be converted: it takes 2, the start and "
                "the end of an answer; give a checkpoint that has them"
            )
        always, activation = self.activation_of_words, self.fields(config).get("hidden_act", "gelu")
        if always is not None and head in _OF_WORDS and activation != always:
            raise AutoBertZeroError(
                f"{self.title} with the activation {activation}, whose head has {always} all the same, cannot be "
                "converted with this head: here, both have one; name another head"
            )

    def convert(self, model: PreTrainedModel, head: str) -> AutoBertZeroPreTrainedModel:
        """A model that computes what one of the family computes; the weights are copied.

        Raises:
            AutoBertZeroError: as `check` does, or if the model has other weights than its family.
        """
        self.check(model, head)
        pooler = {}
        if head == "Model":
            pooler["add_pooling_layer"] = getattr(model, "pooler", None) is not None
        config = self.config(model)
        with torch.device("meta"):
            ours = HEADS[head](config, **pooler)
        weights = self.weights(model.state_dict(), model.config, head)
        if strange := sorted(weights.keys() ^ ours.state_dict().keys()):
            raise AutoBertZeroError(
                f"the {type(model).__name__} was changed: {len(strange)} of its weights, {strange[0]} for one, are not "
                f"those of {self.title}; take the changes, such as adapters, out of it"
            )
        ours.load_state_dict({name: weight.clone() for name, weight in weights.items()}, assign=True)
        ours.tie_weights()
        return ours.train(model.training)

    def as_ours(self, config: PreTrainedConfig) -> AutoBertZeroConfig:
        """A configuration of the family as ours."""
        return AutoBertZeroConfig(**{**shared_fields(config.to_dict()), **self.fields(config)})

    def config(self, model: PreTrainedModel) -> AutoBertZeroConfig:
        """The configuration of a model of the family as ours."""
        ours = self.as_ours(model.config)
        if (decoder := model.get_output_embeddings()) is not None:
            # What is, rather than what was asked for: transformers unties weights that differ in a checkpoint.
            embeddings: Any = model.get_input_embeddings()
            ours.tie_word_embeddings = decoder.weight is embeddings.weight
        ours._attn_implementation = model.config._attn_implementation
        return ours

    def load(
        self,
        source: str,
        head: str,
        config: Mapping[str, Any],  # noqa: ARG002
        **load_options: Any,
    ) -> AutoBertZeroPreTrainedModel:
        """Open the checkpoint with the family's own class, and convert the model."""
        loaded: Any = load(self.classes[head], source, **load_options)
        model, anew = loaded
        if head == "Model" and any(name.startswith("pooler.") for name in anew):
            model.pooler = None
        for alias, name in self.aliases.items():
            if name in anew and alias not in anew:
                # A file with untied embeddings may hold the bias under the other name; transformers leaves it at zero.
                decoder: Any = model.get_output_embeddings()
                decoder.bias = model.get_parameter(alias)
        return self.convert(model, head)


FAMILIES: Registry[Family] = Registry("family")

Row = TypeVar("Row", bound=type[Family])


def register(row: Row) -> Row:
    """Add a family to the table; a decorator of its class.

    Raises:
        ValueError: if its model type is not free.
    """
    FAMILIES.add(row.model_type, row())
    return row


def titles(with_classes: bool = False) -> str:
    """The families that are read, for messages; those that transformers has classes for alone, where it is asked."""
    known = FAMILIES.values()
    *first, last = (each.title for each in known if isinstance(each, TransformersFamily) or not with_classes)
    return f"{', '.join(first)} or {last}"


def as_ours(config: PreTrainedConfig) -> PreTrainedConfig:
    """The configuration that an encoder has once it is converted; any other as it is."""
    family = FAMILIES.get(config.model_type)
    return family.as_ours(config) if isinstance(family, TransformersFamily) else config


def family_of(model: PreTrainedModel) -> tuple[TransformersFamily, str] | None:
    """The family of a model and its head; None where it is of none that is read."""
    for family in FAMILIES.values():
        if isinstance(family, TransformersFamily):
            for head, each in family.classes.items():
                if type(model) is each:
                    return family, head
    return None


def from_encoder(model: PreTrainedModel) -> AutoBertZeroPreTrainedModel:
    """A model of this package that computes what an encoder of transformers computes.

    Args:
        model: of one of the families that are read, without a head or with one of those that are in
            [`~autobert_zero_hf.conversion.HEADS`]. It stays as it is: the weights are copied.

    Returns:
        The model of the same head, in the same precision, mode and place.

    Raises:
        AutoBertZeroError: if it is another model, a decoder, or computes what no model of this package does.

    Examples:

    ```python
    >>> from transformers import BertConfig, BertForMaskedLM
    >>> from autobert_zero_hf.conversion import from_encoder

    >>> bert = BertForMaskedLM(BertConfig(hidden_size=32, num_attention_heads=2, num_hidden_layers=1))
    >>> model = from_encoder(bert)
    >>> type(model).__name__, model.config.layers
    ('AutoBertZeroForMaskedLM', ['matmul(softmax(scale(matmul(q, transpose(k)))), v)'])

    ```"""
    found = family_of(model)
    if found is None:
        raise AutoBertZeroError(
            f"a {type(model).__name__} cannot be converted: give an encoder of {titles(with_classes=True)}, without a "
            f"head or with one of {', '.join(HEADS)}"
        )
    family, head = found
    return family.convert(model, head)
