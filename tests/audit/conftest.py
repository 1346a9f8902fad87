"""A real PostgreSQL with audit's migration in it, and a fresh database per test."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local.postgres import Postgres
from services.audit.main import AuditParts, build
from services.audit.tables import ROLE
from shared.casework.command import Token
from shared.casework.tokens import TokenVerifier
from shared.kernel.settings import Settings
from shared.kernel.trust import Issuer
from shared.language.refusal import refuse
from tests.audit.world import COUNTY, Producer, World
from tests.servers import Database, migrated_database


@pytest.fixture
async def database(server: Postgres) -> Database:
    """Audit's database."""
    return await migrated_database(server, ROLE, "services/audit/migrations")


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """Settings of a development audit that has no broker."""
    for name in ("store-audit", "bus", "checkpoint-ed25519"):
        (tmp_path / f"{name}.key").write_bytes(secrets.token_bytes(32))
    env = {
        "ZM_PROFILE": "development",
        "ZM_DATABASE_URL": database.service_url,
        "ZM_OWNER_DATABASE_URL": database.owner_url,
        "ZM_KEYS_DIR": str(tmp_path),
        "ZM_OUTGOING_DIR": str(tmp_path / "outgoing"),
    }
    return Settings.from_env("audit", env)


class KnownPeople(TokenVerifier):
    """A verifier whose tokens are what they say: `Bearer <role> <organ>`."""

    def __init__(self) -> None:
        super().__init__(Issuer(name=""))

    async def verify(self, authorization: str | None) -> Token:
        if authorization is None:
            refuse("E_UNAUTHENTICATED")
        _, role, organ = authorization.split(" ")
        return Token(f"p-{role}-{organ}", frozenset({role}), organ, time.time() + 60)


@dataclass
class Audit:
    """A running audit: its parts, and a client at its door."""

    parts: AuditParts
    client: httpx.AsyncClient

    async def take_in(self, *producers: Producer, run: int = 3) -> None:
        """Takes each log in by runs, as the inboxes do."""
        for producer in producers:
            done = (await self.parts.ledger.tracked(producer.service)).position
            events = producer.published(done)
            for start in range(0, len(events), run):
                await self.parts.ledger.take_in(events[start : start + run])

    async def get(
        self, path: str, *, role: str = "auditor", organ: str = COUNTY, **params: str
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {role} {organ}"}
        return await self.client.get(path, params=params, headers=headers)


@pytest.fixture
async def audit(settings: Settings) -> AsyncIterator[Audit]:
    app, parts = build(settings, KnownPeople())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
        yield Audit(parts, client)
    await parts.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def told(audit: Audit, world: World) -> Audit:
    """An audit that knows the whole world; verification's log was taken in first, before its causes."""
    await audit.take_in(world.verification, world.intake)
    return audit
