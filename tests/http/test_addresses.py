"""Addresses, methods and parameters that do not exist or make no sense."""

from __future__ import annotations

import asyncio
import concurrent.futures

import httpx
import pytest
from sqlalchemy import create_engine

from api import app
from ledger.book import serial
from ledger.service import Ledger
from tests.http.conftest import Road
from tests.http.door import ORIGIN, Door, received, refused

HUGE = 2**63


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v2/events", "/v1/event", "/v1/events/1", "/v1/lot", "/v1/lots/HF01",
     "/v1/lots/HF01/A/B", "/v1/lots//A", "/v1/lots/HF01/A/lineage/back", "/v1/log", "/v1/log/root",
     "/v1/entries/", "/v1/entries/1/2", "/admin", "/.env", "/v1/%2e%2e/%2e%2e/keys/log.key",
     "/redoc", "/v1/certificates/", "/" + "x" * 10_000, "/v1/合肥", "/v1/lots/%00/%00/%00"],
    ids=lambda path: path[:40],
)  # fmt: skip
def test_an_unknown_address_is_a_problem(door: Door, path: str) -> None:
    shown = refused(door.get(path, "HEFEI"), "NOT_FOUND", "path")
    assert str(shown["value"]).startswith("/")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_events_are_posted(door: Door, method: str) -> None:
    for path in ("/v1/events", "/v1/events/batch"):
        answer = door.client("HEFEI").request(method, path)
        shown = refused(answer, "METHOD_NOT_ALLOWED", "method")
        assert shown["value"] == method
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_read_is_not_written(door: Door, road: Road, method: str) -> None:
    for path in ("/v1/entries/1", "/v1/lots/HF01/INGOT", "/v1/log/checkpoint", "/readyz",
                 f"/v1/certificates/{road.serial}"):  # fmt: skip
        refused(door.client("HEFEI").request(method, path), "METHOD_NOT_ALLOWED", "method")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/entries/-1", "n"),
        (f"/v1/entries/{HUGE}", "n"),
        ("/v1/entries/1e3", "n"),
        ("/v1/entries/1.5", "n"),
        ("/v1/entries/0x10", "n"),
        ("/v1/entries/one", "n"),
        ("/v1/entries/%20", "n"),
        ("/v1/entries/" + "9" * 5_000, "n"),
        ("/v1/log/proof/inclusion", "n"),
        ("/v1/log/proof/inclusion?n=", "n"),
        ("/v1/log/proof/inclusion?n=-1", "n"),
        (f"/v1/log/proof/inclusion?n={HUGE}", "n"),
        (f"/v1/log/proof/inclusion?n={HUGE - 1}", "n"),
        ("/v1/log/proof/inclusion?n=0&size=0", "size"),
        ("/v1/log/proof/inclusion?n=0&size=-5", "size"),
        ("/v1/log/proof/inclusion?n=2&size=2", "n"),
        (f"/v1/log/proof/inclusion?n=0&size={HUGE - 1}", "size"),
        (f"/v1/log/proof/inclusion?n=0&size={HUGE}", "size"),
        ("/v1/log/proof/inclusion?n=0&size=NaN", "size"),
        ("/v1/log/proof/consistency", "from"),
        ("/v1/log/proof/consistency?from=0", "from"),
        ("/v1/log/proof/consistency?from=-1&to=3", "from"),
        ("/v1/log/proof/consistency?from=3&to=2", "from"),
        ("/v1/log/proof/consistency?from=1&to=0", "to"),
        (f"/v1/log/proof/consistency?from=1&to={HUGE - 1}", "to"),
        (f"/v1/log/proof/consistency?from={HUGE - 1}", "from"),
        ("/v1/log/proof/consistency?old=1&new=2", "from"),
        ("/v1/lots/HF01/INGOT/lineage?direction=sideways", "direction"),
        ("/v1/lots/HF01/INGOT/lineage?direction=", "direction"),
    ],
    ids=range(29),
)
def test_a_parameter_that_makes_no_sense_is_named(
    door: Door, road: Road, path: str, field: str
) -> None:
    shown = refused(door.get(path, "HEFEI"), "PARAMETER_INVALID")
    assert shown["field"] in {field, "old", "new"}


@pytest.mark.parametrize(
    "path",
    ["/v1/log/proof/inclusion?n=0&sise=5", "/v1/log/checkpoint?size=1", "/v1/entries/1?raw=1",
     "/v1/lots/HF01/INGOT?at=2026", "/v1/lots/HF01/INGOT/lineage?depth=1"],
)  # fmt: skip
def test_a_parameter_that_an_address_does_not_have_is_refused(
    door: Door, road: Road, path: str
) -> None:
    name = path.split("?")[1].split("&")[-1].split("=")[0]
    refused(door.get(path, "HEFEI"), "PARAMETER_INVALID", name)


@pytest.mark.parametrize("query", ["dryrun=true", "dry-run=1", "dry_run=maybe", "dry_run="])
def test_a_dry_run_that_is_misspelt_records_nothing(door: Door, query: str) -> None:
    envelope = door.at("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note")
    size = door.size()
    answer = door.client("HEFEI").post(f"/v1/events?{query}", json=envelope)
    refused(answer, "PARAMETER_INVALID", query.partition("=")[0])
    assert door.size() == size


def test_a_batch_has_no_dry_run_and_says_so(door: Door) -> None:
    size = door.size()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = door.client("HEFEI").post(
        "/v1/events/batch?dry_run=true", content=b"{}", headers=headers
    )
    refused(answer, "PARAMETER_INVALID", "dry_run")
    assert door.size() == size


def test_an_entry_that_is_not_there_yet_is_not_found(door: Door) -> None:
    for n in (door.size() + 1_000, HUGE - 1):
        refused(door.get(f"/v1/entries/{n}", "AUDITOR"), "NOT_FOUND", "n")


LOTS = (
    "hf01/A", "HF01/a", "HF01/-A", "HF01/A_B", "HF01/A B", "HF01/A.B", "H/A", "HF01/" + "A" * 21,
    "1F01/A", "HF01/铝", "HF01/%00", "HF01/%F0%9F%99%82", "HF01/%ff", "HF01/%ed%a0%80", "HF01/@",
    "HF01/" + "A" * 10_000, "A" * 10_000 + "/A", "HF01/'; DROP TABLE entries --", "HF01/%25",
    "HF01/%E2%80%AEA", "HF01/*", "lot:HF01/A",
)  # fmt: skip


@pytest.mark.parametrize("lot", LOTS, ids=range(len(LOTS)))
def test_a_name_that_no_lot_can_have_is_refused(door: Door, lot: str) -> None:
    for path in (f"/v1/lots/{lot}", f"/v1/lots/{lot}/lineage"):
        refused(door.get(path, "HEFEI"), "FIELD_INVALID", "lot")


def test_a_name_that_no_lot_has_is_not_found(door: Door) -> None:
    for path in ("/v1/lots/HF01/NEVER", "/v1/lots/ZZ99/A/lineage", "/v1/lots/HF01/HEEL-F9"):
        refused(door.get(path, "HEFEI"), "LOT_UNKNOWN", "lot")


def test_a_serial_is_checked_before_it_is_looked_for(door: Door) -> None:
    good = serial.make(ORIGIN, "HEFEI", "never issued")
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    for path in ("", "/dossier"):
        refused(door.get(f"/v1/certificates/{good}{path}"), "CERTIFICATE_UNKNOWN", "serial")
        for text in (wrong, "A", "A" * 10_000, "ß" * 6, "%00", "OOOO-OOOO-OOOO", "🙂", f"{good}A"):
            refused(door.get(f"/v1/certificates/{text}{path}"), "FIELD_INVALID", "serial")


def test_a_crowd_of_readers_is_served(door: Door, road: Road) -> None:
    paths = 3 * ["/v1/log/proof/inclusion?n=1", "/v1/log/proof/consistency?from=2",
                 "/v1/log/checkpoint"]  # fmt: skip
    paths.append(f"/v1/certificates/{road.serial}/dossier")  # which counts for many
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda i: door.get(paths[i % len(paths)]), range(240)))
    assert {answer.status_code for answer in answers} == {200}


def test_no_request_needs_two_connections_to_the_database(door: Door, road: Road) -> None:
    # If one did, a crowd of them would hold all connections and wait for each other.
    ledger = Ledger.open(door.ledger.settings)
    ledger.engine.dispose()
    url = door.ledger.settings.database
    ledger.engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=2)
    fingerprint = door.get("/v1/lots/HF01/INGOT", "HEFEI").json()["fingerprint"]
    paths = (
        "/v1/entries/1", "/v1/lots/HF01/INGOT", "/v1/lots/HF01/INGOT/lineage", "/v1/log/checkpoint",
        "/v1/log/proof/inclusion?n=1", "/v1/log/proof/consistency?from=2", "/readyz",
        f"/v1/certificates/{road.serial}", f"/v1/certificates/{road.serial}/dossier",
        f"/C/{road.serial}", f"/L/HF01/INGOT/{fingerprint}", "/",
    )  # fmt: skip
    envelope = door.at("HF01", "lot_received", received(f"HF01/{door.name('L')}"), "waste_note")

    async def ask() -> None:
        transport = httpx.ASGITransport(app.create_app(ledger))
        keys = {
            who: {"Authorization": f"Bearer {door.api_keys[who]}"} for who in ("AUDITOR", "HEFEI")
        }
        async with httpx.AsyncClient(transport=transport, base_url=door.address) as client:
            for path in paths:
                answer = await client.get(path, headers=keys["AUDITOR"])
                assert answer.status_code == 200, path
            url = "/v1/events?dry_run=true"
            answer = await client.post(url, json=envelope, headers=keys["HEFEI"])
            assert answer.status_code == 200

    asyncio.run(ask())
    ledger.engine.dispose()
