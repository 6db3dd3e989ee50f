"""A trained encoder, made faster for a runtime in int8: it is judged as it will be served."""

import json
from pathlib import Path

import pytest
from autobert_zero_hf.search.runtime.block_records import Quantised
from autobert_zero_hf.search.runtime.journal import read_history

from .runs import run


@pytest.mark.usefixtures("same_latencies")
def test_what_is_served_in_int8_is_judged_in_int8(bert: Path, text: Path, tmp_path: Path) -> None:
    """The encoder, too, which is as near to itself as 8 bits let it be; run again, nothing is judged again."""
    folder = tmp_path / "faster"
    table = run(bert, text, folder, 2, latency_runtime="onnx-int8")
    own = table["encoder"]["quantised"]
    assert 1e-6 < own["error"]["value"] < 0.05 and 0.9 < own["cosine"]["value"] < 1
    (row,) = table["budgets"]
    for which in ("best", "dropped"):
        quantised, whole = row[which]["error"]["value"], row[which]["in_float32"]["error"]["value"]
        assert quantised != whole and quantised == pytest.approx(whole, rel=0.3)
    words = (folder / "shrink.md").read_text()
    assert "computed in int8" in words and f"{own['error']['value']:.3f} ±" in words
    journal = (folder / "journal.jsonl").read_bytes()
    judged = read_history(folder / "journal.jsonl").of(Quantised)
    assert [event.identity for event in judged] == ["encoder", "2x/best", "2x/dropped"]
    assert run(bert, text, folder, 2, latency_runtime="onnx-int8") == table
    assert (folder / "journal.jsonl").read_bytes() == journal
    assert json.loads((folder / "shrink.json").read_text()) == table
