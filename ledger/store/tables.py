"""The tables. `log_id` leads every key, no sequences, no advisory locks (docs/operations.md).

`entries` and `checkpoints` are the log; `tiles` and `head` follow from them. Everything else is a
view that `remelt audit --rebuild-views` can drop and make again, except `disclosures` (erasable
private fields), `api_keys`, `party_keys`, `people`, `sessions` and `gtins`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

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
    # What lists filter and sort by, of the kinds that are listed; NULL for all others.
    Column("kind", String(5)),
    Column("place", String(8)),
    Column("site", String(12)),
    Column("party", String(24)),
    Column("country", String(2)),
    Column("roles", String(100)),
    Column("metal", String(32)),
    Column("form", String(32)),
    Column("made_n", BigInteger),
    Column("made_ms", BigInteger),
    Column("since_n", BigInteger),
    Column("since_ms", BigInteger),
)
Index(
    "ix_objects_log_id_kind_n",
    objects.c.log_id,
    objects.c.kind,
    objects.c.n,
    sqlite_where=text("kind IS NOT NULL"),
    postgresql_where=text("kind IS NOT NULL"),
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
    Column("changed_n", BigInteger, nullable=False),
    Column("issuer", String(24), nullable=False),
    Column("site", String(12), nullable=False),
    Column("substance", String(3), nullable=False),
    Column("status", String(8), nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("valid_until", String(10)),
    Index("ix_certificates_log_id_changed_n", "log_id", "changed_n"),
)
lot_certificates: Final = Table(
    "lot_certificates",
    metadata,
    _log_id(),
    Column("lot", String(33), primary_key=True),
    Column("serial", String(12), primary_key=True),
    _n(),
    sqlite_with_rowid=False,
)
entry_parties: Final = Table(
    "entry_parties",
    metadata,
    _log_id(),
    _n(key=True),
    Column("party", String(24), primary_key=True),
    Column("stated", SmallInteger, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("site", String(12), nullable=False),
    Column("occurred_ms", BigInteger, nullable=False),
    Index("ix_entry_parties_log_id_party_n", "log_id", "party", "n"),
    sqlite_with_rowid=False,
)
visible: Final = Table(
    "visible",
    metadata,
    _log_id(),
    Column("party", String(24), primary_key=True),
    Column("key", String(80), primary_key=True),
    _n(),
    sqlite_with_rowid=False,
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
gtins: Final = Table(
    "gtins",
    metadata,
    _log_id(),
    Column("gtin", String(14), primary_key=True),
    Column("party", String(24), nullable=False),
    Column("site", String(12), nullable=False),
    Column("metal", String(40), nullable=False),
    Column("form", String(40), nullable=False),
    Column("scheme", String(40), nullable=False),
    Column("code", String(40), nullable=False),
    Column("registered_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Index("ix_gtins_log_id_party", "log_id", "party"),
    Index("ix_gtins_log_id_site", "log_id", "site"),
)

published: Final = Table(
    "published",
    metadata,
    _log_id(),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("published_ms", BigInteger, nullable=False),
    Column("met", SmallInteger, nullable=False),
)
witness_states: Final = Table(
    "witness_states",
    metadata,
    _log_id(),
    Column("witness", String(280), primary_key=True),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("cosigned_ms", BigInteger, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("why", Text, nullable=False),
)
leases: Final = Table(
    "leases",
    metadata,
    _log_id(),
    Column("name", String(20), primary_key=True),
    Column("owner", String(32), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

VIEWS: Final = (
    objects, usage, touches, edges, certificates, lot_certificates, entry_parties, visible,
)  # fmt: skip
APPEND_ONLY: Final = (entries, checkpoints)
