"""Alerts have a severity and an end (B47)."""

from alembic import op
from sqlalchemy import inspect

from services.audit.tables import create_closing

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # 0001 makes the tables as they are described now: only an older audit is to be changed.
    if not inspect(op.get_bind()).has_table("alerts"):
        op.execute("DROP INDEX ledger_alerts_idx")
        create_closing(op.get_bind())
