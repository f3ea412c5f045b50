"""Forgetting: private fields are erased from the database, and from nothing else."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from api.commands import output
from api.commands.ledgers import where
from ledger import forget as forgetting
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.tlog import tree

_BEYOND = """\
not reached by this: backups and archives made before (erase again after restoring one), standbys
and write-ahead logs kept for them, blocks that the disk has freed, and dossiers handed out with a
field disclosed. Log, tiles, proofs and mirrors never held it."""


def forget(arguments: argparse.Namespace) -> int:
    wanted = _wanted(arguments)
    with contextlib.closing(Ledger.open(where(arguments))) as ledger:
        fields = forgetting.find(ledger, wanted)
        if not fields and not arguments.yes:
            print("nothing to erase: no private field that is kept matches")
            return 0
        if not arguments.yes:
            _show(fields, "would be erased")
            print("remelt: error: nothing was erased", file=sys.stderr)
            print("remelt: hint: it cannot be undone; repeat with --yes", file=sys.stderr)
            return 1
        erased = forgetting.erase(ledger, fields)
        record = ledger.settings.data / forgetting.RECORD
    if arguments.json:
        rows = [{"entry": field.n, "name": field.name} for field in fields]
        output.json({"erased": erased, "fields": rows})
        return 0
    _show(fields, "erased")
    if fields:
        print(f"  noted, without what they said, in {record}")
    print(_BEYOND)
    return 0


def _show(fields: list[forgetting.Field], what: str) -> None:
    entries = {field.n for field in fields}
    shown = _of(len(fields), "private field", "private fields")
    print(f"{shown} of {_of(len(entries), 'entry', 'entries')} {what}")
    for field in fields[:20]:
        print(f"  entry {field.n}: {field.name}")
    if len(fields) > 20:
        print(f"  and {len(fields) - 20:,} more")


def _of(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _wanted(arguments: argparse.Namespace) -> forgetting.Wanted:
    values: list[str] = []
    if arguments.value_file:
        try:
            text = Path(arguments.value_file).read_text("utf-8")
        except UnicodeDecodeError:
            raise _unusable("value-file: not UTF-8", "one whole value a line") from None
        values = [line for line in text.split("\n") if line]
    given = [arguments.entry is not None, bool(arguments.party), bool(arguments.value_file)]
    if arguments.value_file and not values:
        raise _unusable(
            f"value-file: {arguments.value_file}: no value in it", "one whole value a line"
        )
    if sum(given) != 1:
        raise _unusable(
            "want one of --entry N, --party P, --value-file FILE with a value a line",
            "`remelt forget --help` has examples",
        )
    if given[0] and not 0 <= arguments.entry <= tree.MAX_SIZE:
        raise _unusable(f"no entry {arguments.entry}", "entries count from 0")
    return forgetting.Wanted(arguments.entry, arguments.party, values, arguments.name)


def _unusable(message: str, hint: str) -> RuleError:
    return RuleError("PARAMETER_INVALID", message, field="forget", hint=hint)
