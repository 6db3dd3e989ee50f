"""An attention with heads of its own, against the attention of all heads that it is a part of."""

import pytest
import torch

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.encoders import encode, make, random_ids


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_it_computes_what_is_left_where_the_other_heads_give_nothing(implementation: str) -> None:
    whole, part = make([BERT_ATTENTION]), make([f"heads(2, {BERT_ATTENTION})"])
    heads, head_dim = whole.config.num_attention_heads, whole.config.head_dim
    kept = torch.cat([torch.arange(head_dim) + head * head_dim for head in (0, heads - 1)])
    weights = whole.state_dict()
    gone = torch.ones(heads * head_dim, dtype=torch.bool)
    gone[kept] = False
    weights["layers.0.attention.o_proj.weight"][:, gone] = 0
    whole.load_state_dict(weights)
    ours = {}
    for name, weight in weights.items():
        axis = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "o_proj.weight": 1}
        cut = next((dim for part_of, dim in axis.items() if part_of in name), None)
        ours[name.replace("attention", "heads")] = weight if cut is None else weight.index_select(cut, kept)
    part.load_state_dict(ours)
    for model in (whole, part):
        model.set_attn_implementation(implementation)
    ids = random_ids(20)
    mask = torch.ones_like(ids)
    mask[:, 15:] = 0
    ours, theirs = (encode(model, ids, attention_mask=mask)[:, :15] for model in (part, whole))
    torch.testing.assert_close(ours, theirs)


def test_a_mask_that_differs_from_head_to_head_is_refused() -> None:
    model = make([f"heads(2, {BERT_ATTENTION})"])
    ids = random_ids(8)
    pairs = torch.ones(1, model.config.num_attention_heads, 8, 8).bool()
    with pytest.raises(ValueError, match="layer 1 has 2 heads of its own"):
        encode(model, ids, attention_mask=pairs)
