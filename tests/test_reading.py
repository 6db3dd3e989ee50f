import sys

import pytest

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.excerpts import MAX_WIDTH, excerpt
from autobert_zero_hf.reading import MAX_DEPTH, ReadingError, decode, parse_json, parse_json_mended, parse_yaml

DIGITS = "7" * 5000
REFUSED = {
    "no JSON": (parse_json, "{", "not JSON"),
    "JSON too deep for Python": (parse_json, "[" * 100_000, "not JSON .*: nested more than 64 deep"),
    "JSON too deep": (parse_json, "[" * 65 + "]" * 65, "nested more than 64 deep"),
    "mappings too deep": (parse_json, '{"a":' * 65 + "1" + "}" * 65, "nested more than 64 deep"),
    "JSON with a long number": (parse_json, DIGITS, r"not JSON \(a number of more than 4,300 digits\)"),
    "no UTF-8": (parse_json, b"\xff\xfe[", "not UTF-8 text"),
    "no YAML": (parse_yaml, "a: [", "not YAML"),
    "YAML too deep for Python": (parse_yaml, "[" * 5000, "not YAML .*: nested more than 64 deep"),
    "YAML too deep": (parse_yaml, "- " * 65 + "1", "nested more than 64 deep"),
    "YAML with a long number": (parse_yaml, f"a: {DIGITS}", "not YAML .*4,300 digits"),
    "no date": (parse_yaml, "a: 2001-99-99", "not YAML"),
    "no boolean": (parse_yaml, "a: !!bool perhaps", "not YAML"),
    "code": (parse_yaml, "!!python/object/apply:os.system [ls]", "not YAML"),
    "a long tag": (parse_yaml, "!" + "x" * 10**6, "not YAML"),
    "a list in itself": (parse_yaml, "a: &a [*a]", r"the alias \*a repeats"),
    "a list many times": (parse_yaml, "a: &a [1]\nb: &b [*a, *a]", r"the alias \*a repeats"),
    "a mapping merged": (parse_yaml, "a: &a {x: 1}\nb: {<<: *a}", r"the alias \*a repeats"),
}


@pytest.mark.parametrize(("parse", "text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_refused_in_a_line(parse, text, reason: str) -> None:
    with pytest.raises(ReadingError, match=reason) as caught:
        parse(text)
    assert isinstance(caught.value, AutoBertZeroError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_can_be_read() -> None:
    assert decode("\ufeffé".encode()) == "é"
    assert parse_json(b'\xef\xbb\xbf{"a": 1e3}') == parse_json('\ufeff{"a": 1e3}') == {"a": 1000.0}
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(deep) == parse_yaml(deep)
    assert parse_yaml("\ufeffa: &a 1\nb: *a") == {"a": 1, "b": 1}
    assert parse_yaml("") is None


def test_half_characters_keep_their_places() -> None:
    value, mended = parse_json_mended('{"a\\uDC00": ["x\\ud83d y", "\\ud83d\\ude00", NaN]}')
    assert mended
    assert value["a\ufffd"][:2] == ["x\ufffd y", "\U0001f600"]
    assert parse_json_mended('["\\\\ud83d", "\\ud83d\\ude00"]') == (["\\ud83d", "\U0001f600"], False)


def test_an_excerpt_is_short() -> None:
    for value in ("x" * 10**6, ["x" * 10**6] * 100, {"x" * 1000: [[[[1]]]]}, 1 << 10**6, {1: {2: {3: {4: {5: 6}}}}}):
        assert 0 < len(excerpt(value)) <= MAX_WIDTH


def test_an_excerpt_of_something_short_is_all_of_it() -> None:
    for value in ("a\nb", [3, 5, 7, 9, 15, 31, 65], {"a": 1.5}, None, -3, "\ud83d"):
        assert excerpt(value) == repr(value)
    deep: list[object] = []
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    assert excerpt(deep) == "[[[[...]]]]"
