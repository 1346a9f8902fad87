"""Migrations of the record's tables by Alembic, run by the owner of the database and never by a service."""

from __future__ import annotations

import asyncio

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, func, pool, select
from sqlalchemy.ext.asyncio import create_async_engine

from shared.kernel.store.mark import ROOT, note_revision, take_over

_ONE_AT_A_TIME = select(func.pg_advisory_xact_lock(func.hashtext("zm.migrate")))
"""Lets one migration run at a time. The second waits until the first has committed, and then finds nothing
left to do."""


def migrate(folder: str, url: str) -> None:
    """Brings a database to the newest revision of a migrations folder (`services/intake/migrations`). Raises
    `CannotTakeOver` for one of another form, and leaves it as it is."""
    config = Config()
    # A percent sign in the path of the program is no interpolation of Alembic's.
    config.set_main_option("script_location", str(ROOT / folder).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run_here() -> None:
    """The body of every `env.py`: one transaction per run, over the owner's connection."""

    async def run(url: str) -> None:
        engine = create_async_engine(url, poolclass=pool.NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(_run)
        await engine.dispose()

    asyncio.run(run(context.config.attributes["url"]))


def _run(connection: Connection) -> None:
    connection.execute(_ONE_AT_A_TIME)
    context.configure(connection=connection, target_metadata=None)
    known = {script.revision for script in context.script.walk_revisions()}
    take_over(connection, set(context.get_context().get_current_heads()), known)
    context.run_migrations()
    note_revision(connection, str(context.script.get_current_head()))
