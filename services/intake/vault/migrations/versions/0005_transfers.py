"""Originals from the petition platform, sealed as they came. Added and erased, never changed."""

from alembic import op

from services.intake.vault.transfers import metadata

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, DELETE ON transfers TO zm_vault")
