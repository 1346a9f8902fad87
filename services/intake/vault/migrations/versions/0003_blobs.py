"""Attachments: sealed originals and their copies without metadata."""

from alembic import op

from services.intake.vault.blobs import metadata

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, DELETE ON blobs, blob_chunks TO zm_vault")
