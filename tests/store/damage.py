"""Hands on the database below every guard: triggers gone, bytes changed, and put back again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, text, update

from ledger import audit, entry
from ledger.book import encoding
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from ledger.tlog import checkpoint, tiles, tree

Leaf = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A writing transaction on a log that is never committed."""

    ledger: Ledger
    connection: Connection

    def execute(self, statement: str, *values: Any) -> Any:
        if self.connection.dialect.paramstyle == "pyformat":
            statement = statement.replace("?", "%s")
        return self.connection.exec_driver_sql(statement, values)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever is done inside is undone."""
        with self.connection.begin_nested() as savepoint:
            yield
            savepoint.rollback()

    def report(self) -> audit.Report:
        return audit.run(self.connection, self.ledger.log_id, self.ledger.verifier)

    def finding(self) -> audit.Finding:
        """What the audit finds; it must find something."""
        found = self.report().finding
        assert found is not None
        return found

    def after(self, statement: str, *values: Any) -> audit.Finding:
        """What the audit finds after one statement, which is undone."""
        with self.undone():
            assert self.execute(statement, *values).rowcount == 1, statement
            return self.finding()

    def leaves(self) -> list[bytes]:
        rows = entries.read_leaves(self.connection, self.ledger.log_id, 0, 2**62)
        return [row[2] for row in rows]

    # What a dishonest operator can do who has the log's key: everything but sign for the parties.

    def forge(self, n: int, alter: Callable[[Leaf], object]) -> None:
        """Change entry n and make everything that follows from it fit: hashes, tiles, heads."""
        leaves = self.leaves()
        leaf = encoding.decode_object(leaves[n])
        alter(leaf)
        self.rewrite([*leaves[:n], encoding.canonical(leaf), *leaves[n + 1 :]])

    def append(self, leaf: Leaf) -> None:
        """One more entry, and a checkpoint that covers it."""
        leaves = self.leaves()
        leaf = {**leaf, "n": len(leaves)}
        row = entry_row(self.ledger.log_id, encoding.canonical(leaf))
        self.connection.execute(insert(tables.entries), row)
        checkpoints = {"log_id": self.ledger.log_id, "size": len(leaves) + 1, "note": ""}
        self.connection.execute(insert(tables.checkpoints), checkpoints)
        self.rewrite([*leaves, row["leaf"]])

    def rewrite(self, leaves: list[bytes]) -> None:
        """Chain these leaves anew and store them with hashes, tiles, signed checkpoints, head."""
        c, previous, hashes = tables.entries.c, entry.ZERO_HASH, []
        for n, leaf in enumerate(leaves):
            chained = encoding.decode_object(leaf) | {"prev": previous.hex()}
            row = entry_row(self.ledger.log_id, encoding.canonical(chained))
            self.connection.execute(update(tables.entries).where(c.n == n).values(row))
            previous = row["leaf_hash"]
            hashes.append(previous)
        for (level, index), content in tiles.add_leaves(0, hashes, lambda *_: b"").items():
            self.execute(
                "UPDATE tiles SET hashes = ? WHERE level = ? AND idx = ?", content, level, index
            )
        for size in self.execute("SELECT size FROM checkpoints").scalars().all():
            self.execute(
                "UPDATE checkpoints SET note = ? WHERE size = ?", *self._sign(hashes, size)
            )
        at_ms = encoding.decode_object(leaves[-1])["at"]
        self.execute(
            "UPDATE head SET size = ?, root = ?, last_leaf = ?, at_ms = ?",
            len(hashes), tree.root(hashes), previous, at_ms,
        )  # fmt: skip

    def _sign(self, hashes: list[bytes], size: int) -> tuple[str, int]:
        head = checkpoint.Checkpoint(self.ledger.origin, size, tree.root(hashes[:size]))
        signer = self.ledger.sequencer.signers[0]
        return checkpoint.sign_checkpoint(head, [signer]).decode(), size


def entry_row(log_id: str, leaf: bytes) -> dict[str, Any]:
    found = entry.parse(leaf)
    return {
        "log_id": log_id, "n": found.n, "party": found.event.party, "event_id": found.event.id,
        "leaf_hash": entry.leaf_hash(leaf), "leaf": leaf,
    }  # fmt: skip


@contextmanager
def damaging(ledger: Ledger) -> Iterator[Damaged]:
    """The log without its triggers; nothing of what is done stays."""
    with engines.writing(ledger.engine) as connection:
        _drop_triggers(connection)
        yield Damaged(ledger, connection)
        connection.rollback()


def _drop_triggers(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in tables.APPEND_ONLY:
            connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        return
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    for name in names.scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def refuse_inserts(connection: Connection, table: str) -> None:
    """From the next commit on the database takes no new rows of a table."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused'; END $$"
        )
        action = "EXECUTE FUNCTION refuse()"
    else:
        action = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    connection.exec_driver_sql(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} {action}")


def allow_inserts(connection: Connection, table: str) -> None:
    on_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    connection.exec_driver_sql(f"DROP TRIGGER refuse{on_table}")
