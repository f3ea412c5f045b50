"""What a witness has cosigned: the last checkpoint of each log, in a SQLite file of its own.

Not a part of any ledger's database: its table is made here and knows no migrations.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import (
    URL,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from ledger.errors import CorruptError, ProofError
from ledger.store import engine as engines
from ledger.tlog import checkpoint, note

_METADATA: Final = MetaData()
_COSIGNED: Final = Table(
    "cosigned",
    _METADATA,
    Column("origin", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("time", BigInteger, nullable=False),
    CheckConstraint("size >= 0 AND time > 0", "size_and_time"),
    sqlite_with_rowid=False,
)
# Made once: a witness does little else.
_READ: Final = select(_COSIGNED.c.size, _COSIGNED.c.note, _COSIGNED.c.time).where(
    _COSIGNED.c.origin == bindparam("of")
)
_FRESH: Final = insert(_COSIGNED)
_WRITE: Final = _FRESH.on_conflict_do_update(
    index_elements=["origin"],
    set_={name: _FRESH.excluded[name] for name in ("size", "note", "time")},
    where=and_(_COSIGNED.c.size <= _FRESH.excluded.size, _COSIGNED.c.time <= _FRESH.excluded.time),
)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The last checkpoint of a log that was cosigned.

    note: as the log signed it, without lines of others. time: of the cosignature, in seconds.
    """

    seen: checkpoint.Checkpoint
    note: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Store:
    """The file, and whose turn it is to write to it in this process."""

    engine: Engine
    turn: threading.Lock


def open_store(path: Path) -> Store:
    """The store in the file `path`, which is made if it is not there.

    CorruptError SETTING_INVALID unless commits to it are durable.
    """
    engine = engines.connect(str(URL.create("sqlite", database=str(path))))
    with engines.writing(engine) as connection:
        _METADATA.create_all(connection)
    engines.check_durable(engine)
    return Store(engine, threading.Lock())


def is_empty(store: Store) -> bool:
    """Whether nothing was ever cosigned."""
    with engines.reading(store.engine) as connection:
        return connection.execute(select(_COSIGNED.c.origin).limit(1)).first() is None


def last(store: Store, origin: str) -> Cosigned | None:
    """What was cosigned last of the log `origin`; raises what `read` raises."""
    with engines.reading(store.engine) as connection:
        return read(connection, origin)


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """One transaction that writes, alone from its first moment; durable when it ends well.

    Threads of this process queue here, so that one of them at most competes with other processes.
    """
    with store.turn, engines.writing(store.engine) as connection:
        yield connection


def read(connection: Connection, origin: str) -> Cosigned | None:
    """What was cosigned last of the log `origin`; CorruptError STORE_CORRUPT if it is not that."""
    row = connection.execute(_READ, {"of": origin}).first()
    if row is None:
        return None
    try:
        seen = checkpoint.parse_checkpoint(note.parse_note(row.note).text)
    except ProofError as error:
        raise _corrupt(f"{origin}: {error.message}") from error
    if (seen.origin, seen.size) != (origin, row.size):
        raise _corrupt(f"{origin}: the note is of {seen.origin} at size {seen.size}")
    return Cosigned(seen, row.note, row.time)


def write(connection: Connection, fresh: Cosigned) -> None:
    """Put `fresh` in place of what is stored of its log, in a transaction that has read that.

    CorruptError STORE_CORRUPT rather than go back in size or time.
    """
    seen = fresh.seen
    row = {"origin": seen.origin, "size": seen.size, "note": fresh.note, "time": fresh.time}
    if connection.execute(_WRITE, row).rowcount != 1:
        raise _corrupt(f"{seen.origin}: would go back to size {seen.size} at {fresh.time}")


def _corrupt(wrong: str) -> CorruptError:
    hint = "stop this witness: what it cosigned cannot be told any more"
    return CorruptError("STORE_CORRUPT", f"cosigned: {wrong}", hint=hint)
