"""what lists filter and sort by, and who may see what; views, made again after the upgrade"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WORDS = {
    "kind": 5, "place": 8, "site": 12, "party": 24, "country": 2, "roles": 100, "metal": 32,
    "form": 32,
}  # fmt: skip
_NUMBERS = ("made_n", "made_ms", "since_n", "since_ms")


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _table(name: str, *columns: sa.Column[object], key: tuple[str, ...], rowid: bool) -> None:
    op.create_table(
        name,
        _text("log_id", 8),
        *columns,
        sa.PrimaryKeyConstraint("log_id", *key, name=f"pk_{name}"),
        sqlite_with_rowid=rowid,
    )


def _certificates(*more: sa.Column[object]) -> None:
    op.drop_table("certificates")
    view = sa.Column("view", sa.LargeBinary, nullable=False)
    _table("certificates", _text("serial", 12), _big("n"), view, *more, key=("serial",), rowid=True)


def upgrade() -> None:
    for name, size in _WORDS.items():
        op.add_column("objects", _text(name, size, nullable=True))
    for name in _NUMBERS:
        op.add_column("objects", sa.Column(name, sa.BigInteger))
    listed = sa.text("kind IS NOT NULL")
    op.create_index(
        "ix_objects_log_id_kind_n", "objects", ["log_id", "kind", "n"],
        sqlite_where=listed, postgresql_where=listed,
    )  # fmt: skip
    _certificates(
        _big("changed_n"), _text("issuer", 24), _text("site", 12), _text("substance", 3),
        _text("status", 8), _big("issued_ms"), _text("valid_until", 10, nullable=True),
    )  # fmt: skip
    op.create_index("ix_certificates_log_id_changed_n", "certificates", ["log_id", "changed_n"])
    _table(
        "lot_certificates", _text("lot", 33), _text("serial", 12), _big("n"),
        key=("lot", "serial"), rowid=False,
    )  # fmt: skip
    _table(
        "entry_parties", _big("n"), _text("party", 24),
        sa.Column("stated", sa.SmallInteger, nullable=False), _text("kind", 24), _text("site", 12),
        _big("occurred_ms"), key=("n", "party"), rowid=False,
    )  # fmt: skip
    op.create_index("ix_entry_parties_log_id_party_n", "entry_parties", ["log_id", "party", "n"])
    _table(
        "visible", _text("party", 24), _text("key", 80), _big("n"), key=("party", "key"),
        rowid=False,
    )  # fmt: skip


def downgrade() -> None:
    for table in ("visible", "entry_parties", "lot_certificates"):
        op.drop_table(table)
    _certificates()
    op.drop_index("ix_objects_log_id_kind_n", "objects")
    for name in (*_WORDS, *_NUMBERS):
        op.drop_column("objects", name)
