"""Everything one commit writes, gathered first and written in few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, bindparam, func, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger import entry
from ledger.book import bodies, fold, lines, parties, state, totals
from ledger.errors import CorruptError
from ledger.store import codec, entries, listing, tables
from ledger.store.entries import Head
from ledger.store.postgresql import copy

Row = dict[str, Any]


@dataclass
class Batch:
    """Rows of one commit."""

    log_id: str
    entries: list[Row] = field(default_factory=list)
    touches: list[Row] = field(default_factory=list)
    edges: dict[tuple[str, str, int], Row] = field(default_factory=dict)
    usage: dict[str, Row] = field(default_factory=dict)
    disclosures: list[Row] = field(default_factory=list)
    objects: dict[str, tuple[int, state.State]] = field(default_factory=dict)
    certificates: dict[str, totals.Certificate] = field(default_factory=dict)
    listed: dict[str, Row] = field(default_factory=dict)
    entry_parties: list[Row] = field(default_factory=list)
    visible: dict[tuple[str, str], Row] = field(default_factory=dict)
    lot_certificates: dict[tuple[str, str], Row] = field(default_factory=dict)

    def add_entry(
        self,
        facts: state.Facts,
        leaf: bytes,
        leaf_hash: bytes,
        origin: str,
        after: state.Reader,
    ) -> None:
        """The entry itself and its view rows; `after`: the states as it left them."""
        self.entries.append(
            {
                "log_id": self.log_id,
                "n": facts.n,
                "party": facts.event.party,
                "event_id": facts.event.id,
                "leaf_hash": leaf_hash,
                "leaf": leaf,
            }
        )
        self.add_views(facts, origin, after)

    def add_disclosures(self, n: int, disclosures: Iterable[entry.Disclosure]) -> None:
        """The private fields of an entry."""
        self.disclosures += [
            {"log_id": self.log_id, "n": n, "digest": d.digest, "text": d.text} for d in disclosures
        ]

    def add_views(self, facts: state.Facts, origin: str, after: state.Reader) -> None:
        """The view rows of one entry, except objects and certificates."""
        n = facts.n
        touched = fold.touched(facts, origin)
        for key in touched:
            if key.startswith(("lot:", "certificate:")):
                self.touches.append({"log_id": self.log_id, "key": key, "n": n})
        self._list(facts, touched, after)
        for child, parent in edges_of(facts):
            row = {"log_id": self.log_id, "child": child, "parent": parent, "n": n}
            self.edges[child, parent, n] = row
        for key in fold.uses(facts.event):
            row = {"log_id": self.log_id, "key": key, "n": n, "party": facts.event.party}
            self.usage.setdefault(key, row)

    def _list(self, facts: state.Facts, touched: list[str], after: state.Reader) -> None:
        """What lists ask for: columns of the touched objects, and who may see what."""
        n, event, made = facts.n, facts.event, []
        for key in touched:
            found = after.find(key)
            row = None if found is None else listing.of_entry(key, found[1], facts)
            if row is not None:
                self.listed[key] = listing.merge(self.listed.get(key), row)
                if "made_n" in row:
                    made.append(key.removeprefix("lot:"))
        concerned = parties.concerned(event, after)
        for party in sorted(concerned):
            self.entry_parties.append(
                {
                    "log_id": self.log_id, "n": n, "party": party,
                    "stated": int(party == event.party), "kind": event.kind, "site": event.site,
                    "occurred_ms": event.occurred_at_ms,
                }
            )  # fmt: skip
        newly = parties.newly_seen(event, made, concerned)
        seen = [(p, f"lot:{lot}") for p, lot in newly if lot in facts.lots]
        seen += [(p, k) for k in touched if k.startswith("certificate:") for p in sorted(concerned)]
        for party, key in seen:
            row = {"log_id": self.log_id, "party": party, "key": key, "n": n}
            self.visible.setdefault((party, key), row)
        for lot in facts.lots:
            for serial in lines.mentioned_serials(facts.book.get(f"lot:{lot}", {})):
                row = {"log_id": self.log_id, "lot": lot, "serial": serial, "n": n}
                self.lot_certificates.setdefault((lot, serial), row)

    def object_rows(self) -> tuple[list[Row], list[Row]]:
        """Rows of the objects that lists show, and of all others."""
        shown, others = [], []
        for key, (n, value) in self.objects.items():
            row = {"log_id": self.log_id, "key": key, "n": n, "state": codec.encode(value)}
            listed = self.listed.get(key)
            if listed is None:
                others.append(row)
            else:
                shown.append(row | listed)
        return shown, others

    def certificate_rows(self) -> list[Row]:
        """Rows of the certificates that the entries made or changed."""
        return [
            {
                "log_id": self.log_id, "serial": serial, "n": view.n, "view": codec.encode(view),
                "changed_n": view.changed_n, "issuer": view.issuer, "site": view.site,
                "substance": view.substance, "status": view.status(expired=False),
                "issued_ms": view.issued_ms, "valid_until": view.valid_until,
            }
            for serial, view in self.certificates.items()
        ]  # fmt: skip

    def add_certificates(self, connection: Connection, facts: state.Facts, origin: str) -> None:
        """The views of the certificates that the entry makes or changes."""
        for serial in _serials(facts) - self.certificates.keys():
            found = entries.read_certificate(connection, self.log_id, serial)
            if found is not None:
                self.certificates[serial] = found
        self.certificates.update(totals.certificate_changes(facts, origin, self.certificates))

    def write(self, connection: Connection) -> None:
        """Write all rows; the head is `swap_head`'s business."""
        _insert(connection, tables.entries, self.entries)
        _insert(connection, tables.disclosures, self.disclosures)
        self.write_views(connection)

    def write_views(self, connection: Connection) -> None:
        """Write the view rows."""
        _insert(connection, tables.touches, self.touches)
        _insert(connection, tables.edges, list(self.edges.values()))
        _upsert(connection, tables.usage, list(self.usage.values()), replace=False)
        _insert(connection, tables.entry_parties, self.entry_parties)
        _upsert(connection, tables.visible, list(self.visible.values()), replace=False)
        marked = list(self.lot_certificates.values())
        _upsert(connection, tables.lot_certificates, marked, replace=False)
        shown, others = self.object_rows()
        _upsert(connection, tables.objects, shown)
        _upsert(connection, tables.objects, others, replace=("n", "state"))
        _upsert(connection, tables.certificates, self.certificate_rows())


def _serials(facts: state.Facts) -> set[str]:
    """Every serial that stands in the entry."""
    body = facts.event.body
    found = {
        lines.serial_of(line)
        for pages in facts.book.values()
        for page in pages.values()
        for line in page
    }
    if isinstance(body, bodies.CertificateRevoked):
        found.add(body.serial)
    return found - {""}


def edges_of(facts: state.Facts) -> list[tuple[str, str]]:
    """(child, parent) lots of a run: every output came of every input, heel and store content."""
    body = facts.event.body
    if not isinstance(body, bodies.RunRecorded):
        return []
    gone = [lot for lot in facts.lots if _took(facts, lot)]
    made = [lot for lot in facts.lots if _got(facts, lot)]
    return [(child, parent) for child in made for parent in gone if child != parent]


def _took(facts: state.Facts, lot: str) -> bool:
    return any(
        shown[0] < 0
        for page in facts.book.get(f"lot:{lot}", {}).values()
        for shown in page.values()
    )


def _got(facts: state.Facts, lot: str) -> bool:
    body = facts.event.body
    assert isinstance(body, bodies.RunRecorded)  # noqa: S101 (edges_of asked)
    return lot in {o.lot for o in body.outputs} or (body.heel is not None and "/HEEL-" in lot)


COPY_ROWS_MIN: Final = 10  # PostgreSQL: with fewer, COPY saves nothing


@lru_cache(maxsize=64)
def _inserting(table: Table) -> Any:
    # Made once: building a statement costs more than running it.
    return insert(table)


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if len(rows) >= COPY_ROWS_MIN and connection.dialect.name == "postgresql":
        copy(connection, table, rows)
    elif rows:
        _run(connection, _inserting(table), rows)


@lru_cache(maxsize=64)
def _upserting(table: Table, dialect_name: str, replace: bool | tuple[str, ...]) -> Any:
    """replace: False keeps the row that is there; True writes all columns; or those named."""
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = list(table.primary_key.columns)
    if not replace:
        return statement.on_conflict_do_nothing(index_elements=keys)
    everything = tuple(c.name for c in table.columns if not c.primary_key)
    names = replace if isinstance(replace, tuple) else everything
    if names != everything:
        statement = statement.values(
            {n: bindparam(n) for n in (*table.primary_key.columns.keys(), *names)}
        )
    changed = {name: _chosen(table, name, statement.excluded[name]) for name in names}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _chosen(table: Table, name: str, new: Any) -> Any:
    """The new value of a column, or the one before it; see listing."""
    if table is not tables.objects or name not in listing.COLUMNS:
        return new
    old = table.c[name]
    return func.coalesce(old, new) if name in listing.FIRST else func.coalesce(new, old)


def _upsert(
    connection: Connection,
    table: Table,
    rows: list[Row],
    *,
    replace: bool | tuple[str, ...] = True,
) -> None:
    if rows:
        _run(connection, _upserting(table, connection.dialect.name, replace), rows)


@lru_cache(maxsize=128)
def _compiled(statement: Any, dialect: Dialect) -> tuple[str, Callable[[Row], Any] | None]:
    """The driver's own SQL, and what makes its parameters of a row (None: the row itself)."""
    made = statement.compile(dialect=dialect)
    return str(made), None if made.positiontup is None else itemgetter(*made.positiontup)


def _run(connection: Connection, statement: Any, rows: list[Row]) -> None:
    # Straight to the driver: our rows hold its own types already, and SQLAlchemy's work on every
    # parameter of every row costs more than the database does.
    sql, parameters = _compiled(statement, connection.dialect)
    connection.exec_driver_sql(sql, rows if parameters is None else [*map(parameters, rows)])


def write_tiles(connection: Connection, log_id: str, changed: dict[tuple[int, int], bytes]) -> None:
    """Store the tiles that changed."""
    rows = [
        {"log_id": log_id, "level": level, "idx": index, "hashes": hashes}
        for (level, index), hashes in changed.items()
    ]
    _upsert(connection, tables.tiles, rows)


def write_checkpoint(connection: Connection, log_id: str, size: int, note: str) -> None:
    """Store the one checkpoint of a size; a second one for the same size cannot be stored."""
    _insert(connection, tables.checkpoints, [{"log_id": log_id, "size": size, "note": note}])


def create_head(connection: Connection, log_id: str, origin: str) -> Head:
    """The head of an empty log."""
    zero = Head(origin, 0, b"", bytes(32), 0)
    connection.execute(
        insert(tables.head),
        {"log_id": log_id, "origin": origin, "size": 0, "root": zero.root,
         "last_leaf": zero.last_leaf, "at_ms": 0},
    )  # fmt: skip
    return zero


_SWAP: Final = (
    update(tables.head)
    .where(
        tables.head.c.log_id == bindparam("of_log"),
        tables.head.c.size == bindparam("old_size"),
        tables.head.c.root == bindparam("old_root"),
    )
    .values({name: bindparam(name) for name in ("size", "root", "last_leaf", "at_ms")})
)


def swap_head(connection: Connection, log_id: str, before: Head, after: Head) -> None:
    """Compare and swap the head. CorruptError if it is not where this transaction found it."""
    swapped = connection.execute(
        _SWAP,
        {
            "of_log": log_id,
            "old_size": before.size,
            "old_root": before.root,
            "size": after.size,
            "root": after.root,
            "last_leaf": after.last_leaf,
            "at_ms": after.at_ms,
        },
    )
    if swapped.rowcount != 1:
        raise CorruptError("STORE_CORRUPT", f"the head moved from {before.size} under our lock")
