"""Hostile bytes of any size: refused, in a number of steps that grows no faster than they do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from ledger.tlog import note
from tests.fuzz.parsers import PARSERS, taken
from tests.unit.ledger.tlog import vectors

LONG = "FUZZ_EXAMPLES" in os.environ
KIB = 1024


def _repeated(piece: bytes) -> Callable[[int], bytes]:
    return lambda size: piece * (size // len(piece))


def _between(head: bytes, piece: Callable[[int], bytes], tail: bytes) -> Callable[[int], bytes]:
    """Many numbered pieces with commas, as a JSON list or object has them."""

    def made(size: int) -> bytes:
        each = len(piece(10_000)) + 1
        return head + b",".join(piece(n) for n in range(10_000, 10_000 + size // each)) + tail

    return made


def _groups(size: int) -> bytes:
    """A policy in which each group stands in the next."""
    rows = [b"witness w0 " + vectors.W1_VKEY.encode(), b"group g0 any w0"]
    rows += [b"group g%d all g%d" % (n, n - 1) for n in range(1, size // 24)]
    return b"\n".join(rows) + b"\n"


SHAPES: dict[str, Callable[[int], bytes]] = {
    "newlines": _repeated(b"\n"),
    "spaces": _repeated(b" "),
    "tabs and words": _repeated(b"\tx"),
    "zeros": _repeated(b"\x00"),
    "nines": _repeated(b"9"),
    "letters": _repeated(b"A"),
    "padding": _repeated(b"="),
    "dots": _repeated(b"."),
    "directories": _repeated(b"x001/"),
    "pluses": _repeated(b"+"),
    "not UTF-8": _repeated(b"\xff"),
    "signatures": lambda size: vectors.TEXT_15 + b"\n" + _repeated(vectors.W1_LINE)(size),
    "blank lines": lambda size: _repeated(b"a\n\n")(size) + vectors.W1_LINE,
    "hashes": lambda size: b"old 6\n" + _repeated(b"A" * 43 + b"=\n")(size) + b"\n",
    "extra": lambda size: b"c2sp.org/tlog-proof@v1\nextra " + _repeated(b"AAAA")(size) + b"\n\n",
    "long line": lambda size: b"a" * size + b"\n1\n" + vectors.TEXT_15,
    "open brackets": _repeated(b"["),
    "open braces": _repeated(b'{"a":'),
    "closed brackets": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "empty strings": _between(b"[", lambda n: b'""', b"]"),
    "names": _between(b"{", lambda n: b'"%d":0' % n, b"}"),
    "one name": _between(b"{", lambda n: b'"a":0', b"}"),
    "escapes": lambda size: b'{"a":"' + _repeated(b"\\ud800")(size) + b'"}',
    "quotes": _repeated(b'\\"'),
    "disclosed": _between(b'{"disclosures":{', lambda n: b'"%d":[]' % n, b"}}"),
    "long names": lambda size: b'{"%s":1}' % (b"a" * size),
    "witnesses": lambda size: b"".join(
        b"witness w%d %s\n" % (n, vectors.W1_VKEY.encode()) for n in range(size // 100)
    ),
    "groups": _groups,
    "members": lambda size: _groups(100) + b"group x all" + _repeated(b" w0")(size) + b"\n",
}


def steps(call: Callable[[], object]) -> int:
    """How many functions are called, ours and built-in ones."""
    counted = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_grow_no_faster_than_what_is_read(shape: str) -> None:
    make = SHAPES[shape]
    small, large = make(8 * KIB), make(32 * KIB)
    for name, parser in PARSERS.items():
        few = steps(lambda parser=parser: taken(parser, small))  # type: ignore[misc]
        many = steps(lambda parser=parser: taken(parser, large))  # type: ignore[misc]
        assert many <= 5 * few + 500, (name, few, many)


# What a parser may be given at most before somebody else stops it, and what is more than that.
SIZES = (64 * KIB, 64 * KIB + 1, KIB * KIB) + ((16 * KIB * KIB,) if LONG else ())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_large_bytes_of_every_shape_are_answered(shape: str, size: int) -> None:
    data = SHAPES[shape](size)
    for name in PARSERS if LONG or size <= note.MAX_NOTE_BYTES else ("note", "policy", "dossier"):
        taken(PARSERS[name], data)


LARGE = ("open brackets", "nines", "escapes", *(("names", "one name", "disclosed") if LONG else ()))


@pytest.mark.parametrize("shape", LARGE)
def test_a_dossier_of_16_mib_is_answered(shape: str) -> None:
    """As large as `verify` reads one, and a byte more."""
    data = SHAPES[shape](16 << 20)
    assert not taken(PARSERS["dossier"], data)
    assert not taken(PARSERS["dossier"], data.ljust((16 << 20) + 1))
