"""Batches: each row is taken or refused alone, in order; registrations may be used at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from api import app
from ledger import keys, sequencer, statements
from ledger.book import jose
from ledger.service import Ledger
from ledger.tlog import checkpoint
from tests.http.door import OPERATOR, ORIGIN, SECRET, Door, check_error, new_key, received, refused

NDJSON = {"Content-Type": "application/x-ndjson"}


def _receipt(door: Door, site: str = "HF01", **more: Any) -> dict[str, Any]:
    body = received(f"{site}/{door.name('L')}", **more)
    return door.at(site, "lot_received", body, "waste_note")


def _rows(door: Door, rows: list[Any], who: str = OPERATOR) -> list[dict[str, Any]]:
    response = door.batch(rows, who)
    assert response.status_code == 200, response.text[:500]
    shown: list[dict[str, Any]] = response.json()["results"]
    for row in shown:
        assert row["ok"] is ("n" in row) is ("error" not in row)
        if not row["ok"]:
            check_error(row["error"], row["error"]["message"])
    return shown


def _codes(shown: list[dict[str, Any]]) -> list[str]:
    return ["" if row["ok"] else row["error"]["code"] for row in shown]


def test_a_thousand_rows_are_a_thousand_entries_under_one_checkpoint(door: Door) -> None:
    size = door.size()
    response = door.batch([_receipt(door) for _ in range(1_000)], "HEFEI")
    shown = response.json()
    assert [row["row"] for row in shown["results"]] == list(range(1, 1_001))
    assert [row["n"] for row in shown["results"]] == list(range(size, size + 1_000))
    note = shown["checkpoint"].encode()
    head, _ = checkpoint.open_checkpoint(note, [door.ledger.verifier], ORIGIN)
    assert head.size == size + 1_000 == door.size()
    for row in shown["results"][::333]:
        proven = door.get("/v1/log/proof/inclusion", n=row["n"]).json()
        assert proven["leaf_hash"] == row["leaf_hash"]


def test_more_than_a_thousand_rows_are_refused_whole(door: Door) -> None:
    size = door.size()
    shown = refused(door.batch([b"{}"] * 1_001, "HEFEI"), "BATCH_TOO_LARGE", "body")
    assert shown["value"] == 1_001
    assert door.size() == size
    assert len(_rows(door, [b"{}"] * 1_000, "HEFEI")) == 1_000


def test_a_batch_over_sixteen_mebibytes_is_refused_whole(door: Door) -> None:
    size = door.size()
    row = orjson.dumps(_receipt(door))
    refused(door.batch([row, b" " * (16 * 1024 * 1024)], "HEFEI"), "BODY_TOO_LARGE", "body")

    def chunks() -> Iterator[bytes]:
        yield row + b"\n"
        for _ in range(17):
            yield b" " * 1024 * 1024

    answer = door.client("HEFEI").post("/v1/events/batch", content=chunks(), headers=NDJSON)
    refused(answer, "BODY_TOO_LARGE", "body")
    assert door.size() == size


def test_a_batch_is_newline_delimited_json(door: Door) -> None:
    for given in ("application/json", "text/plain", ""):
        headers = {"Content-Type": given} if given else {}
        answer = door.client("HEFEI").post("/v1/events/batch", content=b"{}", headers=headers)
        refused(answer, "MEDIA_TYPE_UNSUPPORTED", "content-type")


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\r\n\t\n"], ids=["empty", "newline", "blank"])
def test_a_batch_of_nothing_records_nothing(door: Door, data: bytes) -> None:
    answer = door.client("HEFEI").post("/v1/events/batch", content=data, headers=NDJSON)
    assert answer.json() == {"results": [], "checkpoint": None}


def test_blank_lines_are_skipped_and_counted(door: Door) -> None:
    row = orjson.dumps(_receipt(door)) + b"\r"
    shown = _rows(door, [b"", row, b"  ", b"{", b""], "HEFEI")
    assert [(row["row"], row["ok"]) for row in shown] == [(2, True), (4, False)]


def test_a_bad_row_stops_no_other(door: Door) -> None:
    good = [_receipt(door) for _ in range(4)]
    rows: list[Any] = [
        good[0], b"{", b"\xff\xfe", b"[]", b"null", b'{"a":1.5}', b"\xef\xbb\xbf{}", good[1],
        b"[" * 50_000, b'{"\\ud800":1}', b'{"a":1,"a":1}', b"x" * 70_000,
        orjson.dumps(_receipt(door)) + b" " * 32_768, {**_receipt(door), "private": {"n": 5}},
        _receipt(door, "CZ01"), {**_receipt(door), "log": "elsewhere"}, good[2], good[0],
        {**good[0], "occurred_at": "2026-03-02T09:15:00Z"}, {"statement": "x.y.z"},
        {"statement": None}, good[3],
    ]  # fmt: skip
    shown = _rows(door, rows, "HEFEI")
    assert _codes(shown) == [
        "", "JSON_INVALID", "JSON_INVALID", "JSON_INVALID", "JSON_INVALID", "NUMBER_NOT_EXACT",
        "JSON_INVALID", "", "JSON_INVALID", "JSON_INVALID", "JSON_INVALID", "EVENT_TOO_LARGE",
        "EVENT_TOO_LARGE", "FIELD_INVALID", "PERMISSION_DENIED", "LOG_MISMATCH", "", "",
        "IDEMPOTENCY_CONFLICT", "FIELD_INVALID", "FIELD_INVALID", "",
    ]  # fmt: skip
    assert shown[17]["n"] == shown[0]["n"]


def test_rows_build_on_those_before_them(door: Door) -> None:
    receipt = _receipt(door)
    lot, packed = receipt["body"]["lot"], f"HF01/{door.name('P')}"
    run = door.run("HF01", "PACK", {lot: "all"}, {packed: "rest"})
    shown = _rows(door, [run, receipt, run, door.certify([packed])], "HEFEI")
    assert _codes(shown) == ["LOT_UNKNOWN", "", "", ""]


def test_a_party_registered_in_a_batch_acts_in_the_same_batch(door: Door) -> None:
    """A custodial party whose key the server makes, and one that has made its own."""
    door.owners |= {"BA01": "BATCH-A", "BB01": "BATCH-B"}
    rows = []
    for party, site, custody in (("BATCH-A", "BA01", "operator"), ("BATCH-B", "BB01", "self")):
        about = door.registration(party, custody=custody)
        rows.append(door.event("party_registered", **about))
        place = {"site": site, "party": party, "type": "yard", "country": "CN", "scopes": []}
        named = {"name": f"{SECRET} yard"}
        place = door.event("site_registered", {**place, "zone": "UTC"}, party, private=named)
        rows += [door.sealed(place), door.sealed(_receipt(door, site))]
    lot = rows[2]["body"]["lot"]
    body = {"consignment": "BA01/C-1", "lots": [lot], "to": {"party": "BATCH-B", "site": "BB01"}}
    rows.append(door.at("BA01", "lot_dispatched", body))
    body = {"consignment": "BA01/C-1", "lots": [{"lot": lot, "mass": "10 t"}]}
    rows.append(door.sealed(door.at("BB01", "lot_arrived", body)))
    size = door.size()
    shown = _rows(door, rows)
    assert _codes(shown) == [""] * 8
    assert [row["n"] for row in shown] == list(range(size, size + 8))
    door.api_key("BATCH-B", ["record", "read"])
    assert door.get(f"/v1/lots/{lot}", "BATCH-B").json()["at_site"] == "BB01"


def test_a_key_added_in_a_batch_signs_in_the_same_batch(door: Door) -> None:
    key = keys.new_party_key()
    added = {"party": "TONGLING", "custody": "self", **new_key("TONGLING", key)}
    receipts = [_receipt(door, "TL01") for _ in range(2)]
    early, late = (statements.sign(receipt, key).as_dict() for receipt in receipts)
    rows = [early, door.sealed(door.event("key_added", added, "TONGLING")), late]
    gone = {"party": "TONGLING", "kid": keys.kid_of(key), "reason": "replaced"}
    rows.append(door.sealed(door.event("key_revoked", gone, "TONGLING")))
    rows.append(statements.sign(_receipt(door, "TL01"), key).as_dict())
    shown = _rows(door, rows, "TONGLING")
    assert _codes(shown) == ["KEY_UNKNOWN", "", "", "", "KEY_REVOKED"]


def test_a_custodial_party_goes_on_with_its_other_key_when_one_is_revoked(door: Door) -> None:
    door.party("TWO-KEYS")
    added = {"party": "TWO-KEYS", "custody": "operator"}
    door.record("key_added", added)
    place = {"site": "TK01", "party": "TWO-KEYS", "type": "yard", "country": "CN", "scopes": []}

    def again() -> dict[str, Any]:
        named = {"name": f"{SECRET} yard"}
        return door.event("site_registered", {**place, "zone": "UTC"}, "TWO-KEYS", private=named)

    def signer() -> str:
        n = door.ok(again())["n"]
        shown = door.get(f"/v1/entries/{n}", "TWO-KEYS").json()
        return jose.parse(shown["entry"]["statement"]).kid

    first = signer()
    gone = {"party": "TWO-KEYS", "reason": "left"}
    rows = [again(), door.event("key_revoked", {**gone, "kid": first}), again(), again()]
    assert _codes(_rows(door, rows)) == ["", "", "", ""]
    second = signer()
    assert second != first
    door.record("key_revoked", {**gone, "kid": second})
    refused(door.send(again()), "KEY_REVOKED", "kid")
    assert _codes(_rows(door, [again(), rows[0]])) == ["KEY_REVOKED", ""]


def test_a_pool_that_fills_between_rows_leaves_no_row_without_an_answer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration is committed before the rows behind it are prepared; these find no place."""
    monkeypatch.setattr(sequencer, "POOL_MAX", 1)
    party = door.name("FULL-")
    rows = [door.event("party_registered", **door.registration(party, custody="operator"))]
    rows += [_receipt(door) for _ in range(3)]
    headers = {"Authorization": f"Bearer {door.api_keys[OPERATOR]}", **NDJSON}
    data = b"\n".join(orjson.dumps(row) for row in rows)
    served = app.create_app(Ledger.open(door.ledger.settings))

    async def send_twice() -> list[dict[str, Any]]:
        transport = httpx.ASGITransport(served)
        async with (
            served.router.lifespan_context(served),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            path = "/v1/events/batch"
            sent = [await client.post(path, content=data, headers=headers) for _ in range(2)]
        return [answer.json() for answer in sent]

    shown, again = asyncio.run(send_twice())
    assert _codes(shown["results"]) == ["", "POOL_FULL", "POOL_FULL", "POOL_FULL"]
    assert [row["row"] for row in shown["results"]] == [1, 2, 3, 4]
    assert shown["checkpoint"]
    assert again["results"][0] == shown["results"][0]
