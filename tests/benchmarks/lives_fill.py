"""Stores as so many complaints leave them, for whole lives to be played on.

Of each complaint there are: the six events of its life at intake (`life`), about an accused of its own, each
with the row of its command; the event that opened its case at verification; and audit's ledger, links and
tree of these seven, by audit's own taking in. Events are sealed and digested by each service's mapper and
written with COPY. The read models are made by the services themselves when they start.

Left out are the register's streams of the accused, the records of who read and searched, and the broker's
copies but for the last event of each log, from which its relay goes on: a stream is a cache of its log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from deploy.local.stack import Stack
from services.audit.database import engine_for
from services.audit.ledger import Ledger
from services.clarification.contract import LISTENS_TO as CLARIFICATION
from services.followup.contract import LISTENS_TO as FOLLOWUP
from services.intake.contract import LISTENS_TO as INTAKE
from services.verification.contract import LISTENS_TO as VERIFICATION
from services.verification.domain.case import VerificationCase
from services.verification.reactions import case_id
from shared.aggregate import Actor, Context
from shared.bus.connection import connect, disconnect
from shared.bus.envelope import BusKey, Published, content
from shared.bus.relay import Relay
from shared.clock import SystemClock
from shared.contracts.verification import VerificationCaseOpened
from shared.event import Recorded
from shared.security.roles import SYSTEM
from shared.service import load_law
from shared.store.canonical import content_digest
from shared.store.driver import open_engine
from shared.store.mapper import EventMapper
from shared.store.recorder import Recorder
from shared.store.sealing import Sealer
from shared.store.types import LogEntry
from tests.benchmarks.life import TOWNSHIP, YEAR, life

LISTENERS = {
    "intake": INTAKE,
    "verification": VERIFICATION,
    "clarification": CLARIFICATION,
    "followup": FOLLOWUP,
}
PAGE = 1_000
"""Complaints that are written at once."""
EVENTS = [
    *("originator_id", "originator_version", "topic", "state", "notification_id"),
    *("recorded_at", "content_digest", "correlation_id", "event_id"),
]
COMMANDS = ["id", "request_hash", "stream", "answer", "position", "recorded_at"]
LONG_AGO = timedelta(days=30)
"""How long before now the first event was recorded; each is a millisecond after the one before."""
SURNAMES, GIVEN = "王李张刘陈杨黄林赵周吴徐孙马朱胡郭何高罗", "安江然正帆宁溪柏凯明远清平和宇晨松岩川竹"


class Log:
    """A service's log, written page by page as its committer would have left it."""

    def __init__(self, stack: Stack, service: str, began: datetime) -> None:
        self.service = service
        self.position = 0
        self._url = stack.database_url(f"zm_{service}_owner", f"zm_{service}", "postgresql")
        self._mapper = EventMapper(Sealer.from_files(stack.data.keys / f"store-{service}.key", service))
        self._began = began
        self._connection: Any = None

    async def open(self) -> None:
        """Connects as the owner of the tables."""
        self._connection = await asyncpg.connect(self._url)
        await self._connection.set_type_codec(
            "jsonb", encoder=_jsonb, decoder=bytes, schema="pg_catalog", format="binary"
        )

    async def close(self) -> None:
        await self._connection.close()

    async def write(self, page: Sequence[Recorded]) -> list[LogEntry]:
        """Puts events behind the last one, each with the row of its command if it had one."""
        entries, rows, commands = [], [], []
        algorithm = self._mapper.digest
        for recorded in page:
            self.position += 1
            at = self._began + timedelta(milliseconds=self.position)
            stored, published = self._mapper.to_stored_event(recorded), content(recorded)
            stream, version, meta = recorded.originator_id, recorded.originator_version, recorded.meta
            proved = content_digest(recorded.salt, published, algorithm)
            place = (stream, version, stored.topic, stored.state, self.position, at)
            rows.append((*place, proved, meta.correlation_id, recorded.event_id))
            if meta.command_id is not None:
                answer = {"id": str(stream), "version": version, "state": recorded.state, "number": ""}
                told = orjson.dumps({**answer, "position": self.position})
                commands.append((meta.command_id, os.urandom(32), stream, told, self.position, at))
            placed = replace(recorded, position=self.position, recorded_at=at)
            digest = algorithm.of(stored.state)
            entries.append(
                LogEntry(placed, stored.topic, self.position - 1, digest, proved, algorithm, published)
            )
        await self._connection.copy_records_to_table(f"{self.service}_events", records=rows, columns=EVENTS)
        await self._connection.copy_records_to_table("commands", records=commands, columns=COMMANDS)
        return entries

    async def settle(self, tracked: dict[str, int], counted: dict[str, int]) -> None:
        """What stands beside the events: how far others' logs were taken in, and the last numbers given."""
        await self._connection.executemany(
            f"INSERT INTO {self.service}_tracking VALUES ($1, $2)", list(tracked.items())
        )
        await self._connection.executemany("INSERT INTO counters VALUES ($1, $2)", list(counted.items()))
        await self._connection.execute("VACUUM ANALYZE")


async def fill(stack: Stack, complaints: int) -> None:
    """Fills the stores of a stack that has just been made; its services do not run meanwhile."""
    began = datetime.now(UTC) - LONG_AGO
    lives, cases = complaints_of(complaints), Cases()
    async with AsyncExitStack() as opened:
        logs = {name: Log(stack, name, began) for name in LISTENERS}
        for log in logs.values():
            await log.open()
            opened.push_async_callback(log.close)
        engine = engine_for(stack.database_url("zm_audit"))
        opened.push_async_callback(engine.dispose)
        sealer = Sealer.from_files(stack.data.keys / "store-audit.key", "audit")
        ledger = Ledger(engine, sealer, SystemClock())
        while page := list(islice(lives, PAGE)):
            entries = await logs["intake"].write([event for events in page for event in events])
            await ledger.take_in([_published(entry) for entry in entries])
            opening = [cases.opened(events) for events in page]
            entries = await logs["verification"].write(opening)
            await ledger.take_in([_published(entry) for entry in entries])
        counters = {"intake": "XF", "verification": "HC"}
        year = {"intake": YEAR, "verification": cases.year}
        for name, log in logs.items():
            counted = {}
            if name in counters:
                series = f"{counters[name]}-{TOWNSHIP.removeprefix('DI-')}-{year[name]}"
                counted[series] = complaints
            await log.settle({source: logs[source].position for source in LISTENERS[name]}, counted)
    for name in counters:
        await _publish_last(stack, name)


def complaints_of(count: int) -> Iterator[list[Recorded]]:
    """The events of ever another complaint, about ever another accused."""
    patterns = life()
    for n in range(1, count + 1):
        stream = uuid4()
        yield [_own(pattern, stream, n) for pattern in patterns]


def _own(pattern: Recorded, stream: UUID, n: int) -> Recorded:
    event: Any = pattern.event
    fields, own = type(event).model_fields, dict[str, Any]()
    if "number" in fields:
        own["number"] = f"XF-990102100-{YEAR}-{n:06d}"
    if "accused" in fields:
        name = SURNAMES[n % 20] + GIVEN[n // 20 % 20] + GIVEN[n // 400 % 20]
        changed = {"ref": f"acc-{n}", "name": name, "unit": f"虚构镇第{n}站"}
        own["accused"] = tuple(a.model_copy(update=changed) for a in event.accused)
        own["allegations"] = tuple(
            a.model_copy(update={"accused_ref": f"acc-{n}"}) for a in event.allegations
        )
    return replace(
        pattern,
        originator_id=stream,
        event=event.model_copy(update=own) if own else event,
        meta=replace(pattern.meta, correlation_id=stream, command_id=uuid4()),
        event_id=uuid4(),
    )


class Cases:
    """The cases that verification opens of complaints that were handed over, as its reaction does. They are
    opened today, so that none of their deadlines is near."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.year = now.year
        self._count = 0
        self._ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, TOWNSHIP),
            now=now,
            occurred_at=now,
            law=load_law(),
            command="open_case",
            rule="P1",
        )
        self._pattern: Recorded | None = None

    def opened(self, events: Sequence[Recorded]) -> Recorded:
        """The event that opens the case of a complaint."""
        self._count += 1
        handed, complaint = events[-1], events[-1].originator_id
        if self._pattern is None:
            case = VerificationCase(case_id(complaint, 1))
            case.open(self._ctx, VerificationCaseOpened.model_validate(_told(handed)))
            (self._pattern,) = case.collect_events()
        own = _told(handed) | {"number": f"HC-990102100-{self.year}-{self._count:06d}"}
        meta = replace(
            self._pattern.meta,
            correlation_id=complaint,
            causation_id=handed.event_id,
            links=(str(complaint),),
        )
        return replace(
            self._pattern,
            originator_id=case_id(complaint, 1),
            event=self._pattern.event.model_copy(update=own),
            meta=meta,
            event_id=uuid4(),
        )


def _told(handed: Recorded) -> dict[str, Any]:
    """What a complaint tells of itself when it is handed over, as the case keeps it."""
    event: Any = handed.event
    told = {name: getattr(event, name) for name in ("accused", "allegations", "handling_dept")}
    told |= {name: getattr(event, name) for name in ("registered_by", "real_name", "assigned_by_superior")}
    return told | {
        "organ": handed.stream_organ,
        "complaint_ids": (str(handed.originator_id),),
        "complaint_numbers": (event.number,),
    }


def _published(entry: LogEntry) -> Published:
    """A row of the log as audit receives it."""
    recorded, told = entry.recorded, entry.published
    assert told is not None
    assert recorded.recorded_at is not None
    return Published(
        service=recorded.event.service,
        event_id=recorded.event_id,
        name=recorded.type,
        version=recorded.event.version,
        stream_id=recorded.originator_id,
        stream_version=recorded.originator_version,
        kind=recorded.kind,
        organ=recorded.stream_organ,
        state=recorded.state,
        time=told["time"],
        meta=told["meta"],
        event=told["event"],
        salt=recorded.salt,
        position=recorded.position,
        previous=entry.previous,
        recorded_at=recorded.recorded_at,
        topic=entry.topic,
        state_digest=entry.state_digest,
        content_digest=entry.content_digest,
        algorithm=entry.algorithm,
    )


async def _publish_last(stack: Stack, service: str) -> None:
    """Makes a service's stream and puts the last event of its log there, as its relay would."""
    keys = stack.data.keys
    engine = open_engine(stack.database_url(f"zm_{service}"), size=1)
    mapper = EventMapper(Sealer.from_files(keys / f"store-{service}.key", service))
    recorder = Recorder(engine, service, mapper, SystemClock(), content)
    nc = await connect(stack.nats.url, stack.nats.seed_file(service), service, _raise, _fatal)
    try:
        relay = Relay(service, nc, recorder, BusKey.from_files(keys / "bus.key"))
        await relay._create_stream()
        relay.position = await recorder.max_position() - 1
        await relay._publish(await recorder.read(relay.position, 1))
    finally:
        await disconnect(nc)
        await engine.dispose()


def _raise(problem: Exception) -> None:
    raise problem


def _fatal() -> None:
    raise RuntimeError("the broker is gone")


def _jsonb(text: bytes) -> bytes:
    """As COPY takes it: its version first."""
    return b"\x01" + text
