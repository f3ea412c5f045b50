"""Cursors, limits and filters of lists, and the links between their pages."""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from ledger.book import shape, shapes
from ledger.book.shapes import fields
from ledger.errors import FormatError, RuleError

Place = tuple[int, str]

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">B8sQ")  # version, checksum, entry; the name follows
_LIST_MAX: Final = 40
_NOT_OF_THE_QUERY: Final = frozenset({"cursor", "limit", "total"})
_HINT: Final = "begin again without a cursor, or follow `next` of the page before as it is"


def _invalid(name: str, value: object, want: str, hint: str = "") -> RuleError:
    shown = str(value)[:80]
    return RuleError(
        "PARAMETER_INVALID",
        f"{name}: {shown!r} is not valid, want {want}",
        field=name,
        value=shown,
        hint=hint or f"send {want}",
    )


# Cursors. They carry no right: what a page shows is asked of the key that reads it.


def _checksum(path: str, query: Mapping[str, str], place: bytes) -> bytes:
    asked = sorted((k, v) for k, v in query.items() if k not in _NOT_OF_THE_QUERY)
    return hashlib.sha256(repr((path, asked)).encode() + place).digest()[:8]


def cursor(path: str, query: Mapping[str, str], place: Place) -> str:
    """Where the next page of this query begins, as an opaque text."""
    n, name = place
    rest = struct.pack(">Q", n) + name.encode()
    text = bytes([_VERSION]) + _checksum(path, query, rest) + rest
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def place_of(path: str, query: Mapping[str, str], given: str) -> Place:
    """Where a cursor of this very query points. RuleError PARAMETER_INVALID for any other text."""
    try:
        data = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        version, checksum, n = _HEAD.unpack_from(data)
        place = (n, data[_HEAD.size :].decode())
    except (binascii.Error, struct.error, ValueError):
        raise _invalid("cursor", given, "a cursor that a page gave as `next`", _HINT) from None
    if version != _VERSION or cursor(path, query, place) != given:
        if checksum == _checksum(path, query, data[9:]):
            raise _invalid("cursor", given, "a cursor of this version", _HINT)
        raise _invalid("cursor", given, "a cursor of the same query, unaltered", _HINT)
    return place


def link(path: str, query: Mapping[str, str], place: Place) -> str:
    """The address of the next page."""
    kept = {k: v for k, v in query.items() if k not in ("cursor", "total")}
    return f"{path}?{urlencode({**kept, 'cursor': cursor(path, query, place)})}"


# Filters: each is a parser of the text in the address.

Parser = Callable[[str, str], Any]


def word(words: Iterable[str], listed: str = "") -> Parser:
    """A parser of a word of a list. listed: the list's name under /v1/vocabulary, if it is long."""
    known = tuple(words)

    def parse(text: str, name: str) -> str:
        if text in known:
            return text
        near = difflib.get_close_matches(text, known, 3)
        if len(known) <= _LIST_MAX:
            hint = f"known: {', '.join(known)}"
        else:
            hint = f"known: GET /v1/vocabulary/{listed}" + (
                f"; near: {', '.join(near)}" * bool(near)
            )
        raise _invalid(name, text, "a word of the list", hint)

    return parse


def _by(parse: shape.Parser) -> Parser:
    def parse_text(text: str, name: str) -> Any:
        try:
            return parse(text, name)
        except FormatError as error:
            raise RuleError(
                "PARAMETER_INVALID", error.message, field=name, value=text[:80], hint=error.hint
            ) from error

    return parse_text


PARTY: Final = _by(shapes.PARTY)
SITE: Final = _by(shapes.SITE)
COUNTRY: Final = _by(fields.COUNTRY)


def time_ms(text: str, name: str) -> int:
    """UTC milliseconds of a time with offset."""
    try:
        return shape.time_ms(text, name)
    except FormatError:
        example = "2026-03-02T09:15:00+08:00 (in an address: 2026-03-02T09:15:00%2B08:00)"
        raise _invalid(name, text, f"a time with offset such as {example}") from None


_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def updated_after(text: str | None) -> dict[str, int]:
    """The members of lists.Query for `updated_after`: an entry's index, or a time."""
    if text is None:
        return {}
    if _INDEX.fullmatch(text):
        return {"updated_after": int(text)}
    return {"updated_after_ms": time_ms(text, "updated_after")}


def check_period(filters: Mapping[str, Any]) -> None:
    """RuleError PARAMETER_INVALID for a period that ends before it begins."""
    if filters.get("from", 0) > filters.get("until", float("inf")):
        raise _invalid("until", filters["until"], "a time that is not before `from`")
