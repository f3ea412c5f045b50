"""What the writer remembers of the log between commits: right edge, last tiles, known states."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from ledger import entry
from ledger.book import state
from ledger.errors import CorruptError
from ledger.store import entries
from ledger.tlog import tiles, tree


@dataclass(slots=True)
class Edge:
    """The head we left, and what belongs to it; dropped whenever it may be wrong.

    known, checked: see store.objects.Objects.
    """

    head: entries.Head
    edge: tree.Edge
    note: str = ""
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    known: dict[str, tuple[int, state.State]] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)


def load(connection: Connection, log_id: str, head: entries.Head) -> Edge:
    """The edge as the tiles give it. CorruptError if it is not that of the head."""
    read: dict[tuple[int, int], bytes] = {}

    def tile(level: int, index: int) -> bytes:
        read[level, index] = entries.read_tile(connection, log_id, level, index)
        return read[level, index]

    edge = tiles.edge_at(head.size, tile)
    if head.size and tree.edge_root(edge) != head.root:
        raise CorruptError(
            "STORE_CORRUPT",
            f"the tiles at size {head.size} do not give the root of the head",
            hint="run `remelt audit`; tiles can be rebuilt from the entries",
        )
    stored = entries.read_checkpoint(connection, log_id, head.size) if head.size else ""
    return Edge(head, edge, stored, read)


def follow(connection: Connection, log_id: str, head: entries.Head, before: Edge | None) -> Edge:
    """The edge of a head that another process left; states are remembered if it goes on from ours.

    Raises CorruptError.
    """
    edge = load(connection, log_id, head)
    if before is not None and 0 < before.head.size < head.size:
        last = entries.read_leaf(connection, log_id, before.head.size - 1)
        if entry.leaf_hash(last) == before.head.last_leaf:
            edge.known = before.known
    return edge


def read_tile(connection: Connection, log_id: str, edge: Edge, level: int, index: int) -> bytes:
    """A tile, remembered or read. CorruptError if it is missing."""
    kept = edge.tiles.get((level, index))
    return kept or entries.read_tile(connection, log_id, level, index)
