"""Whether a quake looks like an explosion; NULL for those told before anyone asked."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    """Add the column; SQLite and PostgreSQL both do so without touching the rows."""
    op.add_column("quake", sa.Column("discrimination", sa.JSON(none_as_null=True), nullable=True))
