"""Reading somebody's log: mirrors, monitors, and the way out after a rollback."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from api.commands import output
from api.commands.ledgers import where
from ledger import replay, tilesource
from ledger.certificate import policy as policies
from ledger.errors import FormatError, LedgerError
from ledger.tlog import note


def policy_of(path: str) -> policies.Policy:
    try:
        return policies.parse(Path(path).read_bytes())
    except FormatError as error:
        raise FormatError(error.code, f"{path}: {error.message}", hint=error.hint) from error


def keys_of(arguments: argparse.Namespace) -> tuple[note.Verifier, ...]:
    """The log keys of --policy and of every --log-key."""
    found = [log.verifier for log in policy_of(arguments.policy).logs] if arguments.policy else []
    return (*found, *(note.parse_vkey(vkey) for vkey in getattr(arguments, "log_key", None) or ()))


def api_key_of(arguments: argparse.Namespace) -> str:
    return str(arguments.api_key or os.environ.get("REMELT_API_KEY", ""))


def replay_log(arguments: argparse.Namespace) -> int:
    progress = output.Progress("entries")
    with closing(tilesource.open_source(arguments.source, api_key_of(arguments))) as source:
        done = replay.run(where(arguments), source, keys_of(arguments), progress)
    if arguments.json:
        output.json(_replayed(done))
    else:
        _print_replayed(done, arguments.source)
    if done.wanting:
        print(f"remelt: error: BACKUP_OLD: {done.wanting}", file=sys.stderr)
    return 1 if done.wanting else 0


def _replayed(done: replay.Replayed) -> dict[str, Any]:
    return {
        "origin": done.origin, "before": done.before, "size": done.size, "root": done.root.hex(),
        "private": done.private, "key_lists": done.key_lists, "wanting": done.wanting,
        "custodial": [{"party": party, "kid": kid} for party, kid in done.custodial],
    }  # fmt: skip


def _print_replayed(done: replay.Replayed, source: str) -> None:
    added = done.size - done.before
    if not added:
        print(f"nothing to bring back: {source} has no more than the {done.size} entries here")
        return
    print(f"replayed {_count(added, 'entry', 'entries')} from {source}, log {done.origin}")
    print(f"  size        {done.size}, it was {done.before}")
    print(f"  root        {done.root.hex()}")
    print("  missing     API keys, people and GTINs made since the backup: make them again")
    if done.private:
        print(f"  missing     private fields of {_count(done.private, 'entry', 'entries')}")
    for party, kid in done.custodial:
        print(f"  missing     the key {kid} that was kept for {party}:")
        print("              record key_added with custody operator, then key_revoked for that one")
    for n in done.key_lists:
        print(f"  missing     the list of the log's keys that entry {n} names: state it again")
    print(
        "next: remelt audit, then ask all who hold a checkpoint for one of more entries than this"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


_ = LedgerError
