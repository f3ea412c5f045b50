"""Private fields: finding them, and erasing them so that their bytes are gone from the files.

A database that deletes a row leaves its bytes where they were, and copies of them elsewhere.
SQLite: the table is written anew with `secure_delete`, which fills what is freed with zeros, and
the write-ahead log is emptied. PostgreSQL: VACUUM FULL writes a new file and drops the old one; the
same is done for the planner's statistics, which hold samples of columns.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, Engine, delete, select, text

from ledger.errors import RuleError
from ledger.store import engine as engines
from ledger.store import tables

_REGISTERS: Final = ("party_registered", "site_registered")
_REWRITE: Final = (
    "CREATE TABLE disclosures_kept AS SELECT * FROM disclosures",
    "DELETE FROM disclosures",
    "INSERT INTO disclosures SELECT * FROM disclosures_kept",
    "DROP TABLE disclosures_kept",
)
_OWNER: Final = text(
    "SELECT pg_has_role(current_user, tableowner, 'MEMBER') FROM pg_tables"
    " WHERE schemaname = current_schema() AND tablename = 'disclosures'"
)
_VACUUM: Final = ("VACUUM (FULL, ANALYZE) disclosures", "VACUUM FULL pg_catalog.pg_statistic")
_PATIENCE_S: Final = 30.0


def of_entry(connection: Connection, log_id: str, n: int) -> Iterator[tuple[int, str, str]]:
    """(n, digest, text) of the private fields of an entry."""
    return _read(connection, log_id, tables.disclosures.c.n == n)


def of_party(connection: Connection, log_id: str, party: str) -> Iterator[tuple[int, str, str]]:
    """The same of the entries that a party stated, and of those that register it or its sites."""
    c = tables.entry_parties.c
    own = select(c.n).where(
        c.log_id == log_id, c.party == party, (c.stated == 1) | c.kind.in_(_REGISTERS)
    )
    return _read(connection, log_id, tables.disclosures.c.n.in_(own))


def every(connection: Connection, log_id: str) -> Iterator[tuple[int, str, str]]:
    """The same of all entries."""
    return _read(connection, log_id, tables.disclosures.c.n >= 0)


def _read(connection: Connection, log_id: str, which: object) -> Iterator[tuple[int, str, str]]:
    c = tables.disclosures.c
    query = select(c.n, c.digest, c.text).where(c.log_id == log_id, which)  # type: ignore[arg-type]
    for row in connection.execute(query.order_by(c.n, c.digest)).yield_per(1_000):
        yield row.n, row.digest, row.text


def check_can(engine: Engine) -> None:
    """RuleError SETTING_INVALID where this role could delete rows, and not their bytes."""
    if engine.dialect.name != "postgresql":
        return
    with engines.reading(engine) as connection:
        if not connection.execute(_OWNER).scalar_one():
            raise RuleError(
                "SETTING_INVALID",
                "database: this role does not own the table of private fields",
                field="database",
                hint="connect as the role of `remelt init`: only the owner can have it rewritten",
            )


def erase(engine: Engine, log_id: str, rows: Iterable[tuple[int, str]]) -> int:
    """Delete the private fields with these (n, digest), and their bytes; how many there were.

    Without rows it still clears what an erasure that was interrupted left behind.
    RuleError NOT_READY where a reader has held the write-ahead log for half a minute: the rows are
    gone by then, and their bytes may be in it.
    """
    c = tables.disclosures.c
    gone = 0
    with engines.writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        for n, digest in rows:
            query = delete(tables.disclosures).where(
                c.log_id == log_id, c.n == n, c.digest == digest
            )
            gone += connection.execute(query).rowcount
        if engine.dialect.name == "sqlite":
            for statement in _REWRITE:
                connection.exec_driver_sql(statement)
    if engine.dialect.name == "sqlite":
        _empty_wal(engine)
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in _VACUUM:
                connection.exec_driver_sql(statement)
    return gone


def _empty_wal(engine: Engine) -> None:
    """Move the write-ahead log into the file and cut it to nothing, once no reader needs it."""
    end = time.monotonic() + _PATIENCE_S
    raw = engine.raw_connection()
    try:
        while raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > end:
                raise RuleError(
                    "NOT_READY",
                    "database: a reader holds the write-ahead log, in which old bytes may remain",
                    field="database",
                    hint="repeat the command; if it stays so, stop the server for it",
                )
            time.sleep(0.1)
    finally:
        raw.close()
