"""`autobert-zero show`: a backbone layer by layer, as a table, as LaTeX or as a picture."""

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES, AutoBertZeroConfig, AutoBertZeroModel, architecture, parse_layer
from autobert_zero_hf.model.backbone import ConvolutionLayer, Layer
from autobert_zero_hf.model.cost import Cost, layer_cost
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg
from autobert_zero_hf.rendering.png import to_png
from autobert_zero_hf.writing import written_whole

EXAMPLE = """example:
  autobert-zero show runs/first/best
  autobert-zero show autobert-zero --picture backbone.svg
  autobert-zero show runs/first/best --latex
"""

_PICTURES = (".svg", ".png")


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
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="print the layers as lines of LaTeX, instead of the table")
    form.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw it, as .svg or .png")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> None:
    """Print the table, and draw the picture that is asked for."""
    if arguments.tokens < 1:
        raise AutoBertZeroError(f"--tokens must be at least 1, not {arguments.tokens}")
    picture: Path | None = arguments.picture
    if picture is not None and picture.suffix not in _PICTURES:
        raise AutoBertZeroError(f"--picture {picture}: the name must end in {' or '.join(_PICTURES)}")
    config = load_config(arguments.backbone)
    if picture is not None:
        drawn = draw_backbone(config.layers)
        with written_whole(picture) as partial:
            partial.write_bytes(to_png(drawn) if picture.suffix == ".png" else to_svg(drawn).encode())
    if arguments.latex:
        print("\n".join(map(to_latex, config.layers)))
    elif arguments.json:
        print(json.dumps(_facts(config, arguments.tokens), indent=1))
    else:
        _print_table(arguments.backbone, config, arguments.tokens)


def _parameters(config: AutoBertZeroConfig) -> tuple[int, int]:
    """Of the whole model without a head, and of its embeddings."""
    with torch.device("meta"):
        model = AutoBertZeroModel(config)
    return model.num_parameters(), sum(p.numel() for p in model.embeddings.parameters())


def _facts(config: AutoBertZeroConfig, tokens: int) -> dict[str, Any]:
    parameters, embeddings = _parameters(config)
    layers = [
        {"formula": text, "plan": _plan(parse_layer(text)), **asdict(layer_cost(text, config, tokens))}
        for text in config.layers
    ]
    sizes = ("hidden_size", "num_attention_heads", "head_dim", "intermediate_size", "vocab_size")
    return {
        **{name: getattr(config, name) for name in sizes},
        "parameters": parameters,
        "embedding_parameters": embeddings,
        "tokens": tokens,
        "layers": layers,
    }


def _print_table(name: str, config: AutoBertZeroConfig, tokens: int) -> None:
    parameters, embeddings = _parameters(config)
    print(
        f"{name}: {config.num_hidden_layers} layers, hidden size {config.hidden_size}, "
        f"{config.num_attention_heads} heads of {config.head_dim}, {parameters:,} parameters "
        f"({embeddings:,} of them embeddings)"
    )
    print(f"\nThe operations are those of a token among {tokens}; the plan is what a formula runs as.")
    print("layer  parameters  operations  plan         formula")
    total = Cost()
    for number, text in enumerate(config.layers, start=1):
        cost = layer_cost(text, config, tokens)
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
