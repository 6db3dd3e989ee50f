"""The runtimes that models are served by, as a table: transformers' exporters do the work.

In int8 ONNX Runtime takes the scales of activations from each text (dynamic), OpenVINO from real text beforehand
(static, by NNCF, which moves outliers of activations into the weights first, as SmoothQuant, arXiv 2211.10438).
"""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import AutoBertZeroError

Inputs = dict[str, Tensor]
"""The keyword arguments of a forward pass."""


class RuntimeMissingError(AutoBertZeroError):
    """A runtime that is not installed."""


@dataclass(frozen=True)
class Runtime:
    """What runs a model.

    Args:
        words: what it is called.
        package: the module whose version decides how fast it is.
        modules: all that are needed.
        extra: what pip installs them by.
        int8: whether weights and activations of products are whole numbers of 8 bits.
    """

    words: str
    package: str
    modules: tuple[str, ...] = ()
    extra: str = ""
    int8: bool = False

    def check(self, option: str) -> None:
        """See that all is installed that is needed.

        Args:
            option: how the runtime was asked for, for the message.

        Raises:
            RuntimeMissingError: if something is not.
        """
        for module in self.modules:
            try:
                import_module(module)
            except ModuleNotFoundError as error:
                raise RuntimeMissingError(
                    f"{option} needs {error.name}: pip install 'autobert-zero-hf[{self.extra}]'"
                ) from error

    def runs_on(self, device: str) -> bool:
        """Whether the runtime that is installed knows a device, such as "cpu"; PyTorch tells by itself."""
        if self.package == "onnxruntime":
            return _PROVIDERS.get(device) in import_module(self.package).get_available_providers()
        return self.package == "torch" or device == "cpu"

    @property
    def version(self) -> str:
        """The package and its version.

        Raises:
            RuntimeMissingError: if it is not installed.
        """
        self.check(self.words)
        return f"{self.package} {import_module(self.package).__version__}"


_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ONNX = ("onnxruntime", "onnxscript")
RUNTIMES = {
    "torch": Runtime("PyTorch", "torch"),
    "onnx": Runtime("ONNX Runtime", "onnxruntime", _ONNX, "onnx"),
    "onnx-int8": Runtime("ONNX Runtime in int8", "onnxruntime", _ONNX, "onnx", int8=True),
    "openvino": Runtime("OpenVINO", "openvino", ("openvino",), "openvino"),
    "openvino-int8": Runtime("OpenVINO in int8", "openvino", ("openvino", "nncf"), "openvino", int8=True),
}


def exported(
    model: PreTrainedModel,
    runtime: str,
    inputs: Inputs,
    calibration: Sequence[Inputs] = (),
    *,
    dynamic: bool = True,
    exactly: bool = True,
) -> Any:
    """A model as a runtime has it.

    Args:
        model: any that transformers exports, on the CPU.
        runtime: one of `RUNTIMES`, but "torch".
        inputs: of one forward pass; others have the same names.
        calibration: inputs that the scales of activations are taken from, where they are taken beforehand.
        dynamic: whether other numbers of texts and tokens may come later.
        exactly: whether what 8 bits cost is made up for where it can be; speed does not depend on it.

    Returns:
        A `transformers.exporters.ExportedModel`, that runs nowhere yet: `loaded` has it run.
    """
    from transformers.exporters import (
        NNCFOpenVINOQuantizer,
        OnnxConfig,
        OnnxExporter,
        OnnxRuntimeDynamicConfig,
        OnnxRuntimeQuantizer,
        OpenVINOConfig,
        OpenVINOExporter,
    )

    int8 = RUNTIMES[runtime].int8
    quantizer: Any = None
    exporter: Any = OnnxExporter
    config: Any = OnnxConfig
    if RUNTIMES[runtime].package == "openvino":
        exporter, config = OpenVINOExporter, OpenVINOConfig
        quantizer = NNCFOpenVINOQuantizer(_scales(len(calibration), exactly), calibration) if int8 else None
    elif int8:
        quantizer = OnnxRuntimeQuantizer(OnnxRuntimeDynamicConfig(per_channel=True))
    training = model.training
    model.eval()
    try:
        with _quietly():
            return exporter().export(model, dict(inputs), config(dynamic=dynamic, quantizer=quantizer))
    finally:
        model.train(training)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the steps, the bars and the versions that exporters speak of; an error says what is wrong."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _scales(count: int, exactly: bool) -> Any:
    import nncf
    from transformers.exporters import NNCFQuantizationConfig

    advanced = None if exactly else nncf.AdvancedQuantizationParameters(disable_bias_correction=True)
    return NNCFQuantizationConfig(subset_size=max(1, count), advanced_parameters=advanced)


def loaded(model: Any, runtime: str, threads: int, device: str = "cpu") -> Any:
    """Have an exported model run.

    Args:
        model: of `exported`.
        runtime: its own.
        threads: on the CPU.
        device: "cpu"; for ONNX Runtime "cuda", too.

    Returns:
        The same, which is called as the model that was exported is.
    """
    if RUNTIMES[runtime].package == "openvino":
        # Whatever the processor likes better, float32 is float32.
        precision = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        return model.to(device, config=precision)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return model.to(device, session_options=options)


def have_computed(
    model: PreTrainedModel, runtime: str, inputs: Inputs, calibration: Sequence[Inputs], threads: int, device: str
) -> None:
    """Have what lies below a model's head computed by a runtime from now on, without gradients.

    Args:
        model: any that transformers exports; its base takes `input_ids`, (B, N), and `attention_mask` alone.
        runtime: as in `exported`; so are `inputs` and `calibration`.
        inputs: of the base.
        calibration: the same.
        threads: as in `loaded`; so is `device`.
        device: the same.
    """
    base: Any = model.base_model
    with torch.no_grad():
        running = loaded(exported(base, runtime, inputs, calibration), runtime, threads, device)

    names = list(signature(base.forward).parameters)

    def forward(*given: Any, **named: Any) -> Any:  # heads give their base arguments in order
        said = {**dict(zip(names, given, strict=False)), **named}
        ids, mask = said.pop("input_ids"), said.pop("attention_mask", None)
        if tensors := [name for name, value in said.items() if isinstance(value, Tensor)]:
            raise TypeError(f"exported with input_ids and attention_mask alone, it takes no {', '.join(tensors)}")
        return running(**texts(ids, mask))

    base.forward = forward


def texts(input_ids: Tensor, attention_mask: Tensor | None = None) -> Inputs:
    """Texts as inputs; without a mask all tokens are real."""
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids) if attention_mask is None else attention_mask,
    }
