"""Lists: pages that fit together, cursors, filters, and what each key may see."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ledger import entry
from ledger.book import fold, parties
from ledger.store import engine as engines
from ledger.store import entries
from tests.http.conftest import Road
from tests.http.door import Door, received, refused

NAMES = ("lots", "entries", "certificates", "sites", "parties")


def pages(door: Door, name: str, who: str = "AUDITOR", **query: Any) -> Iterator[dict[str, Any]]:
    """Every page of a list, by its `next`."""
    answer = door.get(f"/v1/{name}", who, **query)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        link = answer.headers.get("link")
        assert link == (f'<{page["next"]}>; rel="next"' if page["next"] else None)
        if page["next"] is None:
            return
        answer = door.client(who).get(page["next"])


def items(door: Door, name: str, who: str = "AUDITOR", **query: Any) -> list[dict[str, Any]]:
    return list(itertools.chain(*(page["items"] for page in pages(door, name, who, **query))))


def ids(door: Door, name: str, who: str = "AUDITOR", **query: Any) -> list[str]:
    return [item["id"] for item in items(door, name, who, **query)]


@pytest.mark.parametrize("name", NAMES)
def test_pages_of_any_size_make_the_same_list(door: Door, road: Road, name: str) -> None:
    whole = items(door, name, limit=1000)
    assert whole
    assert [item["n"] for item in whole] == sorted(item["n"] for item in whole)
    assert len({item["id"] for item in whole}) == len(whole)
    for limit in (1, 7) if len(whole) < 60 else (13,):
        assert items(door, name, limit=limit) == whole
    half = whole[len(whole) // 2]["n"]
    assert items(door, name, updated_after=half) == [i for i in whole if i["n"] > half]
    counted = door.get(f"/v1/{name}", "AUDITOR", total="true", limit=1).json()
    assert counted["total"] == len(whole)


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_the_same_members_and_leads_to_its_detail(
    door: Door, road: Road, name: str
) -> None:
    shown = items(door, name)
    assert {tuple(item) for item in shown} == {tuple(shown[0])}
    assert list(shown[0])[:5] == ["type", "id", "n", "href", "label"]
    for item in shown[:: len(shown) // 20 + 1]:
        detail = door.get(item["href"], "AUDITOR")
        assert detail.status_code == 200, item
        if item["label"]:
            page = httpx.URL(item["label"].lower().replace("https://", "http://")).raw_path
            assert door.get(page.decode().upper()).status_code == 200


def test_a_listed_lot_says_what_its_detail_says(door: Door, road: Road) -> None:
    for item in items(door, "lots"):
        lot = door.get(item["href"], "AUDITOR").json()
        same = ("state", "state_since_ms", "at_site", "party", "role", "made_at_ms", "wet_mg",
                "elements", "assay_grade")  # fmt: skip
        assert {name: item[name] for name in same} == {name: lot[name] for name in same}
        assert (item["metal"] or item["form"]) == ((lot["material"] or {}).get("metal"))
        assert item["n"] == lot["entries"][-1]
        assert item["made_n"] == lot["entries"][0]


def test_a_listed_certificate_says_what_its_detail_says(door: Door, road: Road) -> None:
    shown = items(door, "certificates")
    assert road.serial in [item["id"] for item in shown]
    for item in shown:
        detail = door.get(item["href"]).json()
        same = item.keys() & detail.keys()
        assert len(same) > 10
        assert {name: item[name] for name in same} == {name: detail[name] for name in same}


def test_changes_are_seen_once_each_while_the_log_grows(door: Door) -> None:
    names = [f"HF01/{door.name('G')}" for _ in range(6)]
    for lot in names[:4]:
        door.take("HF01", "lot_received", received(lot), "waste_note")
    seen: list[tuple[str, int]] = []
    begin = door.size() - 5
    for page in pages(door, "lots", limit=2, updated_after=begin):
        seen += [(item["id"], item["n"]) for item in page["items"]]
        if len(seen) == 2:
            door.ok(door.certify([names[0]]))  # seen before: comes again
            door.ok(door.certify([names[3]]))  # not seen yet: comes once, later
            for lot in names[4:]:
                door.take("HF01", "lot_received", received(lot), "waste_note")
    assert len(set(seen)) == len(seen)
    assert [lot for lot, _ in seen] == [*names[:3], names[0], names[3], *names[4:]]
    latest = dict(seen)
    shown = {item["id"]: item["n"] for item in items(door, "lots", updated_after=begin)}
    assert latest == shown


# Who sees what.


def test_a_key_lists_exactly_what_it_may_open(door: Door, road: Road) -> None:
    for who in ("HEFEI", "TONGLING", "CHUZHOU", "STRANGER"):
        for name in ("lots", "entries"):
            mine = set(ids(door, name, who))
            for item in items(door, name):
                status = door.get(item["href"], who).status_code
                assert (status == 200) == (item["id"] in mine), (who, item["id"], status)


def test_what_is_kept_of_who_may_see_what_is_what_the_entries_say(door: Door, road: Road) -> None:
    ledger, memory = door.ledger, fold.Memory()
    lots: dict[str, set[str]] = {}
    told: dict[int, set[str]] = {}
    with engines.reading(ledger.engine) as connection:
        size = ledger.head().size
        for n, _, leaf, _, _ in entries.read_leaves(connection, ledger.log_id, 0, size):
            facts = entry.parse(leaf).facts()
            memory.apply(facts, ledger.origin)
            told[n] = parties.concerned(facts.event, memory)
            for key in fold.touched(facts, ledger.origin):
                if key.startswith(("lot:", "certificate:")):
                    lots.setdefault(key, set()).update(told[n])
        everybody = set().union(*told.values())
        for n, concerned in told.items():
            assert entries.parties_of(connection, ledger.log_id, [n]) == concerned
        for key, concerned in lots.items():
            for party in everybody:
                seen = entries.sees(connection, ledger.log_id, party, key)
                assert seen == (party in concerned), (party, key)


def test_lists_are_for_keys_that_may_read(door: Door) -> None:
    door.api_key("HEFEI", ["record"], "WRITER")
    for name in NAMES:
        refused(door.get(f"/v1/{name}"), "AUTH_REQUIRED")
        refused(door.get(f"/v1/{name}", "WRITER"), "SCOPE_REQUIRED")


# Filters.


def test_filters_of_lots_choose_what_they_say(door: Door, road: Road) -> None:
    whole = items(door, "lots")
    for name, member in (
        ("site", "at_site"), ("state", "state"), ("metal", "metal"), ("form", "form"),
        ("role", "role"),
    ):  # fmt: skip
        values = {item[member] for item in whole} - {None}
        assert values
        for value in values:
            want = [item for item in whole if item[member] == value]
            assert items(door, "lots", limit=50, **{name: value}) == want
    both = items(door, "lots", state="lying", site="HF01", total="true")
    assert both == [i for i in whole if i["state"] == "lying" and i["at_site"] == "HF01"]


def test_filters_of_entries_choose_what_they_say(door: Door, road: Road) -> None:
    whole = items(door, "entries", limit=1000)
    for name in ("kind", "site"):
        for value in {item[name] for item in whole} - {""}:
            want = [item["n"] for item in whole if item[name] == value]
            got = items(door, "entries", limit=1000, **{name: value})
            assert [item["n"] for item in got] == want
    heat = road.answers["heat"]["n"]
    theirs = [item["n"] for item in items(door, "entries", party="TONGLING", limit=1000)]
    assert heat not in theirs
    assert {i["n"] for i in whole if i["party"] == "TONGLING"} <= set(theirs)
    assert theirs == [item["n"] for item in items(door, "entries", "TONGLING", limit=1000)]
    ours = set(theirs) & {item["n"] for item in items(door, "entries", "HEFEI", limit=1000)}
    asked = items(door, "entries", "HEFEI", party="TONGLING")
    assert {item["n"] for item in asked} == ours


def test_filters_of_certificates_sites_and_parties(door: Door, road: Road) -> None:
    whole = items(door, "certificates")
    for name, member in (
        ("issuer", "issuer"), ("site", "site"), ("status", "status"), ("substance", "substance"),
    ):  # fmt: skip
        for value in {item[member] for item in whole}:
            want = [item["id"] for item in whole if item[member] == value]
            page = door.get("/v1/certificates", "AUDITOR", total="true", **{name: value}).json()
            assert [item["id"] for item in page["items"]] == want
            assert page["total"] == len(want)
    assert set(ids(door, "sites", party="HEFEI")) == {"HF01", "HF02"}
    assert set(ids(door, "sites", country="CN")) == set(ids(door, "sites"))
    assert ids(door, "sites", country="FR") == []
    assert "HEFEI" in ids(door, "parties", role="recycler")
    assert ids(door, "parties", role="lab") == []


def test_a_period_is_of_the_day_a_thing_was_made(door: Door, road: Road) -> None:
    whole = items(door, "lots")
    at = sorted(item["made_at_ms"] for item in whole)[len(whole) // 2]
    text = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).isoformat(
        timespec="milliseconds"
    )
    early, late = ids(door, "lots", until=text), ids(door, "lots", **{"from": text})
    assert early == [item["id"] for item in whole if item["made_at_ms"] < at]
    assert late == [item["id"] for item in whole if item["made_at_ms"] >= at]


def test_private_names_are_in_no_list(door: Door, road: Road) -> None:
    for name in NAMES:
        for page in pages(door, name):
            assert "Grossmann" not in str(page)


# What is refused.


@pytest.mark.parametrize(
    ("query", "field", "known"),
    [
        ("colour=red", "colour", "known here: cursor, form, from"),
        ("state=gone", "state", "known: lying, road, consumed, left"),
        ("role=boss", "role", "known: received, product"),
        ("metal=aluminum", "metal", "near: aluminium"),
        ("form=skrap", "form", "/v1/vocabulary/forms"),
        ("site=hf01", "site", ""),
        ("from=2026-03-02", "from", "%2B08:00"),
        ("from=2026-03-02T09:15:00", "from", "offset"),
        ("from=2026-03-02T09:15:00+08:00", "from", "%2B08:00"),
        ("from=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", "until", ""),
        ("limit=0", "limit", ""),
        ("limit=1001", "limit", ""),
        ("limit=ten", "limit", ""),
        ("total=perhaps", "total", ""),
        ("updated_after=yesterday", "updated_after", ""),
        ("updated_after=-1", "updated_after", ""),
        ("updated_after=99999999999999999999", "updated_after", ""),
        ("state=lying&state=road", "state", "once"),
        ("cursor=", "cursor", "begin again"),
        ("cursor=AAAA", "cursor", "begin again"),
        ("cursor=%F0%9F%99%82", "cursor", "begin again"),
        ("cursor=" + "A" * 201, "cursor", ""),
    ],
)
def test_what_a_list_does_not_know_is_refused_by_name(
    door: Door, query: str, field: str, known: str
) -> None:
    shown = refused(door.get(f"/v1/lots?{query}", "AUDITOR"), "PARAMETER_INVALID", field)
    assert known in shown["hint"] + shown["detail"]


def test_a_site_or_party_that_is_not_there_is_no_empty_list(door: Door) -> None:
    refused(door.get("/v1/lots", "AUDITOR", site="ZZ99"), "SITE_UNKNOWN", "site")
    refused(door.get("/v1/entries", "AUDITOR", party="NOBODY"), "PARTY_UNKNOWN", "party")
    refused(door.get("/v1/certificates", "AUDITOR", issuer="NOBODY"), "PARTY_UNKNOWN", "issuer")
    refused(door.get("/v1/sites/ZZ99", "AUDITOR"), "SITE_UNKNOWN", "site")
    refused(door.get("/v1/parties/NOBODY", "AUDITOR"), "PARTY_UNKNOWN", "party")


def test_a_cursor_is_for_its_own_query_and_unbent(door: Door, road: Road) -> None:
    page = door.get("/v1/lots", "AUDITOR", limit=2, role="received").json()
    cursor = httpx.URL(page["next"]).params["cursor"]
    assert door.client("AUDITOR").get(page["next"]).status_code == 200
    for other in ({}, {"role": "heel"}, {"role": "received", "site": "HF01"}):
        refused(
            door.get("/v1/lots", "AUDITOR", cursor=cursor, **other), "PARAMETER_INVALID", "cursor"
        )
    refused(door.get("/v1/entries", "AUDITOR", cursor=cursor), "PARAMETER_INVALID", "cursor")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, letter in enumerate(cursor):
        bent = cursor[:at] + alphabet[alphabet.index(letter) ^ 1] + cursor[at + 1 :]
        answer = door.get("/v1/lots", "AUDITOR", limit=2, role="received", cursor=bent)
        refused(answer, "PARAMETER_INVALID", "cursor")
    for bent in (cursor + "A", cursor[:-1], cursor + "=", " " + cursor):
        answer = door.get("/v1/lots", "AUDITOR", limit=2, role="received", cursor=bent)
        refused(answer, "PARAMETER_INVALID", "cursor")
    # Another limit is another page of the same list.
    assert door.get("/v1/lots", "AUDITOR", limit=5, role="received", cursor=cursor).is_success
