"""How well are latencies predicted that were not measured?

Random candidates of two spaces are measured in PyTorch (one thread, one text of 128 tokens), and predicted by five-fold
cross-validation: the sizes of a BERT of 4 layers of width 256 at most (vocabulary 30,522), and the same sizes with
layers of the quickstart's space. Beside the package's regressor, others on the same counts, and AutoTinyBERT's, an MLP
on the sizes. It resumes; some ten minutes a space on a machine that does nothing else:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.latency runs/latency [sizes] [joint]
"""

import json
import random
import sys
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from autobert_zero_hf.search.latency.features import count_work
from autobert_zero_hf.search.latency.predictor import LatencyPredictor
from autobert_zero_hf.search.latency.samples import Samples, collect
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.space import Space
from autobert_zero_hf.search.space.sub_models import SubModels
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from autobert_zero_hf import AutoBertZeroConfig, architecture

LIKE = AutoBertZeroConfig(
    layers=architecture("bert", 4), hidden_size=256, num_attention_heads=4, intermediate_size=1024
)
SIZES = SizesSpace.within(Sizes.of(LIKE), "heads")
SAMPLES = 240


@dataclass(frozen=True)
class Joint:
    """The sizes, each with layers of its own."""

    sizes: SizesSpace

    def sample(self, rng: random.Random) -> Candidate:
        sizes = self.sizes.sample(rng)
        return Candidate(SearchSpace(sizes.num_hidden_layers).sample(rng).layers, sizes=sizes)

    def rejection(self, candidate: Candidate) -> str | None:
        return None


SPACES: dict[str, Space] = {"sizes": SubModels(tuple(LIKE.layers), SIZES), "joint": Joint(SIZES)}


def others() -> dict[str, tuple[bool, Any]]:
    """Regressors of the logarithm of the latency, each with whether it is told the sizes alone."""
    logarithms = FunctionTransformer(np.log1p)

    def on_counts(model: Any) -> Any:
        return make_pipeline(logarithms, StandardScaler(), model)

    mlp = {"hidden_layer_sizes": (64, 64), "solver": "lbfgs", "max_iter": 1000, "alpha": 1e-2, "random_state": 0}
    kernel = ConstantKernel(1.0) * RBF(3.0) + WhiteKernel(1e-3)
    models = {
        "MLP on the sizes": (True, make_pipeline(StandardScaler(), MLPRegressor(**mlp))),
        "MLP on the counts": (False, on_counts(MLPRegressor(**mlp))),
        "ridge": (False, on_counts(RidgeCV(np.logspace(-4, 2, 13)))),
        "gradient boosting": (False, HistGradientBoostingRegressor(random_state=0)),
        "Gaussian process": (False, on_counts(GaussianProcessRegressor(kernel, normalize_y=True))),
    }
    return {
        name: (sizes, TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp))
        for name, (sizes, model) in models.items()
    }


def errors(samples: Samples) -> dict[str, dict[str, float]]:
    """Of each regressor, over the held-out candidates."""
    own = LatencyPredictor(samples, LIKE).error()
    found = {"the package's": {"mape": round(own.mean, 4), "p95": round(own.p95, 4)}}
    measured = np.array(samples.steadied())
    candidates = [sample.candidate for sample in samples.samples]
    counts = np.array([count_work(c.layers, c.sizes, samples.texts, samples.tokens) for c in candidates])
    sizes = np.array([astuple(candidate.sizes) for candidate in candidates])
    for name, (sizes_alone, model) in others().items():
        folds = KFold(5, shuffle=True, random_state=0)
        predicted = cross_val_predict(model, sizes if sizes_alone else counts, measured, cv=folds)
        off = np.abs(predicted / measured - 1)
        found[name] = {"mape": round(float(off.mean()), 4), "p95": round(float(np.percentile(off, 95)), 4)}
    return found


def learning_curve(samples: Samples) -> dict[int, float]:
    """The package's error by the number of samples."""
    many = [count for count in (30, 60, 120, 240) if count <= len(samples.samples)]
    cut = {count: replace(samples, samples=samples.samples[:count]) for count in many}
    return {count: round(LatencyPredictor(part, LIKE).error().mean, 4) for count, part in cut.items()}


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(SPACES)
    results = {}
    for name in names:

        def show(done: int, name: str = name) -> None:
            print(f"{name}: {done} of {SAMPLES}", flush=True)

        samples = collect(SPACES[name], LIKE, SAMPLES, folder / f"{name}.jsonl", LatencyOptions(), show=show)
        times = [sample.milliseconds for sample in samples.samples]
        references = [sample.reference for sample in samples.samples]
        results[name] = {
            "samples": len(times),
            "milliseconds": [round(x, 2) for x in (min(times), float(np.median(times)), max(times))],
            "waited": round(float(np.mean([sample.waited for sample in samples.samples])), 3),
            "reference_milliseconds": [round(x, 2) for x in np.percentile(references, [5, 50, 95])],
            "errors": errors(samples),
            "mape_by_samples": learning_curve(samples),
        }
        print(json.dumps(results[name], indent=1))
        hardware = str(samples.hardware)
    facts = {
        "what": "held-out errors of predicted latencies, five folds; milliseconds are least, median and most; `waited` "
        "is the share of the time for which other programs had the processor; the reference is the largest BERT, whose "
        "5th, 50th and 95th percentile over the samples tell how steady the machine was",
        "hardware": hardware,
        "load": [round(load, 1) for load in psutil.getloadavg()],
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
