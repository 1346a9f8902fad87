"""Databases and roles: one database per service, two roles in each, nothing for PUBLIC."""

from dataclasses import dataclass

import asyncpg

# Creating the same role or database twice must be harmless, and two starts never overlap (the lock of the
# data folder), so "look, then create" is enough.


@dataclass(frozen=True)
class Passwords:
    """Passwords of the two roles of a database."""

    owner: str
    service: str


async def ensure_database(
    admin_url: str, name: str, owner_role: str, service_role: str, passwords: Passwords
) -> None:
    """Make the database `name` and its roles what they should be; calling it again changes nothing.

    `owner_role` runs the migrations and owns the tables in schema public. `service_role` is what the
    service signs in as: it may use schema public (each migration grants it what it needs there, which is
    how the log of events stays append-only for it) and owns schema `view`, where it builds and rebuilds its
    read models.
    """
    admin = await asyncpg.connect(admin_url)
    try:
        await _ensure_role(admin, owner_role, passwords.owner)
        await _ensure_role(admin, service_role, passwords.service)
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await admin.execute(f"CREATE DATABASE {_quoted(name)} OWNER {_quoted(owner_role)}")
        await admin.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {_quoted(name)} TO {_quoted(service_role)}")
    finally:
        await admin.close()
    inside = await asyncpg.connect(admin_url, database=name)
    try:
        await inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        await inside.execute(f"ALTER SCHEMA public OWNER TO {_quoted(owner_role)}")
        await inside.execute(f"GRANT USAGE ON SCHEMA public TO {_quoted(service_role)}")
        await inside.execute(f'CREATE SCHEMA IF NOT EXISTS "view" AUTHORIZATION {_quoted(service_role)}')
        # A new function is executable by PUBLIC unless its owner says otherwise beforehand.
        await inside.execute(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {_quoted(owner_role)} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
        )
    finally:
        await inside.close()


async def ensure_reader(admin_url: str, name: str, role: str, password: str, table: str) -> None:
    """A role that may read one table of the database `name`, where there is such a table, and nothing else:
    by it audit holds a store against its evidence."""
    admin = await asyncpg.connect(admin_url)
    try:
        await _ensure_role(admin, role, password)
        await admin.execute(f"GRANT CONNECT ON DATABASE {_quoted(name)} TO {_quoted(role)}")
    finally:
        await admin.close()
    inside = await asyncpg.connect(admin_url, database=name)
    try:
        if await inside.fetchval("SELECT to_regclass($1)", table) is not None:
            await inside.execute(f"GRANT USAGE ON SCHEMA public TO {_quoted(role)}")
            await inside.execute(f"GRANT SELECT ON {_quoted(table)} TO {_quoted(role)}")
    finally:
        await inside.close()


async def close_defaults(admin_url: str) -> None:
    """Closes `postgres` and the templates to every role but the superuser."""
    admin = await asyncpg.connect(admin_url)
    try:
        for name in ("postgres", "template1"):
            await admin.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
    finally:
        await admin.close()


async def _ensure_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    exists = await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    await admin.execute(
        f"{verb} ROLE {_quoted(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
        f"PASSWORD {await admin.fetchval('SELECT quote_literal($1)', password)}"
    )


def _quoted(identifier: str) -> str:
    if not identifier.isidentifier() or not identifier.isascii():
        raise ValueError(f"not a name for a role or database: {identifier!r}")
    return f'"{identifier}"'
