"""A table of starts."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    database = op.get_bind().engine.url.database
    op.execute("CREATE TABLE starts (at timestamptz DEFAULT now())")
    op.execute(f"GRANT INSERT, SELECT ON starts TO {database}")
