"""The access log is a tree, checkpoints leave the machine, and bulk reading is counted here."""

from alembic import op
from sqlalchemy import inspect

from services.audit.tables import create_guards

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # 0001 makes the tables as they are described now: only an older audit is to be changed.
    if not any(column["name"] == "prev_hash" for column in inspect(op.get_bind()).get_columns("access_log")):
        return
    op.execute("ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey")
    op.execute("ALTER TABLE checkpoints ADD PRIMARY KEY (service, size, signed_at)")
    # Records that were written as a chain are kept as they are; the tree begins anew.
    op.execute("ALTER TABLE access_log RENAME TO access_log_chained")
    op.execute("ALTER INDEX access_log_pkey RENAME TO access_log_chained_pkey")
    op.execute("ALTER INDEX access_log_about_idx RENAME TO access_log_chained_about_idx")
    create_guards(op.get_bind())
