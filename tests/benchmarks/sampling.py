"""How many random legal graphs a second are sampled, typed and hashed on one core? Wanted: 2,000.

python -m tests.benchmarks.sampling
"""

import random
import statistics
import time

import torch
from autobert_zero_hf.search.space.sampling import sample_graph

from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.canonical import identity
from autobert_zero_hf.model.operations import operation_names
from tests.benchmarks.paired import keep, machine

GRAPHS, ROUNDS = 1000, 9


def main() -> None:
    torch.set_num_threads(1)
    results = {}
    for largest in (6, 10, 16):
        rng, rates, lengths = random.Random(0), [], []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(GRAPHS):
                typed = infer_axes(sample_graph(rng, operation_names(), largest))
                identity(typed.graph)
                lengths.append(len(typed.graph.operations))
            rates.append(GRAPHS / (time.perf_counter() - start))
        mean = statistics.mean(lengths)
        results[f"at most {largest} operations"] = {"a second": round(statistics.median(rates)), "operations": mean}
        print(f"at most {largest} operations ({mean:.1f} on average): {statistics.median(rates):,.0f} graphs a second")
    print(machine())
    keep(__file__, "cpu", "random graphs sampled, typed and hashed a second, on one core", results)


if __name__ == "__main__":
    main()
