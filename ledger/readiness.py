"""Whether a running server can serve, and why not: cheap questions, no secrets in the answers."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ledger import revisions
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries

# Below the first, nothing should begin; below the second, somebody should look.
DISK_FAIL_BYTES: Final = 64 << 20
DISK_WARN_BYTES: Final = 1 << 30
CLOCK_WARN_MS: Final = 2_000
CLOCK_FAIL_MS: Final = 600_000
_LOGGER: Final = logging.getLogger("remelt.readiness")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. state: "ok", "warn" or "fail"; hint: what to do."""

    name: str
    state: str
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON answers."""
        shown = {"name": self.name, "state": self.state, "message": self.message}
        return {**shown, "hint": self.hint} if self.hint else shown


def look(ledger: Ledger) -> list[Check]:
    """Writer, database, tables, disk and clock. Never raises."""
    checks = [_writer(ledger), disk(ledger.settings)]
    try:
        with engines.reading(ledger.engine) as connection:
            revision = revisions.current(connection)
            head = entries.read_head(connection, ledger.log_id)
    except (SQLAlchemyError, LedgerError, OSError) as error:
        _LOGGER.warning("the database does not answer: %s", error)
        hint = "is it running, and may this user use it? the server's log has the error"
        return [*checks, Check("database", "fail", "it does not answer", hint)]
    checks.append(Check("database", "ok", "it answers"))
    checks.append(tables(revision))
    if head is None:
        checks.append(Check("log", "fail", "the log is not there", "was the database replaced?"))
    else:
        checks.append(clock(head.at_ms))
    return checks


def try_head(ledger: Ledger) -> entries.Head | None:
    """The head; None where the database does not answer."""
    try:
        with engines.reading(ledger.engine) as connection:
            return entries.read_head(connection, ledger.log_id)
    except (SQLAlchemyError, LedgerError, OSError):
        return None


def _writer(ledger: Ledger) -> Check:
    fatal = ledger.sequencer.fatal
    if fatal is not None:
        hint = "read what the audit finds: docs/operations.md; then restart"
        return Check("writer", "fail", f"it stopped: {fatal.message}", hint)
    if ledger.sequencer.has_ended:
        return Check("writer", "fail", "it takes nothing more", "the server is stopping")
    return Check("writer", "ok", f"it runs, {ledger.sequencer.waiting} events wait")


def tables(revision: str | None) -> Check:
    """Whether the tables are those of this program."""
    newest = revisions.known()[0]
    if revision == newest:
        return Check("tables", "ok", f"at revision {newest}")
    wrong = f"at revision {revision}, this program works with {newest}"
    return Check("tables", "fail", wrong, "run `remelt db upgrade`, or install the newer version")


def disk(settings: Settings) -> Check:
    """Free room where a SQLite database grows, or where the directory is."""
    place = settings.data
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database:
        place = Path(url.database).absolute().parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Check("disk", "fail", f"cannot be asked: {error.strerror}", "is it mounted?")
    shown = f"{free / 2**30:,.1f} GiB free"
    if free < DISK_FAIL_BYTES:
        hint = "make room: commits are about to fail, and nothing is lost when they do"
        return Check("disk", "fail", f"nearly full: {free / 2**20:,.0f} MiB free", hint)
    if free < DISK_WARN_BYTES:
        return Check("disk", "warn", shown, "make room, or move the database")
    return Check("disk", "ok", shown)


def clock(head_at_ms: int) -> Check:
    """The clock against the time of the last entry, which it cannot lie before."""
    behind_ms = head_at_ms - time.time_ns() // 1_000_000
    if behind_ms <= CLOCK_WARN_MS:
        return Check("clock", "ok", "not before the last entry")
    message = f"{behind_ms / 1000:,.0f} s before the last entry"
    hint = "set it, by NTP; until then entries carry the time of the last one"
    return Check("clock", "fail" if behind_ms > CLOCK_FAIL_MS else "warn", message, hint)
