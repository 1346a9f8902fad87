"""When a file was stored: what was copied for a complaint that was never written is swept by its age."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE blobs ADD COLUMN IF NOT EXISTS stored_at timestamptz NOT NULL DEFAULT now()")
