"""What a party wants to see first: its newest lots and certificates, and what waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from ledger import clock, entry
from ledger.book import bodies, lines, state
from ledger.service import Ledger
from ledger.store import codec, entries, objects, recent, tables
from ledger.store import engine as engines

# Among this many of the newest lots is looked for what waits.
WAITING_AMONG: Final = 500
WAITING_MAX: Final = 20

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lots: place is lying, road, left or consumed; text stands in the lot's name."""

    place: str = ""
    site: str = ""
    metal: str = ""
    text: str = ""

    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """As conditions on the table of lots."""
        c = tables.objects.c
        wanted = ((c.place, self.place), (c.site, self.site), (c.metal, self.metal))
        found = [column == value for column, value in wanted if value]
        if self.text:
            found.append(c.key.contains(self.text, autoescape=True))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Listed:
    """Items, newest first, and where the next page begins; None at the end."""

    items: list[Item]
    next: recent.Place | None


def lots(
    ledger: Ledger,
    viewer: str | None,
    filters: Filters,
    limit: int,
    before: recent.Place | None = None,
) -> Listed:
    """The lots that a party may see; viewer None sees all."""
    asked = recent.Asked(ledger.log_id, viewer, limit, before, filters.conditions())
    with engines.reading(ledger.engine) as connection:
        page = recent.page(connection, recent.LOTS, asked)
    return Listed([_lot(row) for row in page.rows], page.next)


def certificates(
    ledger: Ledger, viewer: str | None, limit: int, before: recent.Place | None = None
) -> Listed:
    """The certificates that a party may see; viewer None sees all."""
    asked = recent.Asked(ledger.log_id, viewer, limit, before)
    with engines.reading(ledger.engine) as connection:
        page = recent.page(connection, recent.CERTIFICATES, asked)
        found = objects.Objects(ledger.log_id, connection, {})
        return Listed([_certificate(found, row) for row in page.rows], page.next)


def seen(ledger: Ledger, viewer: str | None, lots: Iterable[str]) -> set[str]:
    """Those of some lots that exist and that the party may see; viewer None sees all."""
    table = tables.objects if viewer is None else tables.visible
    c, wanted = table.c, [f"lot:{lot}" for lot in lots]
    conditions = [c.log_id == ledger.log_id, c.key.in_(wanted)]
    if viewer is not None:
        conditions.append(tables.visible.c.party == viewer)
    with engines.reading(ledger.engine) as connection:
        found = connection.execute(select(c.key).where(*conditions)).scalars()
        return {key.removeprefix("lot:") for key in found}


def choices(ledger: Ledger, viewer: str | None) -> tuple[list[str], list[str]]:
    """The sites and metals of the lots that a party may see; of nobody with too many to look at."""
    c = tables.objects.c
    with engines.reading(ledger.engine) as connection:
        names = recent.visible(connection, recent.LOTS, ledger.log_id, viewer) or []
        found = list(recent.among(connection, recent.LOTS, ledger.log_id, names, c.site, c.metal))
    return sorted({row[0] for row in found if row[0]}), sorted({row[1] for row in found if row[1]})


def waiting(ledger: Ledger, party: str) -> tuple[list[Item], list[Item]]:
    """Lots on the road to the party, and lots at its sites whose assay is provisional.

    Looked for among the newest of each, at most WAITING_MAX of each are given.
    """
    c = tables.objects.c
    with engines.reading(ledger.engine) as connection:
        on_road = _newest(ledger, connection, party, c.place == "road")
        mine = [
            row
            for row in on_road[: 2 * WAITING_MAX]
            if _receiver(connection, ledger.log_id, row) == party
        ]
        registered = objects.Objects(ledger.log_id, connection, {}).find(f"party:{party}")
        sites = registered[1].sites if registered and isinstance(registered[1], state.Party) else ()
        lying = _newest(ledger, connection, party, c.place == "lying", c.site.in_(sites))
    unsure = [lot for lot in map(_lot, lying) if lot["grade"] == "provisional"]
    return [_lot(row) for row in mine[:WAITING_MAX]], unsure[:WAITING_MAX]


def _newest(
    ledger: Ledger, connection: Connection, party: str, *filters: ColumnElement[bool]
) -> list[recent.Row]:
    asked = recent.Asked(ledger.log_id, party, WAITING_AMONG, filters=filters)
    return recent.page(connection, recent.LOTS, asked).rows


def _receiver(connection: Connection, log_id: str, row: recent.Row) -> str | None:
    body = entry.parse(entries.read_leaf(connection, log_id, row["since_n"])).event.body
    return body.to.party if isinstance(body, bodies.LotDispatched) else None


def _lot(row: recent.Row) -> Item:
    value = codec.decode_state(row["key"], row["state"])
    assert isinstance(value, state.Lot)  # noqa: S101 (its key says so)
    return {
        "lot": row["key"].removeprefix("lot:"),
        "state": row["place"],
        "since_ms": row["since_ms"],
        "site": row["site"],
        "metal": row["metal"],
        "form": row["form"],
        "grade": value.grade,
        "wet_mg": lines.wet_mg(value.balances or value.transit),
    }


def _certificate(found: objects.Objects, row: recent.Row) -> Item:
    view = codec.decode_certificate(row["view"])
    registered = found.find(f"site:{view.site}")
    site = registered[1] if registered else None
    zone = site.zone if isinstance(site, state.Site) else "UTC"
    now_ms = time.time_ns() // 1_000_000
    return {
        "serial": row["serial"],
        "status": view.status(expired=clock.expired(view.valid_until, zone, now_ms)),
        "issuer": view.issuer,
        "holder": None if view.holder is None else view.holder.party or "external",
        "issued_ms": view.issued_ms,
        "zone": zone,
        "lots": list(view.lots),
        **view.figures(),
    }


def zones(ledger: Ledger, sites: Iterable[str]) -> dict[str, str]:
    """The time zones of sites."""
    with engines.reading(ledger.engine) as connection:
        found = objects.Objects(ledger.log_id, connection, {})
        states = {site: found.find(f"site:{site}") for site in set(sites)}
    return {
        site: got[1].zone for site, got in states.items() if got and isinstance(got[1], state.Site)
    }
