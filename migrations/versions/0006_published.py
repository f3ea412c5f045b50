"""what was published, what witnesses know of it, and whose turn it is"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "published",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("published_ms", sa.BigInteger, nullable=False),
        sa.Column("met", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("log_id", name="pk_published"),
    )
    op.create_table(
        "witness_states",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("witness", sa.String(280), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("cosigned_ms", sa.BigInteger, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("log_id", "witness", name="pk_witness_states"),
    )
    op.create_table(
        "leases",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("log_id", "name", name="pk_leases"),
    )


def downgrade() -> None:
    op.drop_table("leases")
    op.drop_table("witness_states")
    op.drop_table("published")
