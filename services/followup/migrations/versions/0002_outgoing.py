"""Effects are carried out in the order of their transactions; those given up have an index of their own."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # A new database has both from the kernel's first migration already.
    op.execute("ALTER TABLE effects ADD COLUMN IF NOT EXISTS seq bigint GENERATED ALWAYS AS IDENTITY")
    op.execute("CREATE INDEX IF NOT EXISTS effects_dead_idx ON effects (key) WHERE state = 'dead'")
