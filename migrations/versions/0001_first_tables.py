"""first tables: the log, its views, and what stands beside it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _log_id() -> sa.Column[str]:
    return sa.Column("log_id", sa.String(8), nullable=False)


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _text(name: str, size: int | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(size) if size else sa.Text, nullable=False)


def _bytes(name: str, size: int | None = None) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(size), nullable=False)


def _table(name: str, *columns: sa.Column[object], key: tuple[str, ...]) -> None:
    op.create_table(
        name, _log_id(), *columns, sa.PrimaryKeyConstraint("log_id", *key, name=f"pk_{name}")
    )


def upgrade() -> None:
    _table(
        "head", _text("origin"), _big("size"), _bytes("root", 32), _bytes("last_leaf", 32),
        _big("at_ms"), key=(),
    )  # fmt: skip
    _table(
        "entries", _big("n"), _text("party", 24), _text("event_id", 36), _bytes("leaf_hash", 32),
        _bytes("leaf"), key=("n",),
    )  # fmt: skip
    op.create_index(
        "uq_entries_log_id_party_event_id", "entries", ["log_id", "party", "event_id"], unique=True
    )
    _table("tiles", _big("level"), _big("idx"), _bytes("hashes"), key=("level", "idx"))
    _table("checkpoints", _big("size"), _text("note"), key=("size",))
    _table("objects", _text("key", 80), _big("n"), _bytes("state"), key=("key",))
    _table("usage", _text("key", 140), _big("n"), _text("party", 24), key=("key",))
    _table("touches", _text("key", 80), _big("n"), key=("key", "n"))
    _table(
        "edges", _text("child", 33), _text("parent", 33), _big("n"), key=("child", "parent", "n")
    )
    op.create_index("ix_edges_log_id_parent", "edges", ["log_id", "parent"])
    _table("certificates", _text("serial", 12), _big("n"), _bytes("view"), key=("serial",))
    _table("disclosures", _big("n"), _text("digest", 43), _text("text"), key=("n", "digest"))
    _table(
        "api_keys", _bytes("key_hash", 32), _text("key_id", 8), _text("party", 24),
        _text("scopes"), _text("label"), _big("created_ms"), _big("revoked_ms", nullable=True),
        key=("key_hash",),
    )  # fmt: skip
    _table("party_keys", _text("kid", 43), _text("party", 24), _bytes("sealed"), key=("kid",))
    if op.get_bind().dialect.name == "sqlite":
        _forbid_changes()


# REPLACE deletes the row in its way without asking the triggers for DELETE.
_IN_ITS_WAY = {
    "entries": "SELECT 1 FROM entries WHERE log_id = NEW.log_id AND n = NEW.n "
    "UNION ALL SELECT 1 FROM entries "
    "WHERE log_id = NEW.log_id AND party = NEW.party AND event_id = NEW.event_id",
    "checkpoints": "SELECT 1 FROM checkpoints WHERE log_id = NEW.log_id AND size = NEW.size",
}


def _forbid_changes() -> None:
    """An extra: nobody changes the log by accident. Proof is the hash chain, not the trigger."""
    for table, rows in _IN_ITS_WAY.items():
        for verb, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN EXISTS ({rows}) ")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {when}"
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    for table in (
        "party_keys", "api_keys", "disclosures", "certificates", "edges", "touches", "usage",
        "objects", "checkpoints", "tiles", "entries", "head",
    ):  # fmt: skip
        op.drop_table(table)
