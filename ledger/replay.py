"""The way out after a rollback: what the database lost is read from tiles, and judged again.

A database that was set back has signed more than it remembers, so that going on would be a fork.
But the lost entries are not lost: they lie, byte for byte, in a mirror, in an auditor's copy or
on a second server. Each is let in as the writer let it in at first: signature, rules, every
milligram; and the end of it is a checkpoint that this log signed. All of it is one transaction,
which needs no signature of its own: no size is ever signed again.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from ledger import (
    edges,
    entry,
    evidence,
    highwater,
    logkeys,
    mirror,
    revisions,
    rotation,
    tail,
    tilesource,
)
from ledger.book import bodies, fold, jose, rules, state
from ledger.errors import ProofError, RuleError
from ledger.mirror import Progress
from ledger.sequencer import BATCH_MAX
from ledger.settings import Settings
from ledger.store import engine as engines
from ledger.store import entries, objects, tables, writes
from ledger.tilesource import Source, Tree
from ledger.tlog import checkpoint, note, tiles, tree


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came back, and what tiles cannot bring back.

    private: entries whose private fields are missing now. custodial: (party, kid) of keys that the
    operator kept and no longer has. key_lists: entries whose list of the log's keys is missing.
    wanting: why a server would still not start, or "".
    """

    origin: str
    before: int
    size: int
    root: bytes
    private: int = 0
    custodial: tuple[tuple[str, str], ...] = ()
    key_lists: tuple[int, ...] = ()
    wanting: str = ""


@dataclass(slots=True)
class _Work:
    """The transaction, and where it stands."""

    connection: Connection
    log_id: str
    head: entries.Head
    edge: tree.Edge
    done: Replayed
    disclosures: Mapping[int, list[str]]
    known: dict[str, tuple[int, state.State]] = field(default_factory=dict)


def run(
    settings: Settings,
    source: Source,
    verifiers: Iterable[note.Verifier] = (),
    disclosures: Mapping[int, list[str]] | None = None,
    progress: Progress = lambda done, size: None,
) -> Replayed:
    """Append to the database what the source's log has beyond it.

    verifiers: keys of this log beside those that the database names, such as one that was added
    after the backup. disclosures: private fields by entry, as dossiers hold them; those of missing
    entries are kept again. Nothing is written unless all of it can be. Raises ProofError
    LOG_FORKED, after both checkpoints are kept in DATA/evidence, if one log is not the beginning
    of the other; ENTRY_DIFFERS for an entry that the rules do not make; CHECKPOINT_UNSIGNED,
    LOG_MISMATCH for what is not of this log; FormatError FIELD_INVALID for a disclosure that is
    not of its entry; CorruptError for a database that does not hang together; and whatever reading
    the source raises.
    """
    with engines.opened(settings.database) as engine:
        engines.check_durable(engine)
        log_id, known = _opened(engine, settings)
        trusted = tuple({key.vkey: key for key in (*known, *verifiers)}.values())
        signed = source.checkpoint()
        said = mirror.open_signed(signed, trusted)
        read = Tree(source, said.size, said.root)
        with engines.reading(engine) as connection:
            head = tail.check(connection, log_id, trusted)
            _check_same_log(connection, log_id, settings, read, (said, signed))
        if said.size <= head.size:
            return _with_mark(settings, Replayed(head.origin, head.size, head.size, head.root))
        with _at_hand(settings, read, head.size, progress) as near:
            signed_here = _own_lines(signed, said.origin, trusted)
            done = _write(engine, log_id, near, signed_here, disclosures or {}, progress)
    return _with_mark(settings, done)


def _opened(engine: Engine, settings: Settings) -> tuple[str, tuple[note.Verifier, ...]]:
    """The one log of a database, and the keys that it names."""
    with engines.reading(engine) as connection:
        revisions.check(connection)
        found = entries.log_ids(connection)
        head = entries.read_head(connection, found[0]) if len(found) == 1 else None
        if head is None or not head.size:
            raise RuleError(
                "SETTING_INVALID",
                f"{settings.shown_database}: no log with an entry to go on from",
                hint="restore the newest backup first (`remelt restore`); a replay adds to it",
            )
        return found[0], rotation.known(connection, found[0])


def _check_same_log(
    connection: Connection,
    log_id: str,
    settings: Settings,
    read: Tree,
    theirs: tuple[checkpoint.Checkpoint, bytes],
) -> None:
    """Refuse another log, and one of which ours is not the beginning, or that is not ours'."""
    head = entries.read_head(connection, log_id)
    assert head is not None  # noqa: S101 (_opened)
    said, signed = theirs
    if said.origin != head.origin:
        wrong = f"{read.source.where}: the log {said.origin}, want {head.origin}"
        raise ProofError("LOG_MISMATCH", wrong, field="origin", value=said.origin)
    ours = entries.read_checkpoint(connection, log_id, head.size).encode()
    own = checkpoint.Checkpoint(head.origin, head.size, head.root)
    if said.size < head.size:
        stored = tiles.root_at(
            said.size, lambda level, i: entries.read_tile(connection, log_id, level, i)
        )
        same, proves = stored == said.root, b""
    else:
        same, proves = read.root_at(head.size) == head.root, b""
        if not same:
            proves = evidence.consistency(own, said, read)
    if not same:
        place = evidence.keep(settings.data, ours, signed, proves=proves)
        raise ProofError(
            "LOG_FORKED",
            f"this database, {head.size} entries with root {head.root.hex()}, and "
            f"{read.source.where}, {said.size} entries with root {said.root.hex()}, are two "
            f"histories of {head.origin}; both signed checkpoints lie in {place}",
            field="root",
            value=said.root.hex(),
            hint="nothing was written. If something was recorded after the rollback, restore the "
            "backup again and replay onto that; docs/monitor.md tells whom to tell",
        )


@contextmanager
def _at_hand(settings: Settings, read: Tree, start: int, progress: Progress) -> Iterator[Tree]:
    """The same tree with what is missing on this disk: no transaction waits for a network."""
    if Path(read.source.where).is_dir():
        yield read
        return
    with tempfile.TemporaryDirectory(prefix=".remelt-replay-", dir=settings.data) as made:
        mirror.fetch(Path(made), read, start, progress)
        yield Tree(tilesource.open_source(made), read.size, read.root)


def _own_lines(signed: bytes, origin: str, trusted: Iterable[note.Verifier]) -> str:
    """The checkpoint as this log signed it, without what anybody else added to it."""
    own = [key for key in trusted if key.name == origin]
    _, opened = checkpoint.open_checkpoint(signed, own, origin)
    return note.format_note(opened.text, opened.verified_signatures).decode()


def _write(
    engine: Engine,
    log_id: str,
    read: Tree,
    signed: str,
    disclosures: Mapping[int, list[str]],
    progress: Progress,
) -> Replayed:
    with engines.writing(engine) as connection:
        head = entries.read_head(connection, log_id, lock=True)
        assert head is not None  # noqa: S101 (_opened)
        edge = edges.load(connection, log_id, head).edge
        done = Replayed(head.origin, head.size, read.size, read.root)
        work = _Work(connection, log_id, head, edge, done, disclosures)
        leaves = read.entries(head.size, read.size)
        while chunk := list(itertools.islice(leaves, BATCH_MAX)):
            _append(work, chunk)
            progress(work.head.size, read.size)
        if work.head.root != read.root:
            raise ProofError("PROOF_INVALID", "the entries do not give the root that was signed")
        writes.write_checkpoint(connection, log_id, read.size, signed)
        writes.swap_head(connection, log_id, head, work.head)
    return work.done


def _append(work: _Work, leaves: list[bytes]) -> None:
    """Entries, views and tiles of up to 1,000 leaves; the head on disk stays where it is."""
    connection, log_id, head = work.connection, work.log_id, work.head
    parsed = [entry.parse(leaf) for leaf in leaves]
    below = objects.Objects(log_id, connection, work.known)
    keys = [key for e in parsed for key in (*fold.mentioned(e.event), f"key:{e.jws.kid}")]
    below.prefetch(keys, [key for e in parsed for key in fold.uses(e.event)])
    memory, batch = fold.Memory(below), writes.Batch(log_id)
    _refuse_repeated(connection, log_id, parsed)
    hashes: list[bytes] = []
    last, at_ms = head.last_leaf, head.at_ms
    for n, (leaf, found) in enumerate(zip(leaves, parsed, strict=True), head.size):
        _check_place(found, n, last, at_ms, head.origin)
        entry.recheck(found, memory, _signer(memory, found))
        last, at_ms = entry.leaf_hash(leaf), found.at_ms
        facts = found.facts()
        memory.apply(facts, head.origin)
        batch.add_entry(facts, leaf, last, head.origin, memory)
        batch.add_certificates(connection, facts, head.origin)
        batch.add_disclosures(n, entry.match_disclosures(found.event, work.disclosures.get(n, [])))
        hashes.append(last)
    changed = tiles.add_leaves(
        head.size, hashes, lambda level, i: entries.read_tile(connection, log_id, level, i)
    )
    batch.objects = memory.objects
    batch.write(connection)
    writes.write_tiles(connection, log_id, changed)
    work.edge = tree.edge_extend(work.edge, hashes)
    root = tree.edge_root(work.edge)
    work.head = entries.Head(head.origin, work.edge.size, root, last, at_ms)
    work.done = _counted(work, parsed)


def _refuse_repeated(connection: Connection, log_id: str, parsed: list[entry.Entry]) -> None:
    ids = [(found.event.party, found.event.id) for found in parsed]
    repeated = [*entries.find_events(connection, log_id, ids)]
    repeated += [this for this in ids if ids.count(this) > 1] if len({*ids}) < len(ids) else []
    if repeated:
        party, event_id = repeated[0]
        raise _differs(f"{party} used the id {event_id} twice", "id", event_id)


def _check_place(found: entry.Entry, n: int, last: bytes, at_ms: int, origin: str) -> None:
    for name, had, want in (
        ("n", found.n, n),
        ("prev", found.prev, last.hex()),
        ("at", found.at_ms, max(found.at_ms, at_ms)),
        ("log", found.event.log, origin),
    ):
        if had != want:
            raise _differs(f"entry {n}: {name} is {had}, want {want}", name, had)


def _differs(wrong: str, name: str, value: object) -> ProofError:
    hint = "no writer of this log makes such an entry: keep what the source gave, and audit it"
    return ProofError("ENTRY_DIFFERS", wrong, field=name, value=value, hint=hint)


def _signer(memory: fold.Memory, found: entry.Entry) -> rules.Signer:
    key = memory.find(f"key:{found.jws.kid}")
    valid = (
        key is not None and isinstance(key[1], state.Key) and jose.verifies(found.jws, key[1].jwk)
    )
    return rules.Signer(found.jws.kid, valid)


def _counted(work: _Work, parsed: list[entry.Entry]) -> Replayed:
    """What these entries had beside the log, and still lack."""
    done, private = work.done, work.done.private
    custodial, key_lists = [*done.custodial], [*done.key_lists]
    for found in parsed:
        body, texts = found.event.body, work.disclosures.get(found.n, [])
        private += len(texts) < len(found.event.sd)
        if logkeys.names_keys(found.event) and not logkeys.listed(found.event, texts):
            key_lists.append(found.n)
        if isinstance(body, bodies.PartyRegistered | bodies.KeyAdded) and body.key is not None:
            kid = jose.thumbprint(body.key)
            if body.custody == "operator" and not _held(work, kid):
                custodial.append((body.party, kid))
    return replace(done, private=private, custodial=tuple(custodial), key_lists=tuple(key_lists))


def _held(work: _Work, kid: str) -> bool:
    c = tables.party_keys.c
    query = select(c.kid).where(c.log_id == work.log_id, c.kid == kid)
    return work.connection.execute(query).first() is not None


def _with_mark(settings: Settings, done: Replayed) -> Replayed:
    """Whether the log has come as far as this machine has seen it go."""
    mark = highwater.read(settings)
    if mark is None or mark.origin != done.origin or mark.size <= done.size:
        return done
    wanting = (
        f"{settings.data / highwater.NAME} has seen the log at {mark.size} entries: read a source "
        "that has gone as far"
    )
    return replace(done, wanting=wanting)
