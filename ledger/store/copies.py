"""Copies of a whole database, as SQLite files: of one moment, taken while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from ledger.store import engine as engines
from ledger.store import postgresql, tables

_ROWS: Final = 1_000


def copy_sqlite(engine: Engine, path: Path) -> None:
    """Copy a SQLite database by its online backup: in one step, so of one moment."""
    with engine.connect() as connection, closing(sqlite3.connect(path)) as target:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)  # noqa: S101 (asked of SQLite only)
        source.backup(target)


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row of every table into tables that are there, and empty."""
    for table in tables.metadata.sorted_tables:
        found = source.execute(select(table), execution_options={"yield_per": _ROWS}).mappings()
        statement = insert(table)
        for part in found.partitions(_ROWS):
            rows = [dict(row) for row in part]
            if target.dialect.name == "postgresql":
                postgresql.copy(target, table, rows)
            else:
                target.execute(statement, rows)


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    """A copy, and nothing left of it afterwards but its one file."""
    engine = engines.connect(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
