"""`python -m services.<name>.main migrate`, as operators run it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.databases import ensure_database
from deploy.local.postgres import Postgres
from deploy.local.process import ROOT
from deploy.local.stack import SERVICES
from tests.servers import PASSWORDS

TABLES = {"audit": "ledger", **{name: f"{name}_events" for name in SERVICES if name != "audit"}}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_owner_makes_the_tables_and_a_second_time_changes_nothing(
    server: Postgres, service: str, tmp_path: Path
) -> None:
    admin_url, made = server.start().admin_url, f"m_{uuid4().hex[:12]}"
    place = f"127.0.0.1:{server.port}"
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "ZM_PROFILE": "development",
        "ZM_KEYS_DIR": str(tmp_path),
    }
    for setting, role, name in (
        ("ZM", f"zm_{service}", made),
        ("ZM_VAULT", "zm_vault", f"{made}_vault"),
    ):
        await ensure_database(admin_url, name, f"{role}_owner", role, PASSWORDS)
        env[f"{setting}_DATABASE_URL"] = f"postgresql+asyncpg://{role}:{PASSWORDS.service}@{place}/{name}"
        owner = f"{role}_owner:{PASSWORDS.owner}"
        env[f"{setting}_OWNER_DATABASE_URL"] = f"postgresql+asyncpg://{owner}@{place}/{name}"
    command = [sys.executable, "-m", f"services.{service}.main", "migrate"]
    for _ in range(2):
        await asyncio.to_thread(subprocess.run, command, cwd=ROOT, env=env, check=True)
    connection = await asyncpg.connect(admin_url, database=made)
    query = "SELECT tableowner FROM pg_tables WHERE tablename = $1"
    assert await connection.fetchval(query, TABLES[service]) == f"zm_{service}_owner"
    await connection.close()
