"""What an auditor remembers of a log, in a SQLite file of its own: `alone.Order`, durably.

Not a part of any ledger's database: its tables are made here and know no migrations. The order's
size and what it knows change in one transaction, so a crash leaves both as they were together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from ledger import alone
from ledger.errors import CorruptError, LedgerError
from ledger.store import engine as engines
from ledger.tlog import tree

_METADATA: Final = MetaData()
_KNOWN: Final = Table(
    "known",
    _METADATA,
    Column("key", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("party", String, nullable=False),
    sqlite_with_rowid=False,
)
_ORDER: Final = Table(
    "taken",
    _METADATA,
    Column("origin", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("last", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("edge", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
# One parameter for any number of keys, and one statement for any number of rows.
_FIND: Final = "SELECT key, n, party FROM known WHERE key IN (SELECT value FROM json_each(?))"
_PUT: Final = (
    "INSERT INTO known (key, n, party) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET n = excluded.n, party = excluded.party"
)


def open_store(path: Path) -> Engine:
    """The store in the file `path`, which is made if it is not there.

    CorruptError SETTING_INVALID unless commits to it are durable.
    """
    engine = engines.connect(str(URL.create("sqlite", database=str(path))))
    with engines.writing(engine) as connection:
        _METADATA.create_all(connection)
    engines.check_durable(engine)
    return engine


def order(engine: Engine, origin: str) -> alone.Order:
    """How far a log was taken; it knows nothing of objects and ids."""
    with engines.reading(engine) as connection:
        return _order(connection, origin)


@contextmanager
def advancing(engine: Engine, origin: str, keys: Iterable[str]) -> Iterator[alone.Order]:
    """The order as it stands, with all that is known under `keys`, to take entries into.

    What was taken is on disk when this ends, also if it ends with a LedgerError: an entry that is
    refused leaves those before it taken. Raises CorruptError STORE_CORRUPT, and as `writing` does.
    """
    refused: LedgerError | None = None
    with engines.writing(engine) as connection:
        standing = _order(connection, origin)
        rows = connection.exec_driver_sql(_FIND, (orjson.dumps(list(keys)).decode(),))
        before = {key: (n, party) for key, n, party in rows}
        standing.known = dict(before)
        try:
            yield standing
        except LedgerError as error:
            refused = error
        _write(connection, standing, before)
    if refused is not None:
        raise refused


def forget(engine: Engine) -> None:
    """Begin again: nothing was taken."""
    with engines.writing(engine) as connection:
        for table in (_KNOWN, _ORDER):
            connection.execute(table.delete())


def _order(connection: Connection, origin: str) -> alone.Order:
    row = connection.execute(select(_ORDER).where(_ORDER.c.origin == origin)).first()
    if row is None:
        return alone.Order({}, origin)
    hashes = tuple(
        row.edge[at : at + tree.HASH_SIZE] for at in range(0, len(row.edge), tree.HASH_SIZE)
    )
    if len(hashes) != row.size.bit_count() or b"".join(hashes) != row.edge:
        raise CorruptError("STORE_CORRUPT", f"audited: {origin}: edge of another size")
    edge = tree.Edge(row.size, hashes)
    return alone.Order({}, origin, row.last, row.at_ms, edge)


def _write(connection: Connection, taken: alone.Order, before: alone.Known) -> None:
    fresh = [(k, *said) for k, said in taken.known.items() if before.get(k) != said]
    if fresh:
        connection.exec_driver_sql(_PUT, fresh)
    values = {
        "size": taken.size,
        "last": taken.last,
        "at_ms": taken.at_ms,
        "edge": b"".join(taken.edge.hashes),
    }
    put = insert(_ORDER).values(origin=taken.origin, **values)
    connection.execute(put.on_conflict_do_update(index_elements=["origin"], set_=values))
