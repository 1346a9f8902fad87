"""The time at which a file was stored: copies for a complaint that was never written are swept by their
age."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE blobs ADD COLUMN IF NOT EXISTS stored_at timestamptz NOT NULL DEFAULT now()")
