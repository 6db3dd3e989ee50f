"""The picture of a backbone: all is in it once, nothing lies on anything else, and lines end where they should."""

import io
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from IPython.core.formatters import DisplayFormatter
from matplotlib.mathtext import MathTextParser
from PIL import Image

from autobert_zero_hf import AutoBertZeroConfig, architecture
from autobert_zero_hf.model import FormulaError
from autobert_zero_hf.model.axes import TypedGraph
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.operations import Operation, register, unchanged, unregister
from autobert_zero_hf.rendering import Picture, draw_backbone, draw_graph, to_latex, to_svg
from autobert_zero_hf.rendering.picture import OPERATION, Arrow, Box, Circle, Label
from autobert_zero_hf.rendering.png import to_png

from .graphs import LARGE, typed_graphs

SVG = "{http://www.w3.org/2000/svg}"


def of(picture: Picture, kind: type) -> list:
    return [shape for shape in picture.shapes if isinstance(shape, kind)]


def edges(shape: Box | Circle) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    width, height = (shape.width, shape.height) if isinstance(shape, Box) else (2 * shape.radius, 2 * shape.radius)
    return shape.x - width / 2, shape.y - height / 2, shape.x + width / 2, shape.y + height / 2


def apart(one: Box | Circle, other: Box | Circle) -> bool:
    (left, top, right, bottom), (left2, top2, right2, bottom2) = edges(one), edges(other)
    return right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top


def check(picture: Picture) -> None:
    """Nothing overlaps or sticks out, and no line runs through a box that it does not end at."""
    solid = of(picture, Box) + of(picture, Circle)
    assert all(apart(one, other) for one, other in combinations(solid, 2))
    for shape in solid:
        left, top, right, bottom = edges(shape)
        assert left >= -0.01 and right <= picture.width + 0.01 and top >= -0.01 and bottom <= picture.height + 0.01
    left, top, right, bottom = np.array([edges(shape) for shape in solid]).reshape(-1, 4).T
    lines = [line for arrow in of(picture, Arrow) for line in pairwise(arrow.points)]
    for (x0, y0), (x1, y1) in lines:
        part = np.linspace(0.02, 0.98, 25)[:, None]
        x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
        assert not ((left < x) & (x < right) & (top < y) & (y < bottom)).any()


@settings(max_examples=60)
@given(typed_graphs)
def test_every_node_and_every_operand_is_drawn_once(typed: TypedGraph) -> None:
    graph = typed.graph
    picture = draw_graph(graph, "a formula")
    check(picture)
    boxes, circles, arrows = of(picture, Box), of(picture, Circle), of(picture, Arrow)
    assert [circle.text for circle in circles] == [node.name for node in graph.nodes if node.is_input]
    assert [box.text for box in boxes] == [node.name for node in graph.operations]
    assert len(arrows) == sum(len(node.operands) for node in graph.nodes) + 1  # and the output
    # Lines run upwards, from the top of what is used to the bottom of what uses it, first operands on the left.
    shapes = [shape for shape in picture.shapes if isinstance(shape, Box | Circle)]
    found = iter(arrows)
    for node, shape in zip(graph.nodes, shapes, strict=True):
        ends = []
        for operand in node.operands:
            arrow, used = next(found), edges(shapes[operand])
            assert used[0] < arrow.points[0][0] < used[2] and arrow.points[0][1] == used[1]
            assert [y for _, y in arrow.points] == sorted((y for _, y in arrow.points), reverse=True)
            assert edges(shape)[0] < arrow.points[-1][0] < edges(shape)[2] and arrow.points[-1][1] == edges(shape)[3]
            ends.append(arrow.points[-1][0])
        assert ends == sorted(set(ends))


@pytest.mark.parametrize("name", LARGE)
def test_formulas_near_the_bounds_of_the_language(name: str) -> None:
    graph = AttentionGraph.parse(LARGE[name])
    picture = draw_graph(graph, name)
    check(picture)
    assert len(of(picture, Box)) == len(graph.operations)


def test_a_backbone_has_its_layers_in_a_row_and_each_formula_once() -> None:
    layers = architecture("autobert-zero")
    picture = draw_backbone(layers)
    check(picture)
    row = [box for box in of(picture, Box) if box.fill != OPERATION]
    assert [box.text for box in row[:4]] == ["1  conv(65)", "2  attention a", "3  conv(9)", "4  attention b"]
    assert row[7].text == "8  attention c" == f"8  {row[5].text[3:]}"  # layers 6 and 8 share a formula
    formulas = list(dict.fromkeys(layer for layer in layers if not layer.startswith("conv")))
    assert [label.text for label in of(picture, Label)] == [f"attention {name}" for name in "abcde"]
    operations = sum(len(AttentionGraph.parse(formula).operations) for formula in formulas)
    assert len(of(picture, Box)) == len(layers) + operations
    assert max(edges(box)[3] for box in row) < min(label.y for label in of(picture, Label))


@pytest.mark.parametrize("layers", [[], ["conv(3)"], ["q"], ["conv(3)"] * 40, architecture("bert", 2)])
def test_small_and_large_backbones(layers: list[str]) -> None:
    picture = draw_backbone(layers)
    check(picture)
    assert len([box for box in of(picture, Box) if box.fill != OPERATION]) == len(layers)


def test_svg_holds_every_shape() -> None:
    picture = draw_backbone([*architecture("autobert-zero", 4), "conv(3)"])
    root = ElementTree.fromstring(to_svg(picture))
    boxes, circles, arrows, labels = (of(picture, kind) for kind in (Box, Circle, Arrow, Label))
    assert len(root.findall(f"{SVG}rect")) == len(boxes) + 1  # the ground
    assert len(root.findall(f"{SVG}circle")) == len(circles)
    assert len(root.findall(f"{SVG}polyline")) == len(root.findall(f"{SVG}path")) == len(arrows)
    assert not [each for each in root.iter() if each.get("id")]  # several pictures stand in one page
    texts = [element.text for element in root.findall(f"{SVG}text")]
    assert sorted(texts) == sorted(shape.text for shape in (*boxes, *circles, *labels))
    assert root.find(f"{SVG}title").text.startswith("A backbone of 5 layers: conv(65); matmul(")
    assert root.get("viewBox").split()[2:] == [root.get("width"), root.get("height")]
    assert to_svg(picture) == to_svg(draw_backbone([*architecture("autobert-zero", 4), "conv(3)"]))


def test_an_illegal_layer_is_refused() -> None:
    with pytest.raises(FormulaError, match="odd kernel size"):
        draw_backbone(["conv(3)", "conv(4)"])


def test_png_has_the_size_of_the_picture_and_ink_where_its_boxes_are() -> None:
    picture = draw_backbone(["conv(9)", *architecture("bert", 1)])
    pixels = np.asarray(Image.open(io.BytesIO(to_png(picture, scale=1.0))).convert("RGB"))
    assert pixels.shape[:2] == (int(picture.height), int(picture.width))
    for box in of(picture, Box):
        left, top, right, bottom = edges(box)
        inside = pixels[int(top) + 5 : int(bottom) - 5, int(left) + 2 : int(right) - 2].reshape(-1, 3)
        ground = tuple(bytes.fromhex(box.fill[1:]))
        share = (inside == ground).all(-1).mean()
        assert 0.3 < share < 0.98, (box.text, share)  # its colour, and a text on it
    assert (pixels[-3:] == 255).all()


LATEX = {
    "matmul(softmax(scale(matmul(q, transpose(k)))), v)": (
        r"\mathrm{softmax}\left(\frac{Q K^{\top}}{\sqrt{d}}\right) V"
    ),
    "add(q, neg(add(k, v)))": r"Q - \left(K + V\right)",
    "neg(neg(add(neg(q), neg(k))))": r"-\left(-\left(-Q - K\right)\right)",
    "transpose(transpose(scale(q)))": r"\left(\left(\frac{Q}{\sqrt{d}}\right)^{\top}\right)^{\top}",
    "matmul(q, matmul(transpose(add(k, v)), neg(v)))": r"Q \left(K + V\right)^{\top} \left(-V\right)",
    "matmul(cosine_similarity(q, k), softsign(v))": r"\cos\left(Q, K\right) \mathrm{softsign}\left(V\right)",
}


@pytest.mark.parametrize("formula", LATEX)
def test_latex_says_what_the_formula_says(formula: str) -> None:
    assert to_latex(formula) == LATEX[formula]


@given(typed_graphs)
@settings(max_examples=60, deadline=None)
def test_latex_is_mathematics(typed: TypedGraph) -> None:
    """matplotlib's parser of TeX's mathematics is another reader of it."""
    MathTextParser("path").parse(f"${to_latex(str(typed.graph))}$")


def test_an_operation_of_the_users_own_is_written_by_its_name() -> None:
    register(Operation("hard_tanh", 1, lambda x, head_size: x.clamp(-1, 1), unchanged, "a test"))
    try:
        assert to_latex("add(hard_tanh(q), v)") == r"\mathrm{hard\_tanh}\left(Q\right) + V"
    finally:
        unregister("hard_tanh")


def test_notebooks_show_pictures() -> None:
    graph = AttentionGraph.parse("add(q, v)")
    data, _ = DisplayFormatter().format(graph)
    assert ElementTree.fromstring(data["image/svg+xml"]).tag == f"{SVG}svg"
    data, _ = DisplayFormatter().format(AutoBertZeroConfig(layers=["conv(9)", "add(q, v)"]))
    assert "conv(9)" in data["text/html"]
    assert ElementTree.fromstring(data["text/html"]).find(f"{SVG}svg") is not None
