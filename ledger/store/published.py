"""What the log published last, how far its witnesses are, and which process publishes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger.store import tables

PUBLISHER: Final = "publisher"
_PUBLISHED: Final = ("size", "note", "published_ms", "met")
_STATE: Final = ("witness", "name", "size", "cosigned_ms", "asked_ms", "kind", "why")


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint that is served, with its cosignatures.

    published_ms: when it was last put up or renewed. met: whether the operator's quorum cosigned.
    """

    size: int
    note: str
    published_ms: int
    met: bool


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a witness.

    witness: name and id of its key. name: as the operator's list calls it. size: of the tree that
    it saw last. cosigned_ms: when it last cosigned, 0 for never. asked_ms: when it last answered,
    or failed to. kind, why: the outcome (ledger.tlog.witness.Answer), "" before the first.
    """

    witness: str
    name: str
    size: int = 0
    cosigned_ms: int = 0
    asked_ms: int = 0
    kind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """Whose turn it is, until when."""

    owner: str
    until_ms: int


def read(connection: Connection, log_id: str, *, lock: bool = False) -> Published | None:
    """What is published; None where nothing was yet. lock: hold the row until the commit."""
    query = select(*tables.published.c[_PUBLISHED]).where(tables.published.c.log_id == log_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return Published(row.size, row.note, row.published_ms, bool(row.met))


def write(connection: Connection, log_id: str, before: Published | None, after: Published) -> bool:
    """Put `after` in the place of `before`; False if `before` is not what is there.

    Whoever calls this sees to it that the size never falls.
    """
    values = {"log_id": log_id, **asdict(after), "met": int(after.met)}
    if before is None:
        added = _insert(connection, tables.published).values(values).on_conflict_do_nothing()
        return connection.execute(added.returning(tables.published.c.size)).first() is not None
    c = tables.published.c
    swap = update(tables.published).where(
        c.log_id == log_id, c.size == before.size, c.note == before.note
    )
    return bool(connection.execute(swap.values(values)).rowcount == 1)


def states(connection: Connection, log_id: str) -> dict[str, State]:
    """Every witness that is asked, by its key, in the order of their names."""
    c = tables.witness_states.c
    query = select(*c[_STATE]).where(c.log_id == log_id).order_by(c.name)
    return {row.witness: State(*row) for row in connection.execute(query)}


def write_states(connection: Connection, log_id: str, changed: Iterable[State]) -> None:
    """Put these states in place of what was known of the same witnesses."""
    for state in changed:
        values = {"log_id": log_id, **asdict(state)}
        added = _insert(connection, tables.witness_states).values(values)
        keys = ["log_id", "witness"]
        fresh = {name: added.excluded[name] for name in _STATE[1:]}
        connection.execute(added.on_conflict_do_update(index_elements=keys, set_=fresh))


def keep_only(connection: Connection, log_id: str, listed: Iterable[str]) -> None:
    """Forget the witnesses that are no longer asked."""
    c = tables.witness_states.c
    connection.execute(
        delete(tables.witness_states).where(c.log_id == log_id, c.witness.not_in(list(listed)))
    )


def read_lease(connection: Connection, log_id: str, name: str = PUBLISHER) -> Lease | None:
    """Who has the turn, or had it last."""
    c = tables.leases.c
    query = select(c.owner, c.until_ms).where(c.log_id == log_id, c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else Lease(*row)


def is_held(lease: Lease, owner: str, now_ms: int, length_ms: int) -> bool:
    """Whether it is somebody else's turn.

    A turn that ends much later than one taken now would is the slip of another machine's clock.
    """
    return lease.owner != owner and now_ms < lease.until_ms <= now_ms + 2 * length_ms


def take_lease(
    connection: Connection, log_id: str, fresh: Lease, now_ms: int, name: str = PUBLISHER
) -> bool:
    """Take the turn, or keep it: False while it is somebody else's, as `is_held` has it."""
    values = {"log_id": log_id, "name": name, "owner": fresh.owner, "until_ms": fresh.until_ms}
    added = _insert(connection, tables.leases).values(values)
    c = tables.leases.c
    taken = added.on_conflict_do_update(
        index_elements=["log_id", "name"],
        set_={"owner": added.excluded.owner, "until_ms": added.excluded.until_ms},
        where=(c.owner == fresh.owner)
        | (c.until_ms <= now_ms)
        | (c.until_ms > 2 * fresh.until_ms - now_ms),
    )
    return connection.execute(taken.returning(c.owner)).first() is not None


def end_lease(connection: Connection, log_id: str, owner: str, name: str = PUBLISHER) -> None:
    """End the turn of `owner`, if it has it."""
    c = tables.leases.c
    held = (c.log_id == log_id) & (c.name == name) & (c.owner == owner)
    connection.execute(delete(tables.leases).where(held))


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
