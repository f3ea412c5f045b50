"""Newest first, by both ways to find them, on every database."""

from __future__ import annotations

import pytest

from ledger import recent, reports
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import recent as store
from ledger.store import tables
from tests.store import plant

VIEWERS = (None, "HEFEI", "WUHU", plant.OPERATOR, "NOBODY")


@pytest.fixture
def told(running: Ledger) -> Ledger:
    plant.accept(running, *plant.story())
    return running


def every_lot(ledger: Ledger) -> list[str]:
    with engines.reading(ledger.engine) as connection:
        keys = connection.execute(tables.objects.select()).mappings()
        return [row["key"][4:] for row in keys if row["key"].startswith("lot:")]


def paged(ledger: Ledger, viewer: str | None, limit: int, **filters: str) -> list[str]:
    found: list[str] = []
    place = None
    for _ in range(200):
        page = recent.lots(ledger, viewer, recent.Filters(**filters), limit, place)
        assert len(page.items) <= limit
        found += [item["lot"] for item in page.items]
        place = page.next
        if place is None:
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize("sort_max", [store.SORT_MAX, 0], ids=["sorted", "walked"])
@pytest.mark.parametrize("scan_max", [store.SCAN_MAX, 3], ids=["long", "short"])
def test_pages_are_what_a_look_at_every_lot_gives(
    told: Ledger, monkeypatch: pytest.MonkeyPatch, sort_max: int, scan_max: int
) -> None:
    monkeypatch.setattr(store, "SORT_MAX", sort_max)
    monkeypatch.setattr(store, "SCAN_MAX", scan_max)
    views = {lot: reports.lot_view(told, lot) for lot in every_lot(told)}
    assert len(views) > 3
    for viewer in VIEWERS:
        mine = [
            lot
            for lot, view in views.items()
            if viewer is None or viewer in reports.concerned(told, view["entries"])
        ]
        newest = sorted(mine, key=lambda lot: (views[lot]["entries"][-1], lot), reverse=True)
        for limit in (1, 2, 30):
            assert paged(told, viewer, limit) == newest, (viewer, limit)
        for state in ("lying", "consumed", "road", "left"):
            held = [lot for lot in newest if views[lot]["state"] == state]
            assert paged(told, viewer, 2, place=state) == held
        part = [lot for lot in newest if "A" in lot]
        assert paged(told, viewer, 2, text="A") == part
        assert recent.seen(told, viewer, [*views, "HF01/NONE"]) == set(mine)


def test_what_waits_for_a_party(told: Ledger) -> None:
    lots = {lot: reports.lot_view(told, lot) for lot in every_lot(told)}
    for viewer in ("HEFEI", "WUHU", "NOBODY"):
        road, unsure = recent.waiting(told, viewer)
        assert {item["lot"] for item in unsure} == {
            lot
            for lot, view in lots.items()
            if view["state"] == "lying"
            and view["assay_grade"] == "provisional"
            and plant.OWNERS[view["at_site"]] == viewer
        }
        assert {item["lot"] for item in road} == {
            lot
            for lot, view in lots.items()
            if view["state"] == "road" and view["party"] != viewer != "NOBODY"
        }
