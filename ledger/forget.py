"""Erasing private fields: what is in the log stays, and says nothing without the erased salt.

Never erased are the lists of the log's own keys: whoever checks an old certificate needs them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from ledger import entry, logkeys
from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries, erasing

RECORD: Final = "erasures.ndjson"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be forgotten: the fields of an entry, of a party, or of certain values.

    n: an entry, or None. party: an id, or "". values: whole values, or none. names: only fields
    of these names, where there are any. One of the first three is given.
    """

    n: int | None = None
    party: str = ""
    values: Collection[str] = ()
    names: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A private field that is kept: its name tells what kind of thing it is, not what it says."""

    n: int
    digest: str
    name: str


def find(ledger: Ledger, wanted: Wanted) -> list[Field]:
    """The fields that `wanted` means and that are kept. NOT_FOUND, PARTY_UNKNOWN."""
    with engines.reading(ledger.engine) as connection:
        return list(_matching(connection, ledger, wanted))


def _matching(connection: Connection, ledger: Ledger, wanted: Wanted) -> Iterator[Field]:
    for n, digest, text in _rows(connection, ledger, wanted):
        found = entry.disclosure(text)
        if wanted.names and found.name not in wanted.names:
            continue
        if wanted.values and found.value not in wanted.values:
            continue
        if found.name != logkeys.TABLE or not _names_keys(connection, ledger.log_id, n):
            yield Field(n, digest, found.name)


def _rows(connection: Connection, ledger: Ledger, wanted: Wanted) -> Iterator[tuple[int, str, str]]:
    if wanted.n is not None:
        entries.read_leaf(connection, ledger.log_id, wanted.n)  # NOT_FOUND
        return erasing.of_entry(connection, ledger.log_id, wanted.n)
    if wanted.party:
        if ledger.find(f"party:{wanted.party}") is None and wanted.party != ledger.operator:
            raise RuleError(
                "PARTY_UNKNOWN", f"party: no party {wanted.party} in this log", field="party",
                value=wanted.party, hint="GET /v1/parties lists them",
            )  # fmt: skip
        return erasing.of_party(connection, ledger.log_id, wanted.party)
    return erasing.every(connection, ledger.log_id)


def _names_keys(connection: Connection, log_id: str, n: int) -> bool:
    return logkeys.names_keys(entry.parse(entries.read_leaf(connection, log_id, n)).event)


def erase(ledger: Ledger, fields: Iterable[Field]) -> int:
    """Erase these fields, bytes and all, and note that it was done; how many were still there.

    It may be repeated, and is to be where it was interrupted: NOT_READY, or a crash.
    """
    erasing.check_can(ledger.engine)
    listed = list(fields)
    if listed:
        note(ledger.settings, listed)  # first: a note of too much can be repeated
    return erasing.erase(ledger.engine, ledger.log_id, [(f.n, f.digest) for f in listed])


def note(settings: Settings, fields: Iterable[Field]) -> None:
    """A line of what is erased, without what it said: a restored backup needs it done again."""
    found: dict[int, list[str]] = {}
    for field in fields:
        found.setdefault(field.n, []).append(field.name)
    row: dict[str, Any] = {
        "at_ms": time.time_ns() // 1_000_000,
        "fields": {str(n): sorted(names) for n, names in found.items()},
    }
    path = settings.data / RECORD
    made = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(made, "ab") as file:
        file.write(orjson.dumps(row) + b"\n")
        file.flush()
        os.fsync(file.fileno())
