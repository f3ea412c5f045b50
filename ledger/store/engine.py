"""Engines: SQLite in WAL with synchronous=FULL; writers take the database with BEGIN IMMEDIATE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from ledger.errors import CorruptError

BUSY_TIMEOUT_MS: Final = 30_000


def connect(url: str) -> Engine:
    """An engine for a database URL, e.g. "sqlite:////srv/remelt/ledger.sqlite"."""
    # Parameters hold private fields: an error of the database must not carry them into a log.
    engine = create_engine(url, hide_parameters=True)
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions on its own: it would begin them deferred, too late.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-65536",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock from its first moment."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything in it is of one moment."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def showing_bad_text(connection: Connection) -> Iterator[None]:
    """Text that is not UTF-8 is read with its wrong bytes as \\xNN; otherwise it cannot be read."""
    driver = connection.connection.dbapi_connection
    if driver is None or connection.dialect.name != "sqlite":
        yield
        return
    driver.text_factory = lambda data: data.decode(errors="backslashreplace")
    try:
        yield
    finally:
        driver.text_factory = str


def damage(connection: Connection) -> str:
    """What SQLite says is wrong with its pages and indexes; "" for nothing."""
    if connection.dialect.name != "sqlite":
        return ""
    said = connection.execute(text("PRAGMA integrity_check(1)")).scalar_one()
    return "" if said == "ok" else str(said)


def check_durable(engine: Engine) -> None:
    """CorruptError SETTING_INVALID unless commits are durable (WAL and synchronous=FULL)."""
    if engine.dialect.name != "sqlite":
        return
    with reading(engine) as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar()
    if mode != "wal" or synchronous != 2:
        raise CorruptError(
            "SETTING_INVALID",
            f"database: journal_mode {mode}, synchronous {synchronous}, want wal and 2 (FULL)",
            hint="the file system must support WAL; a network share does not",
        )
