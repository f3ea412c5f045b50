"""What is PostgreSQL's own: its connections, its transactions, and what durable means there."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.errors import Diagnostic
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    ExceptionContext,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    event,
    text,
)  # fmt: skip
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.types import TypeEngine

from ledger.errors import CorruptError, RuleError

Error: Final = psycopg.Error  # what COPY raises; everything else comes by way of SQLAlchemy
CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": 10, "application_name": "remelt", "client_encoding": "utf8",
}  # fmt: skip
READING: Final[dict[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# Whoever waited for the head must see what the one before wrote: every statement looks anew.
WRITING: Final[dict[str, Any]] = {"isolation_level": "READ COMMITTED"}

# A writer that hangs, or whose machine is gone, does not keep the head for ever. And a server that
# was told to forget commits, after we looked (check_durable), keeps ours all the same.
_LIMITS: Final = (
    "SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s';"
    " SELECT set_config('synchronous_commit',"
    " replace(current_setting('synchronous_commit'), 'off', 'on'), true)"
)
_PING_AFTER_S: Final = 1.0
_USED, _WARNINGS = "remelt_used", "remelt_warnings"


def prepare(engine: Engine) -> None:
    """Make the engine's connections notice that the server went away, and what it warns of."""

    def checkout(driver: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get(_USED, 0.0) < _PING_AFTER_S:
            return
        try:
            engine.dialect.do_ping(driver)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the server closed the connection") from error

    event.listen(engine, "connect", _listen)
    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", _note_time)
    event.listen(engine, "begin", _limit_writers)
    event.listen(engine, "handle_error", _shorten)


def _shorten(context: ExceptionContext) -> None:
    """Keep the first sentence of an error: the details of PostgreSQL quote the values of a row."""
    shorten(context.original_exception)
    if context.sqlalchemy_exception is not None:
        name = type(context.original_exception).__name__
        context.sqlalchemy_exception.args = (f"({name}) {context.original_exception}",)


def shorten(error: BaseException) -> None:
    """The same, for an error that the driver raised itself."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        error.args = (error.diag.message_primary,)


def _note_time(_: Any, record: Any) -> None:
    record.info[_USED] = time.monotonic()


def _listen(driver: psycopg.Connection[Any], record: Any) -> None:
    warnings = record.info[_WARNINGS] = []

    def notice(diagnostic: Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    driver.add_notice_handler(notice)


def _limit_writers(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(_LIMITS)
        connection.info[_WARNINGS].clear()


def refuse_unconfirmed(connection: Connection) -> None:
    """RuleError NOT_READY if the server warned while it committed.

    Told to stop waiting for a standby, PostgreSQL says COMMIT all the same, and warns.
    """
    if connection.info[_WARNINGS]:
        raise RuleError(
            "NOT_READY",
            f"the commit was not confirmed: {connection.info[_WARNINGS][-1]}",
            hint="send the same event with the same id again: it is recorded once",
        )


# Type of a column -> PostgreSQL's name of it. Binary COPY converts nothing on its own.
_TYPES: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (SmallInteger, "int2"), (BigInteger, "int8"), (LargeBinary, "bytea"), (String, "text"),
)  # fmt: skip


@lru_cache(maxsize=64)
def _copying(table: Table, names: tuple[str, ...]) -> tuple[str, list[str]]:
    columns = ", ".join(f'"{name}"' for name in names)
    types = [next(n for made, n in _TYPES if isinstance(table.c[c].type, made)) for c in names]
    return f'COPY "{table.name}" ({columns}) FROM STDIN (FORMAT BINARY)', types


def copy(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns, by COPY."""
    names = tuple(rows[0])
    statement, types = _copying(table, names)
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copying:
            copying.set_types(types)
            for row in rows:
                copying.write_row(tuple(map(row.__getitem__, names)))
    except psycopg.Error as error:
        shorten(error)
        raise


_ALTER: Final = "ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"
_CREATE: Final = (
    "make the database anew: CREATE DATABASE remelt TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';"
)
_SETTINGS: Final = text(
    "SELECT current_setting('fsync') AS fsync,"
    " current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('synchronous_commit') AS synchronous_commit,"
    " current_setting('synchronous_standby_names') AS standbys,"
    " current_setting('server_encoding') AS encoding,"
    " 'Z' < 'a' AS by_code"
)
# What is asked of a database: the setting, whether it will do, what is wanted, how to get it.
_DEMANDS: Final[tuple[tuple[str, Callable[[Any], bool], str, str], ...]] = (
    ("fsync", lambda s: s.fsync == "on", "on", _ALTER),
    ("full_page_writes", lambda s: s.full_page_writes == "on", "on", _ALTER),
    ("synchronous_commit", lambda s: s.synchronous_commit != "off", "on", _ALTER),
    (
        "synchronous_commit",
        lambda s: not s.standbys or s.synchronous_commit != "local",
        "on, because synchronous_standby_names names standbys",
        _ALTER,
    ),
    ("encoding", lambda s: s.encoding == "UTF8", "UTF8", _CREATE),
    # Other orders change with the operating system and then break indexes.
    ("by_code", lambda s: s.by_code, "texts in the order of their bytes", _CREATE),
)


def check_durable(connection: Connection) -> None:
    """CorruptError SETTING_INVALID unless commits are durable, for this role and database."""
    found = connection.execute(_SETTINGS).one()
    for name, will_do, want, hint in _DEMANDS:
        if not will_do(found):
            shown = "collation" if name == "by_code" else f"{name} {getattr(found, name)}"
            raise CorruptError(
                "SETTING_INVALID", f"database: {shown}, want {want}", hint=hint.format(name=name)
            )


def is_undone(error: Exception) -> bool:
    """Whether the server undid the transaction and says that it may be tried again.

    SQLSTATE 40001 serialization_failure and 40P01 deadlock_detected.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) in ("40001", "40P01")
