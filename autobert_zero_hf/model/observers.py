"""Whether anything but the model itself may look at what its modules hand to one another."""

import torch
from torch import nn
from torch.nn.modules import module as every_module

_CAPTURING = "transformers.utils.output_capturing"


def has_hooks(model: nn.Module) -> bool:
    """Whether others look at what any module of a model takes or gives; transformers' own hooks, which collect outputs
    that are asked for by name, do not count.
    """
    if every_module._global_forward_hooks or every_module._global_forward_pre_hooks:
        return True
    for module in model.modules():
        if module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
            return True
        if any(hook.__module__ != _CAPTURING for hook in module._forward_hooks.values()):
            return True
    return False


def is_observed(giver: nn.Module, taker: nn.Module) -> bool:
    """Whether the output of one module, on its way to the next, may be seen by others, and so must stay as it is.

    By hooks, on these modules or on all there are; by a trace, which writes down what is done and compares it with what
    another run does; or by a `forward` that was put in the place of the giver's own, as adapters and offloading do it.

    Args:
        giver: what gives the tensor. Of any other type than `nn.Linear` it may keep it.
        taker: what it is handed to.
    """
    hooks = (
        giver._forward_hooks,
        taker._forward_pre_hooks,
        taker._forward_hooks,
        every_module._global_forward_hooks,
        every_module._global_forward_pre_hooks,
    )
    own = type(giver) is nn.Linear and "forward" not in vars(giver)
    return not own or any(hooks) or torch.jit.is_tracing()
