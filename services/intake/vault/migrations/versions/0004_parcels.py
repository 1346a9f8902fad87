"""Parcels sealed for a superior organ (A14). They are added, read and swept, never changed."""

from alembic import op

from services.intake.vault.parcels import metadata

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, DELETE ON parcels TO zm_vault")
