"""Latencies, measured on real models of a few sizes."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from autobert_zero_hf.search.latency.hardware import Hardware
from autobert_zero_hf.search.latency.measuring import LatencyError, measure, measure_beside, open_base
from autobert_zero_hf.search.latency.samples import collect
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from transformers import BertConfig, BertModel, T5Config, T5Model

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel, architecture
from autobert_zero_hf.serving import RUNTIMES

QUICK = LatencyOptions(latency_tokens=24, latency_warm_up=1, latency_passes=7)


@pytest.fixture
def like() -> AutoBertZeroConfig:
    return AutoBertZeroConfig(
        layers=architecture("bert", 3),
        vocab_size=100,
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
    )


@pytest.fixture
def space(like: AutoBertZeroConfig) -> SubModels:
    return SubModels(tuple(like.layers), SizesSpace.within(Sizes.of(like), "heads", 4, 4))


def test_a_deep_model_takes_longer(like: AutoBertZeroConfig) -> None:
    deep = AutoBertZeroConfig(**{**like.to_dict(), "num_hidden_layers": None, "layers": architecture("bert", 12)})
    flat = AutoBertZeroConfig(**{**like.to_dict(), "num_hidden_layers": None, "layers": ["conv(3)"]})
    options = replace(QUICK, latency_passes=21)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    models = [AutoBertZeroModel(flat).train(), AutoBertZeroModel(deep)]
    slow, fast = measure([models[1].eval(), models[0]], options)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
    assert [model.training for model in models] == [True, False]
    for latency in (slow, fast):
        assert 0 < latency.interval[0] <= latency.median <= latency.interval[1]
        assert latency.median <= latency.p95
        assert latency.passes == 21
        assert 0 <= latency.waited < 1
        assert latency.hardware == Hardware.here(options)
    assert slow.interval[0] > 2 * fast.interval[1], "an eighth of the work at most"
    assert f"{slow.median:.2f} ms" in str(slow)


def test_how_fast_the_machine_is_at_the_moment_is_taken_out(like: AutoBertZeroConfig) -> None:
    """The reference is what it is said to usually take, and others follow."""
    deep = AutoBertZeroConfig(**{**like.to_dict(), "num_hidden_layers": None, "layers": architecture("bert", 12)})
    reference, usual = AutoBertZeroModel(deep), 1000.0
    (same, faster) = measure_beside(reference, usual, [reference, AutoBertZeroModel(like)], QUICK)
    assert same.median == pytest.approx(usual, rel=0.5)
    assert same.interval[0] <= same.median <= same.interval[1]
    assert faster.median < same.median, "a quarter of the layers"
    (twice,) = measure_beside(reference, 2 * usual, [reference], QUICK)
    assert twice.median == pytest.approx(2 * usual, rel=0.5)


def test_more_threads_and_texts(like: AutoBertZeroConfig) -> None:
    options = replace(QUICK, latency_threads=2, latency_batch_size=3)
    (latency,) = measure([AutoBertZeroModel(like)], options)
    assert latency.median > 0
    assert latency.hardware.threads == 2
    assert "2 threads on " in str(latency.hardware)


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "torch"])
def test_other_runtimes_are_measured(runtime: str, like: AutoBertZeroConfig, capfd: pytest.CaptureFixture[str]) -> None:
    small = AutoBertZeroConfig(**{**like.to_dict(), "num_hidden_layers": None, "layers": ["conv(3)"]})
    options = replace(QUICK, latency_runtime=runtime)
    (latency,) = measure([AutoBertZeroModel(small)], options)
    assert 0 < latency.median < 1000
    assert latency.hardware.runtime.startswith("onnxruntime " if "onnx" in runtime else "openvino ")
    assert latency.hardware.dtype == ("int8" if "int8" in runtime else "float32")
    assert latency.hardware.differences(Hardware.here(QUICK))
    assert not latency.hardware.differences(Hardware.here(options))
    assert capfd.readouterr().out == "", "exporters speak of what they do"


def test_what_cannot_be_measured_is_said(like: AutoBertZeroConfig) -> None:
    model = AutoBertZeroModel(like)
    with pytest.raises(LatencyError, match="takes 24 tokens at most, not 25: give --latency-tokens 24 or less"):
        measure([model], replace(QUICK, latency_tokens=25))
    with pytest.raises(LatencyError, match=r"several types: torch.bfloat16, torch.float32"):
        measure([model, AutoBertZeroModel(like).bfloat16()], QUICK)
    with pytest.raises(LatencyError, match="this machine has no 'xpu'"):
        measure([model], replace(QUICK, latency_device="xpu"))
    with pytest.raises(LatencyError, match="no device is called 'gpu'"):
        measure([model], replace(QUICK, latency_device="gpu"))
    with pytest.raises(LatencyError, match="no model to measure"):
        measure([], QUICK)
    with pytest.raises(LatencyError, match="does not run on 'xpu'"):
        measure([model], replace(QUICK, latency_runtime="onnx", latency_device="xpu"))
    with pytest.raises(LatencyError, match="the OpenVINO in int8 that is installed does not run on 'cuda'"):
        measure([model], replace(QUICK, latency_runtime="openvino-int8", latency_device="cuda"))


def test_a_device_that_is_not_there_is_said_before_samples_are_drawn(
    tmp_path: Path, like: AutoBertZeroConfig, space: SubModels
) -> None:
    for device, reason in (("gpu", "no device is called 'gpu'"), ("xpu", "this machine has no 'xpu'")):
        with pytest.raises(LatencyError, match=reason):
            collect(space, like, 2, tmp_path / "latencies.jsonl", replace(QUICK, latency_device=device))


def test_the_base_of_a_speed_up_is_any_encoder(tmp_path: Path, like: AutoBertZeroConfig) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=50, **sizes)).save_pretrained(tmp_path / "bert")
    AutoBertZeroModel(like).save_pretrained(tmp_path / "ours")
    BertModel(BertConfig(vocab_size=50, **sizes)).half().save_pretrained(tmp_path / "half")
    opened = [open_base(str(tmp_path / name)) for name in ("bert", "ours", "half")]
    for latency in measure(opened, QUICK):
        assert latency.median > 0
        assert latency.hardware.dtype == "float32", "as what it is compared with"
    T5Model(T5Config(vocab_size=50, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        tmp_path / "t5"
    )
    with pytest.raises(LatencyError, match="is a t5 model: give an encoder of text"):
        open_base(str(tmp_path / "t5"))
    with pytest.raises(LatencyError, match="no model to measure is found in '/nowhere'"):
        open_base("/nowhere")


def test_hardware_is_compared_by_all_that_matters() -> None:
    here = Hardware.here(QUICK)
    assert Hardware.from_dict({**asdict(here), "instructions": list(here.instructions)}) == here
    other = replace(here, processor="Another 9000", threads=4)
    assert other.differences(here) == [
        f"processor Another 9000 there, {here.processor} here",
        "threads 4 there, 1 here",
    ]
    assert here.differences(here) == []
    assert here.instructions


def test_samples_go_on_where_they_were(tmp_path: Path, like: AutoBertZeroConfig, space: SubModels) -> None:
    file, shown = tmp_path / "new" / "latencies.jsonl", []
    first = collect(space, like, 9, file, QUICK, show=shown.append)
    assert shown == [0, 8, 9]
    assert len({sample.candidate.identity for sample in first.samples}) == 9
    assert all(space.rejection(sample.candidate) is None for sample in first.samples)
    with file.open("a") as damaged:
        damaged.write('{"layers": ["conv')  # killed while it wrote
    more = collect(space, like, 11, file, QUICK)
    assert more.samples[:9] == first.samples
    assert len(more.samples) == 11
    assert collect(space, like, 5, file, QUICK) == more, "nothing is measured again"
    assert all(interval[0] <= s.milliseconds <= interval[1] for s in more.samples for interval in [s.interval])


def test_a_small_space_is_measured_whole(tmp_path: Path, like: AutoBertZeroConfig) -> None:
    """Layers differ, sizes are the config's."""
    small = SearchSpace(1, kernel_sizes=(3, 5), layer_types=("convolution",))
    samples = collect(small, like, 10, tmp_path / "latencies.jsonl", QUICK).samples
    assert sorted(sample.candidate.layers for sample in samples) == [("conv(3)",), ("conv(5)",)]
    assert {sample.candidate.sizes for sample in samples} == {Sizes(1, 32, 64, 2, 16)}


def test_samples_of_other_hardware_are_refused(tmp_path: Path, like: AutoBertZeroConfig, space: SubModels) -> None:
    file = tmp_path / "latencies.jsonl"
    collect(space, like, 1, file, QUICK)
    here = Hardware.here(QUICK)
    file.write_text(file.read_text().replace(here.processor, "Another 9000"))
    with pytest.raises(LatencyError) as caught:
        collect(space, like, 2, file, QUICK)
    assert "those of Another 9000, 1 thread" in str(caught.value)
    assert f"this is {here.processor}, 1 thread" in str(caught.value)


def test_samples_of_other_texts_or_none_are_refused(tmp_path: Path, like: AutoBertZeroConfig, space: SubModels) -> None:
    file = tmp_path / "latencies.jsonl"
    collect(space, like, 2, file, QUICK)
    shorter = replace(QUICK, latency_tokens=20)
    with pytest.raises(LatencyError, match="1 x 24 tokens, not of 1 x 20"):
        collect(space, like, 2, file, shorter)
    with pytest.raises(LatencyError, match="another reference model"):
        collect(space, AutoBertZeroConfig(**{**like.to_dict(), "intermediate_size": 60}), 3, file, QUICK)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], '{"layers": []}\n', lines[2]]))
    with pytest.raises(LatencyError, match="line 2, is no measured latency"):
        collect(space, like, 2, file, QUICK)
    file.write_text('{"version": 99}\n')
    with pytest.raises(LatencyError, match="version 99, not 1"):
        collect(space, like, 2, file, QUICK)
