"""Tables of the shortest ways to a code, and the events they are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.http.door import Door, received

Way = Callable[[Door], tuple[httpx.Response, str]]
TO_CHUZHOU = {"party": "CHUZHOU", "site": "CZ01"}


def table(ways: dict[str, Way]) -> Callable[[str], Callable[[Way], Way]]:
    """A decorator for `ways`: what it decorates gives an answer with that code, and its field."""

    def reaches(code: str) -> Callable[[Way], Way]:
        def keep(way: Way) -> Way:
            assert code not in ways
            ways[code] = way
            return way

        return keep

    return reaches


def receipt(door: Door, **changes: Any) -> dict[str, Any]:
    body = received(f"HF01/{door.name('L')}")
    return door.at("HF01", "lot_received", {**body, **changes}, "waste_note")


def heat(door: Door, lot: str, **more: Any) -> dict[str, Any]:
    outputs = {f"HF01/{door.name('I')}": ("9 t", {"Al": "95 %"})}
    return door.run("HF01", "MELT", {lot: "all"}, outputs, equipment="F2", **more)


def dispatch(door: Door, lots: list[str], to: dict[str, Any]) -> dict[str, Any]:
    consignment = f"{lots[0].partition('/')[0]}/{door.name('C')}"
    body = {"consignment": consignment, "lots": lots, "to": to}
    return door.at(lots[0].partition("/")[0], "lot_dispatched", body)


def on_the_road(door: Door) -> tuple[str, str]:
    """A lot on the way from HEFEI to CHUZHOU, and its consignment."""
    lot = door.stock("HF01")
    sent = dispatch(door, [lot], TO_CHUZHOU)
    door.ok(sent)
    return lot, sent["body"]["consignment"]


def wide(door: Door) -> dict[str, Any]:
    """A dispatch of many lots of many elements: names in the event, every line in its entry."""
    symbols = "Al B Be Bi Ca Cd Cr Cu Fe Ga Li Mg Mn Na Ni P Pb Sb Si Sn Sr Ti V Zn Zr".split()
    assay = dict.fromkeys(symbols, "1 %")
    lots = [f"HF01/{door.name('WIDE')}" for _ in range(60)]
    rows = [
        door.at("HF01", "lot_received", received(lot, assay=assay), "waste_note") for lot in lots
    ]
    assert all(row["ok"] for row in door.batch(rows).json()["results"])
    return dispatch(door, lots, TO_CHUZHOU)
