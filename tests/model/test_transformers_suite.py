"""transformers' own tests of a model, on each kind of backbone and with every head."""

import fnmatch
import unittest
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import BertConfig, PreTrainedConfig, PreTrainedModel
from transformers.testing_utils import torch_device

import autobert_zero_hf.model
from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
)
from autobert_zero_hf.model import AUTO_MAP
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from tests.model.transformers_suite import UnavailableError, load

try:
    configuration_suite, modeling_suite = load()
except (UnavailableError, OSError) as error:
    pytest.skip(f"transformers' own tests cannot be had here: {error}", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CLASSES = {
    auto: getattr(autobert_zero_hf.model, place.rpartition(".")[2])
    for auto, place in AUTO_MAP.items()
    if auto != "AutoConfig"
}

DIFFERENT = (AutoBertZeroModel, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification)
"""No head, one for tokens, and one for what is pooled: the others do on a backbone what one of these does."""
OTHERS = tuple(dict.fromkeys(each for each in CLASSES.values() if each not in DIFFERENT))

OF_THE_FIRST = ("test_bc_torch_dtype", "test_eager_matches_sdpa_inference_*")
"""Tests of reading weights, and of attentions in dozens of ways, neither of which a head has a part in."""

SKIPPED = {
    "test_attn_implementation_composite_models": "no model is part of another",
    "test_can_load_from_already_mapped_keys": "its weights had no other names before",
    "test_can_set_attention_dynamically_composite_model": "no model is part of another",
    "test_causal_lm_loss_honors_shift_labels": "it has no decoder",
    "test_eager_matches_batched_and_grouped_inference_*": "it has no experts",
    "test_encoder_decoder_loss_no_double_shift": "it has no decoder",
    "test_internal_model_config_and_subconfig_are_same": "no model is part of another",
    "test_keep_in_fp32_modules": "no part of it has to stay in float32",
    "test_keep_in_fp32_modules_exist": "no part of it has to stay in float32",
    "test_model_rope_*": "its positions do not rotate",
    "test_moe_models_record_router_logits": "it has no experts",
    "test_output_router_logits_from_config": "it has no experts",
    "test_resize_position_vector_embeddings": "its table of positions keeps its size",
    "test_reverse_loading_mapping": "its weights had no other names before",
    "test_sdpa_can_dispatch_composite_models": "no model is part of another",
    "test_sliding_window_mask": "its attentions have no window",
    "test_tied_head_has_a_tp_plan_entry": "it has no plan for tensor parallelism",
    "test_tp_plan_matches_params": "it has no plan for tensor parallelism",
    "test_vision_axial_rope": "its positions do not rotate",
}
"""Tests that look at a model and leave, and why it does not concern them; they leave BERT as well."""

SKIPPED_WITHOUT_ATTENTION = {
    "test_eager_matches_sdpa_inference_*": "it has no attention to compute in two ways",
    "test_sdpa_can_dispatch_non_composite_models": "it has no attention to compute in two ways",
}


@pytest.fixture(scope="module", autouse=True)
def _listed_by_name() -> Iterator[None]:
    """The suite asks transformers' tables of names what a class is for; to register a class does not change them."""
    with pytest.MonkeyPatch.context() as patch:
        for auto, model_class in CLASSES.items():
            names = getattr(transformers, auto)._model_mapping._model_mapping
            patch.setitem(names, AutoBertZeroConfig.model_type, model_class.__name__)
        yield


class ModelTester:
    """What the suite knows of a model: sizes, a configuration, and inputs for it."""

    batch_size = 4
    seq_length = 8
    hidden_size = 32
    num_attention_heads = 4
    num_choices = 3
    vocab_size = 99
    is_training = True

    def __init__(self, config_class: type[PreTrainedConfig], backbone: dict[str, Any]):
        self.config_class = config_class
        self.backbone = backbone
        self.num_hidden_layers = len(backbone.get("layers", (0, 0)))

    def get_config(self) -> PreTrainedConfig:
        return self.config_class(
            **self.backbone,
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            max_position_embeddings=64,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[PreTrainedConfig, dict[str, Tensor]]:
        shape = (self.batch_size, self.seq_length)
        attention_mask = torch.randint(2, shape, device=torch_device)
        attention_mask[:, 0] = 1
        inputs = {
            "input_ids": torch.randint(self.vocab_size, shape, device=torch_device),
            "attention_mask": attention_mask,
            "token_type_ids": torch.randint(2, shape, device=torch_device),
        }
        return self.get_config(), inputs


class ModelTests(modeling_suite.ModelTesterMixin):
    config_class = AutoBertZeroConfig
    backbone: dict[str, Any]
    attentions: int  # the number of layers that have attention weights
    all_model_classes = tuple(dict.fromkeys(CLASSES.values()))
    exported_classes = (AutoBertZeroModel,)

    def setUp(self) -> None:
        self.model_tester = ModelTester(self.config_class, self.backbone)
        if any(fnmatch.fnmatch(self._testMethodName, pattern) for pattern in OF_THE_FIRST):
            self.all_model_classes = self.all_model_classes[:1]

    def skipTest(self, reason: str) -> None:  # noqa: N802  # unittest's name
        known = SKIPPED if self.has_attentions else SKIPPED | SKIPPED_WITHOUT_ATTENTION
        reasons = [known[pattern] for pattern in known if fnmatch.fnmatch(self._testMethodName, pattern)]
        # With an accelerator there are tests that ask what it is able to do.
        if torch_device == "cpu" and not reasons:
            self.fail(f"skipped without need: {reason}")
        super().skipTest(" ".join([*reasons, f"({reason})"]))

    def _prepare_for_class(
        self, inputs_dict: dict[str, Tensor], model_class: type[PreTrainedModel], return_labels: bool = False
    ) -> dict[str, Tensor]:
        inputs = super()._prepare_for_class(inputs_dict, model_class, return_labels)
        if return_labels and model_class.__name__.endswith("ForPreTraining"):
            inputs["labels"] = torch.zeros_like(inputs["input_ids"])
            inputs["next_sentence_label"] = torch.zeros_like(inputs["input_ids"][:, 0])
        return inputs

    def test_config(self) -> None:
        tester = configuration_suite.ConfigTester(self, config_class=self.config_class, **self.backbone)
        tester.run_common_tests()

    def test_attention_outputs(self) -> None:
        # The suite expects attention weights of each layer.
        self.model_tester.num_hidden_layers = self.attentions
        super().test_attention_outputs()


class TestHybrid(ModelTests, unittest.TestCase):
    backbone = {"layers": ["conv(3)", AUTOBERT_ZERO[3]], "head_dim": 16}  # wider than hidden_size
    attentions = 1


class TestAttention(ModelTests, unittest.TestCase):
    backbone = {
        "layers": [f"window(2, {BERT_ATTENTION})", "matmul(matmul(softsign(q), transpose(k)), v)"],
        "block": "modernbert",
        "local_rope_theta": 100.0,
        "classifier_pooling": "first",
    }
    attentions = 1  # without a softmax there are no weights
    all_model_classes = DIFFERENT
    test_onnx_export = None  # tests/model/test_export.py has these layers


class TestConvolution(ModelTests, unittest.TestCase):
    backbone = {
        "layers": ["dynamic_conv(3) + mlp(9)", "fourier + none"],
        "classifier_pooling": "mean",
    }
    has_attentions = False
    all_model_classes = DIFFERENT
    test_torch_export = test_onnx_export = None  # tests/model/test_export.py has these layers

    def test_attention_outputs(self) -> None:
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        for model_class in self.all_model_classes:
            model = model_class._from_config(config, attn_implementation="eager").to(torch_device).eval()
            outputs = model(**self._prepare_for_class(inputs, model_class), output_attentions=True)
            self.assertEqual(outputs.attentions, ())


@pytest.mark.long
class TestOtherHeadsOnAttention(TestAttention):
    all_model_classes = OTHERS[::2]
    test_torch_export = None


@pytest.mark.long
class TestOtherHeadsOnConvolution(TestConvolution):
    all_model_classes = OTHERS[1::2]


@pytest.mark.long
def test_every_head_is_exported() -> None:
    """On the least backbone, since a head is the same on each; to ONNX, which begins with an export of torch."""
    suite, result = TestHybrid("test_onnx_export"), unittest.TestResult()
    suite.backbone = {"layers": ["none"]}
    suite.exported_classes = tuple(each for each in suite.all_model_classes if each not in suite.exported_classes)
    suite.run(result)
    assert result.testsRun == 1 and result.wasSuccessful(), result.failures + result.errors


class Bert(ModelTests, unittest.TestCase):
    __test__ = False
    config_class = BertConfig
    backbone = {"num_hidden_layers": 2}
    all_model_classes = tuple(
        getattr(transformers, model_class.__name__.replace("AutoBertZero", "Bert"))
        for model_class in ModelTests.all_model_classes
    )


@pytest.mark.parametrize("pattern", SKIPPED)
def test_bert_is_skipped_too(pattern: str) -> None:
    names = [name for name in fnmatch.filter(dir(Bert), pattern) if callable(getattr(Bert, name))]
    assert names
    for name in names:
        result = unittest.TestResult()
        Bert(name).run(result)
        assert result.skipped, name
        assert result.wasSuccessful(), result.failures + result.errors
