"""Trying events: the real rules in an in-memory log (docs/events.md section 10)."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger import clock, entry
from ledger.book import bodies, encoding, events, fold, rules, state, totals
from ledger.errors import LedgerError

ORIGIN: Final = "try"
OPERATOR: Final = "OPERATOR"
_KID: Final = "x" * 43


@dataclass
class Trial:
    """An in-memory log that needs no keys."""

    memory: fold.Memory = field(default_factory=fold.Memory)
    totals: totals.Totals = field(default_factory=totals.Totals)
    seen: dict[tuple[str, str], tuple[dict[str, Any], int]] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)
    size: int = 0
    clock_ms: int = 0

    def __post_init__(self) -> None:
        """Open the log: entry 0 sets the default parameters."""
        opened = bodies.LogOpened(ORIGIN, "", OPERATOR, {}, 1, {}, {})
        event = events.Event(ORIGIN, "", "log_opened", OPERATOR, 0, opened, {})
        facts = state.Facts(0, 0, event, "", {}, {})
        self.memory.objects["log"] = (0, fold.after("log", facts, None))
        self.memory.objects[f"party:{OPERATOR}"] = (0, fold.after("party:", facts, None))
        self.size = 1

    def record(self, line: int, data: bytes) -> int:
        """Take one envelope; its index. Raises LedgerError and changes nothing."""
        event = _with_defaults(events.parse(data, signed=False, trial=True), line)
        rules.admit(event, self.memory)
        payload = dict(event.payload)
        known = self.seen.get((event.party, event.id))
        if known is not None:
            entry.refuse_other_content(known[0], payload, event.id)
            return known[1]
        clock_ms = max(self.clock_ms, event.occurred_at_ms)
        outcome = rules.decide(event, clock_ms, self.memory, None)
        events.check_size(len(data))
        statement = _unsigned(event)
        entry.compose(self.size, clock_ms, entry.ZERO_HASH, statement, outcome)
        facts = state.Facts(self.size, clock_ms, event, "", outcome.book, outcome.lots)
        self.memory.apply(facts, ORIGIN)
        self.totals.apply(facts, ORIGIN)
        self.seen[(event.party, event.id)] = (payload, self.size)
        self.lines[self.size] = line
        self.clock_ms, self.size = clock_ms, self.size + 1
        return self.size - 1


def _with_defaults(event: events.Event, line: int) -> events.Event:
    if event.id:
        return event
    digest = hashlib.sha256(f"remelt/try\n{line}".encode()).digest()
    made = str(uuid.UUID(bytes=digest[:16]))
    return replace(event, id=made)


def _unsigned(event: events.Event) -> str:
    """A statement of the size a signed one would have."""
    payload = encoding.canonical({"log": ORIGIN, "id": event.id, **event.payload})
    return entry.unsigned_statement(payload, _KID)


def run(data: bytes) -> dict[str, Any]:
    """Feed NDJSON, one envelope per line, and report results, balances and certificates."""
    trial = Trial()
    results: list[dict[str, Any]] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            results.append({"line": number, "ok": True, "n": trial.record(number, line)})
        except LedgerError as error:
            results.append({"line": number, "ok": False, "error": error.as_dict()})
    return {"results": results, **_report(trial)}


def _report(trial: Trial) -> dict[str, Any]:
    certificates = {}
    for number, view in sorted(trial.totals.certificates.items()):
        zone = trial.totals.zones.get(view.site, "")
        status = view.status(expired=clock.expired(view.valid_until, zone, trial.clock_ms))
        certificates[number] = {"line": trial.lines[view.n], "status": status, **view.figures()}
    return {
        "lots": trial.totals.shown_lots(),
        "accounts": trial.totals.shown_accounts(),
        "certificates": certificates,
    }
