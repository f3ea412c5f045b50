"""A history of unsigned events put through the rules, keeping every state that ever was.

`told(seed)` is a random history of tests/oracle as entries; `Entry.knows` reads nothing but the
entries that the entry names, as an auditor does.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ledger import entry
from ledger.book import bodies, encoding, events, fold, jose, rules, state
from ledger.book.rules.draft import Outcome
from ledger.errors import LedgerError
from tests.oracle import histories

ORIGIN = "try"
KID = "x" * 43


@dataclass
class Known:
    """A reader of some entries only: the states they left, by the key they were read under."""

    states: dict[str, tuple[int, state.State]]

    def find(self, key: str) -> tuple[int, state.State] | None:
        return self.states.get(key)

    def used(self, key: str) -> tuple[int, str] | None:
        return None


@dataclass
class Entry:
    """An accepted event with what it did."""

    event: events.Event
    at_ms: int
    outcome: Outcome
    leaf: bytes
    knows: Known

    def facts(self, n: int) -> state.Facts:
        return state.Facts(n, self.at_ms, self.event, "", self.outcome.book, self.outcome.lots)


@dataclass
class Log:
    """Entries 1 and later of a dry run; entry 0 sets the parameters."""

    memory: fold.Memory = field(default_factory=fold.Memory)
    entries: list[Entry] = field(default_factory=list)
    clock_ms: int = 0

    def __post_init__(self) -> None:
        opened = bodies.LogOpened(ORIGIN, "", "OPERATOR", {}, 1, {}, {})
        event = events.Event(ORIGIN, "", "log_opened", "OPERATOR", 0, opened, {})
        facts = state.Facts(0, 0, event, "", {}, {})
        for key in ("log", "party:OPERATOR"):
            self.memory.objects[key] = (0, fold.after(key, facts, None))

    def record(self, envelope: dict[str, Any]) -> Entry:
        """Take an envelope or raise what the rules say."""
        n = len(self.entries) + 1
        whole = {"log": ORIGIN, "id": str(uuid.UUID(int=n)), **envelope}
        event = events.parse(encoding.canonical(whole), signed=False, trial=True)
        rules.admit(event, self.memory)
        at_ms = max(self.clock_ms, event.occurred_at_ms)
        outcome = rules.decide(event, at_ms, self.memory, None)
        clear = {name: value for name, value in whole.items() if name != "private"}
        statement = entry.unsigned_statement(encoding.canonical(clear), KID)
        leaf = entry.compose(n, at_ms, entry.ZERO_HASH, statement, outcome)
        made = Entry(event, at_ms, outcome, leaf, Known(self._states(outcome.reads)))
        self.memory.apply(made.facts(n), ORIGIN)
        self.entries.append(made)
        self.clock_ms = at_ms
        return made

    def _states(self, reads: dict[str, int]) -> dict[str, tuple[int, state.State]]:
        states = {}
        for key, n in reads.items():
            found = self.memory.find(key)
            assert found is not None
            assert found[0] == n, f"{key} was last touched by entry {found[0]}, not {n}"
            states[key] = found
        return states


def with_a_key(envelope: dict[str, Any], n: int) -> dict[str, Any]:
    """A registration with a key, which a dry run may leave out and an entry may not."""
    registers = envelope.get("kind") in ("party_registered", "key_added")
    if not registers or not isinstance(envelope.get("body"), dict):
        return envelope
    key = ec.derive_private_key(n, ec.SECP256R1()).public_key()
    body = {**envelope["body"], "custody": "operator", "key": jose.public_jwk(key)}
    return {**envelope, "body": body}


def envelopes(history: list[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a history that are envelopes, replays left out."""
    seen: set[tuple[str, str]] = set()
    for line in history:
        try:
            envelope = json.loads(line)
        except ValueError:
            continue
        key = (str(envelope.get("party")), str(envelope.get("id", "")))
        if not key[1] or key not in seen:
            seen.add(key)
            yield envelope


@functools.cache
def told(seed: int, length: int = 200) -> Log:
    """What of a random history was accepted."""
    log = Log()
    for envelope in envelopes(histories.history(seed, length, wrong=0.05)):
        try:
            log.record(with_a_key(envelope, len(log.entries) + 1))
        except LedgerError:
            continue  # what is refused is no part of the log
    return log
