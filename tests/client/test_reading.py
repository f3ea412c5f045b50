"""Reading through the client: lists by cursor, lots, certificates, dossiers, labels."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.client import BadAnswer, Client, Refusal, serial_of
from ledger import reports
from ledger.book import serial
from ledger.certificate import policy, verify
from tests.client.conftest import Maker
from tests.client.road import Road
from tests.client.test_recording import party, receipt
from tests.http.door import Door, received


@pytest.fixture(scope="session")
def stocked(door: Door) -> list[str]:
    """Lots of a site of its own: 23, of which one is certified and one was packed."""
    door.site("LI01", "YARD")
    with Client(door.address, door.api_keys["YARD"], party="YARD", log=door.ledger.origin) as yard:
        rows = yard.record_many(
            yard.event("lot_received", received(f"LI01/A{i:02}"), site="LI01") for i in range(22)
        )
        assert all(row.ok for row in rows)
        door.ok(door.run("LI01", "PACK", {"LI01/A05": "all"}, {"LI01/PACKED": "rest"}))
    return [f"LI01/A{i:02}" for i in range(22)] + ["LI01/PACKED"]


def certified(client: Any, door: Door) -> tuple[str, str]:
    """A new certificate: its serial, and its lot."""
    lot = receipt(client, door, "YD01")
    client.record(lot)
    body = {
        "lots": [lot["body"]["lot"]], "substance": "Al", "method": "iso14021-batch",
        "classes": ["POST"], "amount": "all",
    }  # fmt: skip
    event = client.event("certificate_issued", body, site="YD01")
    client.record(event)
    return serial_of(event), lot["body"]["lot"]


@pytest.mark.parametrize("limit", [1, 7, 23, 1_000])
def test_a_list_is_read_to_its_end_whatever_a_page_holds(
    connect: Maker, door: Door, stocked: list[str], limit: int
) -> None:
    client = party(connect, door, "YARD")
    found = list(client.lots(site="LI01", limit=limit))
    assert sorted(lot.id for lot in found) == stocked
    assert [lot.n for lot in found] == sorted(lot.n for lot in found)
    assert {lot.state for lot in found} == {"lying", "consumed"}
    pages = list(client.pages("lots", site="LI01", limit=limit, total=True))
    assert pages[0].total == 23
    assert sum(len(page.items) for page in pages) == 23


def test_what_changed_since_the_last_visit_is_asked_for(
    connect: Maker, door: Door, stocked: list[str]
) -> None:
    client = party(connect, door, "YARD")
    *_, last = client.pages("lots", limit=10)
    assert list(client.lots(updated_after=last.size - 1)) == []
    new = receipt(client, door, "YD01")
    client.record(new)
    assert [lot.id for lot in client.lots(updated_after=last.size - 1)] == [new["body"]["lot"]]


def test_every_list_has_items_that_lead_to_the_whole(
    connect: Maker, door: Door, stocked: list[str]
) -> None:
    client = party(connect, door, "YARD")
    number, lot = certified(client, door)
    assert number in {item.id for item in client.certificates(substance="Al", status="VALID")}
    assert "LI01" in {item.id for item in client.sites(party="YARD")}
    assert "YARD" in {item.id for item in client.parties(role="recycler")}
    entries = list(client.entries(kind="certificate_issued", from_="2026-01-01T00:00:00Z"))
    assert client.entry(entries[-1].n).event["kind"] == "certificate_issued"
    assert client.lot(lot).certificates[0].serial == number


@pytest.mark.parametrize("filters", [{"colour": "red"}, {"state": "lost"}, {"limit": 0}])
def test_a_filter_that_there_is_not_is_refused(connect: Maker, door: Door, filters: Any) -> None:
    client = party(connect, door, "YARD")
    with pytest.raises(Refusal) as caught:
        list(client.lots(**filters))
    assert caught.value.code == "PARAMETER_INVALID"
    with pytest.raises(ValueError, match="want one of lots"):
        list(client.pages("../log"))


def test_a_next_page_that_lies_elsewhere_is_not_followed(
    connect: Maker, door: Door, road: Road, stocked: list[str]
) -> None:
    client = party(connect, door, "YARD", road.url)
    road.alter = lambda data: re.sub(rb'"next":"/v1/lots', b'"next":"//x.cc/a', data)
    with pytest.raises(BadAnswer, match="the next page is said to be at"):
        list(client.lots(site="LI01", limit=5))


def test_lineage_is_read_in_both_directions(connect: Maker, door: Door, stocked: list[str]) -> None:
    client = party(connect, door, "YARD")
    found = client.lineage("LI01/PACKED", "back")
    assert found.lots == ("LI01/A05", "LI01/PACKED")
    assert [(edge.parent, edge.child) for edge in found.edges] == [("LI01/A05", "LI01/PACKED")]
    assert not found.truncated


def test_a_certificate_and_its_dossier_are_what_a_buyer_verifies(
    connect: Maker, door: Door
) -> None:
    number, lot = certified(party(connect, door, "YARD"), door)
    buyer = connect(door.address)
    found = buyer.certificate(serial.printed(number))
    assert (found.status, found.of_substance, found.lots) == ("VALID", "100.00", (lot,))
    trusted = policy.parse(reports.policy_file(door.ledger))
    assert verify.verify(buyer.dossier(number), trusted, serial=number).status == 0


def test_a_label_comes_in_every_form(connect: Maker, door: Door, stocked: list[str]) -> None:
    client = party(connect, door, "YARD")
    begins = {"png": b"\x89PNG", "svg": b"<", "pdf": b"%PDF", "zpl": b"^XA"}
    for form, start in begins.items():
        assert client.label("LI01/A01", form).startswith(start), form


@pytest.mark.parametrize("lot", ["LI01/../../log/checkpoint", "nonsense", "LI01/A?x=1", "", "/"])
def test_a_name_leads_to_no_other_address(connect: Maker, door: Door, lot: str) -> None:
    client = party(connect, door, "YARD")
    with pytest.raises(Refusal) as caught:
        client.lot(lot)
    assert (caught.value.code, caught.value.field, caught.value.status) == (
        "FIELD_INVALID",
        "lot",
        0,
    )
    with pytest.raises(Refusal):
        client.dossier(lot)
