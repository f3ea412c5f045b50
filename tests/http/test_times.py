"""Times as people and programs write them, and dates at the ends of the calendar."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ledger.book import serial
from tests.http.door import ORIGIN, Door, received, refused


def _receipt(door: Door, occurred_at: Any) -> dict[str, Any]:
    body = received(f"HF01/{door.name('L')}")
    envelope = door.at("HF01", "lot_received", body, "waste_note")
    return {**envelope, "occurred_at": occurred_at}


def _in(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-03-02", "2026-03-02T09:15:00", "2026-03-02 09:15:00Z", "2026-03-02T09:15Z",
     "2026-03-02t09:15:00z", "2026-03-02T09:15:00+0800", "2026-03-02T09:15:00+08",
     "2026-03-02T09:15:00+24:00", "2026-03-02T09:15:00+08:60", "2026-03-02T09:15:00 +08:00",
     "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T09:60:00Z",
     "2026-03-02T23:59:60Z", "2026-03-02T09:15:00,5Z", "2026-03-02T09:15:00.Z",
     "0000-01-01T00:00:00Z", "+2026-03-02T09:15:00Z",
     "26-03-02T09:15:00Z", "２０２６-03-02T09:15:00Z", "2026-03-02T09:15:00Z ", "2026-W10-1",
     "2026-03-02T09:15:00Z\u202e", "1772442900", "T" * 5_000],
    ids=lambda text: text[:30] or "empty",
)  # fmt: skip
def test_what_is_no_time_with_an_offset_is_refused(door: Door, text: str) -> None:
    refused(door.send(_receipt(door, text)), "TIME_INVALID", "occurred_at")


@pytest.mark.parametrize(
    "text",
    ["2026-03-02T09:15:00Z", "2026-03-02T09:15:00.5+08:00", "2026-03-02T09:15:00.123456789-00:00",
     "2024-02-29T00:00:00-23:59", "1969-12-31T23:59:59.999-12:00", "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
def test_any_time_of_the_past_is_taken_and_shown(door: Door, text: str) -> None:
    envelope = _receipt(door, text)
    n = door.ok(envelope)["n"]
    assert door.get(f"/v1/entries/{n}", "HEFEI").json()["event"]["occurred_at"] == text
    lot = envelope["body"]["lot"]
    shown = door.get(f"/v1/lots/{lot}", "HEFEI").json()
    assert shown["made_at_ms"] == shown["state_since_ms"]
    assert door.get(f"/L/{lot}/{shown['fingerprint']}").status_code == 200


def test_the_future_begins_in_ten_minutes(door: Door) -> None:
    door.ok(_receipt(door, _in(590)))
    refused(door.send(_receipt(door, _in(630))), "EVENT_IN_FUTURE", "occurred_at")
    refused(door.send(_receipt(door, "9999-12-31T23:59:59Z")), "EVENT_IN_FUTURE", "occurred_at")
    [row] = door.batch([_receipt(door, "9999-12-31T23:59:59-23:59")], "HEFEI").json()["results"]
    assert row["error"]["code"] == "EVENT_IN_FUTURE"


def test_a_lot_is_not_touched_before_it_was_made(door: Door) -> None:
    made = _receipt(door, "2026-03-02T09:15:00+08:00")
    door.ok(made)
    lot = made["body"]["lot"]
    run = door.run("HF01", "PACK", {lot: "5 t"}, {f"HF01/{door.name('P')}": "rest"})
    early = {**run, "occurred_at": "2026-03-02T01:14:59.999Z"}
    refused(door.send(early), "EVENT_OUT_OF_ORDER", "body.inputs[0].lot")
    door.ok({**run, "occurred_at": "2026-03-02T01:15:00Z"})


@pytest.mark.parametrize(
    "day", ["2026-2-30", "2026-02-30", "20260302", "tomorrow", "", "0000-01-01"]
)
def test_what_is_no_day_is_refused(door: Door, day: str) -> None:
    issued = door.certify(["HF01/X"], valid_until=day)
    refused(door.send(issued), "TIME_INVALID", "body.valid_until")


@pytest.mark.parametrize(("day", "status"), [("0001-01-01", "EXPIRED"), ("9999-12-31", "VALID")])
def test_a_certificate_is_valid_until_any_day_of_the_calendar(
    door: Door, day: str, status: str
) -> None:
    issued = door.certify([door.stock("HF01")], valid_until=day)
    door.ok(issued)
    number = serial.make(ORIGIN, "HEFEI", issued["id"])
    assert door.get(f"/v1/certificates/{number}").json()["status"] == status
    for path in (f"/C/{number}", f"/v1/certificates/{number}/dossier"):
        assert door.get(path).status_code == 200
