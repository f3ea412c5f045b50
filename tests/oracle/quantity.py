"""Masses, contents and the largest remainder, straight from the page."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from tests.oracle.refuse import Refused

MAX = 2**53 - 1
BILLION = 10**9
NUMBER = r"(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?: [0-9]{3})+)(?:\.[0-9]+)?"
MEASURE = re.compile(f"({NUMBER}) ([^ ]+)")
MASS_UNITS = {"t": 10**9, "kg": 10**6, "g": 10**3, "mg": 1}
CONTENT_UNITS = {"%": 10**7, "ppm": 10**3, "ppb": 1}


def measure(value: Any, path: str, units: dict[str, int]) -> int:
    """The whole number of milligrams or ppb that a JSON value states; zero is let through."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused("FIELD_INVALID", path, "neither integer nor string")
    if isinstance(value, int):
        if value < 0 or value > MAX:
            raise Refused("NUMBER_NOT_EXACT", path, "integer out of range")
        return value
    match = MEASURE.fullmatch(value)
    if match is None or (match[2] not in units and match[2].isdigit()):
        raise Refused("NUMBER_NOT_EXACT", path, "not a number with a unit")
    if match[2] not in units:
        raise Refused("UNIT_UNKNOWN", path, match[2])
    exact = Fraction(match[1].replace(" ", "")) * units[match[2]]
    if exact.denominator != 1 or exact > MAX:
        raise Refused("NUMBER_NOT_EXACT", path, "not whole, or too large")
    return int(exact)


def mass(value: Any, path: str) -> int:
    """A mass above zero."""
    result = measure(value, path, MASS_UNITS)
    if result == 0:
        raise Refused("FIELD_INVALID", path, "zero")
    return result


def mass_or_zero(value: Any, path: str) -> int:
    """A mass where the page allows zero (tare)."""
    return measure(value, path, MASS_UNITS)


def share(value: Any, path: str) -> int:
    """A moisture, share or tolerance: at most 100 %."""
    result = measure(value, path, CONTENT_UNITS)
    if result > BILLION:
        raise Refused("FIELD_INVALID", path, "over 100 %")
    return result


def content(value: Any, path: str) -> int:
    """One value of an assay; below a limit counts as zero."""
    if isinstance(value, str) and value.startswith("<"):
        measure(value[1:], path, CONTENT_UNITS)
        return 0
    return measure(value, path, CONTENT_UNITS)


def largest_remainder(quantity: int, weights: list[int]) -> list[int]:
    """Split a quantity in proportion to weights; ties to the one that comes first."""
    total = sum(weights)
    if total == 0:
        assert quantity == 0, "nothing to split over"
        return [0] * len(weights)
    exact = [Fraction(quantity * weight, total) for weight in weights]
    parts = [value.numerator // value.denominator for value in exact]
    left = quantity - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for index in by_remainder[:left]:
        parts[index] += 1
    return parts


def part_of(amount: int, ppb: int) -> int:
    """That many ppb of an amount, floored."""
    return amount * ppb // BILLION


def part_of_up(amount: int, ppb: int) -> int:
    """That many ppb of an amount, rounded up (moisture)."""
    return -(-amount * ppb // BILLION)


def two_decimals(part: int, whole: int) -> str:
    """A percentage printed by flooring."""
    hundredths = 10000 * part // whole
    return f"{hundredths // 100}.{hundredths % 100:02d}"
