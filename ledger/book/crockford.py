"""Crockford base 32: digits a person can read out over the noise of a yard (no I, L, O, U)."""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def digits(data: bytes, count: int) -> str:
    """The first `count` digits of `data`, five bits each, most significant bit first.

    Bits after the last digit are ignored; nothing is padded.
    Raises ValueError (a programmer's mistake) if `data` has fewer than 5 · count bits.
    Source: Crockford base 32 alphabet; docs/format.md, Names made from hashes.
    """
    spare_bits = len(data) * 8 - count * 5
    if count < 0 or spare_bits < 0:
        raise ValueError(f"crockford: {len(data)} bytes do not hold {count} digits")
    number = int.from_bytes(data, "big") >> spare_bits
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * count - 5, -1, -5))
