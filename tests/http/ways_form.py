"""Codes of the form of an event, of its log, id and key, of parties, sites and times."""

from __future__ import annotations

import functools
import time
from typing import Any

import httpx

from ledger import keys, statements
from tests.http import ways
from tests.http.door import SCRAP, Door, new_key, received

WAYS: dict[str, ways.Way] = {}
reaches = ways.table(WAYS)


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
        return door.send(ways.receipt(door, **{name: value})), field
    name, value, field = IN_THE_ENVELOPE[code]
    return door.send(ways.receipt(door) | {name: value}), field


for wrong in (*IN_THE_BODY, *IN_THE_ENVELOPE):
    reaches(wrong)(functools.partial(_wrong_receipt, code=wrong))


# Form.


@reaches("JSON_INVALID")
def _(door: Door) -> tuple[httpx.Response, str]:
    return door.post(b'{"log":', "HEFEI"), ""


@reaches("FIELD_MISSING")
def _(door: Door) -> tuple[httpx.Response, str]:
    envelope = ways.receipt(door)
    del envelope["body"]["material"]
    return door.send(envelope), "body.material"


@reaches("ORIGIN_EVIDENCE_MISSING")
def _(door: Door) -> tuple[httpx.Response, str]:
    body = {"lot": "HF01/X", "class": "PRE", "from_scope": "HF01/MAIN", "process": "stamping"}
    return door.send(door.at("HF01", "scrap_declared", body)), "evidence"


# The log, the id, the key.


@reaches("IDEMPOTENCY_CONFLICT")
def _(door: Door) -> tuple[httpx.Response, str]:
    first = ways.receipt(door)
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
    return door.send(ways.receipt(door) | {"occurred_at": soon}), "occurred_at"


@reaches("EVENT_OUT_OF_ORDER")
def _(door: Door) -> tuple[httpx.Response, str]:
    earlier = ways.heat(door, door.stock("HF01")) | {"occurred_at": "2026-01-01T00:00:00Z"}
    return door.send(earlier), "body.inputs[0].lot"
