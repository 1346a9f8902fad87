"""Counts of questions to the screen, and of their askers (B54)."""

from alembic import op

from services.intake.vault.questions import metadata

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON questions TO zm_vault")
