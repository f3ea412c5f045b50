"""The columns that lists filter and sort by, as one entry leaves them.

Each column is either kept from the first entry that gives it, or replaced by the last one; the
rules are the same for rows of one commit (`merge`) and against the row stored before (upsert).
"""

from __future__ import annotations

from typing import Any, Final

from ledger.book import bodies, state

Row = dict[str, Any]

FIRST: Final = ("made_n", "made_ms", "metal", "form")  # kept from the first entry that gives one
LAST: Final = ("kind", "place", "site", "party", "country", "roles", "since_n", "since_ms")
COLUMNS: Final = (*LAST, *FIRST)
NOTHING: Final[Row] = dict.fromkeys(COLUMNS)
# Events that put a lot somewhere. A run does where it makes a lot or uses it up.
_MOVES: Final = (
    bodies.LotReceived, bodies.LotDispatched, bodies.LotReturned, bodies.LotArrived,
)  # fmt: skip


def of_entry(key: str, value: state.State, facts: state.Facts) -> Row | None:
    """What an entry says of the columns of an object it touches; None for kinds not listed."""
    if isinstance(value, state.Lot):
        return _lot(key.partition(":")[2], value, facts)
    if isinstance(value, state.Site):
        return {"kind": "site", "party": value.party, "country": value.country}
    if isinstance(value, state.Party):
        body = facts.event.body
        roles = sorted(set(body.roles)) if isinstance(body, bodies.PartyRegistered) else []
        return {
            "kind": "party",
            "country": value.country or None,
            "roles": f" {' '.join(roles)} " if roles else None,
        }
    return None


def _lot(lot: str, value: state.Lot, facts: state.Facts) -> Row:
    event, body = facts.event, facts.event.body
    place = _place(value, body)
    row: Row = {"kind": "lot", "place": place, "site": value.at_site, "roles": value.role}
    made, moved = isinstance(body, bodies.LotReceived), isinstance(body, _MOVES)
    if isinstance(body, bodies.RunRecorded):
        made = _empty_before(facts.book, lot)
        moved = made == bool(value.balances)
    if place is not None and moved:
        row["since_n"], row["since_ms"] = facts.n, event.occurred_at_ms
    if made:
        row["made_n"], row["made_ms"] = facts.n, event.occurred_at_ms
        material = _material(lot, body)
        if material is not None:
            row["metal"], row["form"] = material.metal, material.form
    return row


def _place(value: state.Lot, body: bodies.Body) -> str | None:
    """Where the entry leaves the lot; None if it does not say."""
    if value.transit:
        return "road"
    if value.balances:
        return "lying"
    if isinstance(body, bodies.LotDispatched):
        return "left"
    return "consumed" if isinstance(body, bodies.RunRecorded) else None


def _empty_before(book: state.Book, lot: str) -> bool:
    pages = book.get(f"lot:{lot}", {}).values()
    return all(shown[0] == shown[1] for page in pages for shown in page.values())


def _material(lot: str, body: bodies.Body) -> bodies.Material | None:
    if isinstance(body, bodies.LotReceived):
        return body.material
    if isinstance(body, bodies.RunRecorded):
        return next((o.material for o in body.outputs if o.lot == lot), None)
    return None


def merge(before: Row | None, row: Row) -> Row:
    """The columns after `row`, given those before it."""
    if before is None:
        return NOTHING | row
    merged = before
    for name, value in row.items():
        if value is not None and (merged[name] is None or name not in FIRST):
            merged[name] = value
    return merged
