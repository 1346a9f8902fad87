"""Messages to the outside keep the trace of the call that asked for them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # A new database has it from its first migration already.
    op.execute("ALTER TABLE effects ADD COLUMN IF NOT EXISTS trace_id text NOT NULL DEFAULT ''")
