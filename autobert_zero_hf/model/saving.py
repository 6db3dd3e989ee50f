"""How a model is saved and pushed: with its code, if that is wanted, and with a card that has no blanks."""

import os
import sys
from pathlib import Path
from typing import Any

from transformers.modeling_utils import PreTrainedModel

from .adapters import adapt_by_default
from .auto_map import AUTO_MAP
from .card import TAGS, plain_card


class PortableModel(PreTrainedModel):
    """A model whose folder opens where this package is not installed, if it carries the code."""

    def post_init(self) -> None:
        """Ends the `__init__` of every model."""
        super().post_init()
        # With the package, PEFT is told as soon as it is imported; where the model's code came with it, here.
        if (constants := sys.modules.get("peft.utils.constants")) is not None:
            adapt_by_default(constants)
        self.model_tags = list(TAGS)  # of its page on the Hub; a list of its own, to which users add

    def save_pretrained(
        self, save_directory: str | os.PathLike, *args: Any, include_code: bool | None = None, **kwargs: Any
    ) -> None:
        r"""
        Saves the model as any other of transformers.

        Args:
            save_directory (`str` or `os.PathLike`):
                The folder; it is made where it does not exist.
            include_code (`bool`, *optional*):
                Whether the folder, and those that the model is saved to from then on, also get the code of the model
                and an `auto_map`, so that every Auto class opens them with `trust_remote_code=True` where this package
                is not installed. By default as it was in the folder that the model comes from.
            args, kwargs:
                Those of [`PreTrainedModel.save_pretrained`].

        Examples:

        ```python
        >>> import pathlib, tempfile
        >>> from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM

        >>> model = AutoBertZeroForMaskedLM(AutoBertZeroConfig(layers=["conv(9)"], hidden_size=12))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save_pretrained(folder, include_code=True)
        ...     pathlib.Path(folder, "modeling_heads.py").exists()
        True

        ```"""
        self._carry_code(include_code)
        super().save_pretrained(save_directory, *args, **kwargs)

    def push_to_hub(self, *args: Any, include_code: bool | None = None, **kwargs: Any) -> Any:
        r"""
        Pushes the model as any other of transformers.

        Args:
            include_code (`bool`, *optional*):
                As in `save_pretrained`.
            args, kwargs:
                Those of [`PreTrainedModel.push_to_hub`].
        """
        self._carry_code(include_code)
        return super().push_to_hub(*args, **kwargs)

    def _carry_code(self, include_code: bool | None) -> None:
        if include_code is not None:
            vars(self.config).pop("auto_map", None)
        if include_code:
            self.config.auto_map = dict(AUTO_MAP)  # with it, the configuration writes the code

    def _upload_modified_files(self, working_dir: str | os.PathLike, repo_id: str, *args: Any, **kwargs: Any) -> Any:
        # A page without a card gets transformers' own, with blanks to fill in; a card that a person wrote stays.
        readme = Path(working_dir, "README.md")
        if readme.exists() and "This model card has been automatically generated" in readme.read_text(encoding="utf-8"):
            readme.write_text(plain_card(self, repo_id), encoding="utf-8")
        return super()._upload_modified_files(working_dir, repo_id, *args, **kwargs)
