"""Recording through the client: signed here or there, one by one or in streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest

from api.client import AsyncClient, Refusal, Row, core, rows
from api.routes import events as routes
from ledger import keys, service
from tests.client.conftest import Maker
from tests.http.door import ORIGIN, SECRET, Door, document, received

KINDS = [("YARD", "YD01"), ("SMELTER", "SM01")]


def party(connect: Maker, door: Door, name: str, url: str = "", **more: Any) -> Any:
    """The client of a party, with its key if it signs for itself."""
    more = {"log_key": door.ledger.verifier.vkey, "key": door.signing.get(name), **more}
    return connect(url or door.address, door.api_keys[name], party=name, **more)


def receipt(client: Any, door: Door, site: str, **more: Any) -> dict[str, Any]:
    body = received(f"{site}/{door.name('C')}")
    paper = [document("waste_note", door.name("client's document "))]
    envelope: dict[str, Any] = client.event(
        "lot_received", body, site=site, evidence=paper, private={"note": SECRET}, **more
    )
    return envelope


@pytest.mark.parametrize(("name", "site"), KINDS)
def test_an_event_is_recorded_confirmed_and_read_back(
    connect: Maker, door: Door, name: str, site: str
) -> None:
    client = party(connect, door, name)
    event = receipt(client, door, site)
    sealed = client.seal(event)
    done = client.record(sealed)
    assert client.confirm(sealed, done).n == done.n
    lot = client.lot(event["body"]["lot"])
    assert (lot.party, lot.wet_mg, lot.entries) == (name, 10_000_000_000, (done.n,))
    assert lot.elements[0].origins["POST"].percent == "100.00"
    assert lot.raw["made_by"] == "receipt"
    assert client.lineage(lot.lot).lots == (lot.lot,)


def test_what_is_sealed_is_signed_once_and_hides_what_is_private(
    connect: Maker, door: Door
) -> None:
    client = party(connect, door, "SMELTER")
    event = receipt(client, door, "SM01")
    sealed = orjson.loads(client.seal(event))
    assert set(sealed) == {"statement", "disclosures"}
    assert SECRET not in sealed["statement"]
    assert client.seal(sealed) == orjson.dumps(sealed), "it is not signed again"
    first = client.record(sealed)
    assert client.record(orjson.dumps(sealed)).n == first.n
    with pytest.raises(Refusal) as caught:
        client.record(event)  # signed anew, with other salts: another event under the same id
    assert caught.value.code == "IDEMPOTENCY_CONFLICT"


def test_a_key_may_lie_in_a_file(connect: Maker, door: Door, tmp_path: Any) -> None:
    keys.save_party_key(tmp_path / "own.pem", door.signing["SMELTER"])
    client = party(connect, door, "SMELTER", key=tmp_path / "own.pem")
    assert client.record(receipt(client, door, "SM01")).n > 0


def test_a_dry_run_writes_nothing(connect: Maker, door: Door) -> None:
    client, size = party(connect, door, "YARD"), door.size()
    event = receipt(client, door, "YD01")
    tried = client.try_event(event)
    assert f"lot:{event['body']['lot']}" in tried.book
    assert door.size() == size


def test_a_refusal_says_what_where_and_how_to_go_on(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD")
    event = receipt(client, door, "YD01")
    event["body"]["mass"] = "12 stone"
    with pytest.raises(Refusal) as caught:
        client.record(event)
    found = caught.value
    assert (found.code, found.field, found.status) == ("UNIT_UNKNOWN", "body.mass", 422)
    assert found.value == "12 stone"
    assert found.hint


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (b"", "JSON_INVALID"),
        (b" \n ", "JSON_INVALID"),
        ({"id": 2**70}, "JSON_INVALID"),
        ({"id": object()}, "JSON_INVALID"),
        (b'{"note": "' + b"x" * 65_536 + b'"}', "EVENT_TOO_LARGE"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is_sent(
    connect: Maker, door: Door, event: Any, code: str
) -> None:
    client = party(connect, door, "YARD")
    with pytest.raises(Refusal) as caught:
        client.record(event)
    assert (caught.value.code, caught.value.status) == (code, 0)


def test_a_party_that_signs_hears_of_a_wrong_event_before_it_is_sent(
    connect: Maker, door: Door
) -> None:
    client = party(connect, door, "SMELTER")
    with pytest.raises(Refusal) as caught:
        client.seal({**receipt(client, door, "SM01"), "kind": "lot_eaten"})
    assert (caught.value.code, caught.value.field) == ("KIND_UNKNOWN", "kind")


# Streams.


@pytest.mark.parametrize(("name", "site"), KINDS)
def test_a_stream_longer_than_a_batch_is_recorded_in_order(
    connect: Maker, door: Door, name: str, site: str
) -> None:
    client, size = party(connect, door, name), door.size()
    events = [
        client.event("lot_received", received(f"{site}/{door.name('S')}"), site=site)
        for _ in range(2_100)
    ]
    found = list(client.record_many(iter(events)))
    assert [row.number for row in found] == list(range(1, 2_101))
    assert [row.n for row in found] == list(range(size, size + 2_100))
    last = client.lot(events[-1]["body"]["lot"])
    assert last.entries == (found[-1].n,)
    assert client.confirm(client.entry(found[-1].n).event, found[-1]).n == found[-1].n


def test_refused_rows_do_not_stop_the_stream(connect: Maker, door: Door) -> None:
    client = party(connect, door, "YARD")
    good = [receipt(client, door, "YD01") for _ in range(3)]
    pretty = orjson.dumps(good[1], option=orjson.OPT_INDENT_2)
    mixed = [good[0], b"", {"kind": "lot_eaten"}, pretty, {"id": 2**70}, good[0], good[2]]
    found = list(client.record_many(mixed))
    assert [row.number for row in found] == [1, 2, 3, 4, 5, 6, 7]
    codes = [row.refusal.code if row.refusal else "" for row in found]
    assert codes == ["", "JSON_INVALID", "FIELD_MISSING", "", "JSON_INVALID", "", ""]
    assert found[5].n == found[0].n, "the same event again is the same entry again"
    assert [row.ok for row in client.record_many([b"", b""])] == [False, False]
    assert list(client.record_many([])) == []


def test_a_stream_is_pulled_batch_by_batch(connect: Maker, door: Door) -> None:
    client, pulled = party(connect, door, "YARD"), 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal pulled
        while True:
            pulled += 1
            yield {"kind": "lot_eaten"}

    found = client.record_many(endless())
    assert [next(found).number for _ in range(1_001)][-1] == 1_001
    assert pulled <= 2 * rows.ROWS_MAX + 2
    found.close()


def test_an_asynchronous_stream_may_be_recorded(door: Door) -> None:
    async def slow(client: AsyncClient) -> AsyncIterator[dict[str, Any]]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield receipt(client, door, "YD01")

    async def send() -> list[Row]:
        key, log_key = door.api_keys["YARD"], door.ledger.verifier.vkey
        async with AsyncClient(door.address, key, party="YARD", log_key=log_key) as client:
            return [row async for row in client.record_many(slow(client))]

    assert [row.ok for row in asyncio.run(send())] == [True] * 3


def test_a_stream_that_may_not_be_sent_at_all_is_refused(connect: Maker, door: Door) -> None:
    client = connect(door.address, "rmk_nobody", party="YARD", log=ORIGIN)
    with pytest.raises(Refusal) as caught:
        list(client.record_many([receipt(client, door, "YD01")]))
    assert caught.value.code == "AUTH_REQUIRED"


def test_limits_are_those_of_the_server() -> None:
    assert rows.ROWS_MAX == routes.ROWS_MAX
    assert rows.BATCH_MAX_BYTES == routes.BATCH_MAX_BYTES
    assert rows.ROW_MAX_BYTES == service.STATEMENT_MAX_BYTES


def test_a_batch_is_cut_by_bytes_too() -> None:
    cutter, row = rows.Cutter(None), b'{"a": "' + b"x" * 60_000 + b'"}'
    cut = [chunk for _ in range(700) if (chunk := cutter.add(row))]
    cut.append(cutter.rest() or cut[0])
    assert len(cut) == 3
    assert all(len(chunk.content) <= rows.BATCH_MAX_BYTES for chunk in cut)
    assert sum(len(chunk.rows) for chunk in cut) == 700
    assert [chunk.first for chunk in cut] == [1, 1 + len(cut[0].rows), 1 + 2 * len(cut[0].rows)]


def test_an_event_needs_a_party_and_a_log(connect: Maker, door: Door) -> None:
    with pytest.raises(ValueError, match="party"):
        connect(door.address).event("lot_received", {})
    assert core.PATIENT.total_s > core.PATIENT.timeout_s
