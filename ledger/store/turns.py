"""Writers of one SQLite file take turns.

SQLite lets a writer that finds the file taken sleep for up to 100 ms and try again, so that with
two busy processes the unlucky one waits for seconds. Here they ask for a lock on a file beside the
database, a thousand times a second. PostgreSQL has a queue of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine

try:
    import fcntl as locks
except ImportError:  # not a POSIX system: SQLite's own waiting has to do
    locks = None  # type: ignore[assignment]  # the module is there or it is not

_PAUSE_S: Final = 0.001


@contextmanager
def taken(engine: Engine, patience_ms: int) -> Iterator[None]:
    """Our turn, or the end of our patience: the database has the last word on who writes."""
    path = engine.url.database
    lockable = engine.dialect.name == "sqlite" and path not in (None, "", ":memory:")
    if not lockable or not hasattr(locks, "flock"):
        yield
        return
    until = time.monotonic() + patience_ms / 1000
    with open(f"{path}-turn", "ab") as file:
        while time.monotonic() < until:
            try:
                locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_PAUSE_S)
        yield
