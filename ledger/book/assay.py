"""Composition: assays, moisture, origin shares, and the milligrams they give.

wet = H2O + OTHER + the elements, exactly, always (docs/events.md section 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.book import mass, vocabulary
from ledger.book.shape import invalid, join
from ledger.errors import FormatError

OTHER: Final = "OTHER"
WATER: Final = "H2O"
Assay = dict[str, int]  # element -> ppb of dry mass
Shares = dict[str, int]  # origin class -> ppb, summing to 10^9
Origin = dict[str, Shares]  # element -> shares; "*" stands for every element


def parse_element(name: str, path: str) -> str:
    """A chemical element symbol, or FormatError ELEMENT_UNKNOWN."""
    if name not in vocabulary.ELEMENTS:
        raise FormatError(
            "ELEMENT_UNKNOWN",
            f"{path}: {name[:20]!r} is not the symbol of an element",
            field=path,
            value=name,
            hint='symbols as in the periodic table: "Al", "Cu", "Li"',
        )
    return name


def parse_assay(value: Any, path: str) -> Assay:
    """Element contents in ppb of dry mass; "<x" is kept in the statement and counts as 0.

    Raises FormatError ELEMENT_UNKNOWN, a number code, or ASSAY_SUM_OVER_100.
    """
    if not isinstance(value, dict):
        raise invalid(path, value, 'an object such as {"Al": "93.0 %"}')
    for name in value:
        parse_element(name, join(path, name))
    assay = {name: _content(value[name], join(path, name)) for name in value}
    if sum(assay.values()) > mass.PPB:
        raise FormatError(
            "ASSAY_SUM_OVER_100",
            f"{path}: the contents add up to {sum(assay.values())} ppb, more than 10^9",
            field=path,
            value=sum(assay.values()),
            hint="contents are shares of the dry mass and add up to at most 100 %",
        )
    return assay


def _content(value: Any, path: str) -> int:
    if isinstance(value, str) and value.startswith("<"):
        mass.parse_content(value[1:], path)
        return 0
    return mass.parse_content(value, path)


def parse_origin(value: Any, path: str) -> Origin:
    """Origin shares for all elements, or per element.

    Raises FormatError ELEMENT_UNKNOWN, VOCABULARY_UNKNOWN, a number code or ORIGIN_SPLIT_INVALID.
    """
    if not isinstance(value, dict):
        raise invalid(path, value, 'an object such as {"POST": "60 %", "PRE": "40 %"}')
    if any(isinstance(member, dict) for member in value.values()):
        for name in value:
            parse_element(name, join(path, name))
        return {name: _parse_shares(value[name], join(path, name)) for name in value}
    return {"*": _parse_shares(value, path)}


def _parse_shares(value: Any, path: str) -> Shares:
    if not isinstance(value, dict):
        raise invalid(path, value, "shares of origin classes, for this element too")
    for name in value:
        if name not in vocabulary.ORIGINS:
            raise FormatError(
                "VOCABULARY_UNKNOWN",
                f"{join(path, name)}: unknown origin class {name[:20]!r}",
                field=join(path, name),
                value=name,
                hint=f"one of {', '.join(vocabulary.ORIGINS)}",
            )
    shares = {name: mass.parse_share(value[name], join(path, name)) for name in value}
    if sum(shares.values()) != mass.PPB:
        raise FormatError(
            "ORIGIN_SPLIT_INVALID",
            f"{path}: the shares add up to {sum(shares.values())} ppb, want exactly 10^9",
            field=path,
            value=sum(shares.values()),
            hint="shares of origin classes add up to exactly 100 %; leave origin out if unknown",
        )
    return shares


def grams(wet_mg: int, moisture_ppb: int, assay: Mapping[str, int]) -> dict[str, int]:
    """Milligrams per substance of `wet_mg`: H2O rounded up, elements down, OTHER the rest.

    Every element of the assay is in the answer, with 0 where nothing is left after flooring.
    """
    water_mg = -(-wet_mg * moisture_ppb // mass.PPB)
    return grams_beside_water(wet_mg, water_mg, assay)


def grams_beside_water(wet_mg: int, water_mg: int, assay: Mapping[str, int]) -> dict[str, int]:
    """The same where the water is known in milligrams."""
    dry_mg = wet_mg - water_mg
    substances = {name: dry_mg * ppb // mass.PPB for name, ppb in assay.items()}
    substances[OTHER] = dry_mg - sum(substances.values())
    substances[WATER] = water_mg
    return substances
