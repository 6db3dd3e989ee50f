"""What adapters of PEFT adapt by default: the linear layers through which mixers read the hidden states.

PEFT looks that up by model type, in tables to which nothing else can add.
"""

from types import ModuleType

from .layers import readers

_MODEL_TYPE = "autobert_zero"


def adapt_by_default(constants: ModuleType) -> None:
    """Adds the model type to PEFT's tables of default targets.

    Args:
        constants: the module `peft.utils.constants`.
    """
    for name, targets in vars(constants).items():
        # LoRA's table and those of the methods that adapt the same modules.
        if name.endswith("_TARGET_MODULES_MAPPING") and targets.get("bert") == ["query", "value"]:
            targets.setdefault(_MODEL_TYPE, readers())
