"""One event of every kind with every field, and ways to spoil it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.book import events, jose
from ledger.errors import FormatError

Event = dict[str, Any]
JWK = jose.public_jwk(ec.derive_private_key(5, ec.SECP256R1()).public_key())
SHA = "a1" * 32
EXTERNAL = {"external": True}
MATERIAL = {"metal": "aluminium", "form": "scrap"}
FULL_MATERIAL = {**MATERIAL, "grade": {"scheme": "isri", "code": "TWITCH"}, "hs": "7602"}
PARAMETERS = {
    "closure_tolerance": "0.5 %", "scale_tolerance": 3_000_000, "accepted_limit": "5 %",
    "split_minimum": "1 kg", "strict": False, "same_process": "plant",
    "evidence": {"POST": ["waste_note"]},
}  # fmt: skip
MELT = {
    "run": "HB01/H-1", "step": "MELT", "scope": "CAST", "equipment": "F1",
    "inputs": [{"lot": "HB01/A", "mass": "10 t"}, {"lot": "HB01/B", "mass": "all"}],
    "additions": [{"name": "si_metal", "mass": "120 kg", "assay": {"Si": "98.5 %"}}],
    "outputs": [
        {
            "lot": "HB01/C", "role": "product", "mass": "18.7 t", "moisture": "0 %",
            "assay": {"Al": "96.8 %"}, "assay_grade": "final", "material": FULL_MATERIAL,
        },
    ],
    "heel": {"mass": "5 t", "assay": {"Al": "97 %"}},
    "energy": [{"carrier": "electricity", "wh": 7_400_000}],
}  # fmt: skip

# Every kind with every field.
BODIES: dict[str, Event] = {
    "log_opened": {
        "origin": "demo.remelt.example/anhui", "log_key": "demo+00000000+AAAA",
        "operator": "OPERATOR", "operator_key": JWK, "rules": 1, "parameters": PARAMETERS,
        "tables": {"metals": SHA},
    },
    "policy_set": {"parameters": PARAMETERS, "tables": {"metals": SHA}},
    "party_registered": {
        "party": "HUAIBEI-AL", "country": "CN", "roles": ["smelter"], "identifiers": {"lei": "X1"},
        "key": JWK, "custody": "self", "proof": "a.b.c", "share": "open",
    },
    "key_added": {
        "party": "HUAIBEI-AL", "key": JWK, "custody": "self", "proof": "a.b.c", "label": "phone 2",
    },
    "key_revoked": {"party": "HUAIBEI-AL", "kid": "k" * 43, "reason": "lost"},
    "site_registered": {
        "party": "HUAIBEI-AL", "site": "HB01", "type": "remelter", "country": "CN",
        "region": "CN-AH", "scopes": [{"id": "CAST", "level": "line"}], "equipment": ["F1"],
        "zone": "Asia/Shanghai", "geo": {"lat_e7": 339_700_000, "lon_e7": 1_167_900_000},
    },
    "lot_received": {
        "lot": "HB01/A", "from": {"party": "CHEN"}, "material": FULL_MATERIAL, "gross": "12 t",
        "tare": "0 kg", "deductions": [{"mass": "1 kg", "reason": "dirt"}], "moisture": "1.5 %",
        "assay": {"Al": "93.0 %"}, "assay_grade": "final", "origin": {"POST": "100 %"},
        "ticket": "T-1", "ticket_part": 1,
    },
    "assay_recorded": {
        "lot": "HB01/A", "assay": {"Al": "92 %"}, "moisture": "1 %", "method": "OES",
        "sample": "S-7", "grade": "final",
    },
    "run_recorded": MELT,
    "run_finalized": {
        "run": "HB01/H-1",
        "outputs": [{"lot": "HB01/C", "assay": {"Al": "97 %"}, "moisture": "0 %"}],
    },
    "scrap_declared": {
        "lot": "HB01/A", "class": "PRE", "from_scope": "HB01/PRESS", "process": "stamping",
    },
    "lot_dispatched": {
        "consignment": "HB01/K-1", "lots": ["HB01/A"], "to": {"party": "WUHU", "site": "WH01"},
        "mode": "road",
    },
    "lot_returned": {"consignment": "HB01/K-1", "lots": ["HB01/A"]},
    "lot_arrived": {
        "consignment": "WH01/K-1",
        "lots": [{"lot": "WH01/A", "mass": "10 t", "difference": "accepted"}],
    },
    "certificate_issued": {
        "lots": ["HB01/A"], "substance": "Al", "method": "iso14021-batch", "classes": ["POST"],
        "amount": "all", "holder": {"party": "WUHU"}, "valid_until": "2027-03-31",
    },
    "certificate_revoked": {
        "serial": "8RPA1CWKM4MH", "reason": "error", "lots": ["HB01/A"], "consent": "a.b.c",
    },
}  # fmt: skip
# What the page marks with a question mark.
OPTIONAL = set(
    """
    party_registered.identifiers key_added.label site_registered.region site_registered.equipment
    site_registered.geo lot_received.deductions lot_received.moisture lot_received.assay
    lot_received.assay_grade lot_received.origin lot_received.ticket lot_received.ticket_part
    assay_recorded.moisture assay_recorded.method assay_recorded.sample run_recorded.additions
    run_recorded.heel run_recorded.energy lot_dispatched.mode certificate_issued.holder
    certificate_issued.valid_until certificate_revoked.lots certificate_revoked.consent
    """.split()
)


def event(kind: str = "run_recorded", **changes: Any) -> Event:
    made: Event = {
        "log": "demo.remelt.example/anhui", "id": "0198c3a2-7b1e-7c3a-9f00-2b6f6d0c1a11",
        "kind": kind, "party": "HUAIBEI-AL", "occurred_at": "2026-03-02T09:15:00+08:00",
        "body": copy.deepcopy(BODIES[kind]), "evidence": [{"type": "waste_note", "sha256": SHA}],
    }  # fmt: skip
    if kind in events.SITE_KINDS:
        made["site"] = "HB01"
    return {**made, **changes}


def refusal(payload: Event, *, signed: bool = False, trial: bool = False) -> tuple[str, str]:
    with pytest.raises(FormatError) as caught:
        events.decode(payload, signed=signed, trial=trial)
    return caught.value.code, caught.value.field


def with_body(kind: str, **changes: Any) -> Event:
    made = event(kind)
    made["body"].update(changes)
    return made


def without(kind: str, *names: str) -> Event:
    made = event(kind)
    for name in names:
        del made["body"][name]
    return made
