"""Good events with something changed at random: taken or refused with a known code, never a fault.

A dry run and the recording that follows it must say the same.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import hypothesis
from hypothesis import strategies as st

from ledger import keys
from ledger.book import encoding, jose
from ledger.errors import CODES
from tests.http.door import FAULT, OPERATOR, Door, received

MAX_MG = 2**53 - 1
WORDS = (
    "", "all", "rest", "0", "0 t", "-1 t", "1 t", "10 t", "9.5 t", "1e3 t", "1 000 t", "10 lb",
    "0.000000001 t", f"{MAX_MG} mg", f"{MAX_MG + 1} mg", "100 %", "100.0000001 %", "<5 %", "0 %",
    "Al", "Xx", "OTHER", "H2O", "UNK", "POST", "PRE", "sold", "HF01", "HF02", "CZ01", "ZZ99",
    "HF01/X", "HF01/HEEL-F1", "CZ01/X", "HEFEI", "CHUZHOU", "TONGLING", "OPERATOR", "NOBODY",
    "MELT", "PACK", "STORE", "SPLIT", "MERGE", "SORT", "internal_scrap", "final", "provisional",
    "strict", "lot_received", "log_opened", "policy_set", "\u202e", "\x00", "\ud800", "🙂", "é",
    "2026-03-02T09:15:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-03-02",
    "a" * 64, "A" * 43, "x.y.z", "../..", "'; --", "%00", "${x}", "x" * 300,
)  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([None, True, False, 0, 1, -1, MAX_MG, MAX_MG + 1, 2**63, 2**64, 10**30]),
    st.sampled_from([0.5, 1e300, float("nan"), float("inf"), -0.0]),
    st.integers(0, MAX_MG),
    st.text(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=5,
)
# Values of one kind, for changes that get further than the shape.
KIN = (
    (r"[0-9.]+ k?t", ["1 mg", "500 g", "4 t", "9.97 t", "10 t", "10.04 t", "rest", "all", "99 kt"]),
    (r"[0-9.]+ %", ["0 %", "1 ppb", "<1 %", "33.3 %", "60 %", "99.9999999 %", "100 %"]),
    (r"[A-Z]{2}0[12]/.*", ["HF01/NEW", "HF01/HEEL-F1", "HF02/NEW", "CZ01/NEW", "HF01/L1"]),
    (r"HEFEI|CHUZHOU", ["HEFEI", "CHUZHOU", "TONGLING", "STRANGER", "NOBODY"]),
    (r"[A-Z]{2}0[12]", ["HF01", "HF02", "CZ01", "TL01", "ZZ99"]),
    (r"POST|PRE|PRIM", ["POST", "PRE", "BMW", "PRIM", "UNK"]),
    (r"SPLIT|MELT|STAMP", "SPLIT MERGE PACK STORE SORT SHRED ROLL MELT CAST DRY".split()),
    (r"final|provisional", ["final", "provisional", "default"]),
    (r"product|byproduct", ["product", "byproduct", "residue", "internal_scrap"]),
    (r"Al|Si", ["Al", "Si", "Cu", "OTHER", "H2O"]),
    (r"20..-..-..T.*", ["2026-03-02T09:15:00Z", "2099-01-01T00:00:00Z"]),
    (r"waste_note|invoice|weigh_ticket|lab_report", ["invoice", "photo", "scrap_declaration"]),
)
# What happens to one place of the event: nothing is drawn that depends on the state of the log.
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["kin"] * 6 + ["replace", "delete", "repeat", "add", "swap", "nest"]),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        VALUES,
    ),
    min_size=1,
    max_size=3,
)


def _receipt(door: Door) -> dict[str, Any]:
    body = received(f"HF01/{door.name('L')}", moisture="1.5 %", ticket=door.name("T"))
    return door.at("HF01", "lot_received", body, "waste_note", private={"note": "x"})


def _split(door: Door) -> dict[str, Any]:
    outputs = {f"HF01/{door.name('P')}": mass for mass in ("4 t", "rest")}
    return door.run("HF01", "SPLIT", {door.stock("HF01"): "all"}, outputs)


def _heat(door: Door) -> dict[str, Any]:
    inputs = {door.stock("HF01"): "all", door.stock("HF01", origin="PRIM"): "5 t"}
    outputs = {f"HF01/{door.name('I')}": ("14 t", {"Al": "95 %", "Si": "0.1 %"})}
    added = [{"name": "si_metal", "mass": "20 kg", "assay": {"Si": "98.5 %"}}]
    more = {"equipment": "F2", "additions": added, "energy": [{"carrier": "gas", "wh": 5}]}
    return door.run("HF01", "MELT", inputs, outputs, **more)


def _dispatch(door: Door) -> dict[str, Any]:
    to = {"party": "CHUZHOU", "site": "CZ01"}
    lots = [door.stock("HF01")]
    body = {"consignment": f"HF01/{door.name('C')}", "lots": lots, "to": to, "mode": "road"}
    return door.at("HF01", "lot_dispatched", body)


def _arrival(door: Door) -> dict[str, Any]:
    sent = _dispatch(door)
    door.ok(sent)
    lots = [{"lot": sent["body"]["lots"][0], "mass": "9.98 t", "difference": "accepted"}]
    body = {"consignment": sent["body"]["consignment"], "lots": lots}
    return door.at("CZ01", "lot_arrived", body, "weigh_ticket")


def _return(door: Door) -> dict[str, Any]:
    sent = _dispatch(door)
    door.ok(sent)
    body = {"consignment": sent["body"]["consignment"], "lots": sent["body"]["lots"]}
    return door.at("HF01", "lot_returned", body)


def _assay(door: Door) -> dict[str, Any]:
    body = {"lot": door.stock("HF01"), "assay": {"Al": "94 %", "Si": "1 %"}, "grade": "final"}
    return door.at("HF01", "assay_recorded", body, "lab_report")


def _finals(door: Door) -> dict[str, Any]:
    run = _heat(door)
    door.ok(run)
    outputs = [{"lot": run["body"]["outputs"][0]["lot"], "assay": {"Al": "94 %"}}]
    return door.at("HF01", "run_finalized", {"run": run["body"]["run"], "outputs": outputs})


def _declaration(door: Door) -> dict[str, Any]:
    lot = f"HF01/{door.name('TRIM')}"
    trim = {lot: ("9 t", {"Al": "95 %"})}
    door.ok(door.run("HF01", "STAMP", {door.stock("HF01", origin="PRIM"): "all"}, trim))
    body = {"lot": lot, "class": "PRE", "from_scope": "HF01/MAIN", "process": "stamping"}
    return door.at("HF01", "scrap_declared", body, "scrap_declaration")


def _certificate(door: Door) -> dict[str, Any]:
    lots = [door.stock("HF01"), door.stock("HF01")]
    more = {"amount": "40 %", "holder": {"party": "CHUZHOU"}, "valid_until": "2099-12-31"}
    return door.certify(lots, **more)


def _site(door: Door) -> dict[str, Any]:
    body = {
        "site": "HF02", "party": "HEFEI", "type": "yard", "country": "CN", "region": "CN-AH",
        "scopes": [{"id": "MAIN", "level": "line"}], "equipment": ["F9"], "zone": "Asia/Shanghai",
        "geo": {"lat_e7": 318_200_000, "lon_e7": 1_172_200_000},
    }  # fmt: skip
    return door.event("site_registered", body, "HEFEI", private={"name": "x"})


def _key(door: Door) -> dict[str, Any]:
    body = {"party": "HEFEI", "custody": "operator", "label": "spare"}
    return door.event("key_added", body, "HEFEI")


MAKERS: tuple[Callable[[Door], dict[str, Any]], ...] = (
    _receipt, _split, _heat, _dispatch, _arrival, _return, _assay, _finals, _declaration,
    _certificate, _site, _key,
)  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, name or index) in a JSON value."""
    names = range(len(value)) if isinstance(value, list) else list(value)
    for name in names:
        yield value, name
        if isinstance(value[name], dict | list):
            yield from _places(value[name])


def _kin(value: Any) -> list[str]:
    """Other values that could stand where this one stands."""
    if not isinstance(value, str):
        return []
    return next((kin for shape, kin in KIN if re.fullmatch(shape, value)), [])


def _change(event: dict[str, Any], change: tuple[str, int, int, Any]) -> None:
    what, one, two, new = change
    places = list(_places(event))
    if what == "kin":
        places = [(at, name) for at, name in places if _kin(at[name])]
    if not places:
        return
    (here, name), (there, other) = (places[i % len(places)] for i in (one, two))
    match what:
        case "kin":
            kin = _kin(here[name])
            here[name] = kin[two % len(kin)]
        case "replace":
            here[name] = new
        case "delete":
            del here[name]
        case "repeat" if isinstance(here, list):
            here.append(copy.deepcopy(here[name]))
        case "add" if isinstance(here, dict):
            here[str(new)[:20]] = new
        case "nest":
            here[name] = [here[name]]
        case "swap":
            left, right = copy.deepcopy(here[name]), copy.deepcopy(there[other])
            here[name] = right
            if there is not here or other != name:
                there[other] = left
        case _:
            here[name] = copy.deepcopy(there[other])


def _code(response: httpx.Response) -> str:
    """ "taken", or the code of a refusal that is in the tables."""
    assert response.status_code < FAULT, response.text[:500]
    if response.status_code in (200, 201):
        return "taken"
    code = response.json()["code"]
    assert response.status_code == CODES[code].status
    assert response.json()["hint"]
    return str(code)


FUZZ = hypothesis.settings(max_examples=150, deadline=None)


@FUZZ
@hypothesis.given(maker=st.sampled_from(MAKERS), changes=CHANGES)
def test_a_changed_event_is_taken_or_refused_and_a_dry_run_says_which(
    door: Door, maker: Callable[[Door], dict[str, Any]], changes: list[Any]
) -> None:
    event = copy.deepcopy(maker(door))
    for change in changes:
        _change(event, change)
    data = json.dumps(event).encode()
    size = door.size()
    tried = _code(door.post(data, OPERATOR, dry_run="true"))
    assert door.size() == size
    done = _code(door.post(data, OPERATOR))
    assert done == tried
    assert door.size() == size + (done == "taken")


@hypothesis.settings(FUZZ, max_examples=60)
@hypothesis.given(changes=CHANGES, cut=st.integers(0, 10**6), junk=st.binary(max_size=4))
def test_a_changed_statement_is_taken_or_refused(
    door: Door, changes: list[Any], cut: int, junk: bytes
) -> None:
    """The payload changed and signed again; then some bytes of the whole changed."""
    body = copy.deepcopy(received(f"TL01/{door.name('L')}"))
    event = door.at("TL01", "lot_received", body, "waste_note")
    for change in changes:
        _change(event, change)
    key = door.signing["TONGLING"]
    statement = jose.sign(json.dumps(event).encode(), key, keys.kid_of(key))
    whole = encoding.canonical({"statement": statement, "disclosures": []})
    _code(door.post(whole, "TONGLING"))
    place = cut % len(whole)
    _code(door.post(whole[:place] + junk + whole[place + len(junk) :], "TONGLING"))


@hypothesis.settings(FUZZ, max_examples=60)
@hypothesis.given(data=st.binary(max_size=60) | st.from_regex(rb'[\[\]{}",:0-9eE.\\u-]{1,60}'))
def test_bytes_are_refused_alone_and_in_a_batch(door: Door, data: bytes) -> None:
    assert _code(door.post(data, "HEFEI")) in {"JSON_INVALID", "NUMBER_NOT_EXACT", "FIELD_MISSING",
                                               "FIELD_UNKNOWN"}  # fmt: skip
    rows = door.batch([data], "HEFEI").json()["results"]
    assert {row["error"]["code"] for row in rows} <= set(CODES)
