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
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ledger import concerns, entry, evidence, mirror
from ledger.certificate import policy as policies
from ledger.concerns import Concern
from ledger.errors import CorruptError, LedgerError, ProofError
from ledger.tilesource import Source, Tree, open_source
from ledger.tlog import checkpoint, cosignature, note

BEHIND_S: Final = 600
"""How long an address may show less than it, or another, has shown before it is an alarm."""
NOTES_MAX: Final = 20_000
NOTES: Final = "notes.ndjson"
STATE: Final = "state.json"
SAVE_EVERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed checkpoint, when it was first seen (seconds since 1970), and where."""

    at_s: int
    where: str
    note: bytes
    said: checkpoint.Checkpoint


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


@dataclass(slots=True)
class _Place:
    """How far an address has come, and since when it stays behind that, or behind the others."""

    largest: int = 0
    size: int = 0
    back_s: int = 0
    lag_s: int = 0


@dataclass
class Monitor:
    """What a monitor knows.

    sources: logs, mirrors and witnesses' monitoring addresses; entries are read from the first.
    seen: by size, for a second root of a size ends it. waiting: the sizes not proven yet to be
    beginnings of the largest. next_n: the next entry that is looked at for the party.
    """

    directory: Path
    policy: policies.Policy
    sources: Sequence[Source]
    max_age_s: int | None = None
    own: concerns.Own | None = None
    own_keys: tuple[str, ...] = ()
    top: Seen | None = None
    seen: dict[int, Seen] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    fresh_s: int = 0
    next_n: int = 0
    _places: dict[str, _Place] = field(default_factory=dict)
    _tree: Tree | None = None

    # One round.

    def look(self, now_s: int) -> Iterator[Finding]:
        """Ask every address once and yield what there is to tell.

        Raises Forked, after the evidence is on disk, and LOG_FORKED while evidence lies there.
        """
        evidence.refuse_kept(self.directory)
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
        self._save()
        yield from self._follow()
        self._save()

    def _read(self, source: Source, now_s: int) -> Seen:
        signed = source.checkpoint()
        said = mirror.open_signed(signed, [log.verifier for log in self.policy.logs])
        origin = self.top.said.origin if self.top else said.origin
        if said.origin != origin:
            wrong = f"the log {said.origin}, this monitor watches {origin}"
            raise ProofError("LOG_MISMATCH", wrong, field="origin", hint="one --state for each log")
        return Seen(now_s, source.where, signed, said)

    def _remember(self, seen: Seen) -> None:
        """On disk before anything is concluded; two roots of one size are the plainest fork."""
        other = self.seen.get(seen.said.size)
        if other is None:
            _append(self.directory / NOTES, seen)
            self.seen[seen.said.size] = seen
            self.waiting.add(seen.said.size)
        elif other.said.root != seen.said.root:
            self._fork(other, seen)

    def _compare(self, now_s: int) -> Iterator[Finding]:
        """Every checkpoint that is not proven yet against the largest; larger ones first."""
        for size in sorted(self.waiting, reverse=True):
            seen = self.seen[size]
            try:
                if self.top is None or size > self.top.said.size:
                    wrong = self._advance(seen)
                else:
                    wrong = self._check_older(self.top, seen)
            except Forked:
                raise
            except LedgerError as error:
                wrong = error.message
            if not wrong:
                self.waiting.discard(size)
                continue
            level = "alarm" if now_s - seen.at_s >= BEHIND_S else "warn"
            message = f"{seen.where}: size {size} cannot be compared yet: {wrong}"
            yield Finding(level, "not compared", message)

    def _advance(self, seen: Seen) -> str:
        """Make a larger checkpoint the largest; or why its tree cannot be read."""
        read, wrong = self._tree_of(seen)
        if read is None:
            return wrong
        before = self.top.said.size if self.top else 0
        if self.top is not None and read.root_at(before) != self.top.said.root:
            self._fork(self.top, seen, read)
        mirror.fetch_tiles(self.directory, read, before)
        mirror.prune(self.directory, before, seen.said.size)
        self.top, self._tree = seen, None
        return ""

    def _check_older(self, top: Seen, seen: Seen) -> str:
        if self._tree is None:
            here = open_source(str(self.directory))
            self._tree = Tree(here, top.said.size, top.said.root)
        if self._tree.root_at(seen.said.size) != seen.said.root:
            self._fork(seen, top, self._tree)
        return ""

    def _tree_of(self, seen: Seen) -> tuple[Tree | None, str]:
        """The tree of a checkpoint from the first address that has it, where it was seen first."""
        wrong = "no address gives tiles"
        for source in sorted(self.sources, key=lambda source: source.where != seen.where):
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
        place = evidence.keep(self.directory, old.note, new.note, proves=proves, found=found)
        raise Forked(f"{new.said.origin} signed two histories: {shown}",
                     (old.note, new.note), place)  # fmt: skip

    # What is no fork, and is not as it should be.

    def _judge_place(self, seen: Seen, now_s: int) -> Iterator[Finding]:
        place = self._places.setdefault(seen.where, _Place())
        size, most = seen.said.size, self.top.said.size if self.top else 0
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
        if self.top is None or seen.said.size < self.top.said.size:
            return
        keys = {w.name: cosignature.parse_vkey(w.vkey) for w in self.policy.witnesses}
        try:
            times = cosignature.verify_cosignatures(note.parse_note(seen.note), keys)
        except ProofError:
            return  # of a witness that signs badly; what the log signed is judged elsewhere
        self.fresh_s = max(self.fresh_s, policies.seen_at_s(self.policy, times) or 0)

    def _judge_age(self, now_s: int) -> Iterator[Finding]:
        if self.max_age_s is not None and now_s - self.fresh_s > self.max_age_s:
            since = f"since {_utc(self.fresh_s)}" if self.fresh_s else "anything seen here"
            message = f"no quorum of witnesses has cosigned {since}"
            yield Finding("alarm", "old", f"{message}, want it within {self.max_age_s} s")

    # What others state about a party.

    def _follow(self) -> Iterator[Finding]:
        if self.own is None or self.top is None or self.next_n >= self.top.said.size:
            return
        try:
            read = Tree(self.sources[0], self.top.said.size, self.top.said.root)
            for leaf in read.entries(self.next_n, self.top.said.size):
                found = concerns.follow(self.own, entry.parse(leaf), self.own_keys)
                self.next_n += 1
                if found is not None:
                    level = "look" if found.look else "expected"
                    yield Finding(level, "entry", str(found), found)
                if self.next_n % SAVE_EVERY == 0:
                    self._save()
        except LedgerError as error:
            wrong = f"entry {self.next_n}: {error.code}: {error.message}"
            yield Finding("alarm", "entries", f"{self.sources[0].where}: {wrong}")

    # What is kept.

    def _save(self) -> None:
        if len(self.seen) > NOTES_MAX:
            self._consolidate()
        value = {
            "top": self.top.said.size if self.top else None, "known": len(self.seen),
            "waiting": sorted(self.waiting),
            "fresh_s": self.fresh_s,
            "places": {where: asdict(place) for where, place in self._places.items()},
            "own": _own_as_dict(self.own), "next_n": self.next_n,
        }  # fmt: skip
        evidence.put(self.directory / STATE, json.dumps(value).encode())

    def _consolidate(self) -> None:
        """Drop the older half of what is proven: each is the beginning of a checkpoint kept here.

        Nothing is lost by it: another root for a size that was dropped contradicts the largest
        checkpoint, and the hashes kept here prove it.
        """
        for size in sorted(self.seen.keys() - self.waiting)[: len(self.seen) // 2]:
            if self.top is not None and size != self.top.said.size:
                del self.seen[size]
        lines = b"".join(_line(seen) for seen in self.seen.values())
        evidence.put(self.directory / NOTES, lines)


def _own_as_dict(own: concerns.Own | None) -> dict[str, Any] | None:
    if own is None:
        return None
    sets = ("sites", "here", "certificates", "held")
    return {"party": own.party, **{name: sorted(getattr(own, name)) for name in sets}}


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

    max_age_s: the policy's own where None. party: another one than before is followed from entry
    0. Raises ProofError LOG_FORKED while evidence lies there, CorruptError STORE_CORRUPT for a
    directory that cannot be read.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    evidence.refuse_kept(directory)
    age = policy.max_age_s if max_age_s is None else max_age_s
    made = Monitor(directory, policy, sources, age, own_keys=tuple(own_keys))
    if party:
        made.own = concerns.Own(party)
    try:
        for seen in _notes(directory / NOTES):
            made.seen[seen.said.size] = seen
        made.waiting = {*made.seen}
        if (directory / STATE).exists():
            _restore(made, json.loads((directory / STATE).read_bytes()))
    except (ValueError, LookupError, TypeError, ProofError) as error:
        raise CorruptError(
            "STORE_CORRUPT", f"{directory}: cannot be read: {error}", field="state",
            hint="keep the directory, and begin another: what it holds may be evidence",
        ) from error  # fmt: skip
    return made


def _restore(made: Monitor, value: Mapping[str, Any]) -> None:
    if value["top"] is not None:
        made.top = made.seen[value["top"]]
    made.waiting &= {*value["waiting"], *list(made.seen)[value["known"] :]}
    made.fresh_s = value["fresh_s"]
    made._places = {where: _Place(**place) for where, place in value["places"].items()}
    kept = value["own"]
    if made.own is not None and kept is not None and kept["party"] == made.own.party:
        sets = {name: set(kept[name]) for name in ("sites", "here", "certificates", "held")}
        made.own, made.next_n = concerns.Own(kept["party"], **sets), value["next_n"]


def _line(seen: Seen) -> bytes:
    said = {"at": seen.at_s, "from": seen.where, "note": seen.note.decode()}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _append(path: Path, seen: Seen) -> None:
    is_new = not path.exists()
    with path.open("ab") as file:
        file.write(_line(seen))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        evidence.sync(path.parent)


def _notes(path: Path) -> Iterator[Seen]:
    """The notes of the file; a last line that breaks off was not concluded from, and is cut off."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        evidence.put(path, whole)
    for line in whole.split(b"\n")[:-1]:
        value = json.loads(line)
        signed = value["note"].encode()
        said = checkpoint.parse_checkpoint(note.parse_note(signed).text)
        yield Seen(value["at"], value["from"], signed, said)


def _utc(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
