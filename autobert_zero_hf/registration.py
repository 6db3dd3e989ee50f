"""The model type made known to transformers, to notebooks and to whoever else looks for it, once they are there.

Each is told when its module is imported, or at once where it has been: `import autobert_zero_hf` may stand before or
after `from transformers import AutoModel`, and costs next to nothing where no model is opened.
"""

import sys
from importlib import import_module
from types import ModuleType

from wrapt import register_post_import_hook

_AUTO = "transformers.models.auto"
_LAYERS = "transformers.modeling_layers"
"""It imports the Auto classes, and our models import it."""
_MODEL = f"{__package__}.model"
_MODELING = ("modeling_autobert_zero", "modeling_heads")
"""In the order in which they import one another."""


def register() -> None:
    """Makes the Auto classes and PEFT know the model type, and notebooks draw graphs and configurations."""
    register_post_import_hook(_register_config, f"{_AUTO}.configuration_auto")
    register_post_import_hook(_register_tokenizer, f"{_AUTO}.tokenization_auto")
    for name in (f"{_AUTO}.modeling_auto", _LAYERS, *(f"{_MODEL}.{each}" for each in _MODELING)):
        register_post_import_hook(_register_models, name)
    register_post_import_hook(_tell_peft, "peft.utils.constants")
    register_post_import_hook(_draw_graphs, f"{_MODEL}.graph")
    register_post_import_hook(_draw_configs, f"{_MODEL}.configuration_autobert_zero")


def _register_config(auto: ModuleType) -> None:
    from .model import AutoBertZeroConfig

    auto.AutoConfig.register(AutoBertZeroConfig.model_type, AutoBertZeroConfig)


def _register_tokenizer(auto: ModuleType) -> None:
    from transformers import BertTokenizer

    from .model import AutoBertZeroConfig

    auto.AutoTokenizer.register(AutoBertZeroConfig, tokenizer_class=BertTokenizer)


def _register_models(_: ModuleType) -> None:
    """Called once the Auto classes are there, and again after each module that asked for them meanwhile."""
    from .model import AUTO_MAP, AutoBertZeroConfig

    if _LAYERS in sys.modules and not hasattr(sys.modules[_LAYERS], "GradientCheckpointingLayer"):
        return  # amid its own import
    auto = sys.modules.get(f"{_AUTO}.modeling_auto")
    for name in _MODELING if auto else ():
        module = import_module(f"{_MODEL}.{name}")
        if not hasattr(module, "__all__"):  # transformers' decorators import the Auto classes amid our own import
            return
        for auto_class, place in AUTO_MAP.items():
            home, model_class = place.split(".")
            if home == name:
                getattr(auto, auto_class).register(AutoBertZeroConfig, getattr(module, model_class), exist_ok=True)


def _tell_peft(constants: ModuleType) -> None:
    from .model.adapters import adapt_by_default

    adapt_by_default(constants)


def _draw_graphs(graph: ModuleType) -> None:
    from .notebook import show_graph

    graph.AttentionGraph._repr_svg_ = show_graph


def _draw_configs(configuration: ModuleType) -> None:
    from .notebook import show_config

    configuration.AutoBertZeroConfig._repr_html_ = show_config
