"""The kernel's tables for the vault's own events: requests for protection."""

from alembic import op

from shared.kernel.store.schema import create_kernel

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_kernel(op.get_bind(), "vault", "zm_vault")
