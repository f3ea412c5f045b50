"""Who may record and read what; and that what is private never leaves the parties of its event."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import orjson
import pytest
from sqlalchemy import select

from ledger import apikeys, statements
from ledger.book import jose, serial
from ledger.errors import RuleError
from ledger.store import engine as engines
from ledger.store import tables
from tests.http.conftest import Road
from tests.http.door import OPERATOR, ORIGIN, SECRET, Door, received, refused

READS = (
    "/v1/entries/0",
    "/v1/lots/HF01/INGOT",
    "/v1/lots/HF01/INGOT/lineage",
)
PUBLIC = (
    "/v1/log/checkpoint", "/v1/log/keys", "/v1/log/proof/inclusion?n=0",
    "/v1/log/proof/consistency?from=1",
)  # fmt: skip


def _receipt(door: Door, site: str = "HF01") -> dict[str, object]:
    return door.at(site, "lot_received", received(f"{site}/{door.name('L')}"), "waste_note")


@pytest.fixture
def wrong_keys(door: Door) -> Iterator[list[httpx.Client]]:
    good = door.api_keys["HEFEI"]
    wrong = ["", "Bearer", f"Basic {good}", good, "Bearer rmk_", "Bearer sk_1234",
             f"Bearer {good[:-1]}", f"Bearer {good}x", f"Bearer {good.upper()}",
             "Bearer rmk_00000000_" + "a" * 32, "Bearer rmk_" + "x" * 5_000]  # fmt: skip
    clients = [door.new_client({"Authorization": text} if text else {}) for text in wrong]
    yield clients
    for client in clients:
        client.close()


def test_without_a_known_key_nothing_is_read_or_recorded(
    door: Door, road: Road, wrong_keys: list[httpx.Client]
) -> None:
    envelope = _receipt(door)
    size = door.size()
    for client in wrong_keys:
        for path in READS:
            answer = client.get(path)
            refused(answer, "AUTH_REQUIRED", "authorization")
            assert answer.headers["www-authenticate"] == "Bearer"
        refused(client.post("/v1/events", json=envelope), "AUTH_REQUIRED")
        refused(client.post("/v1/events/batch", content=b"{}"), "AUTH_REQUIRED")
    assert door.size() == size


def test_public_things_need_no_key_and_mind_no_wrong_one(
    door: Door, road: Road, wrong_keys: list[httpx.Client]
) -> None:
    paths = (*PUBLIC, f"/v1/certificates/{road.serial}", f"/v1/certificates/{road.serial}/dossier")
    for path in paths:
        assert door.get(path).status_code == 200
        assert wrong_keys[-1].get(path).status_code == 200


def test_a_revoked_key_stops_working_within_two_seconds(door: Door) -> None:
    text = door.api_key("HEFEI", ["record", "read"], "LEAVER")
    assert door.get("/v1/lots/HF01/NONE", "LEAVER").status_code == 404
    apikeys.revoke(door.ledger, text.split("_")[1])
    end = time.monotonic() + 2
    while door.get("/v1/lots/HF01/NONE", "LEAVER").status_code != 401:
        assert time.monotonic() < end, "the key still works"
        time.sleep(0.1)
    refused(door.send(_receipt(door), "LEAVER"), "AUTH_REQUIRED")


def test_keys_are_listed_without_their_secret_and_revoked_once(door: Door) -> None:
    text = apikeys.create(door.ledger, "HEFEI", ["read", "read"], "gate")
    _, key_id, secret = text.split("_")
    [row] = [row for row in apikeys.listing(door.ledger) if row["key_id"] == key_id]
    assert (row["party"], row["scopes"], row["label"]) == ("HEFEI", "read", "gate")
    assert secret not in str(row)
    apikeys.revoke(door.ledger, key_id)
    for gone in (key_id, "00000000", ""):
        with pytest.raises(RuleError) as refusal:
            apikeys.revoke(door.ledger, gone)
        assert refusal.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("party", "scopes", "code"),
    [
        ("NOBODY", ["read"], "PARTY_UNKNOWN"),
        ("HEFEI", [], "PARAMETER_INVALID"),
        ("HEFEI", ["read", "admin"], "PARAMETER_INVALID"),
    ],
)
def test_a_key_is_for_a_known_party_and_known_scopes(
    door: Door, party: str, scopes: list[str], code: str
) -> None:
    before = apikeys.listing(door.ledger)
    with pytest.raises(RuleError) as refusal:
        apikeys.create(door.ledger, party, scopes, "")
    assert refusal.value.code == code
    assert refusal.value.hint
    assert apikeys.listing(door.ledger) == before


def test_a_key_does_what_its_scopes_say_and_no_more(door: Door, road: Road) -> None:
    door.api_key("HEFEI", ["record"], "WRITER")
    door.ok(_receipt(door))
    assert door.send(_receipt(door), "WRITER").status_code == 201
    refused(door.get("/v1/lots/HF01/INGOT", "WRITER"), "SCOPE_REQUIRED", "authorization")
    refused(door.get("/v1/entries/1", "WRITER"), "SCOPE_REQUIRED")
    refused(door.send(_receipt(door), "READER"), "SCOPE_REQUIRED")
    refused(door.batch([_receipt(door)], "READER"), "SCOPE_REQUIRED")
    assert door.get("/v1/lots/HF01/INGOT", "READER").status_code == 200
    refused(door.send(_receipt(door), "AUDITOR"), "SCOPE_REQUIRED")


def test_a_stranger_reads_no_entry_lot_or_lineage_of_others(door: Door, road: Road) -> None:
    paths = [f"/v1/entries/{answer['n']}" for answer in road.answers.values()]
    paths += ["/v1/lots/HF01/INGOT", "/v1/lots/HF01/INGOT/lineage", "/v1/entries/0"]
    for path in paths:
        refused(door.get(path, "STRANGER"), "PERMISSION_DENIED", "party")
        assert door.get(path, "AUDITOR").status_code == 200
    refused(door.get("/v1/lots/HF01/NOWHERE", "STRANGER"), "LOT_UNKNOWN", "lot")


def test_entries_are_for_the_parties_on_both_sides_of_them(door: Door, road: Road) -> None:
    readers = {
        "receipt": {"HEFEI"},
        "TL01/CUT-1": {"TONGLING"},
        "dispatch": {"TONGLING", "HEFEI"},
        "arrival": {"TONGLING", "HEFEI"},
        "heat": {"HEFEI"},
        "certificate": {"HEFEI", "CHUZHOU"},
        "sold": {"HEFEI", "CHUZHOU"},
        "coil": {"CHUZHOU"},
    }
    for name, allowed in readers.items():
        for party in ("HEFEI", "TONGLING", "CHUZHOU", "STRANGER"):
            answer = door.get(f"/v1/entries/{road.answers[name]['n']}", party)
            assert answer.status_code == (200 if party in allowed else 403), (name, party)


def test_a_key_speaks_for_its_own_party_only(door: Door) -> None:
    size = door.size()
    refused(door.send(_receipt(door), "CHUZHOU"), "PERMISSION_DENIED", "party")
    refused(door.send(_receipt(door, "TL01"), "CHUZHOU"), "PERMISSION_DENIED", "party")
    refused(door.send(_receipt(door), "CHUZHOU", dry_run="true"), "PERMISSION_DENIED", "party")
    [row] = door.batch([_receipt(door)], "CHUZHOU").json()["results"]
    assert row["error"]["code"] == "PERMISSION_DENIED"
    assert door.size() == size


def test_the_server_does_not_sign_for_a_party_that_signs_itself(door: Door) -> None:
    envelope = _receipt(door, "TL01")
    for who in ("TONGLING", OPERATOR):
        refused(door.post(envelope, who), "KEY_UNKNOWN", "party")


def test_the_operators_key_cannot_sign_for_others(door: Door) -> None:
    envelope = _receipt(door, "TL01")
    forged = statements.sign(envelope, door.ledger._custodial_key(OPERATOR))  # type: ignore[arg-type]
    refused(door.post(forged.as_dict(), OPERATOR), "KEY_UNKNOWN", "kid")


# What is private.


def test_private_values_are_shown_to_the_parties_of_the_event(door: Door, road: Road) -> None:
    shown = door.get(f"/v1/entries/{road.answers['receipt']['n']}", "HEFEI").json()
    disclosed = [orjson.loads(jose.b64url_decode(text, "")) for text in shown["disclosures"]]
    assert sorted(name for _, name, _ in disclosed) == ["plate", "seller"]
    assert f"{SECRET} Wang" in {value for _, _, value in disclosed}
    for who in ("TONGLING", "HEFEI", "AUDITOR"):
        shown = door.get(f"/v1/entries/{road.answers['dispatch']['n']}", who).json()
        [(_, name, value)] = [
            orjson.loads(jose.b64url_decode(text, "")) for text in shown["disclosures"]
        ]
        assert (name, value) == ("plate", f"{SECRET}-B")


def test_private_values_stand_nowhere_in_the_log(door: Door, road: Road) -> None:
    c = tables.entries.c
    with engines.reading(door.ledger.engine) as connection:
        leaves = list(connection.execute(select(c.leaf).order_by(c.n)).scalars())
        kept = list(connection.execute(select(tables.disclosures.c.text)).scalars())
    assert sum(SECRET.encode() in jose.b64url_decode(text, "") for text in kept) > 5
    for leaf in leaves:
        payload = jose.parse(orjson.loads(leaf)["statement"]).payload
        assert SECRET.encode() not in leaf
        assert SECRET.encode() not in payload


def test_private_values_stand_in_no_public_answer(door: Door, road: Road) -> None:
    paths = [*PUBLIC, "/healthz", "/readyz", "/openapi.json"]
    paths += [f"/v1/certificates/{road.serial}", f"/v1/certificates/{road.serial}/dossier"]
    paths += ["/", f"/C/{road.serial}", f"/L/HF01/INGOT/{'0' * 10}"]
    for path in paths:
        text = door.get(path).text
        assert SECRET not in text
        # The description of the API has an example of a disclosure, that of nobody.
        assert 'disclosures":["' not in text or path == "/openapi.json"


def test_private_values_stand_in_no_refusal(door: Door, road: Road) -> None:
    envelope = _receipt(door)
    private = {"plate": f"{SECRET}\u202e"}
    refused(door.send({**envelope, "private": private}), "FIELD_INVALID", "private.plate")
    private = {"plate": f"{SECRET} ok", "Plate": f"{SECRET}"}
    refused(door.send({**envelope, "private": private}), "FIELD_INVALID", "private.Plate")
    private = {"plate": f"{SECRET} " + "x" * 2_100}
    refused(door.send({**envelope, "private": private}), "FIELD_INVALID", "private")
    door.ok({**envelope, "private": {"plate": f"{SECRET} first"}})
    second = {**envelope, "private": {"plate": f"{SECRET} second"}}
    refused(door.send(second), "IDEMPOTENCY_CONFLICT", "private.plate")
    [row] = door.batch([second], "HEFEI").json()["results"]
    assert row["error"]["field"] == "private.plate"
    assert SECRET not in str(row)


def test_erased_values_are_gone_and_the_entry_stays(door: Door) -> None:
    done = door.take("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note",
                     private={"plate": f"{SECRET}-C"})  # fmt: skip
    c = tables.disclosures.c
    with engines.writing(door.ledger.engine) as connection:
        connection.execute(tables.disclosures.delete().where(c.n == done["n"]))
    shown = door.get(f"/v1/entries/{done['n']}", "HEFEI")
    assert shown.json()["disclosures"] == []
    assert shown.json()["leaf_hash"] == done["leaf_hash"]
    assert ORIGIN in shown.text


def test_the_other_side_reads_returns_and_revocations_that_concern_it(door: Door) -> None:
    lot, consignment = door.stock("HF01"), f"HF01/{door.name('K')}"
    there = {"consignment": consignment, "lots": [lot]}
    to = {"to": {"party": "TONGLING", "site": "TL01"}}
    door.ok(door.at("HF01", "lot_dispatched", there | to))
    returned = door.ok(door.at("HF01", "lot_returned", there))
    assert door.get(f"/v1/entries/{returned['n']}", "TONGLING").status_code == 200
    refused(door.get(f"/v1/entries/{returned['n']}", "STRANGER"), "PERMISSION_DENIED")
    issued = door.certify([door.stock("HF01")], holder={"party": "CHUZHOU"})
    door.ok(issued)
    body = {"serial": serial.make(ORIGIN, "HEFEI", issued["id"]), "reason": "error"}
    revoked = door.record("certificate_revoked", body, "HEFEI")
    assert door.get(f"/v1/entries/{revoked['n']}", "CHUZHOU").status_code == 200
    refused(door.get(f"/v1/entries/{revoked['n']}", "TONGLING"), "PERMISSION_DENIED")
