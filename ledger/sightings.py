"""What a monitor saw, in its directory: no crash and no restart makes it forget a checkpoint.

`notes.ndjson` holds the checkpoints word for word, each on disk before anything is concluded from
it; `state.json` what was concluded, and how far the entries were looked at for a party.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ledger import concerns, evidence
from ledger.errors import CorruptError, ProofError
from ledger.tlog import checkpoint, note

NOTES_MAX: Final = 20_000
NOTES: Final = "notes.ndjson"
STATE: Final = "state.json"
_SETS: Final = ("sites", "here", "certificates", "held")


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed checkpoint, when it was first seen (seconds since 1970), and where."""

    at_s: int
    where: str
    note: bytes
    said: checkpoint.Checkpoint


@dataclass(slots=True)
class Place:
    """How far an address has come, and since when it stays behind that, or behind the others."""

    largest: int = 0
    size: int = 0
    back_s: int = 0
    lag_s: int = 0


@dataclass(slots=True)
class Sightings:
    """All that a monitor remembers.

    seen: by size, for a second root of a size is a fork. top: the largest whose hashes are here.
    waiting: sizes that are not proven yet to be beginnings of it, or it of them. fresh_s: when a
    quorum last cosigned. next_n: the next entry to be looked at for `own`.
    """

    directory: Path
    top: Seen | None = None
    seen: dict[int, Seen] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    places: dict[str, Place] = field(default_factory=dict)
    fresh_s: int = 0
    own: concerns.Own | None = None
    next_n: int = 0

    def add(self, seen: Seen) -> None:
        """Remember a checkpoint of a size that was not seen; on disk when this returns."""
        path = self.directory / NOTES
        is_new = not path.exists()
        with path.open("ab") as file:
            file.write(_line(seen))
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            evidence.sync(path.parent)
        self.seen[seen.said.size] = seen
        self.waiting.add(seen.said.size)

    def save(self) -> None:
        """Remember what was concluded."""
        drops = len(self.seen) > NOTES_MAX
        if drops:
            self._consolidate()
        value = {
            "top": self.top.said.size if self.top else None,
            "known": len(self.seen),
            "waiting": sorted(self.waiting),
            "fresh_s": self.fresh_s,
            "places": {where: asdict(place) for where, place in self.places.items()},
            "own": _own_as_dict(self.own),
            "next_n": self.next_n,
        }
        evidence.put(self.directory / STATE, json.dumps(value).encode())
        if drops:  # only now: whatever state is on disk finds its notes
            lines = b"".join(_line(seen) for seen in self.seen.values())
            evidence.put(self.directory / NOTES, lines)

    def _consolidate(self) -> None:
        """Drop the older half of what is proven: each is the beginning of a checkpoint kept here.

        Nothing is lost by it: another root for a size that was dropped contradicts the largest
        checkpoint, and the hashes kept here prove it.
        """
        for size in sorted(self.seen.keys() - self.waiting)[: len(self.seen) // 2]:
            if self.top is not None and size != self.top.said.size:
                del self.seen[size]


def _own_as_dict(own: concerns.Own | None) -> dict[str, Any] | None:
    if own is None:
        return None
    sets = {name: sorted(getattr(own, name)) for name in _SETS}
    return {"party": own.party, "known": own.known, **sets}


def load(directory: Path, party: str = "") -> Sightings:
    """What a directory remembers; nothing where it is new.

    party: another one than before is followed from entry 0. Raises CorruptError STORE_CORRUPT.
    """
    made = Sightings(directory, own=concerns.Own(party) if party else None)
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


def _restore(made: Sightings, value: Mapping[str, Any]) -> None:
    if value["top"] is not None:
        made.top = made.seen[value["top"]]
    if value["known"] <= len(made.seen):  # else the notes were thinned out since
        made.waiting &= {*value["waiting"], *list(made.seen)[value["known"] :]}
    made.fresh_s = value["fresh_s"]
    made.places = {where: Place(**place) for where, place in value["places"].items()}
    kept = value["own"]
    if made.own is not None and kept is not None and kept["party"] == made.own.party:
        sets = {name: set(kept[name]) for name in _SETS}
        made.own = concerns.Own(kept["party"], kept["known"], **sets)
        made.next_n = value["next_n"]


def _line(seen: Seen) -> bytes:
    said = {"at": seen.at_s, "from": seen.where, "note": seen.note.decode()}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


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
