"""`autobert-zero show`: a backbone, or one formula, as a table, as LaTeX or as a picture."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES, architecture, parse_layer
from autobert_zero_hf.model.axes import axes_by_operation
from autobert_zero_hf.model.block import ROTARY
from autobert_zero_hf.model.canonical import canonicalise
from autobert_zero_hf.model.cost import BaseSizes, Counted, embedding_parameters, layer_cost, model_parameters
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.mixers import words
from autobert_zero_hf.model.operations import show_axes
from autobert_zero_hf.options import add_options, find_problems, given_options, option_names
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.writing import written_whole

from .parsers import add_command

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig

EXAMPLES = (
    "autobert-zero show runs/first/best",
    "autobert-zero show autobert-zero --picture backbone.svg",
    "autobert-zero show runs/first/best --latex",
    "autobert-zero show runs/first/best --latency --latency-runtime openvino-int8",
    "autobert-zero show runs/first/best --analyse my.txt --beside runs/first/bert --picture layers.svg",
    'autobert-zero show "matmul(softmax(scale(matmul(q, transpose(k)))), v)"',
)
NOTES = """A formula, or conv(9), is shown at the sizes of BERT-base: what it costs and runs as, its normal form, and
the axes of each operation.
"""

_PICTURES = (".svg", ".png")
_DPI = 150


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "show",
        summary="print a backbone, or a formula, layer by layer",
        description="Print a backbone layer by layer: formula, parameters, operations a token.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument(
        "backbone",
        metavar="PATH_OR_NAME",
        help=f"a model's folder or Hub name, one of {', '.join(ARCHITECTURES)}, or a layer such as conv(9)",
    )
    parser.add_argument(
        "--tokens", type=int, default=128, help="the length of the sequence for which operations are counted [128]"
    )
    parser.add_argument("--latex", action="store_true", help="print the layers as lines of LaTeX, instead of the table")
    parser.add_argument(
        "--picture", metavar="FILE", type=Path, help="also draw it, or what --analyse measures, as .svg or .png"
    )
    parser.add_argument(
        "--analyse",
        metavar="TEXT",
        nargs="+",
        help="also measure its layers on files of text: how alike tokens become, how far each layer changes them, and "
        "how evenly attentions look at them",
    )
    parser.add_argument(
        "--beside", metavar="MODEL", nargs="+", default=[], help="with --analyse, other models, measured on the same"
    )
    parser.add_argument("--latency", action="store_true", help="also measure how long it takes on this machine")
    add_options(parser, LatencyOptions)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result:
    """Make the table, and draw the picture that is asked for."""
    if arguments.tokens < 1:
        raise AutoBertZeroError(f"--tokens must be at least 1, not {arguments.tokens}")
    picture: Path | None = arguments.picture
    if picture is not None and picture.suffix not in _PICTURES:
        raise AutoBertZeroError(f"--picture {picture}: the name must end in {' or '.join(_PICTURES)}")
    timed = [name for name in option_names([LatencyOptions]) if name in vars(arguments)]
    if timed and not arguments.latency:
        raise AutoBertZeroError(f"--{timed[0].replace('_', '-')} goes with --latency, which is not given")
    if arguments.latency and arguments.latex:
        raise AutoBertZeroError("--latency is said below the table, which --latex takes the place of: leave out one")
    begin = arguments.backbone.partition("+")[0].strip()
    is_layer = ("(" in arguments.backbone or begin in words()) and not Path(arguments.backbone).exists()
    sizes = BaseSizes([str(parse_layer(arguments.backbone))]) if is_layer else _sizes(arguments.backbone)
    if arguments.analyse and (is_layer or arguments.backbone in ARCHITECTURES):
        raise AutoBertZeroError(f"--analyse measures a trained model, and {arguments.backbone} has no weights")
    if arguments.beside and not arguments.analyse:
        raise AutoBertZeroError("--beside goes with --analyse, which is not given")
    if arguments.analyse and arguments.latex:
        raise AutoBertZeroError("--analyse is said below the table, which --latex takes the place of: leave out one")
    if picture is not None and not arguments.analyse:
        _draw(sizes, picture)
    facts = _layer_facts(sizes, arguments.tokens) if is_layer else _facts(sizes, arguments.tokens)
    said = []
    if arguments.latency:
        facts["latency"] = _latency(sizes, arguments)
        said = [_in_words(facts["latency"])]
    if arguments.analyse:
        facts["analysis"] = _analyses([arguments.backbone, *arguments.beside], arguments)
        said += _analysis_table(facts["analysis"])
    if arguments.latex:
        return Result(facts, "\n".join(layer["latex"] for layer in facts["layers"]))
    lines = [*(_layer_table(facts) if is_layer else _table(arguments.backbone, facts)), *said]
    return Result(facts, "\n".join(lines))


def _sizes(backbone: str) -> Counted:
    if backbone in ARCHITECTURES:
        return BaseSizes(architecture(backbone))
    return load_config(backbone)


def _latency(sizes: Counted, arguments: Namespace) -> dict[str, Any]:
    """How long a model of these layers and sizes takes; its weights are random, since only their number matters."""
    from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel
    from autobert_zero_hf.search.latency.measuring import measure

    options = given_options(LatencyOptions, vars(arguments))
    if problems := find_problems([LatencyOptions], vars(options)):
        raise AutoBertZeroError("; ".join(problems))
    config = sizes if isinstance(sizes, AutoBertZeroConfig) else AutoBertZeroConfig(layers=list(sizes.layers))
    if "latency_tokens" not in vars(arguments):
        options.latency_tokens = min(options.latency_tokens, config.max_position_embeddings)
    (found,) = measure([AutoBertZeroModel(config)], options)
    return {**asdict(found), "tokens": options.latency_tokens, "texts": options.latency_batch_size, "text": str(found),
            "on": str(found.hardware)}  # fmt: skip


def _in_words(latency: Mapping[str, Any]) -> str:
    many = f"{latency['texts']} texts" if latency["texts"] > 1 else "a text"
    return f"\n{many} of {latency['tokens']} tokens: {latency['text']} on {latency['on']}"


@calm()
def _analyses(models: Sequence[str], arguments: Namespace) -> dict[str, dict[str, Any]]:
    """What the layers of each model come to, which is drawn where a picture is asked for."""
    from autobert_zero_hf.analysis.chart import draw_analyses
    from autobert_zero_hf.analysis.opening import analyse_model
    from autobert_zero_hf.charts import to_png, to_svg
    from autobert_zero_hf.model_folder import find_model

    for name in models:  # what is not there is said before the others are measured
        load_config(name)
    found = {name: analyse_model(find_model(name), arguments.analyse, arguments.tokens) for name in models}
    if (picture := arguments.picture) is not None:
        figure = draw_analyses(found)
        drawn = to_svg(figure).encode() if picture.suffix == ".svg" else to_png(figure, _DPI)
        with written_whole(picture) as partial:
            partial.write_bytes(drawn)
    return {name: asdict(each) for name, each in found.items()}


def _analysis_table(analyses: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "\nOn text: the cosine of two tokens of a text (1: all are alike), how far a layer changes a token"
    yield "(1 - cosine), and the entropy of its attention (1: it looks at all alike). Layer 0 is the embeddings."
    for name, each in analyses.items():
        yield f"{name}\nlayer  cosine  change  attention"
        entropies = ["" if value is None else f"{value:.3f}" for value in each["attention_entropy"]]
        changes = [f"{value:.3f}" for value in each["change"]]
        rows = zip(each["token_cosine"], ["", *changes], ["", *entropies], strict=True)
        yield from (
            f"{layer:>5}  {cosine:>6.3f}  {change:>6}  {entropy:>9}".rstrip()
            for layer, (cosine, change, entropy) in enumerate(rows)
        )


def _draw(sizes: Counted, picture: Path) -> None:
    drawn = draw_backbone(sizes.layers)
    with written_whole(picture) as partial:
        if picture.suffix == ".png":
            from autobert_zero_hf.rendering.png import to_png

            partial.write_bytes(to_png(drawn))
        else:
            partial.write_text(to_svg(drawn), encoding="utf-8")


def _facts(sizes: Counted, tokens: int) -> dict[str, Any]:
    layers = [
        {
            "formula": text,
            "latex": to_latex(text),
            "plan": parse_layer(text).mixer.runs_as,
            **({"rotary": parse_layer(text).mixer.turns} if sizes.positions == ROTARY else {}),
            **asdict(layer_cost(text, sizes, tokens)),
        }
        for text in sizes.layers
    ]
    names = ("hidden_size", "num_attention_heads", "head_dim", "intermediate_size", "vocab_size")
    return {
        **{name: getattr(sizes, name) for name in names},
        "parameters": model_parameters(sizes),
        "embedding_parameters": embedding_parameters(sizes),
        "tokens": tokens,
        "layers": layers,
    }


def _layer_facts(sizes: Counted, tokens: int) -> dict[str, Any]:
    """Those of a single layer: no model, but what the language knows of the line."""
    mixer = parse_layer(sizes.layers[0]).mixer
    facts = {name: value for name, value in _facts(sizes, tokens).items() if "parameters" not in name}
    del facts["vocab_size"]
    if mixer.graph is not None and mixer.typed is not None:
        facts["inputs"] = list(mixer.graph.inputs)
        facts["normal_form"] = str(canonicalise(mixer.graph))
        facts["operations"] = [
            {"formula": text, "axes": show_axes(axes)} for text, axes in axes_by_operation(mixer.typed)
        ]
    return facts


def _layer_table(facts: Mapping[str, Any]) -> Iterator[str]:
    (layer,) = facts["layers"]
    yield layer["formula"]
    yield f"  runs as      {layer['plan']}"
    if "normal_form" in facts:
        yield f"  reads        {', '.join(facts['inputs'])}"
        yield f"  normal form  {facts['normal_form']}"
    yield (
        f"  costs        {layer['parameters']:,} parameters and {layer['operations']:,} operations a token among "
        f"{facts['tokens']}, with its feed-forward block, at the sizes of BERT-base"
    )
    if "operations" in facts:
        yield "operation, and the axes of what it gives"
        width = max(len(each["axes"]) for each in facts["operations"])
        yield from (f"  {each['axes']:<{width}}  {each['formula']}" for each in facts["operations"])


def _table(name: str, facts: Mapping[str, Any]) -> Iterator[str]:
    layers = facts["layers"]
    yield (
        f"{name}: {len(layers)} layers, hidden size {facts['hidden_size']}, {facts['num_attention_heads']} heads of "
        f"{facts['head_dim']}, {facts['parameters']:,} parameters ({facts['embedding_parameters']:,} of them "
        "embeddings)"
    )
    yield f"\nThe operations are those of a token among {facts['tokens']}; the plan is what a formula runs as."
    width = max(11, *(len(each["plan"]) for each in layers))
    yield f"layer  parameters  operations  {'plan':<{width}}  formula"
    for number, each in enumerate(layers, start=1):
        cost = f"{each['parameters']:>10,}  {each['operations']:>10,}"
        yield f"{number:>5}  {cost}  {each['plan']:<{width}}  {each['formula']}"
    parameters, operations = (sum(each[what] for each in layers) for what in ("parameters", "operations"))
    yield f"  all  {parameters:>10,}  {operations:>10,}"
    if "rotary" in layers[0]:
        turned = [str(number) for number, each in enumerate(layers, start=1) if each["rotary"]]
        where = f"here in {', '.join(turned)}" if turned else "here in none"
        yield f"\nRotary positions turn q and k in layers that compare them, {where}."


def load_config(backbone: str) -> "AutoBertZeroConfig":
    """The config of a folder or of a Hub model; of an encoder that is read, as it is once it is converted.

    Raises:
        AutoBertZeroError: if there is none, or if it is another kind of model.
    """
    from transformers import AutoConfig

    from autobert_zero_hf.conversion.family import as_ours
    from autobert_zero_hf.conversion.loading import unreadable_refused
    from autobert_zero_hf.model import AutoBertZeroConfig
    from autobert_zero_hf.model_folder import find_model

    backbone = find_model(backbone)
    failing = f"{excerpt(backbone)} is not one of {', '.join(ARCHITECTURES)}, and no model is found there"
    with unreadable_refused(failing, backbone):
        config = as_ours(AutoConfig.from_pretrained(backbone))
    if not isinstance(config, AutoBertZeroConfig):
        raise AutoBertZeroError(f"{backbone} is a {config.model_type} model, not {AutoBertZeroConfig.model_type}")
    return config
