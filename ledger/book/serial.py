"""Certificate serials: 11 Crockford digits of a hash and a Luhn mod 32 check digit.

Source: docs/events.md section 8. Stored without hyphens, printed ABCD-EFGH-JKMN.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from ledger.book import crockford
from ledger.book.shape import invalid

LENGTH: Final = 12


def check_digit(digits: str) -> str:
    """The Luhn mod 32 digit of `digits`: from the right, factor 2 first."""
    total, factor = 0, 2
    for digit in reversed(digits):
        quotient, rest = divmod(factor * crockford.ALPHABET.index(digit), 32)
        total += quotient + rest
        factor = 3 - factor
    return crockford.ALPHABET[-total % 32]


def make(origin: str, party: str, event_id: str) -> str:
    """The serial of the certificate that this event of this party issues in this log."""
    text = f"remelt/certificate\n{origin}\n{party}\n{event_id}"
    digits = crockford.digits(hashlib.sha256(text.encode()).digest(), LENGTH - 1)
    return digits + check_digit(digits)


def parse(value: Any, path: str) -> str:
    """A stored serial with a right check digit; FormatError FIELD_INVALID otherwise."""
    valid = (
        isinstance(value, str)
        and len(value) == LENGTH
        and all(digit in crockford.ALPHABET for digit in value)
    )
    if not valid or check_digit(value[:-1]) != value[-1]:
        raise invalid(
            path,
            value,
            "a serial of 12 Crockford digits, the last its check digit",
            "write it without hyphens; digits I, L, O and U do not occur",
        )
    return str(value)


def printed(serial: str) -> str:
    """The serial as printed: ABCD-EFGH-JKMN."""
    return "-".join(serial[i : i + 4] for i in range(0, LENGTH, 4))
