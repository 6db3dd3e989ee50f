"""Do measures of untrained models rank others' trained ones?

NAS-Bench-BERT (Serianni and Kalita, ACL 2023, 2023.acl-long.142; CC BY 4.0): 500 models of FlexiBERT's space, trained
as ELECTRA for 100,000 steps, with GLUE scores and the paper's training-free measures of each. Its models are lines of
this package, their operations registered as kinds (`flexibert_kinds`), and measured untrained on 32 rows of the demo's
text. FOLDER holds BERT_benchmark.json and BERT_results_activation.csv; no row of it comes into the project. It resumes:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.nas_bench_bert FOLDER runs/nas-bench-bert

Kendall's tau (b) with GLUE, with a 95% interval (bootstrap over the models), among all, and among those of the same
depth and width, which are most of what there is to know; the seconds that a measure takes; and the same of the paper's
own columns. "depth, then width" is a measure of our own, which sees no more of a model than these two numbers.
"""

import argparse
import csv
import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from autobert_zero_hf.search.proxies.table import SCREENS
from scipy.stats import kendalltau
from torch import Tensor

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.model.cost import model_parameters
from tests.benchmarks import flexibert_kinds as flexibert_kinds  # registers them
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

ROWS, RESAMPLES, FOLDS = 32, 1000, 5
Row = dict[str, Any]


def lines(model: Mapping[str, Any]) -> list[str]:
    """A model of the benchmark as lines; what is stacked on a layer's feed-forward block are layers without a mixer.

    Raises:
        ValueError: naming an operation that has no line.
    """
    hidden, layers = model["hidden_size"], list[str]()
    for layer in model["nas_config"]["encoder_layers"]:
        heads, inner = layer["num_operation_heads"], layer["feed_forward_dimension"]
        mixers = {
            ("SA", "SDP"): f"sdp({heads})",
            ("SA", "WMA"): f"wma({heads}, {hidden // heads})",
            ("LT", "DFT"): "fourier",
            ("LT", "DCT"): f"dct({heads})",
        }
        operation = layer["operation_type"], layer["operation_parameter"]
        mixer = mixers.get(operation)
        if operation[0] == "DSC":
            mixer = f"span({heads}, {operation[1]})"
        if mixer is None:
            raise ValueError(f"{operation[0]} {operation[1]}")
        layers += [f"{mixer} + mlp({inner})", *[f"none + mlp({inner})"] * (layer["num_feed_forward"] - 1)]
    return layers


def untrained(model: Mapping[str, Any], vocab_size: int = 30522) -> AutoBertZeroForMaskedLM:
    torch.manual_seed(0)
    hidden = model["hidden_size"]
    config = AutoBertZeroConfig(layers=lines(model), hidden_size=hidden, num_attention_heads=4, vocab_size=vocab_size)
    return AutoBertZeroForMaskedLM(config).eval()


def saliency(model: AutoBertZeroForMaskedLM, batch: MaskedBatch) -> float:
    """The sum over the layers' weights of |weight x gradient| (Tanaka et al. 2020, arXiv 2006.05467, with the loss)."""
    model(input_ids=batch.input_ids, labels=batch.labels, sparse_prediction=True).loss.backward()
    found = sum((weight * weight.grad).abs().sum().item() for weight in model.base_model.layers.parameters()
                if weight.grad is not None)  # fmt: skip
    model.zero_grad()
    return float(found)


@torch.no_grad()
def activation_distance(model: AutoBertZeroForMaskedLM, ids: Tensor) -> float:
    """How many feed-forward units two texts switch otherwise, in the mean (Mellor et al. 2021, arXiv 2006.04647)."""
    codes: list[Tensor] = []
    layers: Any = model.base_model.layers
    hooks = [
        linear.register_forward_hook(lambda module, inputs, output: codes.append((output > 0).flatten(1)))
        for layer in layers
        if (linear := layer.before_activation) is not None
    ]
    model.base_model(input_ids=ids)
    for hook in hooks:
        hook.remove()
    bits = torch.cat(codes, -1).float()  # (B, units of all tokens)
    share = bits.mean(0)
    many = len(bits)
    return float((2 * share * (1 - share)).sum() * many / (many - 1))


def measures(model: Mapping[str, Any], batch: MaskedBatch, ids: Tensor) -> Row:
    """All measures of a model, with their CPU seconds."""
    made = untrained(model)
    found: Row = {"layers": len(model["nas_config"]["encoder_layers"]), "hidden": model["hidden_size"],
                  "parameters of the model": model_parameters(made.config)}  # fmt: skip
    computed = {
        **{name: lambda name=name: SCREENS[name].make(ids)(made, lambda _: None).value for name in SCREENS},
        "synaptic saliency": lambda: saliency(made, batch),
        "activation distance": lambda: activation_distance(made, ids),
    }
    seconds = {}
    for name, compute in computed.items():
        begun = time.process_time()
        found[name] = compute()
        seconds[name] = round(time.process_time() - begun, 3)
    found["components"] = found["w-pca"] / found["parameters"]
    return {**found, "seconds": seconds}


def tau(found: Sequence[float], glue: Sequence[float]) -> Row:
    """Kendall's tau, with its interval."""
    rng, many = random.Random(0), range(len(glue))
    resampled = []
    for _ in range(RESAMPLES):
        drawn = rng.choices(many, k=len(glue))
        resampled.append(kendalltau([found[each] for each in drawn], [glue[each] for each in drawn]).statistic)
    resampled.sort()
    ends = (resampled[int(share * RESAMPLES)] for share in (0.025, 0.975))
    return {"tau": round(kendalltau(found, glue).statistic, 3), "interval": [round(each, 3) for each in ends]}


def ranks(
    columns: Mapping[str, Sequence[float]], glue: Sequence[float], sizes: Sequence[tuple[int, int]]
) -> dict[str, Row]:
    """How well each column ranks all models, and those of each depth and width."""
    found = {}
    for name, column in columns.items():
        found[name] = tau(column, glue)
        if name not in ("layers", "hidden", "depth, then width"):
            found[name]["same depth and width"] = {
                f"{size[0]} x {size[1]}": round(
                    kendalltau(*zip(*((v, g) for v, g, s in zip(column, glue, sizes, strict=True) if s == size),
                                    strict=True)).statistic, 3)
                for size in sorted(set(sizes))
            }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    trained = json.loads((given.benchmark / "BERT_benchmark.json").read_text())
    models = {str(each["id"]): each["hparams"]["model_hparam_overrides"] for each in trained}
    left_out: dict[str, list[str]] = {}
    for name, model in models.items():
        try:
            lines(model)
        except ValueError as error:
            left_out.setdefault(str(error), []).append(name)
    expressed = [name for name in models if not any(name in names for names in left_out.values())]
    experiment = Experiment(given.folder)
    ids = experiment.train.rows[:ROWS]["input_ids"]
    batch = experiment.train.batch(list(range(ROWS)), seed=0)
    rows = fill(given.folder / "measures.jsonl", expressed, lambda name: measures(models[name], batch, ids))
    glue = [float(each["scores"]["glue"]) for each in trained if str(each["id"]) in rows]
    sizes = [(rows[name]["layers"], rows[name]["hidden"]) for name in expressed]
    ours = {name: [float(rows[each][name]) for each in expressed] for name in rows[expressed[0]]
            if name not in ("name", "seconds")}  # fmt: skip
    ours["depth, then width"] = [float(sorted(set(sizes)).index(size)) for size in sizes]
    with (given.benchmark / "BERT_results_activation.csv").open() as file:
        published = {row["ID"]: row for row in csv.DictReader(file)}
    columns = [name for name in next(iter(published.values())) if name not in ("ID", "GLUE Score")]
    theirs = {name: [float(published[each][name]) for each in expressed] for name in columns}
    seconds = {name: round(statistics.mean(rows[each]["seconds"][name] for each in expressed), 3)
               for name in rows[expressed[0]]["seconds"]}  # fmt: skip
    facts = {
        "what": f"{len(expressed)} of {len(models)} models; GLUE from {min(glue)} to {max(glue)}",
        "machine": machine(),
        "left out, by operation": {name: len(each) for name, each in left_out.items()},
        "ours, untrained": ranks(ours, glue, sizes),
        "published": ranks(theirs, glue, sizes),
        "seconds of a model": seconds,
        "parameters, ours and theirs": tau(ours["parameters of the model"], theirs["Number of Parameters"]),
    }
    print(json.dumps(facts, indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
