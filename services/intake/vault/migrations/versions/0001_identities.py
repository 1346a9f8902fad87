"""The vault's one table. Its user may add and erase, but never change what was deposited."""

from alembic import op

from services.intake.vault.store import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT USAGE ON SCHEMA public TO zm_vault")
    op.execute("GRANT SELECT, INSERT, DELETE ON identities TO zm_vault")
    # The first deposit stands: a repeated one rewrites nothing but its own key column.
    op.execute("GRANT UPDATE (complaint) ON identities TO zm_vault")
