import pytest
from hypothesis import given

from autobert_zero_hf.model.architectures import ARCHITECTURES, AUTOBERT_ZERO, BERT_ATTENTION, architecture
from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.bounds import MAX_LAYERS
from autobert_zero_hf.model.graph import MAX_TEXT_LENGTH, AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.layers import Convolution, Formula, Layer, backbone_identity, parse_layer
from tests.graphs import typed_graphs


def test_standard_attention_as_a_graph() -> None:
    graph = AttentionGraph.parse("matmul( softmax(scale(matmul(q,transpose(k)))),v )")
    assert str(graph) == "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
    assert graph.nodes == (
        Node("q"),
        Node("k"),
        Node("transpose", (1,)),
        Node("matmul", (0, 2)),
        Node("scale", (3,)),
        Node("softmax", (4,)),
        Node("v"),
        Node("matmul", (5, 6)),
    )
    assert graph.inputs == ("q", "k", "v")


def test_equal_sub_expressions_are_one_node() -> None:
    graph = AttentionGraph.parse("add(neg(q), neg(q))")
    assert graph.nodes == (Node("q"), Node("neg", (0,)), Node("add", (1, 1)))


def test_unused_nodes_are_dropped_and_the_order_is_standard() -> None:
    nodes = [Node("v"), Node("k"), Node("q"), Node("neg", (1,)), Node("add", (2, 0))]
    assert AttentionGraph.from_nodes(nodes) == AttentionGraph.parse("add(q, v)")


@given(typed_graphs)
def test_text_parses_back_to_the_same_graph(typed) -> None:
    assert AttentionGraph.parse(str(typed.graph)) == typed.graph


UNARY = ("neg", "scale", "softmax", "logsigmoid", "softsign")

WRONG = {
    "unknown operation": ("matmul(sofmax(q), v)", "did you mean 'softmax'", "sofmax(q)"),
    "operation without arguments": ("softmax", "is not an input", "softmax"),
    "one operand too few": ("matmul(softmax(q))", "matmul takes 2 operands, not 1", "matmul(softmax(q))"),
    "one operand too many": ("neg(add(q, k, v))", "add takes 2 operands, not 3", "add(q, k, v)"),
    "axes do not meet": ("softmax(matmul(q, k))", "same axis", "matmul(q, k)"),
    "axes of a sum": ("add(q, transpose(k))", "same axes", "add(q, transpose(k))"),
    "output is tokens x tokens": ("softmax(matmul(q, transpose(k)))", "gives (tokens, tokens)", "softmax("),
    "output is features x tokens": ("transpose(q)", "gives (features, tokens)", "transpose(q)"),
    "code": ("__import__('os').system('true')", "unexpected character", "'"),
    "attribute": ("q.data", "unexpected character '.'", "."),
    "missing parenthesis": ("neg(neg(q)", "the formula ends", " "),
    "a comma too many": ("add(q,, k)", "unexpected ','", ", k"),
    "two formulas": ("neg(q) neg(k)", "after the end", "neg(k)"),
    "input with arguments": ("neg(q(k))", "takes no arguments", "q"),
    "empty": ("", "empty formula", ""),
    "too deep": ("neg(" * 40 + "q" + ")" * 40, "too deep", "neg"),
    "too long": ("neg(" + "q" * MAX_TEXT_LENGTH + ")", "too large", ""),
    "unicode digits and letters": ("neg(ｑ)", "unexpected character", "ｑ"),
    "even kernel": ("conv(4)", "odd kernel size", "4"),
    "huge kernel": ("conv(99999999999999)", "odd kernel size", "9"),
    "kernel is a formula": ("conv(q)", "odd kernel size", "q"),
    "a comma after the kernel": ("conv(9,)", "odd kernel size", "9,"),
    "convolution that is not closed": ("conv(9", "the parenthesis of the convolution is not closed", " "),
    "convolution without an end": ("conv(", "the parenthesis of the convolution is not closed", " "),
    "convolution closed twice": ("conv(9))", "unexpected ')' after a convolution", ")"),
    "two convolutions": ("conv(9) conv(3)", "unexpected 'c' after a convolution", "conv(3)"),
    "convolution without parentheses": ("conv 9", "is written as in conv(9)", "conv 9"),
    "convolution in brackets": ("conv[9]", "is written as in conv(9)", "conv[9]"),
    "convolution alone": ("conv", "is written as in conv(9)", "conv"),
    "convolution in two pairs": ("conv((9))", "is written as in conv(9)", "conv((9))"),
    "capital convolution": ("CONV(9)", "written in lower case: conv(9)", "CONV"),
    "convolution in a formula": ("add(conv(9), q)", "a layer of its own", "conv(9)"),
    "capital inputs": ("MATMUL(Q, K)", "in lower case, did you mean matmul(q, k)?", "Q"),
    "capital operation": ("SOFTMAX(q)", "unknown operation 'SOFTMAX': did you mean 'softmax'?", "SOFTMAX(q)"),
}


@pytest.mark.parametrize(("text", "reason", "place"), WRONG.values(), ids=WRONG.keys())
def test_an_error_shows_formula_place_and_reason(text: str, reason: str, place: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_layer(text)
    said, shown, carets = str(caught.value).split("\n")
    assert reason in said
    marked = shown[carets.index("^") :]
    assert marked.startswith(place) or place in shown
    if len(text) < 100:
        assert shown.strip() == text.strip()
        assert marked.startswith(place)


@pytest.mark.parametrize("begin", ["conv(", "conv", "neg(", "neg(q) ", "", "CONV(", "conv(9)", "neg(\n"])
@pytest.mark.parametrize("rest", ["9" * 4000, "q" * 4000, "9" * 10**6, "q" * 10**6, " " * 10**6, "(" * 10**6])
def test_an_error_is_short_however_long_the_text_is(begin: str, rest: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_layer(begin + rest)
    assert len(str(caught.value)) < 800
    with pytest.raises(FormulaError) as caught:
        AttentionGraph.parse(begin + rest)
    assert len(str(caught.value)) < 800


def test_what_begins_like_a_convolution_may_be_an_operation() -> None:
    with pytest.raises(FormulaError, match="unknown operation 'conv2'"):
        parse_layer("conv2(q)")


def test_architectures_are_bounded() -> None:
    for name in ARCHITECTURES:
        assert len(architecture(name, MAX_LAYERS)) == MAX_LAYERS
        with pytest.raises(ValueError, match=r"layers are too many, a backbone has 1,024 at most"):
            architecture(name, 10**9)
    with pytest.raises(ValueError, match="unknown architecture 'xxx"):
        architecture("x" * 10**6)


@pytest.mark.parametrize("thing", [None, 5, ["q"], b"q", {"q": 1}])
def test_what_is_no_text_is_refused(thing: object) -> None:
    with pytest.raises(FormulaError, match="a text"):
        parse_layer(thing)  # type: ignore[arg-type]
    with pytest.raises(FormulaError, match="is a text"):
        AttentionGraph.parse(thing)  # type: ignore[arg-type]


def test_a_graph_with_too_many_operations_is_refused() -> None:
    nodes = [Node("q"), *(Node("add", (place, 0)) for place in range(70))]
    with pytest.raises(FormulaError, match="too deep"):
        AttentionGraph.from_nodes(nodes)
    many = [f"{a}({b}({c}))" for a in UNARY for b in UNARY for c in ("q", "k", "v")]
    with pytest.raises(FormulaError, match=r"too large: \d+ operations"):
        AttentionGraph.parse(balanced_sum([f"{u}({text})" for u in UNARY for text in many][:80]))


def test_a_graph_whose_text_would_explode_is_refused() -> None:
    nodes = [Node("q"), *(Node("add", (place, place)) for place in range(25))]
    with pytest.raises(FormulaError, match="too large"):
        AttentionGraph.from_nodes(nodes)


def balanced_sum(texts: list[str]) -> str:
    half = len(texts) // 2
    return texts[0] if not half else f"add({balanced_sum(texts[:half])}, {balanced_sum(texts[half:])})"


def test_layers_print_as_they_are_written() -> None:
    assert parse_layer(" conv( 9 ) ") == Layer(Convolution(9))
    assert str(parse_layer("conv(9)")) == "conv(9)"
    assert isinstance(parse_layer(BERT_ATTENTION).mixer, Formula)
    assert str(parse_layer(BERT_ATTENTION)) == BERT_ATTENTION


def test_the_paper_backbone() -> None:
    kinds = [str(parse_layer(layer)) if layer.startswith("conv") else "attention" for layer in AUTOBERT_ZERO]
    kernels = ("conv(65)", "conv(9)", "conv(3)", "conv(7)", "conv(7)", "conv(3)")
    assert kinds == [kind for kernel in kernels for kind in (kernel, "attention")]
    assert architecture("autobert-zero") == list(AUTOBERT_ZERO)
    # The shallow attentions never use v, and the figure's layers 6 and 8 are the same.
    inputs = [infer_axes(AttentionGraph.parse(layer)).graph.inputs for layer in AUTOBERT_ZERO[1::2]]
    assert inputs == [("q", "k")] * 4 + [("q", "k", "v")] * 2
    assert AUTOBERT_ZERO[5] == AUTOBERT_ZERO[7]


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 6, 12, 24])
def test_architectures_have_the_layers_asked_for(name: str, layers: int) -> None:
    backbone = architecture(name, layers)
    assert len(backbone) == layers
    for text in backbone:
        parse_layer(text)


def test_identity_sees_the_function_and_not_the_text() -> None:
    assert backbone_identity(["conv(3)", "add(q, k)"]) == backbone_identity(["conv( 3 )", "add(k, neg(neg(q)))"])
    assert backbone_identity(["conv(3)", "add(q, k)"]) != backbone_identity(["add(q, k)", "conv(3)"])
