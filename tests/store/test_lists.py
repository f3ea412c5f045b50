"""Pages of lists are the same whether a party's few are sorted or everybody's are walked through,
and however few rows one request may look at."""

from __future__ import annotations

import datetime
import itertools
import zoneinfo
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from ledger import lists, service
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import lists as pages
from tests.store import plant


@pytest.fixture
def told(running: Ledger) -> Ledger:
    """The story, and more lots at both sites, some in one commit."""
    plant.accept(running, *plant.story())
    plant.accept(running, *(plant.receipt(f"HF01/X{i}", mass="1 t") for i in range(12)))
    for i in range(6):
        plant.accept(running, plant.receipt(f"WH01/Y{i}", mass="2 t"))
    plant.accept(running, plant.certificate(["HF01/X3"]), plant.certificate(["HF01/X7"]))
    outputs = [plant.made("HF01/P1", "0.5 t"), plant.made("HF01/P2", "rest")]
    plant.accept(running, plant.run("HF01/S-1", "SPLIT", ["HF01/X5"], outputs))
    to = {"party": "WUHU", "site": "WH01"}
    sent = {"consignment": "HF01/K-2", "lots": ["HF01/P1", "HF01/X3"], "to": to}
    plant.accept(running, plant.at("HF01", "lot_dispatched", sent))
    away = {"consignment": "HF01/K-3", "lots": ["HF01/X9"], "to": {"external": True}}
    plant.accept(running, plant.at("HF01", "lot_dispatched", away))
    return running


FILTERS: dict[str, list[dict[str, Any]]] = {
    "lots": [{}, {"site": "HF01"}, {"state": "lying"}, {"state": "left"}, {"role": "heel"},
             {"metal": "aluminium", "site": "WH01"}],
    "entries": [{}, {"kind": "lot_received"}, {"party": "WUHU"}, {"site": "WH01"},
                {"kind": "log_opened"}],
    "certificates": [{}, {"status": "VALID"}, {"status": "REVOKED"}, {"substance": "Al"}],
    "sites": [{}, {"party": "WUHU"}],
    "parties": [{}, {"role": "recycler"}],
}  # fmt: skip
CASES = [
    (name, filters, viewer)
    for name, choices in FILTERS.items()
    for filters in choices
    for viewer in (None, "HEFEI", "WUHU", "NOBODY")
]


def whole(ledger: Ledger, query: lists.Query) -> tuple[list[Any], int]:
    """Every item of a list, by its pages, and how many pages there were."""
    items: list[Any] = []
    for count in itertools.count(1):
        answer = lists.read(ledger, query)
        assert len(answer.items) <= query.limit
        items += answer.items
        if answer.next is None:
            return items, count
        n, name = answer.next
        assert (n, name or "~") > query.after, "paging goes on"
        query = replace(query, after=answer.next)
    raise AssertionError


def test_every_way_to_a_page_leads_to_the_same_list(
    told: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for i, (name, filters, viewer) in enumerate(CASES):
        found[i] = whole(told, lists.Query(name, filters, viewer, 1_000))[0]
    assert sum(map(len, found.values())) > 100
    monkeypatch.setattr(pages, "SCAN_MAX", 3)
    monkeypatch.setattr(pages, "SCAN_SEEN_MAX", 2)
    for sort_max, limit in ((0, 2), (0, 1_000), (1_000, 2), (3, 5)):
        monkeypatch.setattr(pages, "SORT_MAX", sort_max)
        for i, (name, filters, viewer) in enumerate(CASES):
            query = lists.Query(name, filters, viewer, limit, total=True)
            assert whole(told, query)[0] == found[i], (name, filters, viewer, sort_max, limit)
            for count_max in (0, 1_000):
                monkeypatch.setattr(pages, "COUNT_MAX", count_max)
                assert lists.read(told, query).total == len(found[i]), (name, filters, viewer)


def test_a_walk_looks_at_few_rows_and_says_where_it_stopped(
    told: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SCAN_MAX", 4)
    _, count = whole(told, lists.Query("lots", {"role": "heel"}, None, 1_000))
    assert count > 5
    _, count = whole(told, lists.Query("lots", {}, None, 1_000))
    assert count == 1, "where every row is wanted there is nothing to walk past"


def test_an_upgrade_makes_the_views_that_are_new(
    told: Ledger, opened: Callable[[], Ledger]
) -> None:
    told.sequencer.stop()
    config = Config()
    config.set_main_option("script_location", "migrations")
    with engines.writing(told.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    service.upgrade(told.settings)
    ledger = opened()
    assert plant.audited(ledger).size == told.head().size
    assert len(whole(ledger, lists.Query("lots", {}, "WUHU", 1_000))[0]) > 5


def test_a_certificate_expires_by_the_clock_of_its_site(running: Ledger) -> None:
    zones = {"HF01": "Pacific/Kiritimati", "WH01": "Etc/GMT+12"}  # 14 hours ahead, 12 behind
    today = datetime.datetime.now(datetime.UTC).date()
    for site, zone in zones.items():
        again = plant.site_of(site, plant.OWNERS[site])
        again["body"]["zone"] = zone
        plant.accept(running, again)
        for i, days in enumerate((-2, -1, 0, 1, 2)):
            day = (today + datetime.timedelta(days=days)).isoformat()
            plant.accept(running, plant.receipt(f"{site}/E{i}"))
            plant.accept(running, plant.certificate([f"{site}/E{i}"], valid_until=day))
    every = whole(running, lists.Query("certificates", {}, None, 1_000))[0]
    assert len(every) == 10
    for item in every:
        end = datetime.date.fromisoformat(item["valid_until"]) + datetime.timedelta(days=1)
        zone_ = zoneinfo.ZoneInfo(zones[item["site"]])
        expired = datetime.datetime.now(zone_).date() >= end
        assert item["status"] == ("EXPIRED" if expired else "VALID"), item
    for status in ("VALID", "EXPIRED", "REVOKED"):
        query = lists.Query("certificates", {"status": status}, None, 3, total=True)
        want = [item for item in every if item["status"] == status]
        assert whole(running, query)[0] == want
        assert lists.read(running, query).total == len(want)
