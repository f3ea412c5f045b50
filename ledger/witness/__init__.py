"""A witness: cosigns a log's checkpoints as long as each goes on from the one before.

The pure part is ledger/tlog/witness.py. Here is what it needs of the world: keys, a clock, and a
store that outlives the answer. What is promised with a cosignature is that this key never cosigns
another history of the log, so an acceptance is committed before anything is signed.
Source: C2SP tlog-witness v1.0.0.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger import errors
from ledger.store import cosigned
from ledger.tlog import checkpoint, cosignature, note
from ledger.tlog import witness as protocol
from ledger.witness import evidence, identity, logs

Refused = protocol.Refused

Judge = Callable[[str, checkpoint.Checkpoint, note.Note], Refused | None]
"""judge(origin, seen, opened): None if what the log did may be cosigned, else why not.

Asked after `decide` accepted `seen`, with no lock and no transaction held, so it may take its time
and may be asked in vain: what was accepted is checked again before it is stored. In one process it
is asked about one checkpoint of a log at a time, about one that it passed already too (a log that
is idle comes again), and of different logs at once, each in a thread of its own. `opened` is the
log's signed note, its signature verified. Its Refused is answered as it is: 422 for a log that
broke its rules, 429 if it could not be read now. A LedgerError is answered 429, to ask again.
"""

Judges = Mapping[str, Judge]
"""The judges of those logs that are audited, by origin."""

JUDGED_AT_ONCE: Final = 4
"""Requests of one log that wait for its judge; one more is told to come again."""

_LOGGER: Final = logging.getLogger("remelt.witness")


@dataclass(frozen=True, slots=True)
class Config:
    """A witness in `directory`. name: "" for the one that is there. known: keys of its logs."""

    directory: Path
    name: str = ""
    known: tuple[logs.Log, ...] = ()
    ml_dsa: bool = False


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where requests of one log wait for its judge."""

    judge: Judge
    places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(JUDGED_AT_ONCE))
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Witness:
    """An open witness. Several threads, and several processes, may use one directory."""

    directory: Path
    keys: tuple[cosignature.CosigningKey, ...]
    logs: Mapping[str, tuple[note.Verifier, ...]]
    store: cosigned.Store
    benches: Mapping[str, _Bench]
    now_s: Callable[[], int]
    origins: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name the keys sign under."""
        return self.keys[0].cosigner.name

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The public keys, for whoever is to trust this witness."""
        return tuple(key.cosigner.vkey for key in self.keys)


def ensure(config: Config) -> tuple[cosignature.CosigningKey, ...]:
    """The keys of the witness in `config.directory`; made there, with its store, at first.

    RuleError SETTING_INVALID without a name for a new one, or with another name than its own.
    """
    directory = config.directory
    if not identity.exists(directory):
        if not config.name:
            raise errors.RuleError(
                "SETTING_INVALID",
                f"{directory}: no witness here",
                hint="give the new one a name, a URL without https:// that is yours: --name",
            )
        note.check_name(config.name)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        cosigned.open_store(directory / identity.STORE_FILE).engine.dispose()
        identity.make(directory, config.name, cosignature.ED25519)
    keys = identity.load(directory, config.name)
    if config.ml_dsa and len(keys) == 1:
        keys += (identity.make(directory, keys[0].cosigner.name, cosignature.ML_DSA_44),)
    return keys


def has_cosigned(directory: Path) -> bool:
    """Whether the witness in `directory`, if there is one, ever cosigned anything."""
    if not (directory / identity.STORE_FILE).exists():
        return False
    store = cosigned.open_store(directory / identity.STORE_FILE)
    try:
        return not cosigned.is_empty(store)
    finally:
        store.engine.dispose()


def open_witness(
    config: Config,
    judges: Judges | None = None,
    now_s: Callable[[], int] = lambda: int(time.time()),
) -> Witness:
    """The witness of `config`, made if it is new. judges: by origin, for logs that are audited.

    Raises what `ensure` and `logs.by_origin` raise, and CorruptError if the store is not durable.
    """
    known = logs.by_origin(config.known)
    keys = ensure(config)
    return Witness(
        config.directory,
        keys,
        known,
        cosigned.open_store(config.directory / identity.STORE_FILE),
        {origin: _Bench(judge) for origin, judge in (judges or {}).items()},
        now_s,
        {sha256(origin.encode()).hexdigest(): origin for origin in known},
    )


def add_checkpoint(witness: Witness, body: bytes) -> bytes | Refused:
    """Answer a request: the cosignature lines, or why there are none.

    1. Decide on what is stored, without keeping anybody out: most refusals end here.
    2. Ask the judge of the log, if it has one.
    3. In one transaction that writes: decide again if what is stored has changed, and store.
    4. Only after the commit: sign.

    Raises LedgerError if the store cannot be used: nothing was signed then.
    """
    try:
        request = protocol.parse_request(body)
    except errors.ProofError as error:
        return protocol.malformed(error)
    bench = witness.benches.get(request.claimed.origin)
    if bench is None:
        return _answer(witness, request, None)
    with _seated(bench) as has_turn:
        if not has_turn:
            return Refused(429, "checkpoints of this log are being audited, ask again later")
        return _answer(witness, request, bench.judge)


def last_cosigned(witness: Witness, origin_hash: str) -> bytes | None:
    """The last cosigned checkpoint of the log with this hex SHA-256 of its origin, if any.

    The cosignature is made again, of the same text at the same time as before.
    """
    origin = witness.origins.get(origin_hash)
    stored = cosigned.last(witness.store, origin) if origin is not None else None
    if stored is None:
        return None
    accepted = protocol.Accepted(stored.seen, note.parse_note(stored.note))
    return stored.note + protocol.cosign(accepted, witness.keys, stored.time)


def close(witness: Witness) -> None:
    """Close the store."""
    witness.store.engine.dispose()


def _answer(witness: Witness, request: protocol.Request, judge: Judge | None) -> bytes | Refused:
    origin = request.claimed.origin
    stored = cosigned.last(witness.store, origin) if origin in witness.logs else None
    decided = protocol.decide(stored.seen if stored else None, request, witness.logs)  # 1
    if judge is not None and isinstance(decided, protocol.Accepted):
        refused = _judged(judge, decided)  # 2
        if refused is not None:
            _LOGGER.warning("%s at size %d: %s", origin, decided.seen.size, refused.why)
            return refused
    if isinstance(decided, protocol.Accepted):
        outcome, stored = _commit(witness, request, decided, stored)  # 3
        if not isinstance(outcome, Refused):
            return protocol.cosign(decided, witness.keys, outcome)  # 4
        decided = outcome
    finding = evidence.find(stored, request, decided)
    if finding is not None:
        _keep(witness, finding)
    return decided


def _judged(judge: Judge, accepted: protocol.Accepted) -> Refused | None:
    try:
        return judge(accepted.seen.origin, accepted.seen, accepted.opened)
    except errors.LedgerError as error:
        return Refused(429, f"cannot be audited now: {error.message}")


def _commit(
    witness: Witness,
    request: protocol.Request,
    accepted: protocol.Accepted,
    decided_on: cosigned.Cosigned | None,
) -> tuple[int | Refused, cosigned.Cosigned | None]:
    """Store what was accepted, durably, unless another request was faster and it no longer fits.

    Returns the time of the cosignature, or why there is none; and what is stored then.
    """
    with cosigned.writing(witness.store) as connection:
        stored = cosigned.read(connection, accepted.seen.origin)
        if stored != decided_on:
            again = protocol.decide(stored.seen if stored else None, request, witness.logs)
            if isinstance(again, Refused):
                return again, stored
        opened = accepted.opened
        signed = note.format_note(opened.text, opened.verified_signatures)
        fresh = cosigned.Cosigned(accepted.seen, signed, _time(witness, stored))
        cosigned.write(connection, fresh)
    return fresh.time, fresh


def _time(witness: Witness, stored: cosigned.Cosigned | None) -> int:
    """Now, but never before the last cosignature of the log: time stands still until then."""
    now_s, last_s = max(witness.now_s(), 1), stored.time if stored else 0
    if now_s < last_s and stored is not None:
        _LOGGER.warning(
            "%s: the clock is %d s behind the last cosignature, whose time is stated again",
            stored.seen.origin, last_s - now_s,
        )  # fmt: skip
    return max(now_s, last_s)


def _keep(witness: Witness, finding: evidence.Finding) -> None:
    """Keep what may show that a log misbehaves; the answer does not depend on that."""
    said = "signed another root of the same size" if finding.kind == "fork" else "proof fails"
    shown = finding.shown
    level = logging.ERROR
    try:
        kept = evidence.keep(witness.directory, finding)
        where = f"see {kept}"
        if kept is None:  # anybody can send the same again and again
            level, where = logging.WARNING, "kept before, or enough is"
    except OSError as error:
        where = f"could not be kept: {error.strerror}"
    _LOGGER.log(level, "%s at size %d: %s; evidence: %s", shown.origin, shown.size, said, where)


@contextmanager
def _seated(bench: _Bench) -> Iterator[bool]:
    """A place on the bench, and then the judge's turn; False if every place is taken."""
    if not bench.places.acquire(blocking=False):
        yield False
        return
    try:
        with bench.turn:
            yield True
    finally:
        bench.places.release()
