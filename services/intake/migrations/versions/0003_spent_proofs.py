"""Proofs of work that were spent, for all processes of intake; in no backup (SEC-6, SEC-1)."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        "CREATE UNLOGGED TABLE spent_proofs (digest bytea PRIMARY KEY, expires double precision NOT NULL)"
    )
    op.execute("CREATE INDEX spent_proofs_expires_idx ON spent_proofs (expires)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON spent_proofs TO zm_intake")
