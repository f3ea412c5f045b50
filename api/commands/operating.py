"""What an operator needs: settings, doctor, backup, restore."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.commands import output
from api.commands.ledgers import where
from ledger import archive, backup, doctor, settings
from ledger.backup import Copy
from ledger.errors import LedgerError
from ledger.readiness import Check
from ledger.service import Ledger


def config_show(arguments: argparse.Namespace) -> int:
    rows = settings.shown(where(arguments))
    given = {"REMELT_DATA": arguments.data, "REMELT_DATABASE": arguments.database}
    told = [(name, text, "option" if given.get(name) else source) for name, text, source in rows]
    if arguments.json:
        output.json([{"name": n, "value": t, "source": s} for n, t, s in told])
        return 0
    for name, text, source in told:
        print(f"{name:<22} {source:<12} {text}")
    return 0


def examine(arguments: argparse.Namespace) -> int:
    try:
        checks = list(doctor.examine(where(arguments)))
    except LedgerError as error:  # a setting that is wrong leaves nothing to look at
        checks = [Check("settings", "fail", error.message, error.hint)]
    failed = sum(check.state == "fail" for check in checks)
    warned = sum(check.state == "warn" for check in checks)
    if arguments.json:
        output.json({"ok": not failed, "checks": [check.as_dict() for check in checks]})
        return 1 if failed else 0
    for check in checks:
        print(f"{check.state:<5} {check.name:<18} {check.message}")
        if check.hint:
            print(f"{'':<24} -> {check.hint}")
    print(f"{len(checks)} checks: {failed} failed, {warned} worth a look")
    return 1 if failed else 0


def _end_cleanly(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)  # through every `with`, so that nothing half is left


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _end_cleanly)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@_ending_cleanly()
def make_backup(arguments: argparse.Namespace) -> int:
    ledger = Ledger.open(where(arguments))
    progress = output.Progress("audited entries of the copy")
    target = Path(arguments.target)
    made = backup.make(ledger, target, with_keys=arguments.with_keys, progress=progress)
    if arguments.json:
        output.json(_as_dict(made))
        return 0
    print(f"{made.path} ({made.path.stat().st_size:,} bytes)")
    _print_head(made)
    print(f"  keys        {', '.join(made.keys) or 'not in it: keep them elsewhere, on paper too'}")
    if made.keys:
        print(f"warning: who has {made.path.name} can be the operator", file=sys.stderr)
    return 0


@_ending_cleanly()
def restore_backup(arguments: argparse.Namespace) -> int:
    found = where(arguments)
    known = Path(arguments.checkpoint).read_bytes() if arguments.checkpoint else b""
    newest = backup.Newest(arguments.expect_size, known)
    progress = output.Progress("audited entries of the copy")
    made = backup.restore(Path(arguments.file), found, newest, progress)
    if arguments.json:
        output.json(_as_dict(made))
        return 0
    print(f"restored the log {made.origin} into {found.shown_database}")
    _print_head(made)
    missing = [name for name in archive.KEYS if name not in made.keys]
    print(f"  keys        {'MISSING: ' + ', '.join(missing) if missing else 'in place'}")
    _warn_of_forks(made, compared=bool(known or arguments.expect_size))
    same = f" --data {os.path.relpath(found.data)}" if arguments.data else ""
    same += f" --database {shlex.quote(found.shown_database)}" if arguments.database else ""
    if missing:
        print(f"next: put the missing keys into {found.keys}, mode 0600, or name them by settings")
    print(f"next: remelt doctor{same}, then remelt serve{same}")
    return 0


def _print_head(made: Copy) -> None:
    print(f"  clean       {made.size} entries, log {made.origin}")
    print(f"  root        {made.root.hex()}")
    first, *rest = made.checkpoint.rstrip().split("\n")
    print(f"  checkpoint  {first}")
    for line in rest:
        print(f"              {line}".rstrip())


def _warn_of_forks(made: Copy, *, compared: bool) -> None:
    print(
        f"warning: if the lost log ever signed more than {made.size} entries, whatever is recorded "
        "now is a fork, signed by you and provable",
        file=sys.stderr,
    )
    if not compared:
        print(
            "hint: ask those who hold answers, dossiers or checkpoints for the newest one, and "
            "restore with --checkpoint FILE or --expect-size N",
            file=sys.stderr,
        )


def _as_dict(made: Copy) -> dict[str, Any]:
    return {
        "origin": made.origin,
        "size": made.size,
        "root": made.root.hex(),
        "checkpoint": made.checkpoint,
        "keys": made.keys,
        "path": str(made.path),
    }
