"""The log's own keys as the log itself names them: how a key is followed by another.

Entry 0 names the first key. A further one is named by the operator in a `policy_set`:

    "tables":  {"log_keys": <hash of the list>}      the list as any table: sorted, canonical JSON
    "private": {"log_keys": "<vkey> <vkey> …"}       the list itself, shown to whoever asks

The list holds every key that the log ever had, all under the log's origin as name. The entry is
covered by checkpoints of the keys before it, so whoever trusts one of those can go on to the new
one. Source: C2SP tlog-checkpoint ("multiple signatures"); docs/format.md, Keys of the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from ledger import entry
from ledger.book import bodies, events
from ledger.errors import ProofError
from ledger.tlog import note

TABLE: Final = "log_keys"


def digest(vkeys: Iterable[str]) -> str:
    """SHA-256 (hex) of a list of keys, as a `policy_set` states it."""
    words = json.dumps(sorted(vkeys), separators=(",", ":"))
    return hashlib.sha256(words.encode()).hexdigest()


def statement(vkeys: Iterable[str]) -> dict[str, Any]:
    """The members of an envelope that name these keys: `body` and `private`."""
    listed = sorted(vkeys)
    body = {"parameters": {}, "tables": {TABLE: digest(listed)}}
    return {"body": body, "private": {TABLE: " ".join(listed)}}


def names_keys(event: events.Event) -> bool:
    """Whether an event names keys of the log."""
    return isinstance(event.body, bodies.PolicySet) and TABLE in event.body.tables


def listed(event: events.Event, disclosures: Iterable[str]) -> tuple[note.Verifier, ...]:
    """The keys that an event names, as far as its disclosures show them; else none.

    Raises ProofError NOTE_INVALID if the list is not that of the hash, or holds what is no key of
    this log, and FormatError for a disclosure that is not of this event.
    """
    if not isinstance(event.body, bodies.PolicySet) or TABLE not in event.body.tables:
        return ()
    made = entry.match_disclosures(event, list(disclosures))
    shown = next((str(d.value) for d in made if d.name == TABLE), "")
    vkeys = shown.split(" ") if shown else []
    if not vkeys:
        return ()
    if digest(vkeys) != event.body.tables[TABLE] or sorted(set(vkeys)) != vkeys:
        raise _not_listed("not the list whose hash the entry states")
    found = tuple(note.parse_vkey(vkey) for vkey in vkeys)
    if any(verifier.name != event.log for verifier in found):
        raise _not_listed("a key under another name")
    return found


def _not_listed(wrong: str) -> ProofError:
    return ProofError("NOTE_INVALID", f"{TABLE}: {wrong}, want keys of the log", field=TABLE)
