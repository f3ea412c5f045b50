"""The end of the log, checked in a moment: what a server looks at before it goes on writing.

The whole log is the business of `ledger.audit`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from ledger import entry
from ledger.errors import CorruptError, LedgerError
from ledger.store import entries
from ledger.tlog import checkpoint, note, tiles, tree

LAST: Final = 256


def check(connection: Connection, log_id: str, verifiers: Iterable[note.Verifier]) -> entries.Head:
    """The head, if its checkpoint, right edge and last 256 entries hang together.

    Checked: the stored checkpoint of the head's size is signed by one of `verifiers` and says the
    head's origin, size and root; the tiles of the right edge give that root; of the last 256
    entries leaf hash, tile, chain, index and recorded time; the head's last leaf and time are
    theirs. One read transaction. Raises CorruptError STORE_CORRUPT.
    """
    head = entries.read_head(connection, log_id)
    if head is None:
        raise _wrong("head", f"no log {log_id}")
    if head.size == 0:
        return head
    try:
        _check_checkpoint(connection, log_id, head, verifiers)
        _check_entries(connection, log_id, head)
    except CorruptError as error:
        raise _wrong(error.field or "head", error.message) from error
    except LedgerError as error:
        raise _wrong("checkpoint", f"checkpoint {head.size}: {error.message}") from error
    return head


def _wrong(field: str, message: str) -> CorruptError:
    hint = "do not go on writing; run `remelt audit` (docs/operations.md says what then)"
    return CorruptError("STORE_CORRUPT", message, field=field, hint=hint)


def _check_checkpoint(
    connection: Connection,
    log_id: str,
    head: entries.Head,
    verifiers: Iterable[note.Verifier],
) -> None:
    text = entries.read_checkpoint(connection, log_id, head.size)
    signed, _ = checkpoint.open_checkpoint(text.encode(), verifiers)
    if (signed.origin, signed.size, signed.root) != (head.origin, head.size, head.root):
        raise _wrong("checkpoint", f"checkpoint {head.size}: it is not that of the head")
    edge = tiles.edge_at(
        head.size, lambda level, i: entries.read_tile(connection, log_id, level, i)
    )
    if tree.edge_root(edge) != head.root:
        raise _wrong("tiles", f"the tiles at size {head.size} do not give the root of the head")


def _check_entries(connection: Connection, log_id: str, head: entries.Head) -> None:
    start = max(0, head.size - LAST)
    subtree = tiles.hash_reader(
        head.size, lambda level, i: entries.read_tile(connection, log_id, level, i)
    )
    last = subtree(0, start - 1) if start else entry.ZERO_HASH
    n, at_ms = start, 0
    for index, leaf_hash, leaf, _, _ in entries.read_leaves(connection, log_id, start, head.size):
        found = entry.parse(leaf)
        for name, had, want in (
            ("n", (index, found.n), (n, n)),
            ("leaf", leaf_hash, entry.leaf_hash(leaf)),
            ("tile", subtree(0, n), leaf_hash),
            ("prev", found.prev, last.hex()),
            ("at", found.at_ms, max(found.at_ms, at_ms)),
        ):
            if had != want:
                raise _wrong(name, f"entry {n}: {name} is not what the log wants there")
        last, at_ms, n = leaf_hash, found.at_ms, n + 1
    if (n, last, at_ms) != (head.size, head.last_leaf, head.at_ms):
        raise _wrong("head", f"the head of {head.size} is not that of entry {n - 1}")
