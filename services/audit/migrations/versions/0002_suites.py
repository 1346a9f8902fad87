"""Adds to the ledger the algorithm of an event's digests."""

from alembic import op
from sqlalchemy import inspect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # 0001 makes the tables as they are described now: only an older ledger is to be changed.
    if any(column["name"] == "state_sha256" for column in inspect(op.get_bind()).get_columns("ledger")):
        op.execute("ALTER TABLE ledger RENAME COLUMN state_sha256 TO state_digest")
        op.execute("ALTER TABLE ledger ADD COLUMN algorithm text NOT NULL DEFAULT 'SHA-256'")
        op.execute("ALTER TABLE ledger ALTER COLUMN algorithm DROP DEFAULT")
