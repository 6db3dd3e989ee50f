"""`autobert-zero show`: a backbone layer by layer, as a table, as LaTeX or as a picture."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES, AutoBertZeroConfig, AutoBertZeroModel, architecture, parse_layer
from autobert_zero_hf.model.backbone import ConvolutionLayer, Layer
from autobert_zero_hf.model.cost import layer_cost
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg
from autobert_zero_hf.rendering.png import to_png
from autobert_zero_hf.writing import written_whole

from .result import Result

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
    parser.add_argument("--latex", action="store_true", help="print the layers as lines of LaTeX, instead of the table")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw it, as .svg or .png")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result:
    """Make the table, and draw the picture that is asked for."""
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
    facts = _facts(config, arguments.tokens)
    if arguments.latex:
        return Result(facts, "\n".join(layer["latex"] for layer in facts["layers"]))
    return Result(facts, "\n".join(_table(arguments.backbone, facts)))


def _parameters(config: AutoBertZeroConfig) -> tuple[int, int]:
    """Of the whole model without a head, and of its embeddings."""
    with torch.device("meta"):
        model = AutoBertZeroModel(config)
    return model.num_parameters(), sum(p.numel() for p in model.embeddings.parameters())


def _facts(config: AutoBertZeroConfig, tokens: int) -> dict[str, Any]:
    parameters, embeddings = _parameters(config)
    layers = [
        {
            "formula": text,
            "latex": to_latex(text),
            "plan": _plan(parse_layer(text)),
            **asdict(layer_cost(text, config, tokens)),
        }
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


def _table(name: str, facts: Mapping[str, Any]) -> Iterator[str]:
    layers = facts["layers"]
    yield (
        f"{name}: {len(layers)} layers, hidden size {facts['hidden_size']}, {facts['num_attention_heads']} heads of "
        f"{facts['head_dim']}, {facts['parameters']:,} parameters ({facts['embedding_parameters']:,} of them "
        "embeddings)"
    )
    yield f"\nThe operations are those of a token among {facts['tokens']}; the plan is what a formula runs as."
    yield "layer  parameters  operations  plan         formula"
    for number, each in enumerate(layers, start=1):
        cost = f"{each['parameters']:>10,}  {each['operations']:>10,}"
        yield f"{number:>5}  {cost}  {each['plan']:<11}  {each['formula']}"
    parameters, operations = (sum(each[what] for each in layers) for what in ("parameters", "operations"))
    yield f"  all  {parameters:>10,}  {operations:>10,}"


def _plan(layer: Layer) -> str:
    return "convolution" if isinstance(layer, ConvolutionLayer) else "+".join(layer.plan.kinds)


def load_config(backbone: str) -> AutoBertZeroConfig:
    """The config of a published backbone, of a folder or of a Hub model.

    Raises:
        AutoBertZeroError: if there is none, or if it is another kind of model.
    """
    from autobert_zero_hf.training.model_folder import find_model

    if backbone in ARCHITECTURES:
        return AutoBertZeroConfig(layers=architecture(backbone))
    try:
        config = AutoConfig.from_pretrained(find_model(backbone))
    except (OSError, ValueError) as error:
        raise AutoBertZeroError(
            f"{backbone!r} is not one of {', '.join(ARCHITECTURES)}, and no model is found there: {error}"
        ) from error
    if not isinstance(config, AutoBertZeroConfig):
        raise AutoBertZeroError(f"{backbone} is a {config.model_type} model, not {AutoBertZeroConfig.model_type}")
    return config
