"""Alembic's entry; the work is the same for every service."""

from shared.kernel.store.migrate import run_here

run_here()
