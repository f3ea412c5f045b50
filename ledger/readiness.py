"""Whether a running server can serve, and why not: cheap questions, no secrets in the answers."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ledger import clock as times
from ledger import revisions
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.store.published import Published, State

# Below the first, nothing should begin; below the second, somebody should look.
DISK_FAIL_BYTES: Final = 64 << 20
DISK_WARN_BYTES: Final = 1 << 30
CLOCK_WARN_MS: Final = 2_000
# Beyond the gap: a publisher that is this late does not publish.
PUBLISHED_LATE_MS: Final = 30_000
CLOCK_FAIL_MS: Final = 600_000
CLOCK_JUMP_S: Final = 60
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
            if known := revision == revisions.known()[0]:
                shown = published.read(connection, ledger.log_id)
                states = published.states(connection, ledger.log_id)
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
    if known and head is not None:
        checks += publication(ledger.settings, head, shown, states.values())
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
        return _jump() or Check("clock", "ok", "not before the last entry")
    message = f"{behind_ms / 1000:,.0f} s before the last entry"
    hint = "set it, by NTP; until then entries carry the time of the last one"
    return Check("clock", "fail" if behind_ms > CLOCK_FAIL_MS else "warn", message, hint)


def _jump() -> Check | None:
    """Whether somebody set the clock: where it went ahead, no entry tells."""
    jumped_s = times.jumped_ms() / 1000
    if abs(jumped_s) <= CLOCK_JUMP_S:
        return None
    message = f"it was set by {jumped_s:+,.0f} s since this process began"
    hint = "if it was right before, set it back, by NTP, and look at the entries made meanwhile"
    return Check("clock", "warn", message, hint)


def publication(
    settings: Settings, head: entries.Head, shown: Published | None, states: Iterable[State]
) -> Iterator[Check]:
    """Whether what is published is new, and cosigned by those who should."""
    now_ms = time.time_ns() // 1_000_000
    if shown is None:
        yield Check("published", "warn", "nothing is", "is the server just starting?")
        return
    due_ms = max(head.at_ms, shown.published_ms) + settings.publish_gap_ms + PUBLISHED_LATE_MS
    if shown.size < head.size and now_ms > due_ms:
        message = f"{shown.size} entries, the log has {head.size}"
        hint = "a server publishes: does one run? its log says why it does not"
        yield Check("published", "warn", message, hint)
    else:
        yield Check("published", "ok", f"{shown.size} entries")
    asked = list(states)
    good = sum(is_current(state, shown) for state in asked)
    said = [_said(state) for state in asked if not is_current(state, shown)]
    message = "; ".join([f"{good} of {len(asked)} cosigned {shown.size} entries", *said])
    if asked and not shown.met:
        hint = "the quorum of witnesses.txt is not met: ask whoever runs the others"
        yield Check("witnesses", "warn", message, hint)
    elif asked:
        yield Check("witnesses", "ok", message)


def _said(state: State) -> str:
    """What a witness answered last, for whoever reads /readyz."""
    if state.kind == "cosigned":
        return f"{state.name}: cosigned {state.size} entries"
    return f"{state.name}: {state.why or state.kind or 'not asked yet'}"


def is_current(state: State, shown: Published) -> bool:
    """Whether a witness cosigned what is published, when it was asked last."""
    return state.kind == "cosigned" and state.size == shown.size
