# Copyright 2026 the authors of autobert-zero-hf.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The configuration of an AutoBERT-Zero model: BERT's, and a line of text for each layer."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from huggingface_hub.dataclasses import strict
from transformers.activations import ACT2FN
from transformers.configuration_utils import PreTrainedConfig
from transformers.utils import auto_docstring

from .architectures import architecture
from .auto_map import AUTO_MAP, code_files
from .block import COUNTED
from .blocks import BLOCKS, find_block
from .bounds import MAX_LABELS, MAX_LAYERS, MAX_SIZES, MAX_WIDTH, MAY_BE_NONE
from .excerpts import excerpt
from .layers import parse_layer
from .mixers import KINDS
from .operations import OPERATIONS, probe_waiting
from .origins import NOT_REGISTERED, origins_of, told_origins

_SHOWN = 8
"""Lines that are not legal that a message shows at most."""


@auto_docstring(
    custom_intro="""
    The configuration of an [`AutoBertZeroModel`]: the sizes of a BERT, and its backbone as `layers`, a list of text.
    The default is the base model of AutoBERT-Zero (arXiv 2107.07445), in the size of BERT-base.
    """,
    checkpoint="autobert-zero",
)
@strict
class AutoBertZeroConfig(PreTrainedConfig):
    r"""
    layers (`list[str]`, *optional*):
        The backbone, a line for each layer: `conv(9)` for a lightweight convolution with a kernel of 9 tokens, or the
        formula of an attention over `q`, `k` and `v`, such as `matmul(softmax(scale(matmul(q, transpose(k)))), v)`.
        The default is the AutoBERT-Zero backbone, `architecture("autobert-zero", num_hidden_layers)`.
    num_hidden_layers (`int`, *optional*):
        The number of layers; follows from `layers` where that is given. The default is 12.
    embedding_size (`int`, *optional*):
        The width of the embeddings, and of the decoder of words, as in ELECTRA (Clark et al., 2020): a linear layer
        brings them to `hidden_size`. The default is `hidden_size`, without such a layer.
    type_vocab_size (`int`, *optional*, defaults to 2):
        How many token types there are; with 0 there is no table of them, and `token_type_ids` are left aside, as in
        DistilBERT.
    head_dim (`int`, *optional*):
        The size of an attention head; `hidden_size / num_attention_heads` by default, but free.
    block (`str`, *optional*, defaults to `"bert"`):
        What stands around mixers and feed-forward blocks: `"bert"`, norms after the residual connections, or
        `"pre_norm"`, before them and after the last layer, `"res_post_norm"`, on what they give, or `"modernbert"`.
    positions (`str`, *optional*):
        How tokens know their positions: `"learned"`, a table that is added to the embeddings; `"counted"`, the same,
        with the tokens counted that are no padding, as in RoBERTa; `"rotary"`, queries and keys that are rotated before
        a formula sees them; `"none"`. The default is that of the block, `"learned"`.
    rope_theta (`float`, *optional*, defaults to 10000.0):
        The base of rotary positions.
    local_rope_theta (`float`, *optional*):
        That in layers which see a window of tokens, as in ModernBERT. The default is `rope_theta`.
    first_norm (`bool`, *optional*):
        Whether the mixer of the first layer has a norm. The default is that of the block, true but for ModernBERT's.
    kernel_softmax (`bool`, *optional*, defaults to `True`):
        Whether the kernels of convolutions are normalised by a softmax, as lightweight convolutions are (Wu et al.,
        2019), or taken as they are.
    classifier_pooling (`str`, *optional*, defaults to `"cls"`):
        What the pooler takes: `"cls"`, what stands in the first place, as in BERT; `"first"`, the first real token,
        which differs where padding stands on the left; or `"mean"`, the mean over real tokens. Where every layer is a
        convolution the first token sees the beginning of the text only.
    pooler_act (`str`, *optional*, defaults to `"tanh"`):
        The activation of the pooler, whose output classifiers see: BERT's and RoBERTa's is `"tanh"`, DistilBERT's
        `"relu"`, ELECTRA's `"gelu"`.
    sparse_prediction (`bool`, *optional*, defaults to `False`):
        Whether a masked-LM model with labels decodes the labelled places only: the same loss, for less work.

    transformers' `per_layer_config` may name layers' own `intermediate_size`: it becomes a part of `layers`, as in
    `conv(9) + mlp(512)`.

    Raises:
        ValueError: if a layer is not legal, or the sizes do not fit together. All problems are named at once.

    Examples:

    ```python
    >>> from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel

    >>> config = AutoBertZeroConfig(layers=["conv(9)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"])
    >>> config.num_hidden_layers
    2
    >>> model = AutoBertZeroModel(config)

    ```"""

    model_type = "autobert_zero"

    if TYPE_CHECKING:  # what they are once the configuration is made
        layers: list[str] = []
        num_hidden_layers: int = 12
        head_dim: int = 64
        positions: str = "learned"
    else:
        layers: Any = None  # a list of str; validate_architecture checks it, and shows where a line is wrong
        num_hidden_layers: int | None = None
        head_dim: int | None = None
        positions: Literal["learned", "counted", "rotary", "none"] | None = None
    vocab_size: int = 30522
    hidden_size: int = 768
    embedding_size: int | None = None
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float | int = 0.02
    layer_norm_eps: float | int = 1e-12
    classifier_dropout: float | int | None = None
    block: str = "bert"
    rope_theta: float | int = 10000.0
    local_rope_theta: float | int | None = None
    first_norm: bool | None = None
    kernel_softmax: bool = True
    classifier_pooling: Literal["cls", "first", "mean"] = "cls"
    pooler_act: str = "tanh"
    sparse_prediction: bool = False
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        # Derived from the layers, never read: an old file may carry it.
        kwargs.pop("layer_types", None)
        told = kwargs.pop("origins", None)
        _check_labels(kwargs.get("num_labels"))
        if self.layers is None:
            wanted = 12 if self.num_hidden_layers is None else self.num_hidden_layers
            # Too many are refused below, with all else that is wrong.
            self.layers = architecture("autobert-zero", min(wanted, MAX_LAYERS))
        if isinstance(self.layers, (list, tuple)):
            self.layers = list(self.layers)
        if (own := kwargs.pop("per_layer_config", None)) and isinstance(self.layers, list):
            self.layers = _with_own_widths(self.layers, own)
        if self.num_hidden_layers is None and isinstance(self.layers, list):
            self.num_hidden_layers = len(self.layers)
        if self.head_dim is None and self.num_attention_heads > 0 and self.hidden_size % self.num_attention_heads == 0:
            self.head_dim = self.hidden_size // self.num_attention_heads
        if self.positions is None and self.block in BLOCKS:
            self.positions = find_block(self.block).positions
        try:
            probe_waiting()
            self.validate_architecture()
        except ValueError as error:  # what it says of where a word comes from is told, and never imported
            raise ValueError(f"{error}{told_origins(self._words, told)}") from error
        super().__post_init__(**kwargs)

    @property
    def embedding_width(self) -> int:
        """That of the embeddings: `embedding_size`, or `hidden_size` where there is none."""
        return self.hidden_size if self.embedding_size is None else self.embedding_size

    @property
    def has_first_norm(self) -> bool:
        """Whether the mixer of the first layer has a norm."""
        return find_block(self.block).first_norm if self.first_norm is None else self.first_norm

    @property
    def origins(self) -> dict[str, str]:
        """The modules, with their versions, of words in the layers, and of the block, that are not of this package."""
        of_kinds = {KINDS[name].word: module for name, module in KINDS.modules.items()}
        return origins_of(self._words, {**OPERATIONS.modules, **of_kinds, **BLOCKS.modules})

    @property
    def _words(self) -> list[Any]:
        """The texts whose words may have been registered."""
        return [*(self.layers if isinstance(self.layers, list) else ()), self.block]

    @property
    def layer_types(self) -> list[str]:
        """For each layer "conv", "full_attention" or another of transformers' words."""
        return [parse_layer(layer).mixer.layer_type for layer in self.layers]

    def validate_layer_type(self) -> None:
        """Nothing: layers are checked as a whole.

        transformers 5.15 to 5.17 would write other words into `layer_types`, `linear_attention` in the place of `conv`.
        """

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Makes a configuration of plain data; `layers` among the keyword arguments replaces those of the data."""
        _check_labels(kwargs.get("num_labels"))
        if "layers" in kwargs:
            config_dict = {**config_dict, "layers": kwargs.pop("layers"), "num_hidden_layers": None}
        return super().from_dict(config_dict, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Saves the configuration; if its `auto_map` names files beside it, they are written, and the map is whole."""
        entries = getattr(self, "auto_map", None) or {}
        # The map of a model from the Hub names the repository in which its code stays: someone/model--module.Class.
        carried = any("--" not in str(entries[auto]) for auto in AUTO_MAP.keys() & entries.keys())
        if carried:
            self.auto_map = {**entries, **AUTO_MAP}
        super().save_pretrained(save_directory, *args, **kwargs)
        for file in code_files() if carried else ():
            shutil.copyfile(file, Path(save_directory, file.name))

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain data."""
        origins = self.origins  # written only where there are some, for whoever lacks them
        return {**super().to_dict(), **({"origins": origins} if origins else {})}

    def validate_architecture(self) -> None:
        """Checks the layers and the sizes together; called by transformers when the configuration is made or saved."""
        problems = [
            f"{name} must be at least {least}, not {excerpt(value)}"
            for name in MAX_SIZES
            # No layers at all are told of below.
            if name != "num_hidden_layers"
            and (value := getattr(self, name)) is not None
            and value < (least := int(name not in MAY_BE_NONE))
        ]
        problems += [
            f"{name} must be at most {largest:,}, not {excerpt(value)}"
            for name, largest in MAX_SIZES.items()
            if (value := getattr(self, name)) is not None and value > largest
        ]
        if self.head_dim is not None and not problems and self.num_attention_heads * self.head_dim > MAX_WIDTH:
            problems.append(
                f"{self.num_attention_heads:,} heads of {self.head_dim:,} are wider than {MAX_WIDTH:,} together"
            )
        problems += [
            f"{name} is a probability, at least 0 and less than 1, not {excerpt(value)}"
            for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
            if (value := getattr(self, name)) is not None and not 0 <= value < 1
        ]
        # A whole number may be beyond all that a float can be.
        if not 0 < self.layer_norm_eps <= sys.float_info.max:
            problems.append(f"layer_norm_eps must be more than 0, not {excerpt(self.layer_norm_eps)}")
        if not 0 <= self.initializer_range <= sys.float_info.max:
            problems.append(f"initializer_range must be at least 0, not {excerpt(self.initializer_range)}")
        if self.head_dim is None:
            problems.append(
                f"hidden_size ({excerpt(self.hidden_size)}) is not a multiple of num_attention_heads "
                f"({excerpt(self.num_attention_heads)}); give head_dim, the size of a head, to allow it"
            )
        if self.block not in BLOCKS:
            problems.append(f"unknown block {excerpt(self.block)}: known are {', '.join(BLOCKS)} ({NOT_REGISTERED})")
        problems += [
            f"{name} must be more than 0, not {excerpt(value)}"
            for name in ("rope_theta", "local_rope_theta")
            if (value := getattr(self, name)) is not None and not 0 < value <= sys.float_info.max
        ]
        problems += [
            f"unknown {name} {excerpt(value)}"
            for name in ("hidden_act", "pooler_act")
            if (value := getattr(self, name)) not in ACT2FN
        ]
        if self.positions == COUNTED and self.pad_token_id is None:
            problems.append('positions="counted" are those of tokens that are no padding: give pad_token_id')
        if self.pad_token_id is not None and not 0 <= self.pad_token_id < self.vocab_size:
            pad, size = excerpt(self.pad_token_id), excerpt(self.vocab_size)
            problems.append(f"pad_token_id ({pad}) is not in the vocabulary of {size}")
        problems += self._problems_of_layers()
        if problems:
            raise ValueError("this AutoBERT-Zero configuration is not valid:\n- " + "\n- ".join(problems))

    def _problems_of_layers(self) -> list[str]:
        if not isinstance(self.layers, list):
            return [f"layers is a list of texts, a line for each layer, not {excerpt(self.layers)}"]
        if not self.layers:
            asked = excerpt(self.num_hidden_layers)
            return [f"a backbone has at least one layer: layers is [], num_hidden_layers {asked}"]
        if len(self.layers) > MAX_LAYERS:
            return [f"layers has {len(self.layers):,} lines, of at most {MAX_LAYERS:,}"]
        problems = []
        # As many as are too many are no list of lines.
        if self.num_hidden_layers != len(self.layers) and self.num_hidden_layers <= MAX_LAYERS:
            problems.append(
                f"num_hidden_layers is {self.num_hidden_layers}, but layers has {len(self.layers)} lines; "
                "give layers alone"
            )
        illegal = []
        for number, layer in enumerate(self.layers):
            try:
                parse_layer(layer)
            except ValueError as error:
                illegal.append(f"layers[{number}]: {error}")
        more = [f"and {len(illegal) - _SHOWN:,} more lines are not legal"] * (len(illegal) > _SHOWN)
        return problems + illegal[:_SHOWN] + more


def _with_own_widths(layers: list[str], own: dict[int | str, dict[str, Any]]) -> list[str]:
    """The layers with what transformers' `per_layer_config` says of them: here, a line says it itself."""
    changed = list(layers)
    for place, fields in own.items():
        number = int(place)
        if not 0 <= number < len(layers) or set(fields) != {"intermediate_size"}:
            raise ValueError(
                f"per_layer_config {excerpt({place: fields})}: it may name the intermediate_size of one of "
                f"{len(layers)} layers; all else of a layer stands in `layers`"
            )
        changed[number] = f"{layers[number].partition('+')[0].strip()} + mlp({fields['intermediate_size']})"
    return changed


def _check_labels(number: Any) -> None:
    """A name is made for each of them when the number is set."""
    if number is not None and not (isinstance(number, int) and 0 <= number <= MAX_LABELS):
        raise ValueError(f"num_labels is a whole number of at most {MAX_LABELS:,}, not {excerpt(number)}")


__all__ = ["AutoBertZeroConfig"]
