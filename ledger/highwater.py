"""How far this machine has seen its log go: a guard against databases that were set back.

A database that comes back from a snapshot, a copy or a point in time does not know what it signed
since, and going on would be a fork. So a server notes size and root in a file beside the keys, in
no backup, before it publishes and when it ends; and does not start on a log that is behind it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import Connection

from ledger import keys
from ledger.errors import ProofError, RuleError
from ledger.settings import Settings
from ledger.store import entries
from ledger.tlog import tiles

try:
    import fcntl as locks
except ImportError:  # not a POSIX system: nobody waits
    locks = None  # type: ignore[assignment]  # the module is there or it is not

NAME: Final = "high-water.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """A size that the log had, and its root then."""

    origin: str
    size: int
    root: bytes


def read(settings: Settings) -> Mark | None:
    """The mark; None where there is none, or none that can be read."""
    try:
        found = orjson.loads((settings.data / NAME).read_bytes())
        return Mark(str(found["origin"]), int(found["size"]), bytes.fromhex(found["root"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def raise_to(settings: Settings, head: entries.Head) -> None:
    """Move the mark up to the head, durably: before anybody outside is shown it.

    Nothing happens where the directory cannot be written.
    """
    if _covers(read(settings), head):
        return
    with contextlib.suppress(OSError), _alone(settings.data):
        if not _covers(read(settings), head):
            _write(settings.data / NAME, head)


def _covers(mark: Mark | None, head: entries.Head) -> bool:
    return mark is not None and mark.origin == head.origin and mark.size >= head.size


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One process at a time, so that a slow one does not take the mark back."""
    if not hasattr(locks, "flock"):
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            locks.flock(handle, locks.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, head: entries.Head) -> None:
    fresh = path.with_name(f".{NAME}.{os.getpid()}")
    said = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
    try:
        with fresh.open("wb") as file:
            file.write(orjson.dumps(said))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        keys.sync_directory(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def check(connection: Connection, log_id: str, settings: Settings) -> None:
    """RuleError BACKUP_OLD if the log is behind the mark, ProofError PROOF_INVALID if beside it."""
    mark, head = read(settings), entries.read_head(connection, log_id)
    if mark is None or head is None or mark.origin != head.origin or not mark.size:
        return
    refuse_behind(connection, log_id, head, mark, f"{settings.data / NAME} says that")


def refuse_behind(
    connection: Connection, log_id: str, head: entries.Head, mark: Mark, who_says: str
) -> None:
    """Refuse a log that has not come as far as it is known to have been, or not that way."""
    if mark.size > head.size:
        raise RuleError(
            "BACKUP_OLD",
            f"{who_says} the log went on to {mark.size} entries, here it has {head.size}",
            field="size",
            value=head.size,
            hint="entries written on top of it would be a fork, signed by you: find a newer "
            "backup, or make the log whole with `remelt replay` (docs/operations.md)",
        )
    root = tiles.root_at(
        mark.size, lambda level, i: entries.read_tile(connection, log_id, level, i)
    )
    if root != mark.root:
        raise ProofError(
            "PROOF_INVALID",
            f"{who_says} at size {mark.size} the log had another root",
            field="root",
            hint="one of the two is a fork, and both are signed; keep them as evidence",
        )
