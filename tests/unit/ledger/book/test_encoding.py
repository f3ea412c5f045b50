"""The one strict decoder and the one canonical encoder."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import encoding
from ledger.errors import FormatError

# What entries are made of: ASCII names, exact integers, any text as a value.
ascii_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
exact = st.integers(-(2**53) + 1, 2**53 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | exact | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ascii_names, inner, max_size=5),
    max_leaves=20,
)


def refusal(data: bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        encoding.decode(data)
    orjson.dumps(caught.value.as_dict())  # every refusal can be said in JSON
    return caught.value


def nested(depth: int) -> bytes:
    return b"[" * depth + b"1" + b"]" * depth


def test_plain_json_is_read_as_it_stands() -> None:
    data = ' {"a": [1, -5, true, null, "\\u00e9é😀"], "b": {}} '.encode()
    assert encoding.decode(data) == {"a": [1, -5, True, None, "éé😀"], "b": {}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"{} {}",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":1}//',
        b'{"a":"\x01"}',
        b'{"a":"\n"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b"nan",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00x"}',
        b'{"\\ud800":1}',
        b'{"\\ud800":1.5}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":{"a":1,"b":2,"a":3}}',
        b'{"\\ud800":1,"\\ud800":2}',
        nested(14),
        nested(900),
        nested(100_000),
        b'{"a":' * 14 + b"1.5" + b"}" * 14,
    ],
    ids=lambda data: f"{data[:24]!r} {len(data)}",
)
def test_what_is_no_strict_json_is_refused(data: bytes) -> None:
    assert refusal(data).code == "JSON_INVALID"


def test_a_name_that_stands_twice_is_named() -> None:
    error = refusal(b'{"x":{"lot":1,"mass":2,"lot":3}}')
    assert error.field == "lot"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"mass":1.0}', "mass"),
        (b'{"mass":1e2}', "mass"),
        (b'{"mass":1E+2}', "mass"),
        (b'{"mass":-0}', "mass"),
        (b'{"mass":0.0}', "mass"),
        (b'{"mass":1e400}', "mass"),
        (b'{"mass":123456789012345678901}', "mass"),
        (b'{"mass":' + b"9" * 5000 + b"}", "mass"),
        (b'{"a":[{"b":1},{"b":[0,1.5]}]}', "a[1].b[1]"),
        (b"1.5", ""),
        (b'{"a":{"b":2.5},"c":"\\ud83d\\ude00"}', "a.b"),
    ],
)
def test_a_number_that_is_no_exact_integer_is_refused_at_its_place(data: bytes, field: str) -> None:
    error = refusal(data)
    assert (error.code, error.field) == ("NUMBER_NOT_EXACT", field)


def test_twelve_levels_below_the_outermost_are_the_most() -> None:
    assert encoding.decode(nested(1 + encoding.DEPTH_MAX)) is not None
    assert refusal(nested(2 + encoding.DEPTH_MAX)).code == "JSON_INVALID"


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_an_event_is_an_object(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        encoding.decode_object(data)
    assert caught.value.code == "JSON_INVALID"
    assert encoding.decode_object(b'{"a":1}') == {"a": 1}


@given(values)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert encoding.canonical(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_encoded_is_decoded_to_the_same(value: Any) -> None:
    assert encoding.decode(encoding.canonical(value)) == value


@given(st.dictionaries(ascii_names, values, max_size=5))
def test_only_the_canonical_bytes_of_an_object_are_canonical(value: dict[str, Any]) -> None:
    data = encoding.canonical(value)
    assert encoding.decode_canonical(data) == value
    loose = json.dumps(value, indent=1).encode() + b" "
    with pytest.raises(FormatError):
        encoding.decode_canonical(loose)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":"\\u0061"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000a"}',
        b'{"a":"\\u00e9"}',
        b'{"a":99999999999999999999}',
    ],
)
def test_another_spelling_of_the_same_object_is_not_canonical(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        encoding.decode_canonical(data)
    assert caught.value.code == "ENTRY_INVALID"


@pytest.mark.parametrize(
    "sign", ["\x00", "\n", "\x7f", "\x9f", "\u200b", "\u202e", "\u2066", "\ufeff"]
)
def test_control_and_hidden_characters_are_unsafe_text(sign: str) -> None:
    assert encoding.UNSAFE_TEXT.search(f"a{sign}b")


@pytest.mark.parametrize("harmless", ["Chen & Söhne, 上海", "a b", "😀", "é", "a\u00a0b", "ab"])
def test_letters_of_any_language_are_safe_text(harmless: str) -> None:
    assert not encoding.UNSAFE_TEXT.search(harmless)
