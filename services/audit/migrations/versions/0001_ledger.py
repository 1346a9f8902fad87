"""Ledger, trees, checkpoints and access log."""

from alembic import op

from services.audit.tables import create

revision = "0001"
down_revision = None


def upgrade() -> None:
    create(op.get_bind())
