"""The tables. `log_id` leads every key, no sequences, no advisory locks (docs/operations.md).

`entries` and `checkpoints` are the log; `tiles` and `head` follow from them. Everything else is a
view that `remelt audit --rebuild-views` can drop and make again, except `disclosures` (erasable
private fields), `api_keys`, `party_keys`, `people` and `sessions`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: Final = MetaData(naming_convention=NAMING)


def _log_id() -> Column[str]:
    return Column("log_id", String(8), primary_key=True)


def _n(*, key: bool = False) -> Column[int]:
    return Column("n", BigInteger, primary_key=key, nullable=False, autoincrement=False)


head: Final = Table(
    "head",
    metadata,
    _log_id(),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("last_leaf", LargeBinary(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
entries: Final = Table(
    "entries",
    metadata,
    _log_id(),
    _n(key=True),
    Column("party", String(24), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Index("uq_entries_log_id_party_event_id", "log_id", "party", "event_id", unique=True),
)
tiles: Final = Table(
    "tiles",
    metadata,
    _log_id(),
    Column("level", BigInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
checkpoints: Final = Table(
    "checkpoints",
    metadata,
    _log_id(),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

# Views.
objects: Final = Table(
    "objects",
    metadata,
    _log_id(),
    Column("key", String(80), primary_key=True),
    _n(),
    Column("state", LargeBinary, nullable=False),
)
usage: Final = Table(
    "usage",
    metadata,
    _log_id(),
    Column("key", String(140), primary_key=True),
    _n(),
    Column("party", String(24), nullable=False),
)
touches: Final = Table(
    "touches",
    metadata,
    _log_id(),
    Column("key", String(80), primary_key=True),
    _n(key=True),
)
edges: Final = Table(
    "edges",
    metadata,
    _log_id(),
    Column("child", String(33), primary_key=True),
    Column("parent", String(33), primary_key=True),
    _n(key=True),
    Index("ix_edges_log_id_parent", "log_id", "parent"),
)
certificates: Final = Table(
    "certificates",
    metadata,
    _log_id(),
    Column("serial", String(12), primary_key=True),
    _n(),
    Column("view", LargeBinary, nullable=False),
)

# Beside the log.
disclosures: Final = Table(
    "disclosures",
    metadata,
    _log_id(),
    _n(key=True),
    Column("digest", String(43), primary_key=True),
    Column("text", Text, nullable=False),
)
api_keys: Final = Table(
    "api_keys",
    metadata,
    _log_id(),
    Column("key_hash", LargeBinary(32), primary_key=True),
    Column("key_id", String(8), nullable=False),
    Column("party", String(24), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)
party_keys: Final = Table(
    "party_keys",
    metadata,
    _log_id(),
    Column("kid", String(43), primary_key=True),
    Column("party", String(24), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
people: Final = Table(
    "people",
    metadata,
    _log_id(),
    Column("name", String(64), primary_key=True),
    Column("party", String(24), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger),
)
sessions: Final = Table(
    "sessions",
    metadata,
    _log_id(),
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("person", String(64)),
    Column("key_hash", LargeBinary(32)),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Index("ix_sessions_log_id_person", "log_id", "person"),
    Index("ix_sessions_log_id_key_hash", "log_id", "key_hash"),
)

VIEWS: Final = (objects, usage, touches, edges, certificates)
APPEND_ONLY: Final = (entries, checkpoints)
