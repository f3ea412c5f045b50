"""Backup and restore: the whole ledger in one file, audited on both ways.

A backup is always a SQLite file inside an archive (ledger/archive.py), whatever the database: what
PostgreSQL holds is read in one snapshot. So every backup can be audited where it lies, needs no
program of the database, and may be restored into the other kind of database.
"""

from __future__ import annotations

import datetime
import platform
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from ledger import archive, audit, highwater, keys, lastrun, revisions, rotation
from ledger.errors import CorruptError, RuleError
from ledger.service import Ledger, upgrade_tables
from ledger.settings import Settings
from ledger.store import copies, entries
from ledger.store import engine as engines
from ledger.tlog import checkpoint, note

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that audits clean. keys: the names of the private keys that are with it."""

    origin: str
    size: int
    root: bytes
    checkpoint: str
    keys: tuple[str, ...]
    path: Path


# Backup.


def make(ledger: Ledger, target: Path, *, with_keys: bool, progress: Progress) -> Copy:
    """Write an archive of the ledger while others write to it, audit the copy, and tell its head.

    target: a new .zip file, or an existing directory for one that is named after log and moment.
    Until all is done and checked the file is not there. Raises RuleError TARGET_EXISTS or
    PARAMETER_INVALID, CorruptError STORE_CORRUPT where the copy does not audit clean.
    """
    now = datetime.datetime.now(datetime.UTC)
    if target.is_dir():
        target = target / f"remelt-{ledger.log_id}-{now:%Y%m%dT%H%M%SZ}.zip"
    if target.suffix != ".zip":
        raise RuleError(
            "PARAMETER_INVALID", f"{target}: neither a directory that is there, nor a .zip file",
            field="target", value=str(target),
            hint="make the directory first, or is a disk not mounted? or name a file: backup.zip",
        )  # fmt: skip
    if target.exists():
        raise archive.exists(str(target))
    with tempfile.TemporaryDirectory(prefix=".remelt-backup-", dir=target.parent) as made:
        staging = Path(made)
        database = staging / archive.DATABASE
        _copy_database(ledger, database)
        with copies.opened(database) as copy, engines.reading(copy) as connection:
            report = _clean(audit.run(connection, ledger.log_id, ledger.verifier, progress))
            signed = entries.read_checkpoint(connection, ledger.log_id, report.size)
        parts = {archive.DATABASE: database, **_files(ledger.settings, staging, with_keys)}
        manifest = {
            "origin": report.origin,
            "size": report.size,
            "root": report.root.hex(),
            "checkpoint": signed,
            "revision": revisions.known()[0],
            "at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "versions": _versions(ledger),
        }
        archive.write(staging / "archive.zip", manifest, parts)
        archive.publish(staging / "archive.zip", target)
    lastrun.write(ledger.settings, lastrun.BACKUP, {"size": report.size, "path": str(target)})
    held = tuple(name for name in archive.KEYS if f"keys/{name}" in parts)
    return Copy(report.origin, report.size, report.root, signed, held, target)


def _copy_database(ledger: Ledger, path: Path) -> None:
    if ledger.engine.dialect.name == "sqlite":
        copies.copy_sqlite(ledger.engine, path)
        return
    with copies.opened(path) as copy, engines.writing(copy) as target:
        revisions.upgrade(target)
        with engines.reading(ledger.engine) as source:
            revisions.check(source)
            copies.copy_rows(source, target)


def _files(settings: Settings, staging: Path, with_keys: bool) -> dict[str, Path]:
    """The parts beside the database. Keys of the environment become files of the archive too."""
    policy = settings.data / archive.POLICY
    parts = {archive.POLICY: policy} if policy.exists() else {}
    if not with_keys:
        return parts
    for name, held in _given_keys(settings).items():
        path = settings.keys / name
        if held:
            path = staging / name
            keys.write_secret(path, held.encode() + b"\n")
        if path.exists():
            parts[f"keys/{name}"] = path
    return parts


def _given_keys(settings: Settings) -> dict[str, str]:
    """The keys that the environment holds, by the names of the files in whose place they are."""
    given = (settings.log_key, settings.operator_key, settings.master_key)
    return dict(zip(archive.KEYS, given, strict=True))


def _versions(ledger: Ledger) -> dict[str, str]:
    with engines.reading(ledger.engine) as connection:
        database = engine_version(connection)
    return {"remelt": version("remelt"), "python": platform.python_version(), "database": database}


def engine_version(connection: Connection) -> str:
    """Which database this is, e.g. "SQLite 3.40.1"."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {connection.execute(text('SELECT sqlite_version()')).scalar_one()}"
    return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"


def _clean(report: audit.Report) -> audit.Report:
    finding = report.finding
    if finding is None:
        return report
    place = "after the last entry" if finding.n is None else f"entry {finding.n}"
    raise CorruptError(
        "STORE_CORRUPT", f"the copy does not audit clean: {place}: {finding.message}",
        field=finding.field,
        hint="nothing was kept; docs/operations.md says what to do when the audit finds something",
    )  # fmt: skip


# Restore.


@dataclass(frozen=True, slots=True)
class Newest:
    """What is known of the lost log: its size, or a checkpoint of it that somebody holds."""

    size: int = 0
    checkpoint: bytes = b""


def restore(path: Path, settings: Settings, newest: Newest, progress: Progress) -> Copy:
    """Put a backup in place of a ledger that is not there.

    Reads the archive, compares every part with its SHA-256, refuses what is older than `newest`,
    migrates, audits, and only then writes: keys and policy first, the database last and at once.
    Raises FormatError BACKUP_INVALID, RuleError TARGET_EXISTS, BACKUP_OLD, SETTING_INVALID,
    ProofError PROOF_INVALID for another history, CorruptError STORE_CORRUPT.
    """
    _refuse_ledger(settings)
    is_file = _is_sqlite(settings)
    is_new = not settings.data.exists()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Beside the place of the database: there a finished file gets its name at once.
    place = database_path(settings).parent if is_file else settings.data
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".remelt-restore-", dir=place) as made:
            return _restore(path, settings, Path(made), newest, progress)
    except BaseException:
        if is_new and not any(settings.data.iterdir()):
            settings.data.rmdir()
        raise


def _restore(
    path: Path, settings: Settings, staging: Path, newest: Newest, progress: Progress
) -> Copy:
    with archive.opened(path) as (file, manifest):
        for name in manifest["parts"]:
            archive.extract(file, manifest, name, staging / Path(name).name)
    database = staging / archive.DATABASE
    with copies.opened(database) as copy:
        with engines.reading(copy) as connection:
            log_id, head, verifier = _opened(connection, manifest)
            known = rotation.known(connection, log_id)
            refuse_older(connection, log_id, head, known, newest)
            highwater.check(connection, log_id, settings)
        with engines.writing(copy) as connection:
            upgrade_tables(connection)
        with engines.reading(copy) as connection:
            _clean(audit.run(connection, log_id, verifier, progress))
            signed = entries.read_checkpoint(connection, log_id, head.size)
    _put_files(settings, staging, manifest, known)
    _put_database(settings, database, log_id, verifier, progress)
    given = _given_keys(settings)
    held = tuple(n for n in archive.KEYS if given[n] or (settings.keys / n).exists())
    return Copy(head.origin, head.size, head.root, signed, held, settings.data)


def _opened(
    connection: Connection, manifest: Mapping[str, Any]
) -> tuple[str, entries.Head, note.Verifier]:
    """The one log of a copy, its head, and the key that entry 0 names."""
    found = revisions.current(connection)
    if found is None or (found not in revisions.known()):
        revisions.check(connection)
        raise archive.invalid(archive.DATABASE, "it holds no tables of Remelt")
    logs = entries.log_ids(connection)
    head = entries.read_head(connection, logs[0]) if len(logs) == 1 else None
    if head is None or head.size == 0:
        raise archive.invalid(archive.DATABASE, f"it holds {len(logs)} logs, want one with entries")
    if (head.origin, head.size, head.root.hex()) != (
        manifest["origin"], manifest["size"], manifest["root"],
    ):  # fmt: skip
        raise archive.invalid(archive.DATABASE, "its head is not that of the manifest")
    return logs[0], head, rotation.first_key(connection, logs[0])


def refuse_older(
    connection: Connection,
    log_id: str,
    head: entries.Head,
    verifiers: Iterable[note.Verifier],
    newest: Newest,
) -> None:
    """Refuse a log that is behind what is known of it, or another than what is known of it."""
    if newest.checkpoint:
        known, _ = checkpoint.open_checkpoint(newest.checkpoint, verifiers)
        mark = highwater.Mark(known.origin, known.size, known.root)
        highwater.refuse_behind(connection, log_id, head, mark, "by the checkpoint,")
    if newest.size > head.size:
        mark = highwater.Mark(head.origin, newest.size, b"")
        highwater.refuse_behind(connection, log_id, head, mark, "as you say,")


def _is_sqlite(settings: Settings) -> bool:
    return make_url(settings.database).get_backend_name() == "sqlite"


def _refuse_ledger(settings: Settings) -> None:
    """RuleError TARGET_EXISTS where there is a database already, in a file or on a server."""
    if _is_sqlite(settings):
        path = database_path(settings)
        for name in (path, path.with_name(f"{path.name}-wal")):
            if name.exists():
                raise archive.exists(str(name))
        return
    engine = engines.connect(settings.database)
    with engines.reading(engine) as connection:
        taken = revisions.current(connection) is not None and entries.log_ids(connection)
    engine.dispose()
    if taken:
        raise archive.exists(f"a log in {settings.shown_database}")


def database_path(settings: Settings) -> Path:
    """The file of a SQLite database. RuleError SETTING_INVALID where it has none."""
    name = make_url(settings.database).database
    if not name or name == ":memory:":
        raise RuleError(
            "SETTING_INVALID", f"{settings.shown_database}: not a file", field="database",
            hint="name a file: sqlite:////srv/remelt/ledger.sqlite",
        )  # fmt: skip
    return Path(name).absolute()


def _put_files(
    settings: Settings,
    staging: Path,
    manifest: Mapping[str, Any],
    known: tuple[note.Verifier, ...],
) -> None:
    """Keys and policy. What is there already has to be the same."""
    held = _given_keys(settings)
    places = {}
    for part in manifest["parts"]:
        name = Path(part).name
        if part in archive.KEY_PARTS and not held[name]:
            places[staging / name] = settings.keys / name
        elif part == archive.POLICY:
            places[staging / name] = settings.data / name
    for source, target in places.items():
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise archive.exists(str(target))
    given = next((s for s, t in places.items() if t.name == "log.key"), settings.keys / "log.key")
    if settings.log_key or given.exists():
        skeys = settings.log_key or given.read_text("ascii", "replace")
        if not {note.parse_skey(skey).verifier for skey in skeys.split()} <= {*known}:
            raise RuleError(
                "SETTING_INVALID", f"log key: it is not that of {known[0].name}", field="log_key",
                hint="the log in the backup names others: give the keys that belong to it",
            )  # fmt: skip
    for source, target in places.items():
        if not target.exists():
            keys.write_secret(target, source.read_bytes())


def _put_database(
    settings: Settings,
    database: Path,
    log_id: str,
    verifier: note.Verifier,
    progress: Progress,
) -> None:
    """The moment of truth: one name for a finished file, or one transaction."""
    if _is_sqlite(settings):
        archive.publish(database, database_path(settings))
        return
    engine = engines.connect(settings.database)
    try:
        with engines.writing(engine) as target:
            revisions.upgrade(target)
            if entries.log_ids(target):
                raise archive.exists(f"a log in {settings.shown_database}")
            with copies.opened(database) as copy, engines.reading(copy) as source:
                copies.copy_rows(source, target)
            _clean(audit.run(target, log_id, verifier, progress))
    finally:
        engine.dispose()
