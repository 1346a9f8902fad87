"""Keys under which something was erased are noted, and their living rows may move to another key."""

from alembic import op

from services.intake.vault.renewal import WRAPPED, metadata

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON spent_keys TO zm_vault")
    op.execute(
        "CREATE FUNCTION note_spent_keys() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO spent_keys (name) SELECT DISTINCT wrapped_by FROM erased ON CONFLICT DO NOTHING; "
        "RETURN NULL; END $$"
    )
    for table in WRAPPED:
        # Deposits stand as they are; only the key under which their own key lies may change.
        op.execute(f"GRANT UPDATE (wrapped_by, wrapped_key) ON {table} TO zm_vault")
        op.execute(
            f"CREATE TRIGGER note_spent_keys AFTER DELETE ON {table} REFERENCING OLD TABLE AS erased "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_spent_keys()"
        )
