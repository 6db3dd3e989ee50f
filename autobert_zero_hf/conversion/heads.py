"""The heads by their names, which the families and this package share."""

from .. import model
from ..model import AutoBertZeroPreTrainedModel
from ..model.auto_map import HEAD_NAMES

HEADS: dict[str, type[AutoBertZeroPreTrainedModel]] = {
    name: getattr(model, f"AutoBertZero{name}") for name in HEAD_NAMES
}
"""What a checkpoint can become: "Model", which has no head, "ForPreTraining", "ForMaskedLM" and so on."""


def head_of(class_name: str) -> str:
    """The head in the name of a class of this package.

    >>> head_of("AutoBertZeroForMaskedLM"), head_of("AutoBertZeroModel")
    ('ForMaskedLM', 'Model')
    """
    return class_name.removeprefix("AutoBertZero")
