"""Lots and certificates for people: newest change first, page by page.

For programs that follow changes there is `lists`, which goes the other way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, or_, select

from ledger.store import tables

# A party that sees fewer has them sorted; with more, the newest rows of the whole log are walked.
SORT_MAX: Final = 6_000
SCAN_MAX: Final = 20_000
_CHUNK: Final = 500

Row = RowMapping
Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """n, name: the columns of the order. prefix: of the keys in `visible`."""

    table: Table
    n: str
    name: str
    prefix: str
    own: tuple[ColumnElement[bool], ...] = ()

    @property
    def key(self) -> ColumnElement[str]:
        """The key as it stands in `visible`."""
        column = self.table.c[self.name]
        return column if self.name == "key" else self.prefix + column

    @property
    def order(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """The columns of the order."""
        return self.table.c[self.n], self.table.c[self.name]


LOTS: Final = Kind(tables.objects, "n", "key", "lot:", (tables.objects.c.kind == "lot",))
CERTIFICATES: Final = Kind(tables.certificates, "changed_n", "serial", "certificate:")


@dataclass(frozen=True, slots=True)
class Asked:
    """viewer: the party that asks, None sees all. before: where the page before ended."""

    log_id: str
    viewer: str | None
    limit: int
    before: Place | None = None
    filters: tuple[ColumnElement[bool], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Page:
    """Rows with all columns, and where the next page begins; None at the end."""

    rows: list[Row]
    next: Place | None


def page(connection: Connection, kind: Kind, asked: Asked) -> Page:
    """One page, newest first. It may come back short and still not be the last."""
    seen = visible(connection, kind, asked.log_id, asked.viewer)
    return _walked(connection, kind, asked) if seen is None else _few(connection, kind, asked, seen)


def visible(
    connection: Connection, kind: Kind, log_id: str, viewer: str | None
) -> list[str] | None:
    """The names of all that the viewer may see; None if they are many, or everything."""
    if viewer is None:
        return None
    v, prefix = tables.visible.c, kind.prefix
    query = (
        select(v.key)
        .where(v.log_id == log_id, v.party == viewer)
        .where(v.key >= prefix, v.key < prefix[:-2] + chr(ord(prefix[-2]) + 1))
        .limit(SORT_MAX + 1)
    )
    keys = list(connection.execute(query).scalars())
    if len(keys) > SORT_MAX:
        return None
    return keys if kind.name == "key" else [key.removeprefix(prefix) for key in keys]


def among(
    connection: Connection, kind: Kind, log_id: str, names: list[str], *columns: Any
) -> Iterator[Any]:
    """Columns of the rows with these names, in no order."""
    for i in range(0, len(names), _CHUNK):
        chunk = kind.table.c[kind.name].in_(names[i : i + _CHUNK])
        yield from connection.execute(select(*columns).where(kind.table.c.log_id == log_id, chunk))


def _few(connection: Connection, kind: Kind, asked: Asked, names: list[str]) -> Page:
    # Without `kind.own`: by it SQLite would walk all lots of the log instead of looking up these.
    conditions, places = _conditions(connection, kind, asked), list[Place]()
    for i in range(0, len(names), _CHUNK):
        chunk = kind.table.c[kind.name].in_(names[i : i + _CHUNK])
        query = select(*kind.order).where(*conditions, chunk)
        places += [(n, name) for n, name in connection.execute(query)]
    places.sort(reverse=True)
    shown = places[: asked.limit]
    query_rows = select(kind.table).where(
        kind.table.c.log_id == asked.log_id,
        kind.table.c[kind.name].in_([name for _, name in shown]),
    )
    rows = {row[kind.name]: row for row in connection.execute(query_rows).mappings()}
    more = len(places) > asked.limit
    return Page([rows[name] for _, name in shown], shown[-1] if more else None)


def _walked(connection: Connection, kind: Kind, asked: Asked) -> Page:
    n, name = kind.order
    walk = [kind.table.c.log_id == asked.log_id, *kind.own]
    if asked.before is not None:
        walk.append(n <= asked.before[0])
    last = select(n).where(*walk).order_by(n.desc()).offset(SCAN_MAX - 1).limit(1)
    bound = connection.execute(last).scalar_one_or_none()
    conditions = [*kind.own, *_conditions(connection, kind, asked)]
    if bound is not None:
        conditions.append(n >= bound)
    if asked.viewer is not None:
        v = tables.visible.c
        theirs = and_(v.log_id == asked.log_id, v.party == asked.viewer, v.key == kind.key)
        conditions.append(select(v.n).where(theirs).exists())
    order = (n.desc(), _bytewise(connection, name).desc())
    query = select(kind.table).where(*conditions).order_by(*order)
    rows = list(connection.execute(query.limit(asked.limit + 1)).mappings())
    if len(rows) > asked.limit:
        return Page(rows[:-1], (rows[-2][kind.n], rows[-2][kind.name]))
    return Page(rows, None if bound is None else (bound, ""))


def _bytewise(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Names in one order on every database, whatever the language it sorts by."""
    return column if connection.dialect.name == "sqlite" else column.collate("C")


def _conditions(connection: Connection, kind: Kind, asked: Asked) -> list[ColumnElement[bool]]:
    n, name = kind.order
    found = [kind.table.c.log_id == asked.log_id, *asked.filters]
    if asked.before is not None:
        at, last = asked.before
        found += [n <= at, or_(n < at, _bytewise(connection, name) < last)]
    return found
