"""Balances: substance -> line -> milligrams, and taking from them by largest remainder.

A line is an origin, or origin/claim: "POST", "PRE/sold", "POST/ABCDEFGHJKMN"; "-" for OTHER and
H2O. Zero lines are never kept. Source: docs/format.md, book; docs/events.md section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from ledger.book import mass

Lines = dict[str, int]
Balances = dict[str, Lines]

UNCLASSED: Final = "-"
SOLD: Final = "sold"
_CLASS_RANK: Final = {"PRE": 0, "BMW": 1, "POST": 2}


@lru_cache(maxsize=65536)
def rank(line: str) -> tuple[int, int, str]:
    """The place of a line, least claimable first: ties go against the claim.

    UNK, PRIM; then sold PRE, BMW, POST; then certified PRE, BMW, POST, in a class serials
    ascending; then free PRE, BMW, POST.
    """
    origin, claim = split(line)
    if origin not in _CLASS_RANK:
        return (0, 1 if origin == "PRIM" else 0, "")
    level = 3 if not claim else 1 if claim == SOLD else 2
    return (level, _CLASS_RANK[origin], claim)


@lru_cache(maxsize=65536)
def split(line: str) -> tuple[str, str]:
    """Origin and claim ("" when free) of a line."""
    origin, _, claim = line.partition("/")
    return origin, claim


@lru_cache(maxsize=65536)
def serial_of(line: str) -> str:
    """The certificate's serial a line is held under, or ""."""
    claim = split(line)[1]
    return "" if claim == SOLD else claim


def wet_mg(balances: Balances) -> int:
    """The weight of everything, water included."""
    return sum(sum(lines.values()) for lines in balances.values())


def substance_mg(balances: Balances, substance: str) -> int:
    """Grams of one substance over all lines, in mg."""
    return sum(balances.get(substance, {}).values())


def add(balances: Balances, substance: str, line: str, mass_mg: int) -> None:
    """Add to one line in place, dropping it at zero."""
    lines = balances.setdefault(substance, {})
    balance = lines.get(line, 0) + mass_mg
    if balance:
        lines[line] = balance
        return
    lines.pop(line, None)
    if not lines:
        del balances[substance]


def add_all(balances: Balances, more: Balances, sign: int = 1) -> None:
    """Add every line of `more`, times `sign`, in place."""
    for substance, page in more.items():
        lines = balances.get(substance)
        if lines is None:
            if fresh := {line: sign * mass_mg for line, mass_mg in page.items() if mass_mg}:
                balances[substance] = fresh
            continue
        for line, mass_mg in page.items():
            balance = lines.get(line, 0) + sign * mass_mg
            if balance:
                lines[line] = balance
            else:
                lines.pop(line, None)
        if not lines:
            del balances[substance]


def copy(balances: Balances) -> Balances:
    """A copy that can be changed."""
    return {substance: dict(lines) for substance, lines in balances.items()}


def take_lines(lines: Lines, mass_mg: int) -> Lines:
    """`mass_mg` of one substance, split over its lines by largest remainder."""
    if len(lines) == 1 and mass_mg:
        return dict.fromkeys(lines, mass_mg)
    order = sorted(lines, key=rank)
    parts = mass.largest_remainder(mass_mg, [lines[line] for line in order])
    return {line: part for line, part in zip(order, parts, strict=True) if part}


def take(balances: Balances, mass_mg: int) -> Balances:
    """`mass_mg` wet of a lot: split over substances (by code point), then over their lines."""
    order = sorted(balances)
    weights = [sum(balances[substance].values()) for substance in order]
    if mass_mg == sum(weights):
        return copy(balances)
    parts = mass.largest_remainder(mass_mg, weights)
    taken = {
        substance: take_lines(balances[substance], part)
        for substance, part in zip(order, parts, strict=True)
        if part
    }
    return taken


def serials(balances: Balances) -> list[str]:
    """The serials of the certificates that hold grams here, ascending."""
    return sorted({s for lines in balances.values() for line in lines if (s := serial_of(line))})


def mentioned_serials(pages: Mapping[str, Iterable[str]]) -> set[str]:
    """The serials in whose name a passbook page has lines, also where they fell to zero."""
    named = {line for page in pages.values() for line in page if "/" in line}
    return {s for line in named if (s := serial_of(line))}


def held_mg(balances: Balances, serial: str) -> dict[str, dict[str, int]]:
    """substance -> line -> mg of what a certificate holds here."""
    return {
        substance: held
        for substance, lines in balances.items()
        if (held := {line: mg for line, mg in lines.items() if serial_of(line) == serial})
    }


def attribute(pool: Lines, parts_mg: Iterable[int]) -> list[Lines]:
    """Sequential largest remainder: each part takes in turn from what is left, the last the rest.

    The parts sum to the pool, so rows and columns are exact. Source: docs/events.md section 3.6.
    """
    left = dict(pool)
    shares = []
    for part_mg in parts_mg:
        share = take_lines(left, part_mg) if part_mg else {}
        for line, mass_mg in share.items():
            left[line] -= mass_mg
        shares.append(share)
    return shares
