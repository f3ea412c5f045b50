"""A monitor: every checkpoint of a log that anybody shows, held against every other one.

A log that tells two stories has to keep whoever hears the one from whoever hears the other. A
monitor asks the log, its mirrors and its witnesses, checks the signatures with the keys of a
policy, and proves from tiles that each checkpoint is the beginning of the largest. What it saw it
keeps, so that a log cannot take back on Tuesday what it signed on Monday.

An older checkpoint is no fork: it says only that this address shows less than it did. The state
directory holds `notes.ndjson`, the checkpoints word for word with time and place; `tile`, the
hashes of the log (32 bytes an entry), so that any size can be compared when nobody shows tiles
any more; and `state.json`.
Source: RFC 6962 §5.3 and §5.4; C2SP tlog-tiles, tlog-cosignature.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger import concerns, entry, evidence, mirror, sightings
from ledger.certificate import head as heads
from ledger.certificate import policy as policies
from ledger.concerns import Concern
from ledger.errors import LedgerError, ProofError
from ledger.sightings import Place, Seen, Sightings
from ledger.tilesource import Source, Tree, open_source
from ledger.tlog import cosignature, note
from ledger.tlog.checkpoint import Checkpoint

BEHIND_S: Final = 600
"""How long an address may show less than it, or another, has shown before it is an alarm."""
SAVE_EVERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell. level: alarm, warn, look or expected; alarm and look are exit status 1."""

    level: str
    what: str
    message: str
    concern: Concern | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        more = {} if self.concern is None else {"entry": self.concern.as_dict()}
        return {"level": self.level, "what": self.what, "message": self.message, **more}


class Forked(ProofError):
    """LOG_FORKED, with the two notes."""

    def __init__(self, message: str, notes: tuple[bytes, bytes], place: Path) -> None:
        hint = f"both lie in {place}: show them to whoever relies on the log (docs/monitor.md)"
        super().__init__("LOG_FORKED", message, field="root", hint=hint)
        self.notes = notes


@dataclass
class Monitor:
    """A monitor. sources: logs, mirrors and witnesses; entries are read from the first."""

    policy: policies.Policy
    sources: Sequence[Source]
    kept: Sightings
    max_age_s: int | None = None
    own_keys: tuple[str, ...] = ()
    _tree: Tree | None = None

    # One round.

    def look(self, now_s: int) -> Iterator[Finding]:
        """Ask every address once and yield what there is to tell.

        Raises Forked, after the evidence is on disk, and LOG_FORKED while evidence lies there.
        """
        evidence.refuse_kept(self.kept.directory)
        fresh: list[Seen] = []
        for source in self.sources:
            try:
                seen = self._read(source, now_s)
            except LedgerError as error:
                yield Finding(
                    "warn", "unreadable", f"{source.where}: {error.code}: {error.message}"
                )
                continue
            fresh.append(seen)
            self._remember(seen)
        yield from self._compare(now_s)
        for seen in fresh:
            yield from self._judge_place(seen, now_s)
            self._note_time(seen)
        yield from self._judge_age(now_s)
        self.kept.save()
        yield from self._follow()
        self.kept.save()

    def _read(self, source: Source, now_s: int) -> Seen:
        signed = source.checkpoint()
        said = mirror.open_signed(signed, [log.verifier for log in self.policy.logs])
        origin = self.kept.top.said.origin if self.kept.top else said.origin
        if said.origin != origin:
            wrong = f"the log {said.origin}, this monitor watches {origin}"
            raise ProofError("LOG_MISMATCH", wrong, field="origin", hint="one --state for each log")
        return Seen(now_s, source.where, signed, said)

    def _remember(self, seen: Seen) -> None:
        """On disk before anything is concluded; two roots of one size are the plainest fork."""
        other = self.kept.seen.get(seen.said.size)
        if other is None:
            self.kept.add(seen)
        elif other.said.root != seen.said.root:
            self._fork(other, seen)

    def _compare(self, now_s: int) -> Iterator[Finding]:
        """Every checkpoint that is not proven yet against the largest; larger ones first."""
        for size in sorted(self.kept.waiting, reverse=True):
            seen = self.kept.seen[size]
            try:
                if self.kept.top is None or size > self.kept.top.said.size:
                    wrong = self._advance(seen)
                else:
                    wrong = self._check_older(self.kept.top, seen)
            except Forked:
                raise
            except LedgerError as error:
                wrong = error.message
            if not wrong:
                self.kept.waiting.discard(size)
                continue
            level = "alarm" if now_s - seen.at_s >= BEHIND_S else "warn"
            message = f"{seen.where}: size {size} cannot be compared yet: {wrong}"
            yield Finding(level, "not compared", message)

    def _advance(self, seen: Seen) -> str:
        """Make a larger checkpoint the largest; or why its tree cannot be read."""
        read, wrong = self._tree_of(seen)
        if read is None:
            return wrong
        before = self.kept.top.said.size if self.kept.top else 0
        if self.kept.top is not None and read.root_at(before) != self.kept.top.said.root:
            self._fork(self.kept.top, seen, read)
        mirror.fetch_tiles(self.kept.directory, read, before)
        mirror.prune(self.kept.directory, before, seen.said.size)
        self.kept.top, self._tree = seen, None
        return ""

    def _check_older(self, top: Seen, seen: Seen) -> str:
        if self._tree is None:
            self._tree, wrong = self._tree_of(top, open_source(str(self.kept.directory)))
            if self._tree is None:
                return wrong
        if self._tree.root_at(seen.said.size) != seen.said.root:
            self._fork(seen, top, self._tree)
        return ""

    def _tree_of(self, seen: Seen, *first: Source) -> tuple[Tree | None, str]:
        """The tree of a checkpoint from the first address that has it, where it was seen first."""
        wrong = "no address gives tiles"
        others = sorted(self.sources, key=lambda source: source.where != seen.where)
        for source in (*first, *others):
            try:
                return Tree(source, seen.said.size, seen.said.root), ""
            except LedgerError as error:
                wrong = error.message
        return None, wrong

    def _fork(self, old: Seen, new: Seen, read: Tree | None = None) -> None:
        proves = evidence.consistency(old.said, new.said, read) if read else b""
        shown = ", ".join(
            f"size {s.said.size} root {s.said.root.hex()} from {s.where}" for s in (old, new)
        )
        found = "".join(f"{_utc(s.at_s)} size {s.said.size} {s.where}\n" for s in (old, new))
        place = evidence.keep(self.kept.directory, old.note, new.note, proves=proves, found=found)
        raise Forked(f"{new.said.origin} signed two histories: {shown}",
                     (old.note, new.note), place)  # fmt: skip

    # What is no fork, and is not as it should be.

    def _judge_place(self, seen: Seen, now_s: int) -> Iterator[Finding]:
        place = self.kept.places.setdefault(seen.where, Place())
        size, most = seen.said.size, self.kept.top.said.size if self.kept.top else 0
        place.back_s = (place.back_s or now_s) if size < place.largest else 0
        place.lag_s = (place.lag_s or now_s) if place.size == size < most else 0
        if place.back_s:
            what = "rollback" if now_s - place.back_s >= BEHIND_S else "stale"
            level = "alarm" if what == "rollback" else "warn"
            message = (
                f"{seen.where} shows {size} entries and has shown {place.largest}: an old copy, or "
                "a log that was set back. No fork is proven: that takes a second root for a size"
            )
            yield Finding(level, what, message)
        elif place.lag_s and now_s - place.lag_s >= BEHIND_S:
            message = f"{seen.where} stays at {size} entries, others show {most}"
            yield Finding("alarm", "stale", message)
        place.size, place.largest = size, max(size, place.largest)

    def _note_time(self, seen: Seen) -> None:
        """The time at which a quorum had seen the largest checkpoint, or one as large."""
        if self.kept.top is None or seen.said.size < self.kept.top.said.size:
            return
        keys = {w.name: cosignature.parse_vkey(w.vkey) for w in self.policy.witnesses}
        try:
            times = cosignature.verify_cosignatures(note.parse_note(seen.note), keys)
        except ProofError:
            return  # of a witness that signs badly; what the log signed is judged elsewhere
        latest_s = seen.at_s + heads.AHEAD_S  # a time beyond that says nothing, as in `verify`
        told = {name: at_s if at_s <= latest_s else 0 for name, at_s in times.items()}
        self.kept.fresh_s = max(self.kept.fresh_s, policies.seen_at_s(self.policy, told) or 0)

    def _judge_age(self, now_s: int) -> Iterator[Finding]:
        if self.max_age_s is not None and now_s - self.kept.fresh_s > self.max_age_s:
            since = (
                f"since {_utc(self.kept.fresh_s)}" if self.kept.fresh_s else "anything seen here"
            )
            wanted = f"want it within {policies.age(self.max_age_s)}"
            yield Finding("alarm", "old", f"no quorum of witnesses has cosigned {since}, {wanted}")

    # What others state about a party.

    def _follow(self) -> Iterator[Finding]:
        own, top = self.kept.own, self.kept.top
        if own is None or top is None:
            return
        if self.kept.next_n < top.said.size:
            yield from self._read_on(own, top.said)
        if self.kept.next_n >= top.said.size and not own.known:
            wrong = f"no entry registers the party {own.party}: is it spelt so?"
            yield Finding("warn", "party", wrong)

    def _read_on(self, own: concerns.Own, said: Checkpoint) -> Iterator[Finding]:
        try:
            read = Tree(self.sources[0], said.size, said.root)
            for leaf in read.entries(self.kept.next_n, said.size):
                found = concerns.follow(own, entry.parse(leaf), self.own_keys)
                self.kept.next_n += 1
                if found is not None:
                    level = "look" if found.look else "expected"
                    yield Finding(level, "entry", str(found), found)
                if self.kept.next_n % SAVE_EVERY == 0:
                    self.kept.save()
        except LedgerError as error:
            wrong = f"entry {self.kept.next_n}: {error.code}: {error.message}"
            hint = f" ({error.hint})" if error.hint else ""
            yield Finding("alarm", "entries", f"{self.sources[0].where}: {wrong}{hint}")


def open_monitor(
    directory: Path,
    policy: policies.Policy,
    sources: Sequence[Source],
    *,
    max_age_s: int | None = None,
    party: str = "",
    own_keys: Iterable[str] = (),
) -> Monitor:
    """A monitor with what its directory remembers; a new one where there is nothing.

    max_age_s: the policy's own where None. Raises ProofError LOG_FORKED while evidence lies there,
    and as `sightings.load`.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    evidence.refuse_kept(directory)
    age_s = policy.max_age_s if max_age_s is None else max_age_s
    return Monitor(policy, sources, sightings.load(directory, party), age_s, tuple(own_keys))


def _utc(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
