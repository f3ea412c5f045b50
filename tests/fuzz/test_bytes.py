"""Bytes of strangers: taken only in the one way to write them, refused by name, never a crash.

`make fuzz` tries more of them: a tenth of FUZZ_EXAMPLES times as many as here.
"""

from __future__ import annotations

import json
import os
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from ledger.book import encoding, jose
from tests.fuzz import parsers
from tests.fuzz.parsers import PARSERS, taken

TIMES = max(1, int(os.environ.get("FUZZ_EXAMPLES") or 10) // 10)
NAMES = list(PARSERS)
# The large ones cost a few milliseconds each.
SLOW = {"dossier": 4}


def few(name: str, number: int) -> hypothesis.settings:
    return hypothesis.settings(max_examples=number * TIMES // SLOW.get(name, 1), database=None)


# What somebody could put in place of what belongs there.
TOKENS = [
    *(b"\n", b"\n\n", b"\r\n", b"\r", b"\t", b" ", b"\x00", b"\x0b", b"\x7f", b"\xff", b"\x85"),
    *("\u2028".encode(), "\u0085".encode(), "\u3000".encode(), "\u0661".encode(), "٣".encode()),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc0\x80", "— ".encode(), b"+", b"-", b"_", b"=", b"=="),
    *(b"0", b"00", b"1_0", b"+5", b" 7", b"-0", b"1e3", b"1.0", b"9" * 19, b"9" * 30, b"9" * 5000),
    *(b"NaN", b"Infinity", b"true", b"null", b"{}", b"[]", b'"', b'"":', b"\\ud800", b"\\u0000"),
    *(b"{", b"}", b"[", b"]", b",", b":", b'{"a":1,"a":1}', b"[" * 50, b".", b"/", b"x001/"),
    *(b".p/1", b".p/256", b"tile/", b"entries"),
]  # fmt: skip
WHAT = ("put", "over", "cut", "flip", "double line", "drop line", "swap lines", "double", "splice")
EDITS = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.integers(0, 2**20),
        st.integers(0, 2**20),
        st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


def edited(data: bytes, edit: tuple[str, int, int, bytes]) -> bytes:
    what, one, two, token = edit
    at = one % (len(data) + 1)
    rows = data.split(b"\n")
    row, other = one % len(rows), two % len(rows)
    match what:
        case "put":
            return data[:at] + token + data[at:]
        case "over":
            return data[:at] + token + data[at + len(token) :]
        case "cut":
            return data[:at] + data[at + 1 + two % 40 :]
        case "flip" if at < len(data):
            return data[:at] + bytes([data[at] ^ 1 << two % 8]) + data[at + 1 :]
        case "double":
            return data[:at] + data[max(0, at - two % 80) :]
        case "splice":
            return data[: two % (len(data) + 1)] + data[at:]
        case "double line":
            rows.insert(other, rows[row])
        case "drop line":
            del rows[row]
        case _:
            rows[row], rows[other] = rows[other], rows[row]
    return b"\n".join(rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_good_examples_are_taken(name: str) -> None:
    examples = PARSERS[name].examples()
    assert examples
    assert all(taken(PARSERS[name], data) for data in examples)


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(name: str) -> None:
    @few(name, 40)
    @hypothesis.given(st.binary(max_size=80) | st.lists(st.sampled_from(TOKENS)).map(b"".join))
    def check(data: bytes) -> None:
        taken(PARSERS[name], data)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_good_bytes_with_something_changed(name: str) -> None:
    examples = PARSERS[name].examples()

    @few(name, 120)
    @hypothesis.given(st.integers(0, len(examples) - 1), EDITS)
    def check(which: int, edits: list[tuple[str, int, int, bytes]]) -> None:
        data = examples[which]
        for edit in edits:
            data = edited(data, edit)
        taken(PARSERS[name], data)

    check()


# JSON whose values are wrong: what no change of single bytes would reach.

HOSTILE: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
    *("", "0", "x", "9" * 5000, "9" * 5000 + " t", "1e9 t", "-1 t", "0.5 mg", "٣ t", "\x00", "é"),
    *("\u202e", "\u2028", "all", "rest", "Al", "A" * 43, "a" * 64, "lot:", "lot:x", "x" * 70_000),
    *([], {}, [[]], {"": {}}, {"Al": 1}, {"Al": [1]}, [0, 0], [None], {"x": None}, [{}] * 3),
    *("2026-03-02T09:15:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-W01"),
    {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from("replace replace delete add rename swap nest repeat".split()),
        st.integers(0, 2**20),
        st.integers(0, 2**20),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, name or index) in a JSON value."""
    found, open_ = [], [value]
    while open_:
        this = open_.pop()
        if isinstance(this, dict | list):
            names = list(this) if isinstance(this, dict) else range(len(this))
            found += [(this, name) for name in names]
            open_ += [this[name] for name in names]
    return found


def change(value: Any, what: str, one: int, two: int) -> None:
    known = places(value)
    if not known:
        return
    (here, name), (there, other) = known[one % len(known)], known[two % len(known)]
    new = json.loads(json.dumps(HOSTILE[two % len(HOSTILE)]))  # a copy: it is changed in its turn
    match what:
        case "delete":
            del here[name]
        case "nest":
            here[name] = [here[name]]
        case "add" if isinstance(here, dict):
            here[new if isinstance(new, str) else "x"] = new
        case "rename" if isinstance(here, dict):
            here[new if isinstance(new, str) else str(other)] = here.pop(name)
        case "swap":
            moved = json.loads(json.dumps(there[other]))
            here[name] = moved
        case "repeat" if isinstance(here, list):
            here.append(json.loads(json.dumps(here[name])))
        case _:
            here[name] = new


def resigned(statement: str, what: str, one: int, two: int) -> str:
    """A statement with a value of its payload changed, as a party of bad will could sign it."""
    head, payload, signature = statement.split(".")
    said = json.loads(jose.b64url_decode(payload, "payload"))
    change(said, what, one, two)
    return f"{head}.{jose.b64url(encoding.canonical(said))}.{signature}"


@pytest.mark.parametrize("name", ["payload", "envelope", "key", "leaf", "dossier", "disclosure"])
def test_good_json_with_other_values(name: str) -> None:
    examples = PARSERS[name].examples()

    @few(name, 250)
    @hypothesis.given(st.integers(0, len(examples) - 1), CHANGES)
    def check(which: int, changes: list[tuple[str, int, int]]) -> None:
        data, coded = examples[which], name == "disclosure"
        clear = jose.b64url_decode(parsers.text(data), "x") if coded else data
        value = json.loads(clear)
        for one in changes:
            change(value, *one)
        made = encoding.canonical(value)
        taken(PARSERS[name], jose.b64url(made).encode() if coded else made)

    check()


@pytest.mark.parametrize("name", ["leaf", "dossier"])
def test_good_entries_whose_party_signed_something_else(name: str) -> None:
    examples = PARSERS[name].examples()

    @few(name, 150)
    @hypothesis.given(st.integers(0, 2**20), CHANGES)
    def check(which: int, changes: list[tuple[str, int, int]]) -> None:
        value = json.loads(examples[which % len(examples)])
        items = value.get("entries", [{"entry": value}])
        leaf = items[which % len(items)]["entry"]
        for one in changes:
            leaf["statement"] = resigned(leaf["statement"], *one)
        taken(PARSERS[name], encoding.canonical(value))

    check()
