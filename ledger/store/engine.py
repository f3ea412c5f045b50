"""Engines: whatever the database, a writer has the log to itself and a commit is durable.

SQLite: WAL with synchronous=FULL, and writers take the database with BEGIN IMMEDIATE. PostgreSQL
(store/postgresql.py): writers take the head with SELECT … FOR UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ledger.errors import CorruptError, RuleError
from ledger.store import postgresql, troubles, turns

BUSY_TIMEOUT_MS: Final = 30_000


# Execution options of a transaction that reads, and of one that writes.
_READING: Final[dict[str, dict[str, Any]]] = {"sqlite": {}, "postgresql": postgresql.READING}
_WRITING: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {"writes": True},
    "postgresql": {"writes": True, **postgresql.WRITING},
}


def connect(url: str) -> Engine:
    """An engine for a database URL: "sqlite:////srv/remelt/ledger.sqlite", "postgresql://…".

    RuleError SETTING_INVALID where it is neither. Nothing is opened yet.
    """
    address = _address(url)
    # Parameters hold private fields: an error of the database must not carry them into a log.
    if address.get_backend_name() == "postgresql":
        engine = create_engine(address, hide_parameters=True, connect_args=postgresql.CONNECT)
        postgresql.prepare(engine)
        return engine
    engine = create_engine(address, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine whose connections are closed at the end."""
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def is_undone(error: Exception) -> bool:
    """Whether the database undid the whole transaction only because others were in its way."""
    return postgresql.is_undone(error)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise _unusable("not a database URL") from None  # its text would repeat the password
    if address.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return address.set(drivername="postgresql+psycopg")
    if address.drivername in ("sqlite", "sqlite+pysqlite"):
        return address
    raise _unusable(f"{address.drivername}: not a database that this program can use")


def _unusable(message: str) -> RuleError:
    return RuleError(
        "SETTING_INVALID",
        f"database: {message}",
        field="database",
        hint="want postgresql://USER@HOST/NAME, or leave it out: then it is a SQLite file",
    )


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
    """One transaction that writes; its commit is durable when this ends without an exception.

    SQLite: it holds the write lock from its first moment. PostgreSQL: `read_head(lock=True)` takes
    the lock, so that comes first, and what is read after it is as the writer before left it.
    Raises as `reading` does; then, too, a COMMIT that was sent may have taken effect.
    """
    options = _WRITING[engine.dialect.name]
    with (
        _explaining(),
        turns.taken(engine, BUSY_TIMEOUT_MS),
        engine.connect().execution_options(**options) as connection,
    ):
        with connection.begin():
            yield connection
        if engine.dialect.name == "postgresql":
            postgresql.refuse_unconfirmed(connection)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything in it is of one moment.

    NOT_READY where the database does not answer, SETTING_INVALID where it does not serve us.
    """
    options = _READING[engine.dialect.name]
    with (
        _explaining(),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, postgresql.Error) as error:
        refusal = troubles.explained(error)
        if refusal is None:
            raise
        raise refusal from error


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
    """CorruptError SETTING_INVALID unless commits are durable (SQLite: WAL, synchronous=FULL)."""
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            postgresql.check_durable(connection)
            return
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar()
    if mode != "wal" or synchronous != 2:
        raise CorruptError(
            "SETTING_INVALID",
            f"database: journal_mode {mode}, synchronous {synchronous}, want wal and 2 (FULL)",
            hint="the file system must support WAL; a network share does not",
        )
