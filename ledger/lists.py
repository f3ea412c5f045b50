"""Lists of lots, certificates, entries, sites and parties, as plain data for API and pages."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from labels import payload
from ledger import clock, reports
from ledger.book import lines, state, totals
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.store import codec, entries, lists, objects
from ledger.store import engine as engines

LIMIT_MAX: Final = 1_000
START: Final[lists.Place] = (-1, "")
_FUTURE_MS: Final = 600_000  # an event is recorded at most this long before it happens

_GONE: Final = frozenset({"left", "consumed"})

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One page of a list. viewer: the party whose eyes see it; None sees everything.

    after: where the page before ended. updated_after: an entry's index, or UTC milliseconds as
    a text of digits; only what changed later. filters: see docs/api.md, Lists.
    """

    name: str
    filters: Mapping[str, Any]
    viewer: str | None
    limit: int
    after: lists.Place = START
    updated_after: int | None = None
    updated_after_ms: int | None = None
    total: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Items in the order of their last change. size: of the log they were read from."""

    items: list[Item]
    next: lists.Place | None
    size: int
    total: int | None


@dataclass(slots=True)
class _Reading:
    """One read transaction, and the sites that its rows name."""

    ledger: Ledger
    connection: Connection
    objects: objects.Objects

    def know(self, sites: Iterable[str]) -> None:
        """Read all sites of a page at once."""
        self.objects.prefetch(f"site:{site}" for site in sites)

    def site(self, site: str) -> state.Site | None:
        found = self.objects.find(f"site:{site}")
        return found[1] if found is not None and isinstance(found[1], state.Site) else None


def read(ledger: Ledger, query: Query) -> Answer:
    """A page of a list. RuleError SITE_UNKNOWN or PARTY_UNKNOWN for a filter nothing can match."""
    kind, shown = LISTS[query.name]
    with engines.reading(ledger.engine) as connection:
        head = entries.read_head(connection, ledger.log_id)
        size = head.size if head else 0
        reading = _Reading(ledger, connection, objects.Objects(ledger.log_id, connection))
        _check_known(reading, query)
        filters = dict(query.filters)
        status = filters.pop("status", None)
        filters |= _status_filters(status) if status else {}
        after = max(query.after, (_start(connection, ledger, size, query), ""))
        asked = lists.Asked(ledger.log_id, after, query.limit, filters, query.viewer)
        page = lists.page(connection, kind, asked)
        items = shown(reading, page.rows)
        if status:
            items = [item for item in items if item["status"] == status]
        counted = _total(reading, kind, asked, status) if query.total else None
    return Answer(items, page.next, size, counted)


def _check_known(reading: _Reading, query: Query) -> None:
    for name, prefix in (("site", "site"), ("party", "party"), ("issuer", "party")):
        value = query.filters.get(name)
        if value is not None and reading.objects.find(f"{prefix}:{value}") is None:
            raise RuleError(
                f"{prefix.upper()}_UNKNOWN", f"{name}: no {prefix} {value} in this log", field=name,
                value=value, hint=f"see /v1/{'sites' if prefix == 'site' else 'parties'}",
            )  # fmt: skip


def _start(connection: Connection, ledger: Ledger, size: int, query: Query) -> int:
    """The last entry whose changes are not asked for."""
    start = -1 if query.updated_after is None else query.updated_after
    if query.updated_after_ms is not None:
        start = _recorded_until(connection, ledger, size, query.updated_after_ms)
    if "from" in query.filters:  # nothing is recorded earlier than ten minutes before it happens
        earliest = query.filters["from"] - _FUTURE_MS - 1
        start = max(start, _recorded_until(connection, ledger, size, earliest))
    return start


def _recorded_until(connection: Connection, ledger: Ledger, size: int, at_ms: int) -> int:
    """The last entry recorded at or before a moment; -1 for none. Times never go back."""
    low, high = -1, size - 1
    while low < high:
        middle = (low + high + 1) // 2
        leaf = orjson.loads(entries.read_leaf(connection, ledger.log_id, middle))
        low, high = (middle, high) if leaf["at"] <= at_ms else (low, middle - 1)
    return low


# Certificates expire by the clock of their site, which no index knows.


def _status_filters(status: str) -> dict[str, Any]:
    """What the stored columns can say of a status: never too few, at the edges too many."""
    today = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).date()
    day = datetime.timedelta(days=1)
    if status == "REVOKED":
        return {"stored_status": ["REVOKED"]}
    if status == "EXPIRED":
        others = ["VALID", "DISPUTED", "DRAWN"]
        return {"stored_status": others, "last_day_before": (today + day).isoformat()}
    return {"stored_status": [status], "last_day_from": (today - day).isoformat()}


def _total(reading: _Reading, kind: lists.List, asked: lists.Asked, status: str | None) -> int:
    counted = lists.total(reading.connection, kind, asked)
    if status in (None, "REVOKED"):
        return counted
    # Of the few whose last day is yesterday or today, the sites' clocks decide.
    today = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).date()
    day = datetime.timedelta(days=1)
    edge = {
        "last_day_from": (today - day).isoformat(),
        "last_day_before": (today + day).isoformat(),
    }
    place: lists.Place | None = asked.after
    while place is not None:
        near = replace(asked, after=place, limit=LIMIT_MAX, filters={**asked.filters, **edge})
        page = lists.page(reading.connection, kind, near)
        for row in page.rows:
            if row["valid_until"] is not None and _status(reading, row)[1] != status:
                counted -= 1
        place = page.next
    return counted


# Items.


def _item(kind: str, name: str, n: int, href: str, label: str | None = None) -> Item:
    return {"type": kind, "id": name, "n": n, "href": href, "label": label}


def _lots(reading: _Reading, rows: Iterable[lists.Row]) -> list[Item]:
    rows = list(rows)
    connection, log_id = reading.connection, reading.ledger.log_id
    hashes = entries.leaf_hashes(connection, log_id, (row["made_n"] for row in rows))
    reading.know(row["site"] for row in rows)
    gone = {row["since_n"] for row in rows if row["place"] in _GONE}
    books = {n: orjson.loads(leaf)["book"] for n, leaf in entries.leaves(connection, log_id, gone)}
    return [_lot(reading, row, hashes[row["made_n"]], books) for row in rows]


def _lot(
    reading: _Reading, row: lists.Row, leaf_hash: bytes, books: Mapping[int, state.Book]
) -> Item:
    lot = row["key"].removeprefix("lot:")
    value = codec.decode_state(row["key"], row["state"])
    assert isinstance(value, state.Lot)  # noqa: S101 (its key says so)
    held = value.balances or value.transit
    shown = reports.before(books[row["since_n"]], lot) if row["place"] in _GONE else held
    site = reading.site(row["site"])
    label = payload.lot_payload(reading.ledger.host, lot, leaf_hash)
    return {
        **_item("lot", lot, row["n"], f"/v1/lots/{lot}", label),
        "state": row["place"],
        "state_since_ms": row["since_ms"],
        "at_site": row["site"],
        "party": site.party if site else "",
        "role": row["roles"],
        "metal": row["metal"],
        "form": row["form"],
        "made_n": row["made_n"],
        "made_at_ms": row["made_ms"],
        "assay_grade": value.grade,
        "wet_mg": lines.wet_mg(held if row["place"] == "consumed" else shown),
        "elements": totals.elements(shown),
    }


def _status(reading: _Reading, row: lists.Row) -> tuple[totals.Certificate, str]:
    view = codec.decode_certificate(row["view"])
    site = reading.site(view.site)
    now_ms = time.time_ns() // 1_000_000
    expired = clock.expired(view.valid_until, site.zone if site else "UTC", now_ms)
    return view, view.status(expired=expired)


def _certificates(reading: _Reading, rows: Iterable[lists.Row]) -> list[Item]:
    items, rows = [], list(rows)
    reading.know(row["site"] for row in rows)
    for row in rows:
        serial = row["serial"]
        view, status = _status(reading, row)
        label = payload.certificate_payload(reading.ledger.host, serial)
        items.append(
            {
                **_item(
                    "certificate", serial, row["changed_n"], f"/v1/certificates/{serial}", label
                ),
                "status": status,
                "issuer": view.issuer,
                "site": view.site,
                "holder": None if view.holder is None else view.holder.party or "external",
                "issued_at_ms": view.issued_ms,
                "valid_until": view.valid_until,
                "lots": list(view.lots),
                **view.figures(),
            }
        )
    return items


def _entries(reading: _Reading, rows: Iterable[lists.Row]) -> list[Item]:
    rows = list(rows)
    ns = [row["n"] for row in rows]
    about = entries.about(reading.connection, reading.ledger.log_id, ns)
    return [_entry(row, about[row["n"]]) for row in rows]


def _entry(row: lists.Row, about: lists.Row) -> Item:
    leaf = orjson.loads(about["leaf"])
    return {
        **_item("entry", str(row["n"]), row["n"], f"/v1/entries/{row['n']}"),
        "kind": row["kind"],
        "party": about["party"],
        "site": row["site"],
        "event_id": about["event_id"],
        "occurred_at_ms": row["occurred_ms"],
        "recorded_at_ms": leaf["at"],
        "lots": list(leaf["lots"]),
        "leaf_hash": about["leaf_hash"].hex(),
    }


def _sites(reading: _Reading, rows: Iterable[lists.Row]) -> list[Item]:
    items = []
    for row in rows:
        value = codec.decode_state(row["key"], row["state"])
        assert isinstance(value, state.Site)  # noqa: S101 (its key says so)
        site = row["key"].removeprefix("site:")
        items.append(
            {
                **_item("site", site, row["n"], f"/v1/sites/{site}"),
                "party": value.party,
                "country": value.country,
                "zone": value.zone,
                "scopes": list(value.scopes),
                "equipment": list(value.equipment),
            }
        )
    return items


def _parties(reading: _Reading, rows: Iterable[lists.Row]) -> list[Item]:
    items = []
    for row in rows:
        value = codec.decode_state(row["key"], row["state"])
        assert isinstance(value, state.Party)  # noqa: S101 (its key says so)
        items.append(
            {
                **_item("party", value.party, row["n"], f"/v1/parties/{value.party}"),
                "country": value.country or None,
                "roles": (row["roles"] or "").split(),
                "share": value.share,
                "sites": list(value.sites),
            }
        )
    return items


Shown = Callable[[_Reading, Iterable[lists.Row]], list[Item]]
LISTS: Final[dict[str, tuple[lists.List, Shown]]] = {
    "lots": (lists.LOTS, _lots),
    "certificates": (lists.CERTIFICATES, _certificates),
    "entries": (lists.ENTRIES, _entries),
    "sites": (lists.SITES, _sites),
    "parties": (lists.PARTIES, _parties),
}


def one(ledger: Ledger, name: str, key: str) -> Item | None:
    """The item of one site or party by its key ("site:HB01"); None if there is none."""
    kind, shown = LISTS[name]
    with engines.reading(ledger.engine) as connection:
        reading = _Reading(ledger, connection, objects.Objects(ledger.log_id, connection))
        rows = lists.by_name(connection, kind, ledger.log_id, [key])
        return shown(reading, rows.values())[0] if rows else None
