"""The same leaves judged twice: carrying every state along, and entry by entry in any order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from ledger import alone, audit, entry, trial
from ledger.book import encoding
from ledger.errors import LedgerError
from ledger.tlog import note, tree
from tests import harness
from tests.oracle import histories
from tests.unit.ledger.book import replay

YEAR_2100_MS = 4_102_444_800_000  # nothing in a history lies in the future
Leaf = dict[str, Any]
Found = tuple[int, str] | None
Alter = Callable[[Leaf], object]


def sequentially(leaves: Sequence[bytes], verifier: note.Verifier) -> Found:
    """The first finding of ledger/audit.py: entry and field."""
    carried = audit._Audit(cast(Any, None), "", verifier.name)
    for n, leaf in enumerate(leaves):
        party, event_id = _columns(leaf)
        try:
            audit._check_entry(carried, verifier, n, entry.leaf_hash(leaf), leaf, party, event_id)
        except LedgerError as error:
            return n, error.field or "leaf"
        except audit._UNREADABLE:
            return n, "leaf"
    return None


def _columns(leaf: bytes) -> tuple[str, str]:
    try:
        event = entry.parse(leaf).event
    except LedgerError:
        return "", ""
    return event.party, event.id


def apart(leaves: Sequence[bytes], origin: str, *, shuffled: int | None = None) -> Found:
    """The first finding of alone.check and alone.Order; the entries are checked in any order."""
    order = list(range(len(leaves)))
    if shuffled is not None:
        random.Random(shuffled).shuffle(order)
    past = alone.Past(leaves.__getitem__)
    judged: dict[int, alone.Seen | LedgerError] = {}
    for n in order:
        try:
            judged[n] = alone.check(n, leaves[n], past)
        except LedgerError as error:
            judged[n] = error
    taken = alone.Order({}, origin)
    for n in range(len(leaves)):
        seen = judged[n]
        try:
            if isinstance(seen, LedgerError):
                raise seen
            taken.take(seen)
        except LedgerError as error:
            return n, error.field or "leaf"
    assert tree.edge_root(taken.edge) == tree.root([entry.leaf_hash(leaf) for leaf in leaves])
    return None


def chained(leaves: Sequence[bytes], changes: dict[int, Alter]) -> list[bytes]:
    """Leaves with some changed, and every `prev` made to fit, as who has the log key can."""
    made: list[bytes] = []
    previous = entry.ZERO_HASH
    for n, leaf in enumerate(leaves):
        if n in changes or (made and made[-1] != leaves[n - 1]):
            value = encoding.decode_object(leaf)
            value["prev"] = previous.hex()
            if n in changes:
                changes[n](value)
            leaf = encoding.canonical(value)
        made.append(leaf)
        previous = entry.leaf_hash(leaf)
    return made


def put(*path: str, to: Any) -> Alter:
    def alter(leaf: Leaf) -> None:
        place = leaf
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to

    return alter


def without(part: str, name: str) -> Alter:
    return lambda leaf: leaf[part].pop(name)


def _lines(seed: int, length: int) -> Iterator[Leaf]:
    lines = histories.history(seed, length, wrong=0.15)
    return replay.envelopes([line for line in lines if line.startswith(b"{")])


def told(seed: int, length: int = 200, *, lies: float = 0) -> harness.TestLedger:
    """What a log takes of a random history of tests/oracle, every statement signed.

    lies: how often the operator forgets something before an event, so that it is used twice.
    """
    log, chance = (
        harness.TestLedger(origin=trial.ORIGIN, clock_ms=YEAR_2100_MS),
        random.Random(seed),
    )
    former: dict[str, list[Any]] = {}
    for envelope in _lines(seed, length):
        for key, known in log.memory.objects.items():
            if [known] != former.setdefault(key, [])[-1:]:
                former[key].append(known)
        if chance.random() < lies:
            envelope = _forget(log, former, chance, envelope)
        try:
            _record(log, envelope)
        except (LedgerError, KeyError, AssertionError, ValueError):
            continue  # refused, by a party that nobody registered, or nonsense after a lie
    return log


def _forget(
    log: harness.TestLedger, former: dict[str, list[Any]], chance: random.Random, envelope: Leaf
) -> Leaf:
    """Set an object back, or a ticket, or let the event come under an id that was used before."""
    way = chance.choices(range(4), (1, 4, 12, 6))[0]
    if way == 0:
        ids = [e.event.id for e in log.entries if e.event.party == envelope.get("party")]
        return {**envelope, "id": chance.choice(ids)} if ids else envelope
    if way == 1:
        log.memory.usage.clear()
        return envelope
    key = chance.choice(sorted(former))
    states = former[key][:-1]
    if way == 2 and states:
        log.memory.objects[key] = chance.choice(states)
    elif not key.startswith(("log", "party:", "key:")):
        log.memory.objects.pop(key, None)
    return envelope


def _record(log: harness.TestLedger, envelope: dict[str, Any]) -> None:
    body = envelope.get("body")
    kind, key = envelope.get("kind"), None
    if kind in ("party_registered", "key_added") and isinstance(body, dict):
        party = str(body.get("party"))
        key = harness.private_key(f"{party} {len(log.leaves)}")
        body = {**body, "custody": "operator", **log.new_key(party, key)}
        private = envelope.get("private", {})
        private = {"name": "Somebody", **private} if isinstance(private, dict) else private
        envelope = {**envelope, "body": body}
        if kind == "party_registered":
            envelope["private"] = private
    if kind == "site_registered":
        envelope = {**envelope, "private": {"name": "Works"}}
    log.record(envelope)
    if key is not None and isinstance(body, dict):
        log.keys.setdefault(str(body["party"]), []).append(key)
