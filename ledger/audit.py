"""The full audit: from entry 0, rebuild everything that is stored, and compare.

Chain, leaf hashes, statements, keys, rules, lines, `reads`, tiles, root, every checkpoint, every
view row, and the law of docs/format.md: no claimable milligram but by receipt or declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, or_, select
from sqlalchemy.exc import SQLAlchemyError

from ledger import closed_walks, entry, logkeys
from ledger.book import bodies, fold, jose, lines, rules, state, totals
from ledger.errors import LedgerError, ProofError
from ledger.store import engine as engines
from ledger.store import entries, listing, tables, writes
from ledger.tlog import checkpoint, note, tiles, tree

_CHUNK: Final = 1_000
# What reading damaged pages and columns of other types can raise besides our own errors.
_UNREADABLE: Final = (
    SQLAlchemyError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong: at which index, in which field, and how.

    n: the entry that is damaged or missing, or that a damaged tile or view row belongs to; None
    where no entry is to blame. field: a member of the entry ("reads.lot:HB01/A"), a column
    ("leaf", "head.root", "note"), a tile ("tile/0/000"), a view's table and column.
    """

    n: int | None
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit."""

    origin: str
    size: int
    root: bytes
    finding: Finding | None
    checkpoints: int = 0
    closed_walks: tuple[str, ...] = ()


@dataclass
class _Audit:
    """Everything rebuilt so far."""

    connection: Connection
    log_id: str
    origin: str
    at: int | None = None
    reading: str = "leaf"
    memory: fold.Memory = field(default_factory=fold.Memory)
    totals: totals.Totals = field(default_factory=totals.Totals)
    batch: writes.Batch = field(default_factory=lambda: writes.Batch(""))
    ids: set[tuple[str, str]] = field(default_factory=set)
    hashes: list[bytes] = field(default_factory=list)
    disclosed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    verifiers: dict[str, note.Verifier] = field(default_factory=dict)
    declared: dict[tuple[str, str], int] = field(default_factory=dict)
    at_ms: int = 0


def run(
    connection: Connection,
    log_id: str,
    verifier: note.Verifier,
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> Report:
    """Audit one log inside one read transaction. Never raises for what is wrong: it reports."""
    with engines.showing_bad_text(connection):
        return _run(connection, log_id, verifier, progress)


def _run(
    connection: Connection,
    log_id: str,
    verifier: note.Verifier,
    progress: Callable[[int, int], None],
) -> Report:
    head = entries.read_head(connection, log_id)
    if head is None:
        return Report("", 0, b"", Finding(None, "head", f"no log {log_id}"))
    audit = _Audit(connection, log_id, head.origin)
    audit.batch.log_id = log_id
    audit.verifiers[verifier.vkey] = verifier
    finding, count = None, 0
    try:
        _check_entries(audit, head, verifier, progress)
        _check_end(audit, head)
        _check_tree(audit)
        count = _check_checkpoints(audit)
        _check_views(audit)
        _check_law(audit)
        _check_file(audit)
    except LedgerError as error:
        finding = Finding(audit.at, error.field or audit.reading, f"{error.code}: {error.message}")
    except _UNREADABLE as error:
        message = f"STORE_CORRUPT: {audit.reading}: cannot be read: {type(error).__name__}"
        finding = Finding(audit.at, audit.reading, message)
    walks: tuple[str, ...] = ()
    if finding is None:
        walks = closed_walks.find(audit.batch.edges, audit.memory.objects)
    return Report(head.origin, head.size, head.root, finding, count, walks)


def _wrong(field_: str, message: str) -> ProofError:
    return ProofError("STORE_CORRUPT", message, field=field_)


def _check_entries(
    audit: _Audit,
    head: entries.Head,
    verifier: note.Verifier,
    progress: Callable[[int, int], None],
) -> None:
    """Every entry by itself and after the one before it; none is missing."""
    for start in range(0, head.size, _CHUNK):
        progress(start, head.size)
        end = min(start + _CHUNK, head.size)
        for row in entries.read_leaves(audit.connection, audit.log_id, start, end):
            audit.at = len(audit.hashes)
            _check_entry(audit, verifier, *row)
        audit.at = len(audit.hashes)
        if audit.at < end:
            raise _wrong("n", f"entry {audit.at} is missing, the head says {head.size}")
    audit.at = None


def _check_entry(
    audit: _Audit,
    verifier: note.Verifier,
    n: int,
    leaf_hash: bytes,
    leaf: bytes,
    party: str,
    event_id: str,
) -> None:
    """Chain, columns, form, signature, key, rules, lines and reads of one entry."""
    if n != len(audit.hashes):
        raise _wrong("n", f"entry {len(audit.hashes)} is missing")
    computed = entry.leaf_hash(leaf)
    if computed != leaf_hash:
        raise _wrong("leaf", f"entry {n}: the leaf hashes to {computed.hex()}, not as stored")
    found = entry.parse(leaf)
    prev = audit.hashes[-1] if audit.hashes else entry.ZERO_HASH
    body = found.event.body
    vkey = body.log_key if isinstance(body, bodies.LogOpened) else verifier.vkey
    for name, had, want in (
        ("n", found.n, n),
        ("prev", found.prev, prev.hex()),
        ("party", party, found.event.party),
        ("event_id", event_id, found.event.id),
        ("at", found.at_ms, max(found.at_ms, audit.at_ms)),
        ("log", found.event.log, audit.origin),
        ("log_key", vkey, verifier.vkey),
    ):
        if had != want:
            raise _wrong(name, f"entry {n}: {name} is {had}, want {want}")
    key = (party, event_id)
    if key in audit.ids:
        raise _wrong("id", f"entry {n}: {party} used the id {event_id} before")
    entry.recheck(found, audit.memory, _signer(audit, found))
    audit.ids.add(key)
    audit.hashes.append(leaf_hash)
    audit.at_ms = found.at_ms
    if logkeys.names_keys(found.event):
        texts = entries.read_disclosures(audit.connection, audit.log_id, n)
        listed = logkeys.listed(found.event, texts)
        audit.verifiers |= {key.vkey: key for key in listed}
    _follow(audit, found)


def _signer(audit: _Audit, found: entry.Entry) -> rules.Signer:
    body = found.event.body
    if isinstance(body, bodies.LogOpened):
        return rules.Signer(found.jws.kid, jose.verifies(found.jws, body.operator_key))
    key = audit.memory.find(f"key:{found.jws.kid}")
    valid = (
        key is not None and isinstance(key[1], state.Key) and jose.verifies(found.jws, key[1].jwk)
    )
    return rules.Signer(found.jws.kid, valid)


def _follow(audit: _Audit, found: entry.Entry) -> None:
    """Carry states, totals and view rows forward."""
    facts = found.facts()
    audit.memory.apply(facts, audit.origin)
    audit.totals.apply(facts, audit.origin)
    audit.batch.add_views(facts, audit.origin, audit.memory)
    if found.event.sd:
        audit.disclosed[found.n] = found.event.sd
    if isinstance(found.event.body, bodies.ScrapDeclared):
        for account in found.book:
            for substance, page in state.account_deltas(found.book, account).items():
                for line, delta in page.items():
                    place = (substance, lines.split(line)[0])
                    audit.declared[place] = audit.declared.get(place, 0) + delta


def _check_end(audit: _Audit, head: entries.Head) -> None:
    """The head says what the entries say, and there are no others."""
    c = tables.entries.c
    outside = or_(c.n < 0, c.n >= head.size)
    query = select(c.n).where(c.log_id == audit.log_id, outside).order_by(c.n).limit(1)
    audit.at = audit.connection.execute(query).scalar_one_or_none()
    if audit.at is not None:
        raise _wrong("n", f"entry {audit.at} lies outside the log of {head.size}")
    last = audit.hashes[-1] if audit.hashes else entry.ZERO_HASH
    root = tree.root(audit.hashes) if audit.hashes else b""
    for name, had, want in (
        ("last_leaf", head.last_leaf.hex(), last.hex()),
        ("at_ms", head.at_ms, audit.at_ms),
        ("root", head.root.hex(), root.hex()),
    ):
        if had != want:
            raise _wrong(f"head.{name}", f"head: {name} is {had}, the entries say {want}")


def _check_tree(audit: _Audit) -> None:
    """Every stored tile, against tiles built anew from the leaf hashes."""
    audit.reading = "tiles"
    want = tiles.add_leaves(0, audit.hashes, lambda level, index: b"")
    c = tables.tiles.c
    query = select(c.level, c.idx, c.hashes).where(c.log_id == audit.log_id)
    stored = {(level, index): hashes for level, index, hashes in audit.connection.execute(query)}
    for place in sorted({*want, *stored}):
        if want.get(place) != stored.get(place):
            level, index = place
            at = _first_difference(want.get(place) or b"", stored.get(place) or b"") // 32
            audit.at = (index * tiles.WIDTH + at) * tiles.WIDTH**level
            where = f"tile/{level}/{index}"
            raise _wrong(where, f"{where}: hash {at} is not that of the entries")


def _first_difference(left: bytes, right: bytes) -> int:
    same = (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    return next(same, min(len(left), len(right)))


def _check_checkpoints(audit: _Audit) -> int:
    """Every checkpoint is signed by a key that the log names; its root is that of the entries."""
    audit.reading = "checkpoints"
    c = tables.checkpoints.c
    query = select(c.size, c.note).where(c.log_id == audit.log_id).order_by(c.size)
    edge, count, size = tree.EMPTY_EDGE, 0, 0
    for size, text in audit.connection.execute(query):
        try:
            signed, _ = checkpoint.open_checkpoint(text.encode(), audit.verifiers.values())
        except LedgerError as error:
            raise _wrong("note", f"checkpoint {size}: {error.message}") from error
        edge = tree.edge_extend(edge, audit.hashes[edge.size : size])
        root = tree.edge_root(edge) if edge.size == size else b""
        if (signed.origin, signed.size, signed.root) != (audit.origin, size, root):
            raise _wrong("note", f"checkpoint {size}: origin, size or root is not that of the log")
        count += 1
    if size != len(audit.hashes):
        raise _wrong("size", f"the last checkpoint is of {size}, the log has {len(audit.hashes)}")
    return count


def _check_views(audit: _Audit) -> None:
    """Every row of every view, against rows built anew."""
    for table, want in _view_rows(audit).items():
        audit.reading = table.name
        query = select(table).where(table.c.log_id == audit.log_id)
        names = [c.name for c in table.primary_key.columns]
        stored = {
            tuple(row[name] for name in names): dict(row)
            for row in audit.connection.execute(query).mappings()
        }
        made = {tuple(row[name] for name in names): row for row in want}
        for key in sorted({*stored, *made}):
            if stored.get(key) != made.get(key):
                shown = "/".join(str(part) for part in key[1:])
                what = _row_difference(stored.get(key), made.get(key))
                audit.at = (made.get(key) or stored[key])["n"]
                raise _wrong(f"{table.name}.{what}", f"view {table.name}: row {shown}: {what}")
    _check_disclosures(audit)


def _row_difference(stored: dict[str, Any] | None, made: dict[str, Any] | None) -> str:
    if stored is None or made is None:
        return "missing" if stored is None else "unexpected"
    return next(name for name in made if stored.get(name) != made[name])


def _view_rows(audit: _Audit) -> dict[Table, list[dict[str, Any]]]:
    batch = audit.batch
    batch.objects, batch.certificates = audit.memory.objects, audit.totals.certificates
    shown, others = batch.object_rows()
    return {
        tables.touches: batch.touches,
        tables.edges: list(batch.edges.values()),
        tables.usage: list(batch.usage.values()),
        tables.objects: shown + [row | listing.NOTHING for row in others],
        tables.certificates: batch.certificate_rows(),
        tables.lot_certificates: list(batch.lot_certificates.values()),
        tables.entry_parties: batch.entry_parties,
        tables.visible: list(batch.visible.values()),
    }


def _check_disclosures(audit: _Audit) -> None:
    """What is kept of private fields belongs to its entry; what was erased is not missed."""
    audit.reading = "disclosures"
    c = tables.disclosures.c
    query = select(c.n, c.digest, c.text).where(c.log_id == audit.log_id)
    for n, digest, text in audit.connection.execute(query):
        audit.at, known = n, audit.disclosed.get(n, ())
        if digest not in known or entry.disclosure(text).digest != digest:
            raise _wrong("disclosures", f"entry {n}: a disclosure is not among its digests")
    audit.at = None


def _check_law(audit: _Audit) -> None:
    """Grams of each origin on lots, transit, sink, loss and credit = received + declared."""
    held: dict[tuple[str, str], int] = {}
    for account, balances in audit.totals.balances.items():
        for substance, page in balances.items():
            for line, mass_mg in page.items():
                origin = lines.split(line)[0]
                kind = account.partition(":")[0]
                if origin != lines.UNCLASSED and (kind != "gain" or origin == "UNK"):
                    held[substance, origin] = held.get((substance, origin), 0) + mass_mg
    for place in sorted({*held, *audit.declared}):
        if held.get(place, 0) != audit.declared.get(place, 0):
            substance, origin = place
            raise _wrong(
                f"{substance}.{origin}",
                f"{substance} {origin}: accounts sum to {held.get(place, 0)} mg over what was "
                f"received, {audit.declared.get(place, 0)} mg were declared",
            )


def _check_file(audit: _Audit) -> None:
    """What no row shows: an index that misses a row would let an id be used twice."""
    audit.reading = "database"
    damage = engines.damage(audit.connection)
    if damage:
        raise _wrong("database", f"the database file is damaged: {damage}")


def rebuild_views(connection: Connection, log_id: str) -> int:
    """Drop every view and make it again from the entries; the number of entries read."""
    head = entries.read_head(connection, log_id, lock=True)
    assert head is not None, log_id  # noqa: S101 (callers opened the log)
    audit = _Audit(connection, log_id, head.origin)
    audit.batch.log_id = log_id
    for _, leaf_hash, leaf, _, _ in entries.read_leaves(connection, log_id, 0, head.size):
        audit.hashes.append(leaf_hash)
        _follow(audit, entry.parse(leaf))
    for table in tables.VIEWS:
        connection.execute(delete(table).where(table.c.log_id == log_id))
    audit.batch.objects = audit.memory.objects
    audit.batch.certificates = audit.totals.certificates
    audit.batch.write_views(connection)
    return head.size
