"""The tables of the kernel: events, tracking, commands, counters, parked, effects."""

from alembic import op

from shared.kernel.store.schema import create_kernel

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel(op.get_bind(), "clarification", "zm_clarification")
