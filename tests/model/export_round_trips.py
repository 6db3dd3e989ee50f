"""The tests of transformers' exporters that each model class has to pass: the exported program computes the same."""

import tempfile

import torch
from transformers import PreTrainedModel
from transformers.exporters import DynamoConfig, DynamoExporter, ExportedModel, HfExporter, OnnxConfig, OnnxExporter
from transformers.exporters.configs import ExportConfigMixin
from transformers.testing_utils import torch_device
from transformers.utils import ModelOutput


class ExportTesterMixin:
    """For a test class with `model_tester`, `exported_classes` and `_prepare_for_class`."""

    def test_torch_export(self) -> None:
        self._check_exports(DynamoExporter(), DynamoConfig)

    def test_onnx_export(self) -> None:
        self._check_exports(OnnxExporter(), OnnxConfig)

    def _check_exports(self, exporter: HfExporter, make: type[ExportConfigMixin]) -> None:
        for model_class in self.exported_classes:
            with self.subTest(model_class.__name__):
                config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
                inputs = self._prepare_for_class(inputs, model_class)
                model = model_class(config).to(torch_device).eval()
                exported = exporter.export(model, inputs, make(dynamic=True))
                with tempfile.TemporaryDirectory() as folder:
                    exported.save_pretrained(folder)
                    loaded = ExportedModel.from_pretrained(folder)
                    smaller = {name: tensor[1:, ..., :-2] for name, tensor in inputs.items()}
                    larger = {name: torch.cat([tensor, tensor], -1) for name, tensor in inputs.items()}
                    for batch in (inputs, smaller, larger):
                        _assert_same(loaded(**batch), model, batch)


def _assert_same(actual: ModelOutput, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        wanted = model(**batch)
    assert actual.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(actual[name].to(torch_device), wanted[name], rtol=1e-4, atol=1e-5)
