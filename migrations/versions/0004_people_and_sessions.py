"""people who log in, and the sessions of their browsers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("party", sa.String(24), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("disabled_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("log_id", "name", name="pk_people"),
    )
    op.create_table(
        "sessions",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("key_hash", sa.LargeBinary(32)),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("log_id", "token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_log_id_person", "sessions", ["log_id", "person"])
    op.create_index("ix_sessions_log_id_key_hash", "sessions", ["log_id", "key_hash"])


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_table("people")
