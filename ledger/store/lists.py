"""Pages of lots, sites, parties, certificates and entries, in the order of their last change.

Every query is bounded, whatever the log's length: it looks at SCAN_MAX rows at most, so a page
may come back short and still not be the last. Source: docs/api.md, Lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    and_,
    func,
    or_,
    select,
)

from ledger.store import tables

SCAN_MAX: Final = 100_000
SCAN_SEEN_MAX: Final = 40_000  # the same, where each row is asked whether the viewer may see it
SORT_MAX: Final = 6_000  # a party with fewer objects has them sorted, with more walks through all
COUNT_MAX: Final = 100_000  # the same, where they are only counted
_CHUNK: Final = 500

Row = RowMapping
# A row's place in the order: the entry that changed it, and its name; "" is after all of the entry.
Place = tuple[int, str]
Filter = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class List:
    """One kind of list: its table, the columns of its order, which rows are its own, filters."""

    table: Table
    n: str
    name: str
    prefix: str  # of the keys in `visible`; "" where everybody sees all
    own: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)


def _equals(column: ColumnElement[Any]) -> Filter:
    return lambda value: column == value


def _period(column: ColumnElement[Any]) -> dict[str, Filter]:
    return {"from": lambda ms: column >= ms, "until": lambda ms: column < ms}


_o, _c, _e = tables.objects.c, tables.certificates.c, tables.entry_parties.c


def _has_part(party: str) -> ColumnElement[bool]:
    other = tables.entry_parties.alias("other")
    same = and_(other.c.log_id == _e.log_id, other.c.n == _e.n, other.c.party == party)
    return select(other.c.n).where(same).exists()


LOTS: Final = List(
    tables.objects, "n", "key", "lot:", {"kind": "lot"},
    {
        "site": _equals(_o.site), "state": _equals(_o.place), "metal": _equals(_o.metal),
        "form": _equals(_o.form), "role": _equals(_o.roles), **_period(_o.made_ms),
    },
)  # fmt: skip
SITES: Final = List(
    tables.objects, "n", "key", "", {"kind": "site"},
    {"party": _equals(_o.party), "country": _equals(_o.country)},
)  # fmt: skip
PARTIES: Final = List(
    tables.objects, "n", "key", "", {"kind": "party"},
    {"role": lambda role: _o.roles.contains(f" {role} ")},
)  # fmt: skip
CERTIFICATES: Final = List(
    tables.certificates, "changed_n", "serial", "certificate:", {},
    {
        "site": _equals(_c.site), "issuer": _equals(_c.issuer),
        "substance": _equals(_c.substance), **_period(_c.issued_ms),
        "stored_status": lambda names: _c.status.in_(names),
        "last_day_before": lambda day: _c.valid_until < day,
        "last_day_from": lambda day: or_(_c.valid_until.is_(None), _c.valid_until >= day),
    },
)  # fmt: skip
ENTRIES: Final = List(
    tables.entry_parties, "n", "party", "", {},
    {
        "kind": _equals(_e.kind), "site": _equals(_e.site), "party": _has_part,
        **_period(_e.occurred_ms),
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What one page is asked for. viewer: the party that asks; None sees everything."""

    log_id: str
    after: Place
    limit: int
    filters: Mapping[str, Any]
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and where the next page begins; None at the end."""

    rows: list[Row]
    next: Place | None


def page(connection: Connection, wanted: List, asked: Asked) -> Page:
    """One page. The rows have all columns of the table."""
    theirs = _theirs(connection, wanted, asked, SORT_MAX)
    if theirs is not None:
        return _sorted(connection, wanted, asked, theirs)
    walk = _conditions(connection, wanted, asked)
    bound = _bound(connection, wanted, asked) if asked.filters or asked.viewer else None
    n = wanted.table.c[wanted.n]
    if bound is not None:
        walk.append(n <= bound)
    order = (n, _bytewise(connection, wanted.table.c[wanted.name]))
    query = select(wanted.table).where(*walk).order_by(*order).limit(asked.limit + 1)
    rows = list(connection.execute(query).mappings())
    if len(rows) <= asked.limit:
        return Page(rows, None if bound is None else (bound, ""))
    return Page(rows[:-1], (rows[-2][wanted.n], rows[-2][wanted.name]))


def _bytewise(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Names in one order on every database, whatever the language it sorts by."""
    return column if connection.dialect.name == "sqlite" else column.collate("C")


def total(connection: Connection, wanted: List, asked: Asked) -> int:
    """How many rows there are on all pages after `asked.after`: a count, so not bounded."""
    theirs = _theirs(connection, wanted, asked, COUNT_MAX)
    if theirs is not None:
        return len(_places(connection, wanted, asked, theirs))
    conditions = _conditions(connection, wanted, asked)
    query = select(func.count()).select_from(wanted.table).where(*conditions)
    counted: int = connection.execute(query).scalar_one()
    return counted


def _conditions(connection: Connection, wanted: List, asked: Asked) -> list[ColumnElement[bool]]:
    c, (after, name) = wanted.table.c, asked.after
    n = c[wanted.n]
    found: list[ColumnElement[bool]] = [c.log_id == asked.log_id]
    found += [c[own] == value for own, value in wanted.own.items()]
    if name:
        found += [n >= after, or_(n > after, _bytewise(connection, c[wanted.name]) > name)]
    else:
        found.append(n > after)
    return found + _filters(wanted, asked) + _visible(wanted, asked)


def _filters(wanted: List, asked: Asked) -> list[ColumnElement[bool]]:
    return [wanted.filters[given](value) for given, value in asked.filters.items()]


def _visible(wanted: List, asked: Asked) -> list[ColumnElement[bool]]:
    """What of a list its viewer may see."""
    if wanted is ENTRIES:
        return [_e.stated == 1 if asked.viewer is None else _e.party == asked.viewer]
    if asked.viewer is None or not wanted.prefix:
        return []
    v, name = tables.visible.c, wanted.table.c[wanted.name]
    key = name if name.key == "key" else wanted.prefix + name
    seen = select(v.n).where(v.log_id == asked.log_id, v.party == asked.viewer, v.key == key)
    return [seen.exists()]


def _bound(connection: Connection, wanted: List, asked: Asked) -> int | None:
    """The entry where the walk has looked at SCAN_MAX rows; None if the end comes before that."""
    c, (after, name) = wanted.table.c, asked.after
    n = c[wanted.n]
    walk = [c.log_id == asked.log_id, n >= after if name else n > after]
    walk += [c[own] == value for own, value in wanted.own.items()]
    if wanted is ENTRIES and asked.viewer is not None:
        walk.append(_e.party == asked.viewer)
    most = SCAN_SEEN_MAX if asked.viewer is not None and wanted.prefix else SCAN_MAX
    query = select(n).where(*walk).order_by(n).offset(most - 1).limit(1)
    bound: int | None = connection.execute(query).scalar_one_or_none()
    return bound


def _theirs(connection: Connection, wanted: List, asked: Asked, most: int) -> list[str] | None:
    """The names of all the viewer may see, if they are few."""
    if asked.viewer is None or not wanted.prefix:
        return None
    v, prefix = tables.visible.c, wanted.prefix
    query = (
        select(v.key)
        .where(v.log_id == asked.log_id, v.party == asked.viewer)
        .where(v.key >= prefix, v.key < _beyond(prefix))
        .limit(most + 1)
    )
    keys = list(connection.execute(query).scalars())
    if len(keys) > most:
        return None
    whole = wanted.name == "key"
    return keys if whole else [key.removeprefix(prefix) for key in keys]


def _beyond(prefix: str) -> str:
    """What sorts after every key with this prefix, in any language: its last letter's successor."""
    return prefix[:-2] + chr(ord(prefix[-2]) + 1)


def _chunks(wanted: List, names: list[str]) -> Iterator[ColumnElement[bool]]:
    for i in range(0, len(names), _CHUNK):
        yield wanted.table.c[wanted.name].in_(names[i : i + _CHUNK])


def _sorted(connection: Connection, wanted: List, asked: Asked, theirs: list[str]) -> Page:
    """A page of few objects: their places first, then the rows that are shown."""
    places = sorted(_places(connection, wanted, asked, theirs))
    shown = places[: asked.limit]
    rows = by_name(connection, wanted, asked.log_id, (key for _, key in shown))
    more = len(places) > asked.limit
    return Page([rows[key] for _, key in shown], shown[-1] if more else None)


def _places(connection: Connection, wanted: List, asked: Asked, names: list[str]) -> list[Place]:
    """Where those of these names stand that are asked for and lie after `asked.after`."""
    n, name = wanted.table.c[wanted.n], wanted.table.c[wanted.name]
    # Nothing here but the names may lead to an index: the one of the order holds everybody's rows.
    conditions = [wanted.table.c.log_id == asked.log_id, *_filters(wanted, asked)]
    found: list[Place] = []
    for among in _chunks(wanted, names):
        found += map(tuple, connection.execute(select(n, name).where(*conditions, among)))
    after, last = asked.after
    return [p for p in found if p[0] > after or (last and p[0] == after and p[1] > last)]


def by_name(
    connection: Connection, wanted: List, log_id: str, names: Iterable[str]
) -> dict[str, Row]:
    """The rows of some names."""
    found: dict[str, Row] = {}
    for among in _chunks(wanted, list(names)):
        query = select(wanted.table).where(wanted.table.c.log_id == log_id, among)
        found |= {row[wanted.name]: row for row in connection.execute(query).mappings()}
    return found
