"""The one strict JSON decoder and the one canonical encoder, for every door.

In: UTF-8 JSON without floats, exponents, duplicate names, NaN, lone surrogates or deep nesting.
Out: RFC 8785 canonical JSON. orjson with sorted keys gives exactly these bytes for our values
(integers below 2^53, ASCII names, no floats); a test holds it against a reference encoder.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, NoReturn

import orjson

from ledger.errors import FormatError

EVENT_MAX_BYTES: Final = 32 * 1024
DEPTH_MAX: Final = 12
# Control characters, and those that reorder or hide text: what a person reads must be what stands.
UNSAFE_TEXT: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Float(str):
    """A number that is not an integer, kept as written until its place is known."""


def _refuse(message: str, *, field: str = "", value: object = None, hint: str = "") -> NoReturn:
    raise FormatError(
        "JSON_INVALID",
        message,
        field=field,
        value=value,
        hint=hint or "send one JSON object (RFC 8259) in UTF-8, each name once",
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        twice = twice.encode("utf-8", "backslashreplace").decode()  # it may hold half a pair
        _refuse(f"the name {twice!r} stands twice in one object", field=twice, value=twice)
    return members


def _constant(text: str) -> NoReturn:
    _refuse(f"{text} is not JSON", value=text, hint="send exact integers or decimal strings")


def _integer(text: str) -> int | _Float:
    # Longer than any integer we take: kept as text so that the field can be named.
    return int(text) if len(text) <= 20 and text != "-0" else _Float(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_Float, parse_int=_integer, parse_constant=_constant
)


def decode(data: bytes) -> Any:
    """The value of strict JSON bytes.

    Raises FormatError JSON_INVALID (syntax, UTF-8, duplicate names, depth) or NUMBER_NOT_EXACT
    (a float, an exponent, an integer of more than 20 characters), naming the field.
    """
    try:
        # Canonical bytes name everything once and hold no half surrogates: most statements come so.
        value = orjson.loads(data)
        if canonical(value) == data and not _holds_float(value, DEPTH_MAX):
            return value
    except (orjson.JSONDecodeError, TypeError):
        pass  # whatever is wrong, or merely spelt otherwise: the strict decoder tells
    return _decode_strictly(data)


def _decode_strictly(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"not UTF-8 at byte {error.start}", value=error.start)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"not JSON: {error.msg} at character {error.pos}", value=error.pos)
    except RecursionError:
        _refuse("nested too deeply", hint=f"at most {DEPTH_MAX} levels")
    holds_float = _holds_float(value, DEPTH_MAX)
    if "\\u" in text:  # the only way to write half of a surrogate pair in valid UTF-8
        _check_surrogates(value)
    if holds_float:
        _refuse_float(value)
    return value


def _holds_float(value: Any, depth: int) -> bool:
    """Whether a number in it is not an exact integer; what is nested too deeply is refused."""
    if depth < 0:
        _refuse("nested too deeply", hint=f"at most {DEPTH_MAX} levels")
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind is float or kind is _Float
    found = False
    for member in value.values() if kind is dict else value:
        kind = type(member)
        if kind is dict or kind is list:
            found = _holds_float(member, depth - 1) or found
        elif kind is float or kind is _Float:
            found = True
    return found


def _refuse_float(value: Any) -> NoReturn:
    field, written = next(_floats(value, ""))
    raise FormatError(
        "NUMBER_NOT_EXACT",
        f"{field or 'value'}: {written[:40]} is not an exact integer",
        field=field,
        value=str(written[:40]),
        hint='write quantities as integers or as strings such as "24.98 t"',
    )


def _floats(value: Any, path: str) -> Any:
    if isinstance(value, _Float):
        yield path, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _floats(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _floats(member, f"{path}[{i}]")


def _check_surrogates(value: Any) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _check_surrogates(name)
            _check_surrogates(member)
    elif isinstance(value, list):
        for member in value:
            _check_surrogates(member)
    elif isinstance(value, str) and _SURROGATE.search(value):
        _refuse("half of a surrogate pair", value=ascii(value)[:80])


def decode_object(data: bytes) -> dict[str, Any]:
    """Like `decode`; JSON that is no object is JSON_INVALID."""
    value = decode(data)
    if not isinstance(value, dict):
        _refuse(f"want a JSON object, got {type(value).__name__}")
    return value


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a value made of dict, list, str, int, bool and None."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def decode_canonical(data: bytes) -> dict[str, Any]:
    """The object whose canonical bytes are exactly `data`; FormatError ENTRY_INVALID otherwise."""
    value = decode_object(data)
    try:
        same = canonical(value) == data
    except TypeError:  # an integer beyond 64 bits: none of ours
        same = False
    if not same:
        raise FormatError(
            "ENTRY_INVALID", "not in canonical form (RFC 8785)", hint="bytes were altered"
        )
    return value
