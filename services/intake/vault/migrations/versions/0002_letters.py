"""Letters of anonymous reporters, and the slow hashes of their query codes."""

from alembic import op

from services.intake.vault.letters import metadata

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, DELETE ON letters, codes TO zm_vault")
