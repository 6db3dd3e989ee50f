"""The blocks that there are: a line each makes a row known, and takes its file along with a model's code."""

from .block import BLOCKS, Block, all_axes, find_block
from .block_bert import BertBlock
from .block_modernbert import ModernBertBlock
from .block_pre_norm import PreNormBlock
from .block_res_post_norm import ResPostNormBlock

__all__ = [
    "BLOCKS",
    "BertBlock",
    "Block",
    "ModernBertBlock",
    "PreNormBlock",
    "ResPostNormBlock",
    "all_axes",
    "find_block",
]
