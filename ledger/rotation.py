"""The keys of the log over time: which ones it names, and how one is added and another retired.

`keys/log.key` holds the keys that sign, one a line; each signs every checkpoint. A new key is
written beside it first, then named in the log under the old ones, and only then put to use, so
that a crash in between leaves either the old keys or a key that the log knows (ledger/logkeys.py).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection

from ledger import entry, keys, logkeys
from ledger.book import bodies, state
from ledger.errors import CorruptError, ProofError, RuleError
from ledger.settings import Settings
from ledger.store import entries, objects
from ledger.tlog import note


def first_key(connection: Connection, log_id: str) -> note.Verifier:
    """The key that entry 0 names. CorruptError where entry 0 opens no log."""
    body = entry.parse(entries.read_leaf(connection, log_id, 0)).event.body
    if not isinstance(body, bodies.LogOpened):
        raise CorruptError("STORE_CORRUPT", "entry 0 does not open a log")
    return note.parse_vkey(body.log_key)


def naming(connection: Connection, log_id: str) -> Iterator[entry.Entry]:
    """The entries that name keys of the log, the newest first; most logs have none."""
    found = objects.Objects(log_id, connection).find("log")
    n = found[0] if found and isinstance(found[1], state.Log) else 0
    while n > 0:  # each of them reads the one before
        this = entry.parse(entries.read_leaf(connection, log_id, n))
        if logkeys.names_keys(this.event):
            yield this
        n = this.reads["log"]


def known(connection: Connection, log_id: str) -> tuple[note.Verifier, ...]:
    """Every key that the log names as its own, entry 0's first, as far as the lists are kept."""
    found = {(first := first_key(connection, log_id)).vkey: first}
    newest = next(naming(connection, log_id), None)
    if newest is not None:
        texts = entries.read_disclosures(connection, log_id, newest.n)
        found |= {key.vkey: key for key in logkeys.listed(newest.event, texts)}
    return tuple(found.values())


def check(connection: Connection, log_id: str, signers: Iterable[note.Signer]) -> None:
    """CorruptError SETTING_INVALID for a key that the log does not name: nobody would accept it."""
    own = {verifier.vkey for verifier in known(connection, log_id)}
    for signer in signers:
        if signer.verifier.vkey not in own:
            raise CorruptError(
                "SETTING_INVALID",
                f"log key: the log does not name {signer.verifier.vkey}",
                field="log_key",
                hint="put the keys of this log back; a new one is made by `remelt logkey add`",
            )


# The file of the keys that sign.


def waiting(settings: Settings) -> note.Signer | None:
    """A key that was made and not put to use yet."""
    path = _new(settings)
    return note.parse_skey(path.read_text("ascii", "replace").strip()) if path.exists() else None


def prepare(settings: Settings, origin: str) -> note.Signer:
    """The key to go on with: the one that waits, else a fresh one, on disk before it is named.

    RuleError SETTING_INVALID where the environment holds the log's keys.
    """
    _refuse_environment(settings)
    try:
        found = waiting(settings)
    except ProofError:  # cut off while it was written: before the log could name it
        _new(settings).unlink()
        found = None
    if found is None:
        skey = note.generate_skey(origin, secrets.token_bytes(32))
        keys.write_secret(_new(settings), skey.encode() + b"\n")
        found = note.parse_skey(skey)
    return found


def adopt(settings: Settings) -> None:
    """Put the waiting key to use. Call it once the log names that key."""
    fresh = _new(settings)
    lines = [*_lines(settings), fresh.read_text("ascii").strip()]
    _write(settings, [*dict.fromkeys(lines)])  # it stands there if this was cut off before
    fresh.unlink()


def retire(settings: Settings, key_id: str) -> note.Signer:
    """Sign no more with a key; its private half is deleted from the file.

    key_id: 8 hex digits. RuleError PARAMETER_INVALID if it does not sign now, or is the only one.
    """
    _refuse_environment(settings)
    signing = {note.parse_skey(line): line for line in _lines(settings)}
    gone = next((signer for signer in signing if signer.key_id.hex() == key_id), None)
    if gone is None or len(signing) == 1:
        held = ", ".join(signer.key_id.hex() for signer in signing)
        raise RuleError(
            "PARAMETER_INVALID",
            f"key: {key_id[:40]!r} cannot be retired, want one of {held}"
            + (", and another that goes on" if len(signing) == 1 else ""),
            field="key",
            value=key_id[:40],
            hint="`remelt logkey list` shows the keys; `remelt logkey add` makes a new one first",
        )
    _write(settings, [line for signer, line in signing.items() if signer != gone])
    return gone


def _new(settings: Settings) -> Path:
    return settings.keys / "log.key.new"


def _lines(settings: Settings) -> list[str]:
    return (settings.keys / "log.key").read_text("ascii", "replace").split()


def _write(settings: Settings, lines: list[str]) -> None:
    """Replace the file at once: a key that is half there would end the log."""
    path = settings.keys / "log.key"
    fresh = path.with_name(f"log.key.{os.getpid()}")
    keys.write_secret(fresh, "".join(f"{line}\n" for line in lines).encode())
    fresh.replace(path)
    keys.sync_directory(path.parent)


def _refuse_environment(settings: Settings) -> None:
    if settings.log_key:
        raise RuleError(
            "SETTING_INVALID", "REMELT_LOG_KEY: the environment holds the log's keys",
            field="REMELT_LOG_KEY",
            hint="put them into keys/log.key, one a line, for this command; then back again",
        )  # fmt: skip
