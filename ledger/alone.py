"""One entry checked alone, and what is left to check in the order of the log.

`check` needs an entry and those it names in `reads`: it rebuilds the states these left, verifies
the signature, runs the rules again and compares. So entries can be checked on any machine, in any
order, side by side. What no entry can show by itself comes back as `Seen`: that what it read is
the last state there was, that what it found absent was, that ids and tickets are new. `Order`
checks that, entry after entry, by comparing names and numbers alone.

An index whose predecessors are all clean is clean for both exactly if it is clean for an audit
that carries every state along; so the first wrong entry is the same one.
Source: docs/format.md, "Entry" (`reads`); docs/audit.md.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ledger import entry
from ledger.book import bodies, encoding, fold, jose, rules, state
from ledger.errors import FormatError, LedgerError, ProofError
from ledger.tlog import tree

Read = Callable[[int], bytes]
"""n -> the leaf bytes of entry n; raises LedgerError if they cannot be had."""

AT_MAX_MS: Final = 2**53 - 1
"""The latest time that every JSON tool and database holds."""
STATES_MAX: Final = 8_192
ENTRIES_MAX: Final = 1_024
# What an entry that only looks like one can raise out of rules and states.
_UNREADABLE: Final = (AssertionError, AttributeError, LookupError, TypeError, ValueError)


class Unread(Exception):
    """An entry could not be had or judged, for the reason told: that says nothing of the log.

    No LedgerError, so that nobody takes it for a finding. args: code, message, hint.
    """

    def as_error(self) -> LedgerError:
        """The error that reading raised."""
        code, message, hint = self.args
        return LedgerError(code, message, hint=hint)


class Seen(NamedTuple):
    """What one entry, clean by itself, asks of the entries before it.

    reads: object -> the entry that must have touched it last. absent: objects that must not exist.
    uses: tickets and documents that must be new. touched: objects it touches. The objects are
    keys as stored (fold.stored_key). A tuple, because it goes between processes for every entry.
    """

    n: int
    leaf_hash: bytes
    prev: str
    at_ms: int
    log: str
    party: str
    id: str
    reads: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    uses: tuple[str, ...]
    touched: tuple[str, ...]


def _wrong(n: int, what: str, field_: str, value: object = None) -> ProofError:
    return ProofError("ENTRY_DIFFERS", f"entry {n}: {what}", field=field_, value=value)


@dataclass(slots=True)
class Past:
    """The states that entries left, made from those entries; the ones made last are kept."""

    read: Read
    entries: dict[int, entry.Entry] = field(default_factory=dict)
    states: dict[tuple[str, int], state.State] = field(default_factory=dict)

    def state(self, key: str, n: int) -> state.State:
        """The state of an object (key as stored) after entry n, which must touch it.

        A lot stands in the entry whole. Registers, runs and the like are folded over the entries
        that touched them: each names the one before it in its own `reads`.
        Raises ProofError ENTRY_DIFFERS, what parsing an entry raises, and Unread.
        """
        todo: list[tuple[int, state.Facts]] = []
        at: int | None = n
        while at is not None and (key, at) not in self.states:
            found = self._entry(at)
            facts = found.facts()
            if key not in fold.touched(facts, found.event.log):
                raise _wrong(at, f"does not touch {key}", f"reads.{key}", at)
            todo.append((at, facts))
            before = None if key.startswith("lot:") else found.reads.get(key)
            if before is not None and before >= at:
                raise _wrong(at, f"reads {key} of entry {before}", f"reads.{key}", before)
            at = before
        known = None if at is None else self.states[key, at]
        for at, facts in reversed(todo):
            known = fold.after(key, facts, known)
            _keep(self.states, (key, at), known, STATES_MAX)
        return self.states[key, n]

    def leaf(self, n: int) -> bytes:
        """The bytes of entry n; raises Unread."""
        try:
            return self.read(n)
        except LedgerError as error:
            raise Unread(error.code, error.message, error.hint) from error

    def _entry(self, n: int) -> entry.Entry:
        if n not in self.entries:
            _keep(self.entries, n, entry.parse(self.leaf(n)), ENTRIES_MAX)
        return self.entries[n]


def _keep(kept: dict[Any, Any], key: object, value: object, most: int) -> None:
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value


@dataclass(slots=True)
class _Reader:
    """A state.Reader that knows what one entry says it read, and notes what else it is asked."""

    past: Past
    named: dict[str, int]
    absent: dict[str, None] = field(default_factory=dict)

    def find(self, key: str) -> tuple[int, state.State] | None:
        """See state.Reader."""
        stored = fold.stored_key(key)
        n = self.named.get(stored)
        if n is None:
            self.absent[stored] = None
            return None
        return n, self.past.state(stored, n)

    def used(self, key: str) -> tuple[int, str] | None:
        """That it was never used is left to `Order`; every use is in fold.uses of the event."""
        return None


def check(n: int, leaf: bytes, past: Past) -> Seen:
    """Check the entry at index n by itself: form, signature, rules, `book`, `lots`, `reads`.

    Raises LedgerError, mostly ProofError ENTRY_DIFFERS naming account, line or read; and Unread.
    """
    try:
        return _check(n, _parsed(n, leaf), entry.leaf_hash(leaf), past)
    except _UNREADABLE as error:
        what = f"cannot be read: {type(error).__name__}: {error}"
        raise _wrong(n, what[:200], "leaf") from error


def _parsed(n: int, leaf: bytes) -> entry.Entry:
    try:
        return entry.parse(leaf)
    except FormatError as error:
        if _is_newer(leaf):
            what = f"entry {n} is of a later version than {entry.VERSION}, which is known here"
            raise Unread(error.code, what, "audit it with a newer release") from error
        raise


def _is_newer(leaf: bytes) -> bool:
    """Whether rules that are not known here may have made the entry: then it is not judged."""
    try:
        version = encoding.decode_object(leaf).get("v")
    except FormatError:
        return False
    return type(version) is int and version > entry.VERSION


def _check(n: int, found: entry.Entry, leaf_hash: bytes, past: Past) -> Seen:
    if found.n != n:
        raise _wrong(n, f"says it is entry {found.n}", "n", found.n)
    if found.at_ms > AT_MAX_MS:
        raise _wrong(n, f"at is {found.at_ms}", "at", found.at_ms)
    reader = _Reader(past, _named(found))
    try:
        entry.recheck(found, reader, _signer(found, reader))
    except ProofError as error:
        raise _with_absent(error, reader.absent) from error.__cause__
    facts, event = found.facts(), found.event
    _keep(past.entries, n, found, ENTRIES_MAX)
    return Seen(
        n, leaf_hash, found.prev, found.at_ms, event.log, event.party, event.id,
        tuple(reader.named.items()), tuple(reader.absent), tuple(fold.uses(event)),
        tuple(fold.touched(facts, event.log)),
    )  # fmt: skip


def _with_absent(error: ProofError, absent: dict[str, None]) -> ProofError:
    """A refusal by a rule, telling what it asked for in vain: a read may have been left out."""
    if error.__cause__ is None or not absent:
        return error
    message = f"{error.message}; not in reads: {', '.join(absent)}"
    return ProofError(error.code, message, field=error.field, value=error.value, hint=error.hint)


def _named(found: entry.Entry) -> dict[str, int]:
    """The entries named in `reads`, by the objects' stored keys."""
    named: dict[str, int] = {}
    if found.n and "log" not in found.reads:
        raise _wrong(found.n, "reads: log: not read", "reads.log")
    for key, n in found.reads.items():
        if n >= found.n:
            raise _wrong(found.n, f"reads {key} of entry {n}", f"reads.{key}", n)
        if named.setdefault(fold.stored_key(key), n) != n:
            raise _wrong(found.n, f"reads two states of {key}", f"reads.{key}", n)
    return named


def _signer(found: entry.Entry, reader: _Reader) -> rules.Signer:
    body = found.event.body
    if isinstance(body, bodies.LogOpened):
        return rules.Signer(found.jws.kid, jose.verifies(found.jws, body.operator_key))
    key = reader.find(f"key:{found.jws.kid}")
    valid = (
        key is not None and isinstance(key[1], state.Key) and jose.verifies(found.jws, key[1].jwk)
    )
    return rules.Signer(found.jws.kid, valid)


Known = MutableMapping[str, tuple[int, str]]
"""What must be remembered of a log: objects -> entry that touched them last; ids, tickets and
documents -> entry that used them first. With each goes the party that stated the entry."""


def keys(seen: Seen) -> list[str]:
    """The names under which `Order.take` will look, for a storage that fetches many at once."""
    return [*dict(seen.reads), *seen.absent, *seen.uses, *seen.touched, _id(seen)]


def _id(seen: Seen) -> str:
    return f"id:{seen.party}/{seen.id}"


@dataclass(slots=True)
class Order:
    """The entries taken so far, as far as later ones depend on them.

    known: see Known. origin: of the log; last: leaf hash of the last entry, hex; edge: of the tree.
    """

    known: Known
    origin: str
    last: str = entry.ZERO_HASH.hex()
    at_ms: int = 0
    edge: tree.Edge = tree.EMPTY_EDGE

    @property
    def size(self) -> int:
        """How many entries were taken."""
        return self.edge.size

    def take(self, seen: Seen) -> None:
        """Check the next entry against all before it, and take it.

        Raises ProofError naming entry and field; its value is the index of the earlier entry that
        contradicts this one, where there is one. Then nothing was taken.
        """
        n = self.size
        for name, had, want in (
            ("n", seen.n, n),
            ("prev", seen.prev, self.last),
            ("at", seen.at_ms, max(seen.at_ms, self.at_ms)),
            ("log", seen.log, self.origin),
        ):
            if had != want:
                raise _wrong(n, f"{name} is {had}, want {want}", name)
        self._refuse_used(seen)
        self._refuse_stale(seen)
        said = (n, seen.party)
        for key in seen.touched:
            self.known[key] = said
        for key in (*seen.uses, _id(seen)):
            self.known.setdefault(key, said)
        self.last, self.at_ms = seen.leaf_hash.hex(), seen.at_ms
        self.edge = tree.edge_append(self.edge, seen.leaf_hash)

    def _refuse_used(self, seen: Seen) -> None:
        """Ids are used once by a party, tickets once, documents by one party."""
        first = self.known.get(_id(seen))
        if first is not None:
            what = f"{seen.party} used the id {seen.id} before, in entry {first[0]}"
            raise _wrong(seen.n, what, "id", first[0])
        for key in seen.uses:
            first = self.known.get(key)
            ticket = key.startswith("ticket:")
            if first is not None and (ticket or first[1] != seen.party):
                field_ = "body.ticket" if ticket else "evidence"
                raise _wrong(
                    seen.n, f"{key} was used before, in entry {first[0]}", field_, first[0]
                )

    def _refuse_stale(self, seen: Seen) -> None:
        """What was read is what the last entry that touched it left; else there was nothing."""
        for key, n in seen.reads:
            last = self.known.get(key)
            if last is None or last[0] != n:
                touched = "none" if last is None else f"entry {last[0]}"
                what = f"reads: {key}: the log says entry {n}, {touched} touched it last"
                raise _wrong(seen.n, what, f"reads.{key}", last and last[0])
        for key in seen.absent:
            last = self.known.get(key)
            if last is not None:
                what = f"reads: {key}: not read, though entry {last[0]} touched it"
                raise _wrong(seen.n, what, f"reads.{key}", last[0])
