"""What is wrong with a line, and what a line leaves out."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from autobert_zero_hf.search.space.search_space import SearchSpace

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.model import FormulaError, parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.layer_fourier import Fourier
from autobert_zero_hf.model.mixers import Number, register, unregister


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    {
        "nothing": ("window()", "takes a number of tokens on either side from 1 to 1048576, not ''", ""),
        "no formula": ("window(8)", "the formula is missing", "8)"),
        "no reach": (f"window({BERT_ATTENTION})", "takes a number of tokens", "matmul"),
        "nothing to see": ("window(0, q)", "from 1 to", "0, q"),
        "not closed": ("window(8, neg(q", "the parenthesis of the window is not closed", " "),
        "wrong formula": ("window(8, softmax(matmul(q, k)))", "need the same axis", "matmul(q, k)"),
        "unknown word": ("window(8, conv(3))", "a layer of its own", "conv(3)"),
        "a sum over all": ("window(8, matmul(q, matmul(transpose(k), v)))", "in attentions alone", "window"),
        "a distance": ("window(8, matmul(softmax(euclidean_distance(q, k)), v))", "in attentions alone", "window"),
        "words after none": ("none(3)", "is written as the word alone", "(3)"),
        "nothing at all": ("none + none", "computes nothing", "none + none"),
        "nothing after the plus": ("conv(9) +", "stands a feed-forward block", " "),
        "no block": ("conv(9) + conv(3)", "stands a feed-forward block", "conv(3)"),
        "two blocks": ("conv(9) + none + none", "stands a feed-forward block", "none + none"),
        "no width": ("conv(9) + mlp(0)", "from 1 to 1,048,576 wide, not '0'", "0"),
        "a huge width": ("conv(9) + mlp(99999999999)", "wide, not '99999999999'", "99999999999"),
        "a wrong kernel before a plus": ("conv(4) + mlp(8)", "odd kernel size", "4"),
        "an open formula before a plus": ("neg(q + none", "the formula ends", ""),
    }.values(),
)
def test_an_error_shows_the_place_in_the_whole_line(text: str, reason: str, place: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_layer(text)
    said, shown, carets = str(caught.value).split("\n")
    assert reason in said
    assert shown.strip() == text.strip()
    assert shown[carets.index("^") :].startswith(place)


def test_layers_without_a_mixer_or_a_feed_forward_block_have_no_norm_of_it() -> None:
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 20}
    layers = ["none", "conv(3) + none", "none + mlp(5)"]
    names = [
        {name.partition(".")[0] for name, _ in layer.named_parameters()}
        for layer in AutoBertZeroModel(AutoBertZeroConfig(layers=layers, **sizes)).layers
    ]
    assert names == [{"mlp", "mlp_norm"}, {"convolution", "mixer_norm"}, {"mlp", "mlp_norm"}]


@pytest.fixture
def stride() -> Iterator[None]:
    """A kind with two numbers, which somebody registers."""

    @register
    @dataclass(frozen=True)
    class Strided(Fourier):
        size: int
        step: int

        word = "stride"
        kind = "strided"
        noun = "a strided layer"
        example = "stride(4, 2)"
        module = "strided"
        numbers = (Number("size", "size", 9, choices=(2, 4)), Number("step", "step", 5, odd=True, choices=(1, 3)))

    yield
    unregister("strided")


@pytest.mark.usefixtures("stride")
def test_a_kind_of_two_numbers_is_read_and_drawn() -> None:
    layer = parse_layer(" stride( 4,3 ) + mlp(8)")
    assert str(layer) == "stride(4, 3) + mlp(8)" and layer.mixer.values == {"size": 4, "step": 3}
    for text, reason in (
        ("stride(4)", "written as in stride(4, 2), with its size and step\n    stride(4)\n           ^"),
        ("stride(4, 3, 5)", "with its size and step\n    stride(4, 3, 5)\n           ^^^^^^^"),
        ("stride(4, 2)", "not '2'\n    stride(4, 2)\n              ^"),
        ("stride(40, 3)", "a size from 1 to 9, not '40'\n    stride(40, 3)\n           ^^"),
    ):
        with pytest.raises(FormulaError) as caught:
            parse_layer(text)
        assert reason in str(caught.value)
    space = SearchSpace(2, layer_types=("strided",))
    assert {space.sample(random.Random(seed)).layers[0] for seed in range(60)} == {
        f"stride({size}, {step})" for size in (2, 4) for step in (1, 3)
    }
    with pytest.raises(ValueError, match="a strided layer has several numbers to choose, write strided"):
        SearchSpace(2, layer_types=("strided(2, 4)",))
