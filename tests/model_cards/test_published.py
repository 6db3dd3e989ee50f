"""The cards of the published backbones say what the package holds."""

from pathlib import Path

import autobert_zero_hf.model_cards as model_cards
import pytest

from autobert_zero_hf import architecture
from autobert_zero_hf.model import ARCHITECTURES
from autobert_zero_hf.model.card import CITATION
from autobert_zero_hf.rendering import draw_backbone, to_svg
from tests.hub.cards import card_errors

FOLDER = Path(model_cards.__path__[0])


def test_each_published_backbone_has_a_card() -> None:
    assert {file.stem for file in FOLDER.glob("*.svg")} == set(ARCHITECTURES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_card_has_the_layers_and_the_picture_of_its_backbone(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    layers = architecture(name)
    table = [f"| {number} | `{layer}` |" for number, layer in enumerate(layers, start=1)]
    assert [line for line in text.splitlines() if line.startswith("| ") and "`" in line] == table
    assert f"]({name}.svg)" in text and f'architecture("{name}")' in text and CITATION in text
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == to_svg(draw_backbone(layers))
    assert not card_errors(text)
