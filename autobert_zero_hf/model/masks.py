"""What an attention mask says, whatever form it has: (B, N), or a pairwise mask, (B or 1, H or 1, N, N).

Shapes: B batch, H heads, N tokens.
"""

import torch
from torch import Tensor


def visible(attention_mask: Tensor, batch: int, heads: int, tokens: int) -> Tensor:
    """An attention mask as bool.

    Args:
        attention_mask: (B or 1, N), where what is not 0 is real; or bool, integers or floats of shape (B or 1, H or 1,
            N, N) or (B or 1, 1, 1, N). Floats are added to scores: 0 where a token sees another, very low elsewhere.
        batch: B.
        heads: H.
        tokens: N.

    Returns:
        (B, N), true where a token is real, or (B or 1, H or 1, N, N), true where the row's token sees the column's.

    Raises:
        ValueError: for another shape, or floats that are no mask.
    """
    shape = tuple(attention_mask.shape)
    if shape in ((batch, tokens), (1, tokens)):
        return attention_mask.bool().expand(batch, tokens)
    for_all_rows = shape[1:] == (1, 1, tokens)
    pairs = shape[1:] in ((1, tokens, tokens), (heads, tokens, tokens))
    if shape[:1] not in ((1,), (batch,)) or not (for_all_rows or pairs):
        raise ValueError(
            f"attention_mask must have shape (batch, tokens), here {(batch, tokens)}, or (batch or 1, heads or 1, "
            f"tokens, tokens), here {(batch, heads, tokens, tokens)}, not {shape}"
        )
    seen = attention_mask.bool()
    if attention_mask.is_floating_point():
        seen = attention_mask == 0
        if not torch.compiler.is_compiling() and bool((~seen & (attention_mask > -1e3)).any()):
            raise ValueError(
                "a pairwise attention_mask that is of floats has 0 where a token sees another, the lowest value of "
                "its dtype elsewhere, and nothing between: give a mask of bool"
            )
    return seen[:, 0, 0].expand(batch, tokens) if for_all_rows else seen
