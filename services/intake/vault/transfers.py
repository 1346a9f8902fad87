"""What the petition platform sent, as it came: encrypted for us by the platform, opened when it is read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.receiving import TRANSFERRED
from services.intake.vault.store import AWAY, at_once
from shared.store.types import StoreUnavailable

metadata = MetaData()
transfers = Table(
    "transfers",
    metadata,
    Column("complaint", Uuid, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("blob", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

NAME = re.compile(f"{TRANSFERRED}[0-9a-f]{{64}}")


class Transfers:
    """Sealed originals by complaint. The event names the digest, so that it can mean no other bytes."""

    def __init__(self, engine: AsyncEngine, ready: Callable[[], Awaitable[None]] = at_once) -> None:
        self._engine = engine
        self._ready = ready
        """Nothing is answered from a restored vault before it has forgotten again (domain.md §6.5)."""

    async def keep(self, complaint: UUID, blob: str) -> str:
        """Keeps it before the event is written that refers to it; returns its name."""
        digest = sha256(blob.encode()).hexdigest()
        row = {"complaint": complaint, "digest": bytes.fromhex(digest), "blob": blob}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(
                    insert(transfers)
                    .values(row)
                    .on_conflict_do_update(
                        index_elements=["complaint", "digest"], set_={"received_at": func.now()}
                    )
                )
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return TRANSFERRED + digest

    async def copy(self, origin: UUID, complaint: UUID, name: str) -> str:
        """The original goes along to the complaint born of this one; returns its name, "" where there is
        none (any more)."""
        blob = await self.sealed(origin, name)
        return await self.keep(complaint, blob) if blob is not None else ""

    async def sealed(self, complaint: UUID, name: str) -> str | None:
        """What was kept under a name; None where there is nothing (any more)."""
        if not NAME.fullmatch(name):
            return None
        await self._ready()
        digest = bytes.fromhex(name.removeprefix(TRANSFERRED))
        query = select(transfers.c.blob).where(
            transfers.c.complaint == complaint, transfers.c.digest == digest
        )
        try:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).scalar()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
