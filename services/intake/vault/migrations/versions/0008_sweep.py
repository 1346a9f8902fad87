"""Deposits are looked at once, when they are old: found by their time, which a repeated deposit renews; and
only while intake's log is the one that the vault has seen."""

from alembic import op

from services.intake.vault.sweep import metadata

revision = "0008"
down_revision = "0007"
TIMES = {
    "identities": "deposited_at",
    "letters": "written_at",
    "transfers": "received_at",
    "blobs": "stored_at",
    "parcels": "deposited_at",
}


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("GRANT SELECT, INSERT, UPDATE ON log_seen TO zm_vault")
    op.execute("REVOKE UPDATE (complaint) ON identities FROM zm_vault")
    for table, time in TIMES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {table}_{time}_idx ON {table} ({time})")
        if table != "parcels":
            # Deposits stand as they are; only their times are told anew.
            op.execute(f"GRANT UPDATE ({time}) ON {table} TO zm_vault")
