"""One server for all of tests/http, with a few parties; and the road of one piece of metal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ledger.book import serial
from tests.cluster import Database
from tests.http.door import ORIGIN, SECRET, Door, open_door, received


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Door]:
    """HEFEI lets the server sign and has two sites; TONGLING signs itself; CHUZHOU buys.

    STRANGER has no part in anything. READER reads for HEFEI, AUDITOR reads everything.
    """
    with open_door(tmp_path_factory.mktemp("door"), database=database) as opened:
        opened.party("HEFEI")
        opened.party("TONGLING", custody="self", share="customers")
        opened.party("CHUZHOU", share="closed")
        opened.party("STRANGER")
        opened.site("HF01", "HEFEI")
        opened.site("HF02", "HEFEI", by="HEFEI")
        opened.site("TL01", "TONGLING", by="TONGLING")
        opened.site("CZ01", "CHUZHOU")
        opened.party("WATCHDOG")
        opened.api_key("WATCHDOG", ["audit"], "AUDITOR")
        opened.api_key("HEFEI", ["read"], "READER")
        yield opened


@dataclass
class Road:
    """What was recorded on the way, by name."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    serial: str = ""


FINAL = {"Al": "96.8 %", "Si": "1.5 %"}


@pytest.fixture(scope="session")
def road(door: Door) -> Road:
    """Old scrap and a supplier's offcuts become an ingot, a certificate, and a buyer's coil."""
    found, done = Road(), {}
    dirt = {"mass": "100 kg", "reason": "dirt"}
    body = received("HF01/SCRAP", gross="12.1 t", tare="2 t", deductions=[dirt])
    del body["mass"]
    private = {"seller": f"{SECRET} Wang", "plate": f"{SECRET}-A"}
    papers = ("waste_note", "weigh_ticket")
    done["receipt"] = door.take("HF01", "lot_received", body, *papers, private=private)
    private = {"note": f"{SECRET} gate 3"}
    for lot in ("TL01/CUT-1", "TL01/CUT-2"):
        body = received(lot, "5 t", "PRE")
        done[lot] = door.take("TL01", "lot_received", body, "scrap_declaration", private=private)
    body = {"consignment": "TL01/C-1", "lots": ["TL01/CUT-1", "TL01/CUT-2"], "mode": "road"}
    body["to"] = {"party": "HEFEI", "site": "HF01"}
    private = {"plate": f"{SECRET}-B"}
    done["dispatch"] = door.take("TL01", "lot_dispatched", body, private=private)
    lots = [
        {"lot": "TL01/CUT-1", "mass": "4 990 kg"},
        {"lot": "TL01/CUT-2", "mass": "5 100 kg", "difference": "accepted"},
    ]
    body = {"consignment": "TL01/C-1", "lots": lots}
    done["arrival"] = door.take("HF01", "lot_arrived", body, "weigh_ticket", private=private)
    done["heat"] = door.ok(heat(door))
    body = {"run": "HF01/HEAT", "outputs": [{"lot": "HF01/INGOT", "assay": FINAL}]}
    done["final"] = door.take("HF01", "run_finalized", body, "lab_report")
    issued = door.certify(["HF01/INGOT"], holder={"party": "CHUZHOU"}, valid_until="2099-12-31")
    done["certificate"] = door.ok(issued)
    found.serial = serial.make(ORIGIN, "HEFEI", issued["id"])
    body = {"consignment": "HF01/C-1", "lots": ["HF01/INGOT"]}
    body["to"] = {"party": "CHUZHOU", "site": "CZ01"}
    done["sold"] = door.take("HF01", "lot_dispatched", body)
    body = {"consignment": "HF01/C-1", "lots": [{"lot": "HF01/INGOT", "mass": "18 t"}]}
    done["bought"] = door.take("CZ01", "lot_arrived", body, "weigh_ticket")
    done["coil"] = door.ok(
        door.run("CZ01", "ROLL", {"HF01/INGOT": "9 t"}, {"CZ01/COIL": ("8.9 t", FINAL)})
    )
    found.answers = done
    return found


def heat(door: Door) -> dict[str, Any]:
    """Three lots into the furnace: an ingot with a provisional assay, dross, and a heel."""
    inputs = {"HF01/SCRAP": "all", "TL01/CUT-1": "all", "TL01/CUT-2": "all"}
    outputs = [
        {"lot": "HF01/INGOT", "role": "product", "mass": "18 t", "assay": {"Al": "96 %"}},
        {"lot": "HF01/DROSS", "role": "byproduct", "mass": "800 kg", "assay": {"Al": "60 %"}},
    ]
    body = {
        "run": "HF01/HEAT", "step": "MELT", "scope": "MAIN", "equipment": "F1", "outputs": outputs,
        "inputs": [{"lot": lot, "mass": mass} for lot, mass in inputs.items()],
        "heel": {"mass": "1 t", "assay": {"Al": "96 %"}},
    }  # fmt: skip
    return door.at("HF01", "run_recorded", body)
