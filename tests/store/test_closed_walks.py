"""Declared scrap that comes back by way of a friend's furnace: the rules cannot see it."""

from __future__ import annotations

from ledger.service import Ledger
from tests.store import plant
from tests.store.plant import Envelope


def _moved(name: str, lot: str, mass: str, from_: str, to: str) -> list[Envelope]:
    """A lot goes from one of the two sites to the other."""
    where = {"party": plant.OWNERS[to], "site": to}
    sent = {"consignment": f"{from_}/{name}", "lots": [lot], "to": where}
    came = {"consignment": f"{from_}/{name}", "lots": [{"lot": lot, "mass": mass}]}
    tickets = [plant.paper("weigh_ticket", name)]
    return [
        plant.at(from_, "lot_dispatched", sent),
        plant.at(to, "lot_arrived", came, evidence=tickets),
    ]


def _carousel(*, home: str) -> list[Envelope]:
    """HF01 declares a skeleton scrap, WH01 melts it, and the ingot is melted at `home`."""
    invoice = [plant.paper("invoice", "coil")]
    prime = {"origin": {"PRIM": "100 %"}, "evidence": invoice}
    coil = plant.receipt("HF01/COIL")
    coil["body"]["origin"], coil["evidence"] = prime["origin"], prime["evidence"]
    parts = [
        plant.made("HF01/PARTS", "6 t", al="95 %"),
        plant.made("HF01/SKEL", "4 t", role="byproduct", al="95 %"),
    ]
    declared = {
        "lot": "HF01/SKEL", "class": "PRE", "from_scope": "HF01/CAST", "process": "stamping",
    }  # fmt: skip
    told = [
        coil,
        plant.run("HF01/P-1", "STAMP", ["HF01/COIL"], parts),
        plant.at("HF01", "scrap_declared", declared, evidence=[plant.paper("waste_note", "S")]),
        *_moved("K-1", "HF01/SKEL", "4 t", "HF01", "WH01"),
        plant.run("WH01/H-1", "MELT", ["HF01/SKEL"], [plant.made("WH01/I", "3.9 t", al="95 %")],
                  equipment="F1"),
    ]  # fmt: skip
    back = _moved("K-2", "WH01/I", "3.9 t", "WH01", "HF01") if home == "HF01" else []
    last = plant.run(
        f"{home}/H-2", "MELT", ["WH01/I"], [plant.made(f"{home}/J", "3.8 t", al="95 %")],
        equipment="F1",
    )  # fmt: skip
    return [*told, *back, last]


def test_a_carousel_is_listed(running: Ledger) -> None:
    plant.accept(running, *_carousel(home="HF01"))
    report = plant.audited(running)
    assert report.finding is None
    assert report.closed_walks == ("HF01/SKEL declared scrap of HF01 came back as HF01/J",)


def test_metal_that_stays_away_is_not(running: Ledger) -> None:
    plant.accept(running, *_carousel(home="WH01"))
    assert plant.audited(running).closed_walks == ()
