"""Exact quantities: milligrams, parts per billion, largest remainder, floored percentages.

Integers only. Rounding always goes against the claim (docs/events.md section 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ledger.errors import FormatError

MASS_MAX_MG: Final = 2**53 - 1
PPB: Final = 10**9

_NUMBER = r"(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?: [0-9]{3})+)(?:\.[0-9]+)?"
_QUANTITY: Final = re.compile(rf"({_NUMBER}) ([^\s0-9]\S*)", re.ASCII)
_SHOWN_MAX: Final = 64
_WHOLE_MAX: Final = len(str(MASS_MAX_MG))  # digits before the point, in any unit
_DECIMALS_MAX: Final = 9  # of the largest unit
_MG_PER: Final = {"t": 10**9, "kg": 10**6, "g": 10**3, "mg": 1}
_PPB_PER: Final = {"%": 10**7, "ppm": 10**3, "ppb": 1}
_MASS_HINT: Final = 'write an exact mass such as "24.98 t", "24 980 kg", or integer milligrams'
_SHARE_HINT: Final = 'write an exact content such as "96.4 %", "35 ppm", or integer ppb'


def _quantity(value: object, field: str, units: dict[str, int], hint: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= MASS_MAX_MG:
            return value
        code, what = "NUMBER_NOT_EXACT", f"{value} is outside 0 to {MASS_MAX_MG}"
    elif not isinstance(value, str):
        code, what = "FIELD_INVALID", f"want a quantity, got {type(value).__name__}"
    else:
        read = _read if len(value) <= _SHOWN_MAX else _read.__wrapped__  # no books in the cache
        quantity = read(value, units is _MG_PER)
        if quantity is not None:
            return quantity
        code, what = _why_not(value, units)
    raise FormatError(code, f"{field}: {what}", field=field, value=value, hint=hint)


@lru_cache(maxsize=16_384)
def _read(text: str, is_mass: bool) -> int | None:
    """The quantity as written, in mg or ppb; None where `_why_not` has something to say."""
    match, units = _QUANTITY.fullmatch(text), _MG_PER if is_mass else _PPB_PER
    if match is None or match[2] not in units:
        return None
    whole, fraction = _digits(match[1])
    if len(whole) > _WHOLE_MAX or len(fraction) > _DECIMALS_MAX:  # int() never reads a book
        return None
    quantity, rest = divmod(int(whole + fraction) * units[match[2]], 10 ** len(fraction))
    return None if rest or quantity > MASS_MAX_MG else quantity


def _digits(number: str) -> tuple[str, str]:
    whole, _, fraction = number.replace(" ", "").partition(".")
    return whole, fraction.rstrip("0")


def _why_not(text: str, units: dict[str, int]) -> tuple[str, str]:
    """Code and message for a text that is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return "NUMBER_NOT_EXACT", f"not an exact number with a unit: {text[:_SHOWN_MAX]!r}"
    if match[2] not in units:
        unit = match[2][:_SHOWN_MAX]
        return "UNIT_UNKNOWN", f"unknown unit {unit!r}, want one of {', '.join(units)}"
    fraction = _digits(match[1])[1]
    whole_units = len(fraction) <= _DECIMALS_MAX and (
        int(fraction or "0") * units[match[2]] % 10 ** len(fraction) == 0
    )
    what = "is too large" if whole_units else "is not a whole number of the smallest unit"
    return "NUMBER_NOT_EXACT", f"{text[:_SHOWN_MAX]} {what}"


def parse_mass(value: object, field: str, *, zero: bool = False) -> int:
    """Milligrams of a mass as written: "24.98 t", "24 980 kg", "9 g", "5 mg" or a bare integer.

    zero: whether 0 is allowed. Raises FormatError NUMBER_NOT_EXACT, UNIT_UNKNOWN or FIELD_INVALID.
    Source: docs/events.md section 1, Numbers.
    """
    mass_mg = _quantity(value, field, _MG_PER, _MASS_HINT)
    if mass_mg == 0 and not zero:
        raise FormatError(
            "FIELD_INVALID",
            f"{field}: a mass of 0 is not allowed here",
            field=field,
            value=value,
            hint="leave the line out, or give the mass that was weighed",
        )
    return mass_mg


def parse_content(value: object, field: str) -> int:
    """Parts per billion of a content as written, 0 upward and not capped: see `parse_share`.

    Raises FormatError NUMBER_NOT_EXACT, UNIT_UNKNOWN or FIELD_INVALID.
    """
    return _quantity(value, field, _PPB_PER, _SHARE_HINT)


def parse_share(value: object, field: str) -> int:
    """Parts per billion, 0 to 10^9. Raises FormatError, FIELD_INVALID above 100 %."""
    share_ppb = parse_content(value, field)
    if share_ppb > PPB:
        raise FormatError(
            "FIELD_INVALID",
            f"{field}: {value} is more than 100 %",
            field=field,
            value=value,
            hint="a share or moisture lies between 0 % and 100 %",
        )
    return share_ppb


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `weights`, in whole units, exactly.

    Line i gets floor(amount * weight_i / total); what is left over goes one by one to the largest
    remainders, equal remainders to the line that comes first. All zero weights take only 0.
    Source: docs/events.md section 3.2 (LR).
    """
    total = sum(weights)
    if amount == total:
        return list(weights)
    if amount == 0:
        return [0] * len(weights)
    if total == 0:
        raise ValueError("largest_remainder: nothing to split over")
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(amount * weight, total)
        parts.append(part)
        remainders.append(remainder)
    missing = amount - sum(parts)
    if missing:
        order = sorted(range(len(parts)), key=lambda i: -remainders[i])
        for i in order[:missing]:
            parts[i] += 1
    return parts


def percent_floor(part: int, whole: int) -> str:
    """`part / whole` as a percentage with two decimals, rounded down; "0.00" of nothing.

    Source: docs/events.md section 8: floor(10000 * part / whole) / 100.
    """
    hundredths = 10_000 * part // whole if whole else 0
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def format_mass(mass_mg: int) -> str:
    """A mass for people, exact: the largest unit that leaves at most six decimals, zeros cut."""
    unit, per = next(((u, p) for u, p in _MG_PER.items() if mass_mg >= p), ("mg", 1))
    whole, rest = divmod(mass_mg, per)
    decimals = str(rest).rjust(len(str(per)) - 1, "0").rstrip("0") if rest else ""
    if len(decimals) > 6:
        unit, (whole, rest) = "kg", divmod(mass_mg, 10**6)
        decimals = str(rest).rjust(6, "0").rstrip("0")
    return f"{whole:,}".replace(",", " ") + (f".{decimals}" if decimals else "") + f" {unit}"
