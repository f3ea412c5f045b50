"""What to publish, when, and what a published checkpoint is made of: decisions, and one look.

Every commit stores its checkpoint; every `publish_gap_ms`, if the log grew, the one of the head is
shown to all witnesses and then served. A log that rests shows the same one to them again every
`publish_idle_s`, so that its cosignatures stay fresh. A size is signed once, by the writer; here
nothing is signed. ledger/publisher.py does what is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, published
from ledger.store.published import Lease, Published, State
from ledger.tlog import cosignature, note, tiles, tree, witness
from ledger.witnesses import Listed


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one moment. signed: the stored checkpoint of the head."""

    head: entries.Head
    signed: bytes
    published: Published | None
    states: Mapping[str, State]
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now: put up the checkpoint of the head, after asking these witnesses."""

    ask: tuple[Listed, ...] = ()


def plan(
    view: View,
    listed: Iterable[Listed],
    resting: Collection[str],
    *,
    now_ms: int,
    gap_ms: int,
    idle_ms: int,
) -> Plan | None:
    """What to do at `now_ms`, None for nothing. resting: keys of witnesses not to be asked yet.

    A clock that went back delays nothing: a time that lies ahead counts as long ago.
    """
    last = view.published
    if last is None or last.size < view.head.size:
        due = last is None or not _within(last.published_ms, now_ms, gap_ms)
        return Plan(tuple(w for w in listed if w.key not in resting)) if due else None
    if _within(last.published_ms, now_ms, gap_ms):
        return None
    stale = [w for w in listed if not _is_fresh(view.states.get(w.key), last, now_ms, idle_ms)]
    ask = tuple(w for w in stale if w.key not in resting)
    # Nobody to ask: the time of the last look is renewed all the same, so that its age says much.
    if ask or (not stale and not _within(last.published_ms, now_ms, idle_ms)):
        return Plan(ask)
    return None


def _within(then_ms: int, now_ms: int, span_ms: int) -> bool:
    return 0 <= now_ms - then_ms < span_ms


def _is_fresh(state: State | None, last: Published, now_ms: int, idle_ms: int) -> bool:
    """Whether a witness cosigned what is published, and not too long ago."""
    return (
        state is not None
        and (state.kind, state.size) == ("cosigned", last.size)
        and _within(state.cosigned_ms, now_ms, idle_ms)
    )


def merge(
    signed: bytes, before: bytes | None, fresh: Iterable[cosignature.Cosignature]
) -> tuple[bytes, dict[tuple[str, bytes], int]]:
    """The note with every cosignature of it, one a key, the latest; and their times by key.

    signed: as the log signed it. before: what was published of the same size, None for nothing.
    """
    ours = note.parse_note(signed)
    keys = {(line.name, line.key_id) for line in ours.unverified}
    found: dict[tuple[str, bytes], note.Signature] = {}
    old = note.parse_note(before).unverified if before is not None else ()
    for line in (*old, *map(cosignature.format_cosignature, fresh)):
        key = (line.name, line.key_id)
        if key in keys:
            continue
        if key not in found or line.value[:8] >= found[key].value[:8]:
            found[key] = line
    made = note.format_note(ours.text, (*ours.unverified, *found.values()))
    return made, {key: int.from_bytes(line.value[:8], "big") for key, line in found.items()}


def look(connection: Connection, ledger: Ledger) -> View | None:
    """What is known, of one moment; None where the log is not there or empty."""
    head = entries.read_head(connection, ledger.log_id)
    if head is None or head.size == 0:
        return None
    return View(
        head,
        entries.read_checkpoint(connection, ledger.log_id, head.size).encode(),
        published.read(connection, ledger.log_id),
        published.states(connection, ledger.log_id),
        published.read_lease(connection, ledger.log_id),
    )


def same_size(last: Published | None, head: entries.Head) -> bytes | None:
    """What is published, if it is of the head's size."""
    return last.note.encode() if last is not None and last.size == head.size else None


def cosignatures(
    answers: Iterable[tuple[Listed, witness.Answer]],
) -> list[cosignature.Cosignature]:
    """All that came with these answers."""
    return [made for _, answer in answers for made in answer.cosignatures.values()]


def after(before: State, answer: witness.Answer, size: int, now_ms: int) -> State:
    """What is known of a witness after its answer to a request about a tree of `size`."""
    state = replace(before, asked_ms=now_ms, kind=answer.kind, why=answer.why[:300])
    if answer.kind == "cosigned":
        return replace(state, size=size, cosigned_ms=now_ms)
    return state if answer.size is None else replace(state, size=answer.size)


def subtrees(ledger: Ledger, size: int) -> tree.SubtreeReader:
    """A reader of the tree of `size`; each tile in a transaction of its own, as others wait."""

    def read(level: int, index: int) -> bytes:
        with engines.reading(ledger.engine) as connection:
            return entries.read_tile(connection, ledger.log_id, level, index)

    return tiles.hash_reader(size, read)
