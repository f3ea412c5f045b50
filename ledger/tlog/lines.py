"""Lines that the C2SP files have in common: a number, a column of hashes, a head over a note.

    <first lines>\\n
    <base64(hash)>\\n ...      0 to 63 of them
    \\n
    <a signed checkpoint, verbatim>

A request to a witness and a proof file are both of this shape. Every parser here takes one
spelling only and raises ProofError NOTE_INVALID for any other. Source: C2SP tlog-checkpoint,
tlog-witness, tlog-proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Final

from ledger.tlog import note, tree

MAX_HASHES: Final = 63
"""Hashes that one file or request may hold: what an inclusion proof can need at most."""

_NUMBER: Final = re.compile(rb"\A(?:0|[1-9][0-9]{0,18})\Z")


def parse_number(digits: bytes, where: str) -> int:
    """Return the size or index, 0 to 2^63-1, that `digits` spell without sign or leading zero."""
    if not _NUMBER.match(digits) or int(digits) > tree.MAX_SIZE:
        raise note.malformed(where, "not a size", "0 to 2^63-1 in digits", digits)
    return int(digits)


def parse_hash(line: bytes, where: str) -> bytes:
    """Return the hash of 32 bytes that a line without its newline holds in base64."""
    hash_ = note.decode_base64(line, where)
    if len(hash_) != tree.HASH_SIZE:
        raise note.malformed(where, f"{len(hash_)} bytes", str(tree.HASH_SIZE), line)
    return hash_


def parse_hashes(lines: Sequence[bytes], where: str) -> tuple[bytes, ...]:
    """Return the 0 to 63 hashes of as many lines."""
    if len(lines) > MAX_HASHES:
        raise note.malformed(where, f"{len(lines)} hashes", f"at most {MAX_HASHES}")
    return tuple(parse_hash(line, where) for line in lines)


def format_hashes(hashes: Iterable[bytes]) -> bytes:
    """Return the lines of `hashes`, each with its newline."""
    return b"".join(base64.b64encode(hash_) + b"\n" for hash_ in hashes)


def split_head(data: bytes, where: str, most: int) -> tuple[list[bytes], bytes]:
    """Return the lines above the first blank line of `data`, and the bytes below it.

    most: bytes that `data` may have.
    """
    if len(data) > most:
        raise note.malformed(where, f"{len(data)} bytes", f"at most {most}")
    head, blank, rest = data.partition(b"\n\n")
    if not blank:
        raise note.malformed(where, "no blank line", "one above the checkpoint", data)
    return head.split(b"\n"), rest
