"""An id is used once per party: retries are answered, conflicts refused, races have one winner."""

from __future__ import annotations

import concurrent.futures
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from ledger import statements
from tests.http.door import SECRET, Door, received, refused

RACERS = 50


def _receipt(door: Door, site: str = "HF01", **more: Any) -> dict[str, Any]:
    body = received(f"{site}/{door.name('L')}")
    return door.at(site, "lot_received", body, "waste_note", **more)


def _race(send: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(send, range(RACERS)))


def test_a_retry_gets_the_first_answer(door: Door) -> None:
    envelope = _receipt(door, private={"note": f"{SECRET} as sent"})
    first = door.ok(envelope)
    size = door.size()
    again = door.ok(dict(reversed(envelope.items())))
    assert (again["n"], again["leaf_hash"]) == (first["n"], first["leaf_hash"])
    [row] = door.batch([envelope], "HEFEI").json()["results"]
    assert (row["n"], row["leaf_hash"]) == (first["n"], first["leaf_hash"])
    assert door.size() == size


def test_a_retry_after_the_lot_was_used_up_gets_the_first_answer(door: Door) -> None:
    envelope = _receipt(door)
    first = door.ok(envelope)
    lot = envelope["body"]["lot"]
    door.ok(door.run("HF01", "PACK", {lot: "all"}, {f"HF01/{door.name('P')}": "rest"}))
    assert door.ok(envelope)["n"] == first["n"]


def test_a_party_that_signs_itself_repeats_its_bytes(door: Door) -> None:
    sealed = door.sealed(_receipt(door, "TL01", private={"note": SECRET}))
    first = door.post(sealed, "TONGLING").json()
    assert door.post(sealed, "TONGLING").json()["n"] == first["n"]
    without = {"statement": sealed["statement"]}
    assert door.post(without, "TONGLING").json()["n"] == first["n"]


def test_signing_the_same_event_again_is_a_retry_only_without_fresh_salts(door: Door) -> None:
    plain, private = _receipt(door, "TL01"), _receipt(door, "TL01", private={"note": SECRET})
    assert door.ok(plain)["n"] == door.ok(plain)["n"]
    door.ok(private)
    refused(door.send(private), "IDEMPOTENCY_CONFLICT")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occurred_at": "2026-03-02T09:15:00Z"}, "occurred_at"),
        ({"private": {"note": "another"}}, "private.note"),
        ({"private": {}}, "private.note"),
        ({"evidence": []}, "evidence"),
        ({"site": "HF02"}, "site"),
    ],
)
def test_the_same_id_with_other_content_names_the_field_that_differs(
    door: Door, change: dict[str, Any], field: str
) -> None:
    envelope = _receipt(door, private={"note": "one"})
    door.ok(envelope)
    changed = {**envelope, **change}
    if "site" in change:
        changed["body"] = {**envelope["body"], "lot": f"HF02/{door.name('L')}"}
    size = door.size()
    shown = refused(door.send(changed), "IDEMPOTENCY_CONFLICT")
    assert shown["field"].startswith(field.partition(".")[0])
    assert door.size() == size


def test_another_kind_under_the_same_id_is_a_conflict(door: Door) -> None:
    envelope = _receipt(door)
    door.ok(envelope)
    other = door.certify([envelope["body"]["lot"]]) | {"id": envelope["id"]}
    refused(door.send(other), "IDEMPOTENCY_CONFLICT", "kind")


def test_the_same_id_of_another_party_is_another_event(door: Door) -> None:
    mine, theirs, third = _receipt(door), _receipt(door, "CZ01"), _receipt(door, "TL01")
    theirs["id"] = third["id"] = mine["id"]
    numbers = {door.ok(envelope)["n"] for envelope in (mine, theirs, third)}
    assert len(numbers) == 3
    refused(door.get(f"/v1/entries/{min(numbers)}", "CHUZHOU"), "PERMISSION_DENIED")


def test_a_refused_event_leaves_its_id_free(door: Door) -> None:
    envelope = _receipt(door)
    wrong = {**envelope, "body": {**envelope["body"], "lot": f"HF01/HEEL-{door.name('F')}"}}
    refused(door.send(wrong), "HEEL_DISCONTINUITY")
    assert door.send(envelope).status_code == 201


def test_a_custodial_event_sent_fifty_times_at_once_is_one_entry(door: Door) -> None:
    envelope = _receipt(door, private={"note": SECRET})
    size = door.size()
    answers = _race(lambda _: door.send(envelope))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["n"] for answer in answers} == {size}
    assert door.size() == size + 1


def test_a_signed_event_sent_fifty_times_at_once_is_one_entry(door: Door) -> None:
    # Every racer signs anew: ES256 draws a nonce, so no two statements are the same bytes.
    envelope = _receipt(door, "TL01")
    size = door.size()
    answers = _race(lambda _: door.send(envelope))
    assert {answer.json().get("n") for answer in answers} == {size}
    assert door.size() == size + 1


def test_a_registration_sent_fifty_times_at_once_makes_one_key(door: Door) -> None:
    party = "RACED-1"
    envelope = door.event("party_registered", **door.registration(party, custody="operator"))
    size = door.size()
    answers = _race(lambda _: door.send(envelope))
    assert {answer.json().get("n") for answer in answers} == {size}
    door.api_key(party, ["record", "read"])
    body = {"site": "RC01", "party": party, "type": "yard", "country": "CN", "scopes": []}
    door.record("site_registered", {**body, "zone": "UTC"}, party, private={"name": SECRET})


def test_fifty_different_events_under_one_id_have_one_winner(door: Door) -> None:
    envelope = _receipt(door)
    body = envelope["body"]

    def send(i: int) -> httpx.Response:
        return door.send({**envelope, "body": {**body, "mass": f"{i + 1} t"}})

    size = door.size()
    answers = _race(send)
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "IDEMPOTENCY_CONFLICT": RACERS - 1}
    assert door.size() == size + 1


def test_fifty_events_about_one_lot_have_one_winner(door: Door) -> None:
    lot = door.stock("HF01")
    runs = [
        door.run("HF01", "PACK", {lot: "all"}, {f"HF01/{door.name('P')}": "rest"})
        for _ in range(RACERS)
    ]
    answers = _race(lambda i: door.send(runs[i]))
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "LOT_CONSUMED": RACERS - 1}


def test_a_retry_raced_against_batches_is_one_entry(door: Door) -> None:
    envelopes = [_receipt(door) for _ in range(5)]
    size = door.size()

    def send(i: int) -> list[int]:
        if i % 2:
            rows = door.batch(envelopes, "HEFEI").json()["results"]
            return [row["n"] for row in rows]
        return [door.ok(envelope)["n"] for envelope in envelopes]

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        numbers = list(pool.map(send, range(10)))
    assert len({tuple(found) for found in numbers}) == 1
    assert door.size() == size + 5


def test_one_commit_holds_an_event_once(door: Door) -> None:
    """The rows of a batch come to the writer together: the races above seldom do."""
    envelope, other = _receipt(door), _receipt(door, "CZ01")
    changed = {**envelope, "occurred_at": "2026-03-02T09:15:00Z"}
    rows = [envelope, envelope, changed, {**other, "id": envelope["id"]}, envelope]
    shown = door.batch(rows).json()["results"]
    n = shown[0]["n"]
    assert [row.get("n") for row in shown] == [n, n, None, n + 1, n]
    assert shown[2]["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert door.size() == n + 2


def test_a_statement_is_compared_by_its_payload_as_signed(door: Door) -> None:
    envelope = _receipt(door, "TL01")
    key = door.signing["TONGLING"]
    first = statements.sign(envelope, key).as_dict()
    other = statements.sign({**envelope, "occurred_at": "2026-03-02T09:15:00Z"}, key).as_dict()
    assert door.post(orjson.dumps(first), "TONGLING").status_code == 201
    refused(door.post(other, "TONGLING"), "IDEMPOTENCY_CONFLICT", "occurred_at")


def test_a_dry_run_of_a_recorded_event_shows_what_was_booked(door: Door) -> None:
    envelope = door.at("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note")
    tried = door.send(envelope, dry_run=True).json()
    door.ok(envelope)
    again = door.send(envelope, dry_run=True)
    assert again.status_code == 200
    assert again.json()["book"] == tried["book"]
    other = {**envelope, "body": {**envelope["body"], "mass": "11 t"}}
    refused(door.send(other, dry_run=True), "IDEMPOTENCY_CONFLICT", "body.mass")
