"""Reading the log: head, entries, tiles, checkpoints, lineage. One short query each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, func, select

from ledger.book import totals
from ledger.errors import CorruptError, RuleError
from ledger.store import codec, keyed, listing, tables


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands."""

    origin: str
    size: int
    root: bytes
    last_leaf: bytes
    at_ms: int


_ROWS: Final = 1_000
# Made once: building a statement costs more than running it.
_LOG: Final[BindParameter[str]] = bindparam("log_id")
_HEAD: Final = select(*tables.head.c["origin", "size", "root", "last_leaf", "at_ms"]).where(
    tables.head.c.log_id == _LOG
)
_LOCKED_HEAD: Final = _HEAD.with_for_update()
_EVENTS: Final = keyed.keyed(
    tables.entries, "event_id", "event_id", "n", "leaf_hash", "leaf", fixed=("log_id", "party")
)
_LEAVES: Final = (
    select(*tables.entries.c["n", "leaf_hash", "leaf", "party", "event_id"])
    .where(
        tables.entries.c.log_id == _LOG,
        tables.entries.c.n >= bindparam("start"),
        tables.entries.c.n < bindparam("end"),
    )
    .order_by(tables.entries.c.n)
    .limit(_ROWS)
)
_TILE: Final = select(tables.tiles.c.hashes).where(
    tables.tiles.c.log_id == _LOG,
    tables.tiles.c.level == bindparam("level"),
    tables.tiles.c.idx == bindparam("idx"),
)


def read_head(connection: Connection, log_id: str, *, lock: bool = False) -> Head | None:
    """The head, or None where the log does not exist yet. lock: hold it until the commit."""
    query = _LOCKED_HEAD if lock else _HEAD
    row = connection.execute(query, {"log_id": log_id}).one_or_none()
    return None if row is None else Head(*row)


def log_ids(connection: Connection) -> list[str]:
    """The logs of this database."""
    query = select(tables.head.c.log_id).order_by(tables.head.c.log_id)
    return list(connection.execute(query).scalars())


def read_leaf(connection: Connection, log_id: str, n: int) -> bytes:
    """The bytes of entry n. Raises RuleError NOT_FOUND."""
    query = select(tables.entries.c.leaf).where(
        tables.entries.c.log_id == log_id, tables.entries.c.n == n
    )
    leaf: bytes | None = connection.execute(query).scalar_one_or_none()
    if leaf is None:
        raise RuleError(
            "NOT_FOUND", f"n: no entry {n}", field="n", value=n, hint="entries count from 0"
        )
    return leaf


def read_leaves(
    connection: Connection, log_id: str, start: int, end: int
) -> Iterator[tuple[int, bytes, bytes, str, str]]:
    """(n, leaf hash, leaf, party, event id) of entries start to end-1, in order.

    A thousand at a time: a log may be larger than a memory.
    """
    while start < end:
        place = {"log_id": log_id, "start": start, "end": end}
        rows = connection.execute(_LEAVES, place).all()
        for row in rows:
            yield row.n, row.leaf_hash, row.leaf, row.party, row.event_id
        start = rows[-1].n + 1 if len(rows) == _ROWS else end


def leaves(connection: Connection, log_id: str, ns: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """(n, leaf) of some entries, in any order."""
    for row in _rows(connection, log_id, ns, "n", "leaf"):
        yield row["n"], row["leaf"]


def leaf_hashes(connection: Connection, log_id: str, ns: Iterable[int]) -> dict[int, bytes]:
    """n -> leaf hash of some entries."""
    return {row["n"]: row["leaf_hash"] for row in _rows(connection, log_id, ns, "n", "leaf_hash")}


def about(connection: Connection, log_id: str, ns: Iterable[int]) -> dict[int, RowMapping]:
    """n -> all columns of some entries."""
    names = ("n", "party", "event_id", "leaf_hash", "leaf")
    return {row["n"]: row for row in _rows(connection, log_id, ns, *names)}


def _rows(
    connection: Connection, log_id: str, ns: Iterable[int], *names: str
) -> Iterator[RowMapping]:
    c, wanted = tables.entries.c, sorted(set(ns))
    for i in range(0, len(wanted), 500):
        query = select(*c[names]).where(c.log_id == log_id, c.n.in_(wanted[i : i + 500]))
        yield from connection.execute(query).mappings()


def find_events(
    connection: Connection, log_id: str, ids: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, bytes, bytes]]:
    """(party, event id) -> (n, leaf hash, leaf) of those that are in the log."""
    wanted = set(ids)
    found: dict[tuple[str, str], tuple[int, bytes, bytes]] = {}
    by_party: dict[str, list[str]] = {}
    for party, event_id in wanted:
        by_party.setdefault(party, []).append(event_id)
    for party, event_ids in by_party.items():
        rows = _EVENTS.rows(connection, event_ids, log_id=log_id, party=party)
        for event_id, n, leaf_hash, leaf in rows:
            found[party, event_id] = (n, leaf_hash, leaf)
    return found


def read_tile(connection: Connection, log_id: str, level: int, index: int) -> bytes:
    """The hashes of a tile. Raises CorruptError if it is missing."""
    place = {"log_id": log_id, "level": level, "idx": index}
    hashes: bytes | None = connection.execute(_TILE, place).scalar_one_or_none()
    if hashes is None:
        raise CorruptError("STORE_CORRUPT", f"tile {level}/{index} is missing")
    return hashes


def find_tile(connection: Connection, log_id: str, level: int, index: int) -> bytes:
    """The hashes of a tile; none where there is no such tile."""
    place = {"log_id": log_id, "level": level, "idx": index}
    hashes: bytes | None = connection.execute(_TILE, place).scalar_one_or_none()
    return hashes or b""


def has_checkpoint(connection: Connection, log_id: str, least: int, most: int) -> bool:
    """Whether a checkpoint is stored of a size from `least` to `most`."""
    c = tables.checkpoints.c
    query = select(c.size).where(c.log_id == log_id, c.size.between(least, most)).limit(1)
    return connection.execute(query).first() is not None


def read_checkpoint(connection: Connection, log_id: str, size: int) -> str:
    """The stored checkpoint of a size. Raises CorruptError if it is missing."""
    c = tables.checkpoints.c
    query = select(c.note).where(c.log_id == log_id, c.size == size)
    note: str | None = connection.execute(query).scalar_one_or_none()
    if note is None:
        raise CorruptError("STORE_CORRUPT", f"checkpoint {size} is missing")
    return note


def touching(connection: Connection, log_id: str, key: str) -> list[int]:
    """The entries that touched an object ("lot:…", "certificate:…"), ascending."""
    c = tables.touches.c
    query = select(c.n).where(c.log_id == log_id, c.key == key).order_by(c.n)
    return list(connection.execute(query).scalars())


def first_touch(connection: Connection, log_id: str, key: str) -> int | None:
    """The entry that made an object."""
    c = tables.touches.c
    query = select(func.min(c.n)).where(c.log_id == log_id, c.key == key)
    first: int | None = connection.execute(query).scalar_one()
    return first


def read_certificate(connection: Connection, log_id: str, serial: str) -> totals.Certificate | None:
    """A certificate's view."""
    c = tables.certificates.c
    query = select(c.view).where(c.log_id == log_id, c.serial == serial)
    data: bytes | None = connection.execute(query).scalar_one_or_none()
    return None if data is None else codec.decode_certificate(data)


def relatives(
    connection: Connection, log_id: str, lots: Iterable[str], *, back: bool
) -> list[tuple[str, str, int]]:
    """(child, parent, n) of the edges one step back from, or forward of, the lots."""
    c = tables.edges.c
    near = c.child if back else c.parent
    names = sorted(set(lots))
    found: list[tuple[str, str, int]] = []
    for i in range(0, len(names), 500):
        query = select(*c["child", "parent", "n"]).where(
            c.log_id == log_id, near.in_(names[i : i + 500])
        )
        found += [(child, parent, n) for child, parent, n in connection.execute(query)]
    return found


def serials_on(connection: Connection, log_id: str, lot: str) -> list[str]:
    """The serials that ever had grams on a lot, in the order they came."""
    c = tables.lot_certificates.c
    query = select(c.serial).where(c.log_id == log_id, c.lot == lot).order_by(c.n, c.serial)
    return list(connection.execute(query).scalars())


def listed(connection: Connection, log_id: str, key: str) -> dict[str, Any]:
    """The columns that lists show of an object (store.listing); empty where it is not listed."""
    c = tables.objects.c
    query = select(*(c[name] for name in listing.COLUMNS)).where(c.log_id == log_id, c.key == key)
    row = connection.execute(query).mappings().one_or_none()
    return {} if row is None else dict(row)


def parties_of(connection: Connection, log_id: str, ns: Iterable[int]) -> set[str]:
    """The parties that have a part in any of these entries."""
    c, wanted, found = tables.entry_parties.c, sorted(set(ns)), set[str]()
    for i in range(0, len(wanted), 500):
        query = select(c.party).where(c.log_id == log_id, c.n.in_(wanted[i : i + 500])).distinct()
        found.update(connection.execute(query).scalars())
    return found


def sees(connection: Connection, log_id: str, party: str, key: str) -> bool:
    """Whether a party ever had a part in an object ("lot:…", "certificate:…")."""
    c = tables.visible.c
    query = select(c.n).where(c.log_id == log_id, c.party == party, c.key == key)
    return connection.execute(query).first() is not None


def read_disclosures(connection: Connection, log_id: str, n: int) -> list[str]:
    """The private fields of an entry that are not erased, as disclosures."""
    c = tables.disclosures.c
    query = select(c.text).where(c.log_id == log_id, c.n == n).order_by(c.digest)
    return list(connection.execute(query).scalars())
