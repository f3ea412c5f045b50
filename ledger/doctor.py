"""What is right and wrong with a ledger and the machine it is on: one check after another.

Nothing is written. A check that cannot be made, because the one before it failed, is left out.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ledger import (
    backup,
    fonts,
    highwater,
    keys,
    lastrun,
    readiness,
    revisions,
    rotation,
    tail,
    witnesses,
)
from ledger.errors import LedgerError
from ledger.readiness import Check
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries
from ledger.tlog import checkpoint, note

_DAY_S: Final = 86_400
BACKUP_OLD_S: Final = 2 * _DAY_S
AUDIT_OLD_S: Final = 32 * _DAY_S
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs"})
_FLEETING: Final = frozenset({"tmpfs", "ramfs", "overlay"})


def examine(found: Settings) -> Iterator[Check]:
    """Every check, in order."""
    yield Check("settings", "ok", "every REMELT_ variable is known")
    yield from _files(found)
    if found.data.is_dir():
        yield readiness.disk(found)
    yield from _file_system(found)
    yield _programs()
    yield from _database(found)
    yield _fonts()
    yield from _runs(found)


def _files(found: Settings) -> Iterator[Check]:
    """The directory and the key files: who may read them."""
    if not found.data.is_dir():
        hint = "`remelt init` makes it; or name another with --data or REMELT_DATA"
        yield Check("directory", "fail", f"{found.data} is not there", hint)
        return
    yield _private(found.data, "directory")
    for name in sorted(path.name for path in found.keys.glob("*")):
        yield _private(found.keys / name, f"keys/{name}")
    given = {"REMELT_LOG_KEY": found.log_key, "REMELT_OPERATOR_KEY": found.operator_key}
    given["REMELT_MASTER_KEY"] = found.master_key
    for name, held in given.items():
        if held and os.environ.get(name):
            hint = f"use {name}_FILE: child processes and crash reports carry variables along"
            yield Check(name, "warn", "a private key lies in the environment itself", hint)


def _private(path: Path, name: str) -> Check:
    mode = stat.S_IMODE(path.stat().st_mode)
    want = 0o700 if path.is_dir() else 0o600
    if mode & 0o077:
        hint = f"chmod {want:o} {path}"
        return Check(name, "fail", f"mode {mode:04o}: others may read or write it", hint)
    if path.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        return Check(name, "warn", "it belongs to another user", f"chown it to {os.geteuid()}")
    return Check(name, "ok", f"mode {mode:04o}")


def _file_system(found: Settings) -> Iterator[Check]:
    """Where a SQLite database lies. Only Linux tells."""
    url, mounts = make_url(found.database), Path("/proc/self/mounts")
    if url.get_backend_name() != "sqlite" or not url.database or not mounts.exists():
        return
    place, best, kind = Path(url.database).absolute().parent, Path("/"), ""
    for line in mounts.read_text("utf-8", "replace").splitlines():
        fields = line.split(" ")
        at = Path(fields[1].replace("\\040", " "))
        if place.is_relative_to(at) and len(at.parts) >= len(best.parts):
            best, kind = at, fields[2]
    if kind in _NETWORK:
        hint = "SQLite needs a disk of this machine; for several machines there is PostgreSQL"
        yield Check("file system", "fail", f"{kind}: a network share", hint)
    elif kind in _FLEETING:
        hint = "what lies here may be gone with the container or at the next start: use a volume"
        yield Check("file system", "warn", f"{kind} at {best}", hint)
    else:
        yield Check("file system", "ok", f"{kind} at {best}")


def _programs() -> Check:
    return Check("python", "ok", f"Python {sys.version.split()[0]}")


def _database(found: Settings) -> Iterator[Check]:
    url = make_url(found.database)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():  # connecting would make an empty one
            hint = "`remelt init` makes it, `remelt restore` brings it back"
            yield Check("database", "fail", f"{found.shown_database}: no such file", hint)
            return
        if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
            yield _private(path, "database file")
    engine = None
    try:
        engine = engines.connect(found.database)
        with engines.reading(engine) as connection:
            yield Check("database", "ok", backup.engine_version(connection))
        yield _durable(engine)
        with engines.reading(engine) as connection:
            yield from _tables(connection, found)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        hint = "is it running, and are name, user and password right?"
        yield Check("database", "fail", f"{found.shown_database}: {reason}", hint)
    except LedgerError as error:
        yield Check("database", "fail", f"{found.shown_database}: {error.message}", error.hint)
    finally:
        if engine is not None:
            engine.dispose()


def _durable(engine: Engine) -> Check:
    try:
        engines.check_durable(engine)
    except LedgerError as error:
        return Check("durability", "fail", error.message, error.hint)
    return Check("durability", "ok", "a commit is on disk before its answer")


def _tables(connection: Connection, found: Settings) -> Iterator[Check]:
    revision = revisions.current(connection)
    if revision is None:
        hint = "`remelt init` makes a ledger, `remelt restore` brings one back"
        yield Check("tables", "fail", "none of Remelt's", hint)
        return
    checked = readiness.tables(revision)
    yield checked
    if checked.state == "fail":
        return
    yield from _append_only(connection)
    logs = entries.log_ids(connection)
    if len(logs) != 1:
        yield Check("log", "fail", f"{len(logs)} logs, want one", "`remelt init` makes one")
        return
    yield from _log(connection, logs[0], found)


_GRANTS: Final = text(
    "SELECT pg_get_userbyid(c.relowner) = current_user"
    " OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS owns,"
    " has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')"
    " OR has_table_privilege(c.oid, 'TRUNCATE') AS changes, current_user AS role"
    " FROM pg_class c WHERE c.oid = to_regclass('entries')"
)
_TRIGGERS: Final = text(
    "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
    " AND tbl_name IN ('entries', 'checkpoints')"
)
_TRIGGER_COUNT: Final = 6


def _append_only(connection: Connection) -> Iterator[Check]:
    """Who may change what was recorded."""
    if connection.dialect.name == "sqlite":
        count = connection.execute(_TRIGGERS).scalar_one()
        if count < _TRIGGER_COUNT:
            hint = "somebody dropped triggers: run `remelt audit`, and find out who and why"
            yield Check("append-only", "fail", f"{count} of {_TRIGGER_COUNT} triggers", hint)
        else:
            yield Check("append-only", "ok", "triggers refuse changes of the log")
        return
    row = connection.execute(_GRANTS).one()
    if row.owns:
        hint = "run the server as a role of its own: docs/postgresql.md"
        message = f"{row.role} owns the tables: only triggers stand in its way"
        yield Check("append-only", "warn", message, hint)
    elif row.changes:
        hint = (
            f"as the owner: REVOKE UPDATE, DELETE, TRUNCATE ON entries, checkpoints FROM {row.role}"
        )
        yield Check("append-only", "fail", f"{row.role} may change entries", hint)
    else:
        yield Check("append-only", "ok", f"{row.role} may add to the log, and change nothing")


def _log(connection: Connection, log_id: str, found: Settings) -> Iterator[Check]:
    """The keys, the end of the log, and the clock."""
    head = entries.read_head(connection, log_id)
    assert head is not None  # noqa: S101 (its id was read in this transaction)
    verifiers = None
    try:
        yield _log_keys(connection, log_id, found, head)
        verifiers = rotation.known(connection, log_id)
    except LedgerError as error:
        yield Check("log key", "fail", error.message, error.hint)
    try:
        keys.load_master_key(found)
        own = keys.load_operator_key(found)
        missing = "" if own else ", operator's key kept elsewhere"
        yield Check("other keys", "ok", f"master key can be read{missing}")
    except LedgerError as error:
        yield Check("other keys", "fail", error.message, error.hint)
    if verifiers is not None:
        try:
            tail.check(connection, log_id, verifiers)
            highwater.check(connection, log_id, found)
            last = min(head.size, tail.LAST)
            message = f"{head.origin}: {head.size} entries; the last {last} hang together"
            yield Check("log", "ok", message)
        except LedgerError as error:
            yield Check("log", "fail", error.message, error.hint)
    age_s = time.time() - head.at_ms / 1000
    yield Check("checkpoint", "ok", f"of {head.size} entries, {_ago(age_s)}")
    yield readiness.clock(head.at_ms)
    yield from _witnesses(found, head)


def _log_keys(connection: Connection, log_id: str, found: Settings, head: entries.Head) -> Check:
    signers = keys.load_log_keys(found)
    for signer in signers:
        if signer.name != head.origin:
            hint = "put the keys of this log back; its own key cannot be made again"
            return Check("log key", "fail", f"it is named {signer.name}, not {head.origin}", hint)
    rotation.check(connection, log_id, signers)
    if rotation.waiting(found) is not None:
        hint = "run `remelt logkey add` again: it goes on where it was cut off"
        return Check("log key", "warn", "a new key was made and is not in use yet", hint)
    return Check("log key", "ok", " ".join(signer.verifier.vkey for signer in signers))


def _witnesses(found: Settings, head: entries.Head) -> Iterator[Check]:
    """The operator's list, and who of it answers."""
    try:
        known = witnesses.read(found)
    except LedgerError as error:
        yield Check(witnesses.NAME, "fail", error.message, error.hint)
        return
    if not known.listed:
        yield Check(witnesses.NAME, "ok", "nobody is asked to cosign")
        return
    quorum = known.policy.quorum
    yield Check(witnesses.NAME, "ok", f"{len(known.listed)} witnesses, quorum {quorum}")
    for listed, (theirs, why) in zip(
        known.listed, asyncio.run(witnesses.shown_by_all(known.listed, head.origin)), strict=True
    ):
        yield _seen(f"witness {listed.name}", theirs, why, head)


def _seen(name: str, theirs: bytes | None, why: str, head: entries.Head) -> Check:
    """What a witness shows of the log; whether that is true the server asks when it starts."""
    if theirs is None:
        hint = "is its address right, and does it know this log's key? `remelt witness --log VKEY`"
        return Check(name, "warn", f"{head.origin}: {why}", hint)
    try:
        seen = checkpoint.parse_checkpoint(note.parse_note(theirs).text)
    except LedgerError as error:
        return Check(name, "warn", error.message, "is this the address of a witness?")
    if seen.size > head.size:
        hint = "the database was set back: make the log whole with `remelt replay` before it writes"
        return Check(name, "fail", f"it saw {seen.size} entries, here it has {head.size}", hint)
    return Check(name, "ok", f"it saw {seen.size} entries")


def _fonts() -> Check:
    try:
        found = fonts.find()
    except LedgerError as error:
        return Check("fonts", "fail", error.message, error.hint)
    names = ", ".join(font.name for font in found)
    if len(found) < 2:
        hint = "labels in Chinese need one: apt-get install fonts-wqy-microhei, or REMELT_FONT"
        return Check("fonts", "warn", f"no Chinese font; {names}", hint)
    return Check("fonts", "ok", names)


def _runs(found: Settings) -> Iterator[Check]:
    """When the last backup and audit were, as far as this directory knows."""
    made = lastrun.read(found, lastrun.BACKUP)
    if made is None:
        yield Check("backup", "warn", "none was made of this directory", "remelt backup DIR")
    else:
        age_s = time.time() - made["at_ms"] / 1000
        state = "warn" if age_s > BACKUP_OLD_S else "ok"
        hint = "remelt backup DIR, every night" if state == "warn" else ""
        yield Check("backup", state, f"{made.get('size')} entries, {_ago(age_s)}", hint)
    seen = lastrun.read(found, lastrun.AUDIT)
    if seen is None:
        yield Check("audit", "warn", "none was made in this directory", "remelt audit")
        return
    age_s = time.time() - seen["at_ms"] / 1000
    if seen.get("clean") is not True:
        hint = "run `remelt audit` again; docs/operations.md says what then"
        yield Check("audit", "fail", f"NOT CLEAN, {_ago(age_s)}", hint)
    else:
        state = "warn" if age_s > AUDIT_OLD_S else "ok"
        hint = "remelt audit, every week" if state == "warn" else ""
        yield Check("audit", state, f"clean, {seen.get('size')} entries, {_ago(age_s)}", hint)


def _ago(seconds: float) -> str:
    for unit, count in (("days", _DAY_S), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * count:
            return f"{seconds / count:,.0f} {unit} ago"
    return "just now"
