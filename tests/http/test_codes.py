"""Every code of the event page, reached by a client of the server."""

from __future__ import annotations

import orjson
import pytest

from ledger import keys, statements
from ledger.errors import EVENT_CODES
from tests.http import ways, ways_form, ways_metal
from tests.http.door import ORIGIN, Door, new_key, received, refused

WAYS = ways_form.WAYS | ways_metal.WAYS


@pytest.mark.parametrize("code", EVENT_CODES)
def test_a_client_can_meet(door: Door, code: str) -> None:
    response, field = WAYS[code](door)
    refused(response, code, field)


def test_the_table_names_no_code_that_the_page_does_not_have() -> None:
    assert set(WAYS) == set(EVENT_CODES)


def test_what_is_too_large_leaves_the_lots_where_they_were(door: Door) -> None:
    dispatch = ways.wide(door)
    assert len(orjson.dumps(dispatch)) < 32 * 1024
    size = door.size()
    refused(door.send(dispatch, dry_run="true"), "ENTRY_TOO_LARGE")
    refused(door.send(dispatch), "ENTRY_TOO_LARGE")
    assert door.size() == size
    lots = dispatch["body"]["lots"]
    assert door.get(f"/v1/lots/{lots[0]}", "HEFEI").json()["state"] == "lying"
    for half in (lots[:30], lots[30:]):
        door.ok(ways.dispatch(door, half, ways.TO_CHUZHOU))


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


def test_metal_beyond_exact_numbers_is_refused_and_the_writer_goes_on(door: Door) -> None:
    most = "9 007 199 254 740 991 mg"
    lots = [door.stock("HF01", most) for _ in range(2)]
    merged = door.run("HF01", "MERGE", dict.fromkeys(lots, "all"), {"HF01/TOO-MUCH": "rest"})
    refused(door.send(merged, dry_run="true"), "NUMBER_NOT_EXACT")
    refused(door.send(merged), "NUMBER_NOT_EXACT")
    added = [{"name": "si_metal", "mass": most}] * 3
    inputs = {door.stock("HF01"): "all"}
    refused(
        door.send(door.run("HF01", "MELT", inputs, {}, equipment="F2", additions=added)),
        "NUMBER_NOT_EXACT",
    )
    body = received(f"HF01/{door.name('L')}", "9007199254740992 mg")
    refused(door.send(door.at("HF01", "lot_received", body)), "NUMBER_NOT_EXACT", "body.mass")
    assert door.get("/readyz").status_code == 200
    door.stock("HF01")
