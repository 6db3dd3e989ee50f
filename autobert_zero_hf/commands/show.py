"""`autobert-zero show`: a backbone layer by layer."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import Any

import torch
from transformers import AutoConfig

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES, AutoBertZeroConfig, AutoBertZeroModel, architecture, parse_layer
from autobert_zero_hf.model.backbone import ConvolutionLayer, Layer
from autobert_zero_hf.model.cost import Cost, layer_cost

EXAMPLE = """example:
  autobert-zero show runs/first/best
  autobert-zero show autobert-zero
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser: ArgumentParser = commands.add_parser(
        "show",
        help="print a backbone layer by layer",
        description="Print a backbone layer by layer: formula, parameters, operations a token.",
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "backbone", metavar="PATH_OR_NAME", help=f"a model's folder or Hub name, or one of {', '.join(ARCHITECTURES)}"
    )
    parser.add_argument(
        "--tokens", type=int, default=128, help="the length of the sequence for which operations are counted [128]"
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> None:
    """Print the table."""
    if arguments.tokens < 1:
        raise AutoBertZeroError(f"--tokens must be at least 1, not {arguments.tokens}")
    config = load_config(arguments.backbone)
    with torch.device("meta"):
        model = AutoBertZeroModel(config)
    print(
        f"{arguments.backbone}: {config.num_hidden_layers} layers, hidden size {config.hidden_size}, "
        f"{config.num_attention_heads} heads of {config.head_dim}, {model.num_parameters():,} parameters "
        f"({sum(p.numel() for p in model.embeddings.parameters()):,} of them embeddings)"
    )
    print(f"\nThe operations are those of a token among {arguments.tokens}; the plan is what a formula runs as.")
    print("layer  parameters  operations  plan         formula")
    total = Cost()
    for number, text in enumerate(config.layers, start=1):
        cost = layer_cost(text, config, arguments.tokens)
        total += cost
        print(f"{number:>5}  {cost.parameters:>10,}  {cost.operations:>10,}  {_plan(parse_layer(text)):<11}  {text}")
    print(f"  all  {total.parameters:>10,}  {total.operations:>10,}")


def _plan(layer: Layer) -> str:
    return "convolution" if isinstance(layer, ConvolutionLayer) else "+".join(layer.plan.kinds)


def load_config(backbone: str) -> AutoBertZeroConfig:
    """The config of a published backbone, of a folder or of a Hub model.

    Raises:
        AutoBertZeroError: if there is none, or if it is another kind of model.
    """
    if backbone in ARCHITECTURES:
        return AutoBertZeroConfig(layers=architecture(backbone))
    try:
        config = AutoConfig.from_pretrained(backbone)
    except (OSError, ValueError) as error:
        raise AutoBertZeroError(
            f"{backbone!r} is not one of {', '.join(ARCHITECTURES)}, and no model is found there: {error}"
        ) from error
    if not isinstance(config, AutoBertZeroConfig):
        raise AutoBertZeroError(f"{backbone} is a {config.model_type} model, not {AutoBertZeroConfig.model_type}")
    return config
