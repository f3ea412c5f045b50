"""Codes of lots, runs, consignments, arithmetic, certificates and sizes."""

from __future__ import annotations

import httpx
from sqlalchemy import delete, insert

from ledger.book import serial, state
from ledger.store import codec, tables
from ledger.store import engine as engines
from tests.http import ways
from tests.http.door import ORIGIN, Door, document, received

WAYS: dict[str, ways.Way] = {}
reaches = ways.table(WAYS)


# Lots, runs, consignments.


@reaches("LOT_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.heat(door, "HF01/NOWHERE")), "body.inputs[0].lot"


@reaches("LOT_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.receipt(door, lot=door.stock("HF01"))), "body.lot"


@reaches("LOT_CONSUMED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(ways.heat(door, lot))
    return door.send(ways.heat(door, lot)), "body.inputs[0].lot"


@reaches("LOT_INSUFFICIENT")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    return door.send(door.run("HF01", "PACK", {lot: "11 t"}, {"HF01/X": "rest"})), (
        "body.inputs[0].mass"
    )


@reaches("LOT_ELSEWHERE")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    run = door.run("HF02", "PACK", {lot: "all"}, {"HF02/X": "rest"})
    return door.send(run), "body.inputs[0].lot"


@reaches("LOT_IN_TRANSIT")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.heat(door, ways.on_the_road(door)[0])), "body.inputs[0].lot"


@reaches("LOT_CERTIFIED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(door.certify([lot]))
    return door.send(ways.heat(door, lot)), "body.inputs[0].lot"


@reaches("LOT_CERTIFICATES_FULL")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    issued = door.batch([door.certify([lot], amount=1) for _ in range(64)]).json()
    assert all(row["ok"] for row in issued["results"])
    return door.send(door.certify([lot], amount=1)), "body.lots[0]"


@reaches("LOT_TOUCHED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(door.run("HF01", "PACK", {lot: "5 t"}, {f"HF01/{door.name('P')}": "rest"}))
    body = {"lot": lot, "assay": {"Al": "94 %"}, "grade": "final"}
    return door.send(door.at("HF01", "assay_recorded", body, "lab_report")), "body.lot"


@reaches("RUN_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    outputs = [{"lot": door.stock("HF01"), "assay": {"Al": "94 %"}}]
    body = {"run": "HF01/NEVER", "outputs": outputs}
    return door.send(door.at("HF01", "run_finalized", body)), "body.run"


@reaches("RUN_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    first, second = (ways.heat(door, door.stock("HF01")) for _ in range(2))
    door.ok(first)
    second["body"]["run"] = first["body"]["run"]
    return door.send(second), "body.run"


@reaches("SCOPE_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.heat(door, door.stock("HF01"), scope="CELLAR")), "body.scope"


@reaches("STEP_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(door.run("HF01", "TRANSMUTE", {"HF01/X": "all"}, {})), "body.step"


@reaches("CONSIGNMENT_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"consignment": "HF01/NEVER", "lots": [{"lot": door.stock("HF01"), "mass": "1 t"}]}
    return door.send(door.at("CZ01", "lot_arrived", body)), "body.consignment"


@reaches("CONSIGNMENT_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    first, second = (ways.dispatch(door, [door.stock("HF01")], ways.TO_CHUZHOU) for _ in range(2))
    door.ok(first)
    second["body"]["consignment"] = first["body"]["consignment"]
    return door.send(second), "body.consignment"


@reaches("TICKET_REUSED")
def _(door: Door) -> tuple[httpx.Response, str]:
    papers = [document("waste_note", door.name("the same paper "))]
    door.ok(ways.receipt(door) | {"evidence": papers})
    body = received(f"CZ01/{door.name('L')}")
    return door.send(door.at("CZ01", "lot_received", body) | {"evidence": papers}), (
        "evidence[0].sha256"
    )


@reaches("WEIGHT_MISMATCH")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot, consignment = ways.on_the_road(door)
    body = {"consignment": consignment, "lots": [{"lot": lot, "mass": "9.9 t"}]}
    return door.send(door.at("CZ01", "lot_arrived", body, "weigh_ticket")), "body.lots[0].mass"


# Runs: arithmetic and classes.


@reaches("HEEL_DISCONTINUITY")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.receipt(door, lot=f"HF01/HEEL-{door.name('F')}")), "body.lot"


@reaches("SPLIT_TOO_SMALL")
def _(door: Door) -> tuple[httpx.Response, str]:
    outputs = {f"HF01/{door.name('P')}": mass for mass in ("500 g", "rest")}
    run = door.run("HF01", "SPLIT", {door.stock("HF01"): "all"}, outputs)
    return door.send(run), "body.outputs[0].mass"


@reaches("MASS_NOT_CLOSED")
def _(door: Door) -> tuple[httpx.Response, str]:
    run = door.run("HF01", "PACK", {door.stock("HF01"): "all"}, {"HF01/X": "9 t"})
    return door.send(run), "body.outputs"


@reaches("ELEMENT_GAIN_OUT_OF_TOLERANCE")
def _(door: Door) -> tuple[httpx.Response, str]:
    outputs = {f"HF01/{door.name('I')}": ("11 t", {"Al": "95 %"})}
    run = door.run("HF01", "MELT", {door.stock("HF01"): "all"}, outputs, equipment="F2")
    return door.send(run), "body.outputs"


@reaches("CLASS_CHANGE_FORBIDDEN")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"lot": "HF01/X", "class": "POST", "from_scope": "HF01/MAIN", "process": "stamping"}
    return door.send(door.at("HF01", "scrap_declared", body, "scrap_declaration")), "body.class"


@reaches("SCRAP_SCOPE_SAME_PROCESS")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = f"HF01/{door.name('TRIM')}"
    stock = door.stock("HF01", origin="PRIM")
    run = door.run("HF01", "STAMP", {stock: "all"}, {lot: ("9 t", {"Al": "95 %"})})
    run["body"]["outputs"][0]["role"] = "internal_scrap"
    door.ok(run)
    body = {"lot": lot, "class": "PRE", "from_scope": "HF01/MAIN", "process": "stamping"}
    return door.send(door.at("HF01", "scrap_declared", body, "scrap_declaration")), "body.lot"


# Certificates.


@reaches("ASSAY_MISSING")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(door.certify([door.stock("HF01")], substance="Cu")), "body.lots[0]"


@reaches("ASSAY_PROVISIONAL")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01", assay_grade="provisional")
    return door.send(door.certify([lot])), "body.lots[0]"


@reaches("CLAIM_EXCEEDS_ORIGIN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(door.certify([door.stock("HF01", origin="PRIM")])), "body.amount"


@reaches("CLAIM_ALREADY_USED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(door.certify([lot]))
    return door.send(door.certify([lot])), "body.amount"


@reaches("SERIAL_TAKEN")
def _(door: Door) -> tuple[httpx.Response, str]:
    # Only another id with the same 55 bits could do this: so the object is put there by hand.
    envelope = door.certify([door.stock("HF01")])
    number = serial.make(ORIGIN, "HEFEI", envelope["id"])
    taken = codec.encode(state.Certificate("CHUZHOU", "Al", {"POST": 1}, None, None))
    row = {"log_id": door.ledger.log_id, "key": f"certificate:{number}", "n": 1, "state": taken}
    with engines.writing(door.ledger.engine) as connection:
        connection.execute(insert(tables.objects), row)
    response = door.send(envelope)
    with engines.writing(door.ledger.engine) as connection:
        connection.execute(delete(tables.objects).where(tables.objects.c.key == row["key"]))
    return response, "id"


@reaches("CERTIFICATE_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"serial": serial.make(ORIGIN, "HEFEI", "never"), "reason": "error"}
    return door.send(door.event("certificate_revoked", body, "HEFEI")), "body.serial"


@reaches("CERTIFICATE_REVOKED")
def _(door: Door) -> tuple[httpx.Response, str]:
    issued = door.certify([door.stock("HF01")])
    door.ok(issued)
    body = {"serial": serial.make(ORIGIN, "HEFEI", issued["id"]), "reason": "error"}
    door.record("certificate_revoked", body, "HEFEI")
    return door.send(door.event("certificate_revoked", body, "HEFEI")), "body.serial"


@reaches("METHOD_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(door.certify(["HF01/X"], method="mass-balance")), "body.method"


# Sizes.


@reaches("ENTRY_TOO_LARGE")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(ways.wide(door)), ""


@reaches("EVENT_TOO_LARGE")
def _(door: Door) -> tuple[httpx.Response, str]:
    many = [{"name": "si_metal", "mass": "1 kg"}] * 1000
    return door.send(ways.heat(door, door.stock("HF01"), additions=many)), ""
