"""The content of stores, read models and streams at one moment, read past all services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import nats
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo
from nats.js.errors import NotFoundError

from deploy.local.stack import Stack
from services.audit.tables import PUBLISHERS
from services.clarification.contract import LISTENS_TO as CLARIFICATION_SOURCES
from services.followup.contract import LISTENS_TO as FOLLOWUP_SOURCES
from services.intake.contract import LISTENS_TO as INTAKE_SOURCES
from services.intake.vault.keys import secret_for as vaults_secret_for
from services.verification.contract import LISTENS_TO as VERIFICATION_SOURCES
from shared.casework.readmodel import CaseBook
from shared.kernel.bus.names import EVENT_ID, POSITION, PREVIOUS, stream_name
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.sealing import Sealer, keyrings, secret_for

SOURCES = {
    "intake": INTAKE_SOURCES,
    "verification": VERIFICATION_SOURCES,
    "clarification": CLARIFICATION_SOURCES,
    "followup": FOLLOWUP_SOURCES,
    "audit": PUBLISHERS,
}
"""The services that each service listens to."""
CASES, DEADLINES = (f"view.{table}_v{CaseBook.version}" for table in ("cases", "deadlines"))


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of a store's log, opened."""

    position: int
    stream: UUID
    version: int
    topic: str
    recorded_at: datetime
    event_id: UUID
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return self.topic.rpartition(".")[2]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = self.data["event"]
        return event

    @property
    def caused_by(self) -> str | None:
        cause: str | None = self.data["meta"].get("causation_id")
        return cause

    @property
    def command_id(self) -> UUID | None:
        id = self.data["meta"].get("command_id")
        return UUID(id) if id else None


@dataclass(frozen=True, slots=True)
class Command:
    """A row of `commands`."""

    id: UUID
    stream: UUID
    position: int
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Published:
    """A message of a stream, by its headers."""

    position: int
    previous: int
    event_id: str


@dataclass(slots=True)
class ServicePicture:
    """One writing service."""

    secret: bytes
    """The secret under which the ids of commands are made."""
    events: list[Stored]
    commands: dict[UUID, Command]
    tracked: dict[str, int]
    parked: list[tuple[str, int, str]]
    """(source, position, reason)."""
    counters: dict[str, int]
    projections: dict[str, int]
    cases: dict[UUID, dict[str, Any]]
    deadlines: list[dict[str, Any]]
    published: list[Published]

    @property
    def head(self) -> int:
        return self.events[-1].position if self.events else 0


def secret_of(stack: Stack, service: str) -> bytes:
    """The secret of a service's ids, from its key files."""
    if service == "intake":
        return vaults_secret_for("ids", (stack.data.keys / "vault.key").read_bytes())
    return secret_for("ids", keyrings(stack.data.keys / f"store-{service}.key", service))


@dataclass(slots=True)
class AuditPicture:
    """Audit's ledger, and the number of leaves of its trees."""

    ledger: dict[str, list[tuple[int, UUID, UUID, int]]]
    """Service -> (position, event id, stream, version) in order."""
    tracked: dict[str, int]
    parked: list[tuple[str, int, str]]
    leaves: dict[str, int]


@dataclass(slots=True)
class Picture:
    """All of it."""

    services: dict[str, ServicePicture]
    audit: AuditPicture


class Observatory:
    """Looks at one stack from outside. Opened states are remembered: they never change."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._opened: dict[tuple[str, bytes], dict[str, Any]] = {}
        self._mappers = {
            name: EventMapper(Sealer.from_files(stack.data.keys / f"store-{name}.key", name))
            for name in PUBLISHERS
        }

    async def look(self) -> Picture:
        """Reads everything."""
        nc = await self.admin()
        try:
            services = await asyncio.gather(*(self._service(name, nc) for name in PUBLISHERS))
        finally:
            await nc.close()
        return Picture(dict(zip(PUBLISHERS, services, strict=True)), await self._audit())

    async def connect(self, service: str) -> asyncpg.Connection:
        """A session on a service's database, as the service itself."""
        return await asyncpg.connect(self._stack.database_url(f"zm_{service}", scheme="postgresql"))

    async def admin(self) -> Client:
        """The broker's administrator."""
        return await nats.connect(
            self._stack.nats.url, nkeys_seed=str(self._stack.nats.seed_file("admin")), connect_timeout=5
        )

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Watch]:
        """Looks at the house again and again."""
        async with AsyncExitStack() as opened:
            connections = {}
            for name in SOURCES:
                connections[name] = await self.connect(name)
                opened.push_async_callback(connections[name].close)
            nc = await self.admin()
            opened.push_async_callback(nc.close)
            yield Watch(connections, nc)

    async def tracked(self, service: str) -> dict[str, int]:
        """The places up to which a service has taken its sources in."""
        connection = await self.connect(service)
        try:
            return await tracked_by(connection, service)
        finally:
            await connection.close()

    async def _service(self, name: str, nc: Client) -> ServicePicture:
        connection = await self.connect(name)
        try:
            events = await connection.fetch(
                "SELECT notification_id, originator_id, originator_version, topic, recorded_at, event_id,"
                f" state FROM {name}_events ORDER BY notification_id"
            )
            commands = await connection.fetch(
                # What a delivery brought about was nobody's command, though it is known by an id like one.
                "SELECT id, stream, position, answer::text FROM commands WHERE request_hash <> 'effect'"
            )
            parked = await connection.fetch("SELECT source, position, reason FROM parked ORDER BY position")
            counters = await connection.fetch("SELECT series, last FROM counters")
            projections = await connection.fetch("SELECT name, position FROM view.projection_positions")
            cases = await connection.fetch(f"SELECT * FROM {CASES}")
            deadlines = await connection.fetch(f"SELECT * FROM {DEADLINES}")
        finally:
            await connection.close()
        return ServicePicture(
            secret=secret_of(self._stack, name),
            events=[self._open(name, row) for row in events],
            commands={row[0]: Command(row[0], row[1], row[2], orjson.loads(row[3])) for row in commands},
            tracked=await self.tracked(name),
            parked=[tuple(row) for row in parked],
            counters={row[0]: row[1] for row in counters},
            projections={row[0]: row[1] for row in projections},
            cases={row["stream"]: dict(row) for row in cases},
            deadlines=[dict(row) for row in deadlines],
            published=await read_stream(nc, name),
        )

    def _open(self, service: str, row: Any) -> Stored:
        position, stream, version, topic, recorded_at, event_id, state = row
        data = self._opened.get((service, state))
        if data is None:
            data = self._mappers[service].open(stream, version, topic, state)
            self._opened[service, state] = data
        return Stored(position, stream, version, topic, recorded_at, event_id, data)

    async def _audit(self) -> AuditPicture:
        connection = await self.connect("audit")
        try:
            rows = await connection.fetch(
                "SELECT service, position, event_id, stream, version FROM ledger ORDER BY service, position"
            )
            parked = await connection.fetch("SELECT source, position, reason FROM parked ORDER BY position")
            leaves = await connection.fetch(
                "SELECT service, count(*) FROM nodes WHERE level = 0 GROUP BY service"
            )
        finally:
            await connection.close()
        ledger: dict[str, list[tuple[int, UUID, UUID, int]]] = {name: [] for name in PUBLISHERS}
        for row in rows:
            ledger[row[0]].append((row[1], row[2], row[3], row[4]))
        return AuditPicture(
            ledger=ledger,
            tracked=await self.tracked("audit"),
            parked=[tuple(row) for row in parked],
            leaves={row[0]: row[1] for row in leaves},
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """Sessions on all stores and on the broker."""

    connections: dict[str, asyncpg.Connection]
    nc: Client

    async def heads(self) -> dict[str, int]:
        """The ends of all logs."""
        return {
            name: await self.connections[name].fetchval(
                f"SELECT coalesce(max(notification_id), 0) FROM {name}_events"
            )
            for name in PUBLISHERS
        }

    async def lags(self, heads: dict[str, int], today: date) -> dict[str, int]:
        """The parts that are behind, and by how much; empty when the house has come to rest."""
        behind: dict[str, int] = {}
        for name, head in heads.items():
            connection = self.connections[name]
            for row in await connection.fetch("SELECT name, position FROM view.projection_positions"):
                behind[f"{name}: view {row['name']}"] = head - row["position"]
            behind[f"{name}: scheduler"] = await connection.fetchval(
                f"SELECT count(*) FROM {DEADLINES} WHERE NOT met AND NOT breached AND due < $1", today
            )
        for name, sources in SOURCES.items():
            tracked = await tracked_by(self.connections[name], name)
            behind |= {f"{name}: inbox {s}": heads[s] - tracked.get(s, 0) for s in sources}
        behind |= await self._unpublished(heads)
        return {what: lag for what, lag in behind.items() if lag}

    async def _unpublished(self, heads: dict[str, int]) -> dict[str, int]:
        behind = {}
        js = self.nc.jetstream()
        for name, head in heads.items():
            stream = stream_name(name)
            try:
                last = await js.get_last_msg(stream, f"zm.{name}.>")
                behind[f"{name}: relay"] = head - int((last.headers or {})[POSITION])
            except NotFoundError:
                behind[f"{name}: relay"] = head
                continue
            for consumer, sources in SOURCES.items():
                if name in sources:
                    behind[f"{name}: waiting for {consumer}"] = await _waiting(js, stream, consumer)
        return behind


async def tracked_by(connection: asyncpg.Connection, service: str) -> dict[str, int]:
    query = (
        "SELECT source, position FROM tracking"
        if service == "audit"
        else f"SELECT application_name, notification_id FROM {service}_tracking"
    )
    return {row[0]: row[1] for row in await connection.fetch(query)}


async def _waiting(js: JetStreamContext, stream: str, consumer: str) -> int:
    """Number of messages that a consumer has not been given yet; one that is missing still has to come back.

    Unacknowledged ones do not count: those of a process that was killed come again only after the ack wait,
    long after its successor has them from the log.
    """
    try:
        return (await js.consumer_info(stream, consumer)).num_pending or 0
    except NotFoundError:
        return 1


async def read_stream(nc: Client, service: str) -> list[Published]:
    """The headers of a whole stream in its order."""
    js = nc.jetstream()
    try:
        info: StreamInfo = await js.stream_info(stream_name(service))
    except NotFoundError:  # an emptied broker, and nothing to publish since
        return []
    count = info.state.messages
    if not count:
        return []
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        mem_storage=True,
        inactive_threshold=30,
    )
    subscription = await js.subscribe(
        f"zm.{service}.>", stream=stream_name(service), config=config, ordered_consumer=False
    )
    found: list[Published] = []
    try:
        while len(found) < count:
            headers = (await subscription.next_msg(timeout=10)).headers or {}
            found.append(Published(int(headers[POSITION]), int(headers[PREVIOUS]), headers[EVENT_ID]))
    finally:
        await subscription.unsubscribe()
    return found
