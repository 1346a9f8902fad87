"""An audit made anew from the producers' own logs, beside the one that serves.

The new tables are filled in a schema of their own and must give every root that was ever signed. Only then,
and only if asked, do they take the place of the old ones, which are kept under another schema. The signed
checkpoints and the access log, which nobody else has, are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from nats.aio.client import Client
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit import proof
from services.audit.database import using
from services.audit.ledger import Ledger
from services.audit.tables import DERIVED, PUBLISHERS, ROLE, create_checkpoints, create_ingest
from shared.kernel.bus.envelope import BusKey
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.bus.log_server import fetch_log

log = structlog.get_logger("rebuild")
SCHEMA = "rebuild"
_PAGE = 500
_TABLES = (*(table.name for table in DERIVED), "seen", "tracking", "parked")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result: the number of events of each service, and the signed roots that were not met."""

    sizes: dict[str, int]
    checked: int
    missed: Sequence[tuple[str, int]]


async def prepare(owner: AsyncEngine) -> None:
    """Makes the empty tables; drops those of an earlier, unfinished rebuild."""

    def run(connection: Connection) -> None:
        for statement in (
            f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
            f"CREATE SCHEMA {SCHEMA}",
            f"GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE}",
            f"SET LOCAL search_path TO {SCHEMA}, public",
        ):
            connection.execute(text(statement))
        create_ingest(connection)

    async with owner.begin() as connection:
        await connection.run_sync(run)


async def fill(ledger: Ledger, nats: Client, key: BusKey) -> None:
    """Takes in every log from its beginning to where it ends now."""
    for service in PUBLISHERS:
        position = 0
        while lines := (await fetch_log(nats, service, position, _PAGE)).lines:
            events = [open_envelope(line, key) for line in lines]
            await ledger.take_in(events)
            position = events[-1].position
        log.info("rebuild.log_taken_in", service=service, position=position)


async def compare(rebuilt: AsyncEngine, serving: AsyncEngine) -> Rebuilt:
    """Compares the new trees with every root that was ever signed."""
    async with using(serving) as driver:
        signed = await driver.fetch(
            "SELECT DISTINCT service, size, root FROM public.checkpoints WHERE service = ANY($1::text[])",
            list(PUBLISHERS),
        )
    missed = []
    async with using(rebuilt) as driver:
        sizes = {service: await proof.size_of(driver, service) for service in PUBLISHERS}
        for row in signed:
            service, size = row["service"], row["size"]
            if size > sizes[service] or await proof.root_of(driver, service, size) != row["root"]:
                missed.append((service, size))
    return Rebuilt(sizes, len(signed), missed)


async def replace(owner: AsyncEngine, *, signed_anew: bool = False) -> str:
    """Puts the new tables in the place of the old ones; returns the schema in which these are kept.

    `signed_anew`: the checkpoints of the old ledger go with it, since the new one has not the same roots.
    """
    kept = f"before_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"

    def run(connection: Connection) -> None:
        connection.execute(text(f"CREATE SCHEMA {kept}"))
        for table in _TABLES:
            connection.execute(text(f"ALTER TABLE public.{table} SET SCHEMA {kept}"))
            connection.execute(text(f"ALTER TABLE {SCHEMA}.{table} SET SCHEMA public"))
        if signed_anew:
            connection.execute(text(f"ALTER TABLE public.checkpoints SET SCHEMA {kept}"))
            create_checkpoints(connection)
        # Readings are looked at anew: the new ledger may be shorter than the place that was reached.
        connection.execute(text("DELETE FROM watched WHERE source <> 'access'"))
        connection.execute(text(f"DROP SCHEMA {SCHEMA}"))

    async with owner.begin() as connection:
        await connection.run_sync(run)
    return kept
