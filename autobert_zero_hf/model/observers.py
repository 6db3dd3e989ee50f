"""Whether anything but the model itself may look at what its modules hand to one another."""

import torch
from torch import nn
from torch.nn.modules import module as every_module


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
