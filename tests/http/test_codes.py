"""Every code of the event page, reached by a client of the server: a table of the shortest ways."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import delete, insert

from ledger import keys, statements
from ledger.book import serial, state
from ledger.errors import EVENT_CODES
from ledger.store import codec, tables
from ledger.store import engine as engines
from tests.http.door import ORIGIN, SCRAP, Door, document, new_key, received, refused

Way = Callable[[Door], tuple[httpx.Response, str]]
WAYS: dict[str, Way] = {}


def reaches(code: str) -> Callable[[Way], Way]:
    """The decorated way gives an answer with this code, and the field that it names."""

    def keep(way: Way) -> Way:
        assert code not in WAYS
        WAYS[code] = way
        return way

    return keep


def _receipt(door: Door, **changes: Any) -> dict[str, Any]:
    body = received(f"HF01/{door.name('L')}")
    return door.at("HF01", "lot_received", {**body, **changes}, "waste_note")


def _heat(door: Door, lot: str, **more: Any) -> dict[str, Any]:
    outputs = {f"HF01/{door.name('I')}": ("9 t", {"Al": "95 %"})}
    return door.run("HF01", "MELT", {lot: "all"}, outputs, equipment="F2", **more)


def _dispatch(door: Door, lots: list[str], to: dict[str, Any]) -> dict[str, Any]:
    consignment = f"{lots[0].partition('/')[0]}/{door.name('C')}"
    body = {"consignment": consignment, "lots": lots, "to": to}
    return door.at(lots[0].partition("/")[0], "lot_dispatched", body)


TO_CHUZHOU = {"party": "CHUZHOU", "site": "CZ01"}


def _on_the_road(door: Door) -> tuple[str, str]:
    """A lot on the way from HEFEI to CHUZHOU, and its consignment."""
    lot = door.stock("HF01")
    sent = _dispatch(door, [lot], TO_CHUZHOU)
    door.ok(sent)
    return lot, sent["body"]["consignment"]


@pytest.mark.parametrize("code", EVENT_CODES)
def test_a_client_can_meet(door: Door, code: str) -> None:
    response, field = WAYS[code](door)
    refused(response, code, field)


def test_the_table_names_no_code_that_the_page_does_not_have() -> None:
    assert set(WAYS) == set(EVENT_CODES)


# A receipt with something wrong in its body, or in its envelope.

IN_THE_BODY: dict[str, tuple[str, Any, str]] = {
    "FIELD_UNKNOWN": ("colour", "grey", "body.colour"),
    "FIELD_INVALID": ("mass", 0, "body.mass"),
    "NUMBER_NOT_EXACT": ("mass", "1.0000000001 t", "body.mass"),
    "UNIT_UNKNOWN": ("mass", "5 lb", "body.mass"),
    "ELEMENT_UNKNOWN": ("assay", {"Xx": "5 %"}, "body.assay.Xx"),
    "VOCABULARY_UNKNOWN": ("material", {**SCRAP, "metal": "mithril"}, "body.material.metal"),
    "ASSAY_SUM_OVER_100": ("assay", {"Al": "60 %", "Si": "60 %"}, "body.assay"),
    "ORIGIN_SPLIT_INVALID": ("origin", {"POST": "60 %", "PRE": "30 %"}, "body.origin"),
    "PARTY_UNKNOWN": ("from", {"party": "NOBODY"}, "body.from.party"),
    "HANDOVER_REQUIRED": ("from", {"party": "CHUZHOU"}, "body.from.party"),
}
IN_THE_ENVELOPE = {
    "KIND_UNKNOWN": ("kind", "audit_note", "kind"),
    "TIME_INVALID": ("occurred_at", "2026-03-02T09:15:00", "occurred_at"),
    "LOG_MISMATCH": ("log", "demo.remelt.example/other", "log"),
}


def _wrong_receipt(door: Door, code: str) -> tuple[httpx.Response, str]:
    if code in IN_THE_BODY:
        name, value, field = IN_THE_BODY[code]
        return door.send(_receipt(door, **{name: value})), field
    name, value, field = IN_THE_ENVELOPE[code]
    return door.send(_receipt(door) | {name: value}), field


for wrong in (*IN_THE_BODY, *IN_THE_ENVELOPE):
    reaches(wrong)(functools.partial(_wrong_receipt, code=wrong))


# Form.


@reaches("JSON_INVALID")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.post(b'{"log":', "HEFEI"), ""


@reaches("FIELD_MISSING")
def _(door: Door) -> tuple[httpx.Response, str]:
    envelope = _receipt(door)
    del envelope["body"]["material"]
    return door.send(envelope), "body.material"


@reaches("ORIGIN_EVIDENCE_MISSING")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"lot": "HF01/X", "class": "PRE", "from_scope": "HF01/MAIN", "process": "stamping"}
    return door.send(door.at("HF01", "scrap_declared", body)), "evidence"


# The log, the id, the key.


@reaches("IDEMPOTENCY_CONFLICT")
def _(door: Door) -> tuple[httpx.Response, str]:
    first = _receipt(door)
    door.ok(first)
    return door.send({**first, "body": {**first["body"], "mass": "11 t"}}), "body.mass"


@reaches("SIGNATURE_INVALID")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = received(f"TL01/{door.name('L')}")
    sealed = door.sealed(door.at("TL01", "lot_received", body, "waste_note"))
    sealed["statement"] = sealed["statement"].rpartition(".")[0] + "." + "A" * 86
    return door.post(sealed, "TONGLING"), "statement"


@reaches("KEY_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    envelope = door.at("TL01", "lot_received", received(f"TL01/{door.name('L')}"), "waste_note")
    stranger = keys.new_party_key()
    return door.post(statements.sign(envelope, stranger).as_dict(), "TONGLING"), "kid"


@reaches("KEY_REVOKED")
def _(door: Door) -> tuple[httpx.Response, str]:
    key = keys.new_party_key()
    added = {"party": "TONGLING", "custody": "self", **new_key("TONGLING", key)}
    door.record("key_added", added, "TONGLING")
    gone = {"party": "TONGLING", "kid": keys.kid_of(key), "reason": "lost"}
    door.record("key_revoked", gone, "TONGLING")
    envelope = door.at("TL01", "lot_received", received(f"TL01/{door.name('L')}"), "waste_note")
    return door.post(statements.sign(envelope, key).as_dict(), "TONGLING"), "kid"


# Parties, sites, time.


@reaches("PARTY_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    again = door.event("party_registered", **door.registration("HEFEI", custody="operator"))
    return door.send(again), "body.party"


@reaches("SITE_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    envelope = door.event("lot_received", received("ZZ99/A"), "HEFEI", site="ZZ99")
    return door.send(envelope), "site"


@reaches("SITE_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"site": "HF01", "party": "CHUZHOU", "type": "plant", "country": "CN", "scopes": []}
    private = {"name": "ours"}
    envelope = door.event("site_registered", {**body, "zone": "UTC"}, "CHUZHOU", private=private)
    return door.send(envelope), "body.site"


@reaches("PERMISSION_DENIED")
def _(door: Door) -> tuple[httpx.Response, str]:
    envelope = door.event("lot_received", received("HF01/A"), "CHUZHOU", site="HF01")
    return door.send(envelope), "party"


@reaches("EVENT_IN_FUTURE")
def _(door: Door) -> tuple[httpx.Response, str]:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 660))
    return door.send(_receipt(door) | {"occurred_at": soon}), "occurred_at"


@reaches("EVENT_OUT_OF_ORDER")
def _(door: Door) -> tuple[httpx.Response, str]:
    earlier = _heat(door, door.stock("HF01")) | {"occurred_at": "2026-01-01T00:00:00Z"}
    return door.send(earlier), "body.inputs[0].lot"


# Lots, runs, consignments.


@reaches("LOT_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(_heat(door, "HF01/NOWHERE")), "body.inputs[0].lot"


@reaches("LOT_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(_receipt(door, lot=door.stock("HF01"))), "body.lot"


@reaches("LOT_CONSUMED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(_heat(door, lot))
    return door.send(_heat(door, lot)), "body.inputs[0].lot"


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
    return door.send(_heat(door, _on_the_road(door)[0])), "body.inputs[0].lot"


@reaches("LOT_CERTIFIED")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot = door.stock("HF01")
    door.ok(door.certify([lot]))
    return door.send(_heat(door, lot)), "body.inputs[0].lot"


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
    first, second = (_heat(door, door.stock("HF01")) for _ in range(2))
    door.ok(first)
    second["body"]["run"] = first["body"]["run"]
    return door.send(second), "body.run"


@reaches("SCOPE_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(_heat(door, door.stock("HF01"), scope="CELLAR")), "body.scope"


@reaches("STEP_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(door.run("HF01", "TRANSMUTE", {"HF01/X": "all"}, {})), "body.step"


@reaches("CONSIGNMENT_UNKNOWN")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"consignment": "HF01/NEVER", "lots": [{"lot": door.stock("HF01"), "mass": "1 t"}]}
    return door.send(door.at("CZ01", "lot_arrived", body)), "body.consignment"


@reaches("CONSIGNMENT_DUPLICATE")
def _(door: Door) -> tuple[httpx.Response, str]:
    first, second = (_dispatch(door, [door.stock("HF01")], TO_CHUZHOU) for _ in range(2))
    door.ok(first)
    second["body"]["consignment"] = first["body"]["consignment"]
    return door.send(second), "body.consignment"


@reaches("TICKET_REUSED")
def _(door: Door) -> tuple[httpx.Response, str]:
    papers = [document("waste_note", door.name("the same paper "))]
    door.ok(_receipt(door) | {"evidence": papers})
    body = received(f"CZ01/{door.name('L')}")
    return door.send(door.at("CZ01", "lot_received", body) | {"evidence": papers}), (
        "evidence[0].sha256"
    )


@reaches("WEIGHT_MISMATCH")
def _(door: Door) -> tuple[httpx.Response, str]:
    lot, consignment = _on_the_road(door)
    body = {"consignment": consignment, "lots": [{"lot": lot, "mass": "9.9 t"}]}
    return door.send(door.at("CZ01", "lot_arrived", body, "weigh_ticket")), "body.lots[0].mass"


# Runs: arithmetic and classes.


@reaches("HEEL_DISCONTINUITY")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(_receipt(door, lot=f"HF01/HEEL-{door.name('F')}")), "body.lot"


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


def _wide(door: Door) -> dict[str, Any]:
    """A dispatch of many lots of many elements: names in the event, every line in its entry."""
    symbols = "Al B Be Bi Ca Cd Cr Cu Fe Ga Li Mg Mn Na Ni P Pb Sb Si Sn Sr Ti V Zn Zr".split()
    assay = dict.fromkeys(symbols, "1 %")
    lots = [f"HF01/{door.name('WIDE')}" for _ in range(60)]
    rows = [
        door.at("HF01", "lot_received", received(lot, assay=assay), "waste_note") for lot in lots
    ]
    assert all(row["ok"] for row in door.batch(rows).json()["results"])
    return _dispatch(door, lots, TO_CHUZHOU)


@reaches("ENTRY_TOO_LARGE")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.send(_wide(door)), ""


@reaches("EVENT_TOO_LARGE")
def _(door: Door) -> tuple[httpx.Response, str]:
    many = [{"name": "si_metal", "mass": "1 kg"}] * 1000
    return door.send(_heat(door, door.stock("HF01"), additions=many)), ""


def test_what_is_too_large_leaves_the_lots_where_they_were(door: Door) -> None:
    dispatch = _wide(door)
    assert len(orjson.dumps(dispatch)) < 32 * 1024
    size = door.size()
    refused(door.send(dispatch, dry_run="true"), "ENTRY_TOO_LARGE")
    refused(door.send(dispatch), "ENTRY_TOO_LARGE")
    assert door.size() == size
    lots = dispatch["body"]["lots"]
    assert door.get(f"/v1/lots/{lots[0]}", "HEFEI").json()["state"] == "lying"
    for half in (lots[:30], lots[30:]):
        door.ok(_dispatch(door, half, TO_CHUZHOU))


def test_a_proof_of_possession_by_another_key_is_no_proof(door: Door) -> None:
    mine, other = keys.new_party_key(), keys.new_party_key()
    for proof in (
        statements.proof_of_possession(ORIGIN, "TONGLING", other),
        statements.proof_of_possession(ORIGIN, "HEFEI", mine),
        statements.proof_of_possession("demo.remelt.example/other", "TONGLING", mine),
    ):
        body = {"party": "TONGLING", "custody": "self", **new_key("TONGLING", mine)}
        added = door.event("key_added", {**body, "proof": proof})
        refused(door.send(added), "SIGNATURE_INVALID", "body.proof")
