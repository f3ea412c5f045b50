"""GTINs that parties register for their sites"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gtins",
        sa.Column("log_id", sa.String(8), nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("party", sa.String(24), nullable=False),
        sa.Column("site", sa.String(12), nullable=False),
        sa.Column("metal", sa.String(40), nullable=False),
        sa.Column("form", sa.String(40), nullable=False),
        sa.Column("scheme", sa.String(40), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("registered_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("log_id", "gtin", name="pk_gtins"),
    )
    op.create_index("ix_gtins_log_id_party", "gtins", ["log_id", "party"])
    op.create_index("ix_gtins_log_id_site", "gtins", ["log_id", "site"])


def downgrade() -> None:
    op.drop_table("gtins")
