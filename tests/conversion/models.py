"""What the tests of conversions share: weights that all matter, inputs with labels, and a comparison."""

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

VOCABULARY = 60


@torch.no_grad()
def perturb(model: PreTrainedModel) -> None:
    """Give every weight, biases and norms too, a value of its own; the initial zeros and ones would hide mistakes."""
    for name, weight in model.named_parameters():
        norm = "norm" in name.lower() and name.endswith("weight")
        weight.normal_(mean=1.0 if norm else 0.0, std=0.2)


def inputs_of(head: str, padded: bool = True, choices: int = 3) -> dict[str, torch.Tensor]:
    """Two pairs of texts, of 10 tokens and of 7, with the labels of the head."""
    shape = (2, choices, 10) if head == "ForMultipleChoice" else (2, 10)
    inputs = {"input_ids": torch.randint(5, VOCABULARY, shape), "attention_mask": torch.ones(shape, dtype=torch.long)}
    inputs["token_type_ids"] = (torch.arange(10) >= 4).long().expand(shape)
    if padded:
        inputs["attention_mask"][1, ..., 7:] = 0
    # Labels at real tokens only.
    words = torch.where(inputs["attention_mask"] == 1, torch.randint(0, 3, shape), -100)
    return (
        inputs
        | {
            "Model": {},
            "ForPreTraining": {"labels": words, "next_sentence_label": torch.tensor([0, 1])},
            "ForMaskedLM": {"labels": words},
            "ForNextSentencePrediction": {"labels": torch.tensor([0, 1])},
            "ForSequenceClassification": {"labels": torch.tensor([2, 0])},
            "ForTokenClassification": {"labels": words},
            "ForQuestionAnswering": {"start_positions": torch.tensor([2, 1]), "end_positions": torch.tensor([5, 3])},
            "ForMultipleChoice": {"labels": torch.tensor([2, 0])},
        }[head]
    )


@torch.no_grad()
def run(model: PreTrainedModel, inputs: dict[str, torch.Tensor], **options: Any) -> ModelOutput:
    return model(**inputs, output_hidden_states=True, **options)


def largest_difference(actual: ModelOutput, wanted: ModelOutput, attention_mask: torch.Tensor) -> float:
    """Over all that the two outputs hold, at real tokens; the losses agree."""
    assert actual.keys() == wanted.keys()
    real = attention_mask.flatten(0, -2).bool()
    largest = 0.0
    for name in wanted:
        if name == "loss":  # in single precision, whatever the model's is
            torch.testing.assert_close(actual.loss, wanted.loss, check_dtype=False, rtol=1e-5, atol=1e-5)
            continue
        pair = (each if isinstance(each, tuple) else (each,) for each in (actual[name], wanted[name]))
        for ours, theirs in zip(*pair, strict=True):
            assert ours.shape == theirs.shape, name
            difference = (ours - theirs).abs()
            if difference.shape[:2] == real.shape:
                difference = difference[real]
            largest = max(largest, difference.max().item())
    return largest
