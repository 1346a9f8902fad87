"""Stores as so many complaints leave them, for whole lives to be played on.

Each complaint has: the six events of its life at intake (`life`), about an accused of its own, each with the
row of its command; the event that opened its case at verification; and audit's ledger, with streams, numbers,
subjects and claims, and its tree, of these seven. The read models are made by the services themselves when
they start.

Left out are the register's streams of the accused, the records of who read and searched, and the broker's
copies but for the last event of each log, from which its relay goes on: a stream is a cache of its log.

An event is recorded by its aggregate and rendered by mapper, envelope and ledger once; then only what is
another complaint's own is put in its place, and the state is sealed there. The tests hold both ways equal,
and before anything is measured a sample of the stores is loaded as the services load it (`genuine`).
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from deploy.local.stack import Stack
from services.audit import proof, record
from services.audit.cases import Cases
from services.audit.database import engine_for, using
from services.audit.tables import LEDGER, PUBLISHERS
from services.clarification.contract import LISTENS_TO as CLARIFICATION
from services.followup.contract import LISTENS_TO as FOLLOWUP
from services.intake.contract import LISTENS_TO as INTAKE
from services.intake.domain.complaint import Complaint
from services.verification.contract import LISTENS_TO as VERIFICATION
from services.verification.domain.case import VerificationCase
from services.verification.reactions import case_id
from shared.casework.aggregate import Actor, Context
from shared.casework.repository import Repository
from shared.casework.service import load_law
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.envelope import BusKey, Published, content
from shared.kernel.bus.relay import Relay
from shared.kernel.clock import SystemClock
from shared.kernel.store.canonical import canonical, content_digest
from shared.kernel.store.driver import open_engine
from shared.kernel.store.mapper import EventMapper, content_of, data_of
from shared.kernel.store.reading import Readers
from shared.kernel.store.recorder import LEGAL_TIME, Recorder
from shared.kernel.store.sealing import Sealer, digest_of
from shared.kernel.suites import Digest
from shared.language.contracts.verification import VerificationCaseOpened
from shared.language.event import Recorded
from shared.language.roles import SYSTEM
from tests.benchmarks.life import TOWNSHIP, YEAR, life

LISTENERS = {
    "intake": INTAKE,
    "verification": VERIFICATION,
    "clarification": CLARIFICATION,
    "followup": FOLLOWUP,
}
PAGE = 2_000
"""Complaints that are written at once."""
SAMPLE = 50
EVENTS = [
    *("originator_id", "originator_version", "topic", "state", "notification_id"),
    *("recorded_at", "content_digest", "correlation_id", "event_id"),
]
COMMANDS = ["id", "request_hash", "stream", "answer", "position", "recorded_at"]
STREAMS = ["stream", "service", "kind", "organ", "correlation_id", "about"]
MATTERS = ["stream", "matter"]
NUMBERS = ["number", "stream", "correlation_id", "occurred_at", "recorded_at"]
SUBJECTS = ["service", "position", "subject", "stream", "correlation_id", "occurred_at", "recorded_at"]
CLAIMS = ["service", "position", "target", "correlation_id", "occurred_at", "recorded_at"]
ROWS = [column.name for column in LEDGER.columns]
RECORDED_AGO = timedelta(days=30)
"""Age of the first event; each is recorded a millisecond after the one before."""
SURNAMES, GIVEN = "王李张刘陈杨黄林赵周吴徐孙马朱胡郭何高罗", "安江然正帆宁溪柏凯明远清平和宇晨松岩川竹"
SALT = bytes(16)


@dataclass(frozen=True, slots=True)
class Own:
    """The values that one complaint has for itself: ids, numbers, its accused."""

    n: int
    stream: UUID
    case: UUID
    events: tuple[UUID, ...]
    """Ids of its events, the case's opening last."""
    commands: tuple[UUID, ...]

    @classmethod
    def of(cls, n: int, events: int) -> Own:
        """The n-th complaint, whose life has so many events."""
        random = os.urandom(32 * events)
        ids = tuple(_uuid4(random[k : k + 16]) for k in range(0, len(random), 16))
        return cls(n, ids[0], case_id(ids[0], 1), ids[1 : events + 1], ids[events + 1 :])

    @property
    def number(self) -> str:
        return f"XF-990102100-{YEAR}-{self.n:06d}"

    def case_number(self, year: int) -> str:
        return f"HC-990102100-{year}-{self.n:06d}"

    @property
    def claim(self) -> str:
        """The id of its one allegation."""
        return f"{str(self.stream)[:8]}-a1"

    @property
    def accused(self) -> dict[str, str]:
        """Reference, name and unit."""
        n = self.n
        name = SURNAMES[n % 20] + GIVEN[n // 20 % 20] + GIVEN[n // 400 % 20]
        return {"ref": f"acc-{n:08d}", "name": name, "unit": f"虚构镇第{n:08d}站"}


class Template:
    """A text in which some words are another's each time."""

    def __init__(self, text: bytes, words: Sequence[bytes]) -> None:
        parts = re.split(b"(" + b"|".join(map(re.escape, words)) + b")", text)
        self._parts: list[bytes | int] = [words.index(p) if k % 2 else p for k, p in enumerate(parts)]

    def filled(self, words: Sequence[bytes]) -> bytes:
        """The text with these words in the places of the first ones."""
        return b"".join([part if type(part) is bytes else words[part] for part in self._parts])  # type: ignore[index]


class Pattern:
    """One event of a life as it is stored, proved and kept by audit, for every complaint."""

    def __init__(self, recorded: Recorded, words: Sequence[bytes]) -> None:
        assert recorded.recorded_at is not None
        published = published_of(recorded)
        kept = record.keep(published)
        self.recorded = recorded
        self.service: str = recorded.event.service
        self.topic = recorded.event.topic
        self.version = recorded.originator_version
        self.occurred_at = recorded.meta.occurred_at
        self.state = Template(orjson.dumps(data_of(recorded)), words)
        self.proved = Template(proved_text(recorded), words)
        self.plaintext = Template(kept.plaintext, words)
        self.line = Template(kept.line, words)
        self.about = bool(record.subjects_of(published.event))
        self.numbered = bool(record.number_of(published))
        self.kept: dict[str, Any] = {
            "service": self.service,
            "version": self.version,
            "kind": recorded.kind,
            "organ": recorded.stream_organ,
            "type": recorded.type,
            "topic": self.topic,
            "state": recorded.state,
            "actor": recorded.meta.actor,
            "role": recorded.meta.role,
            "actor_organ": recorded.meta.organ,
            "about": record.about(published),
            "occurred_at": self.occurred_at,
            "algorithm": Digest.SHA_256,
            "event_at": kept.event_at,
            "hidden": kept.hidden,
            "confidential": kept.confidential,
        }


def recorded_life(events: Sequence[Recorded], own: Own, now: datetime) -> list[Recorded]:
    """The life of one complaint at intake, and last the opening of its case."""
    recorded = [own_event(event, own, n) for n, event in enumerate(events)]
    return [*recorded, opened_case(recorded[-1], own, now)]


def own_event(event: Recorded, own: Own, n: int) -> Recorded:
    """The n-th event of a life at intake as another complaint's."""
    payload: Any = event.event
    fields, changed = type(payload).model_fields, dict[str, Any]()
    if "number" in fields:
        changed["number"] = own.number
    if "accused" in fields:
        claim = {"id": own.claim, "accused_ref": own.accused["ref"]}
        changed["accused"] = tuple(a.model_copy(update=own.accused) for a in payload.accused)
        changed["allegations"] = tuple(a.model_copy(update=claim) for a in payload.allegations)
    return replace(
        event,
        originator_id=own.stream,
        event=payload.model_copy(update=changed),
        meta=replace(
            event.meta, correlation_id=own.stream, matters=(own.stream,), command_id=own.commands[n]
        ),
        event_id=own.events[n],
        salt=SALT,
    )


def opened_case(handed: Recorded, own: Own, now: datetime) -> Recorded:
    """The record of verification when the complaint is handed over, as its reaction makes it."""
    event: Any = handed.event
    case = VerificationCase(own.case)
    ctx = Context(
        actor=Actor(SYSTEM, SYSTEM, handed.stream_organ),
        now=now,
        occurred_at=now,
        law=load_law(),
        command="open_case",
        rule="P1",
        correlation_id=own.stream,
        matters=(own.stream,),
        causation_id=handed.event_id,
    )
    opened = VerificationCaseOpened(
        number=own.case_number(now.year),
        organ=handed.stream_organ,
        complaint_ids=(str(own.stream),),
        complaint_numbers=(event.number,),
        accused=event.accused,
        allegations=event.allegations,
        handling_dept=event.handling_dept,
        registered_by=event.registered_by,
        real_name=event.real_name,
    )
    case.open(ctx, opened)
    (recorded,) = case.collect_events()
    return replace(recorded, event_id=own.events[-1], salt=SALT)


def proved_text(recorded: Recorded) -> bytes:
    """The bytes of which the content digest is made."""
    return canonical({"salt": recorded.salt.hex(), "event": content(recorded)})


def published_of(recorded: Recorded) -> Published:
    """An event as audit receives it, but for what its place and the store's digests give."""
    told = content(recorded)
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
        previous=recorded.position - 1,
        epoch=UUID(int=0),
        recorded_at=recorded.recorded_at,
        topic=recorded.event.topic,
        state_digest=b"",
        content_digest=b"",
        algorithm=Digest.SHA_256,
    )


class Life:
    """The events of a life as patterns, and which words in them are a complaint's own."""

    PLACE = (987_654_321, datetime(2001, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC))
    """Place of every pattern, until it has one of its own."""

    def __init__(self, now: datetime) -> None:
        """The cases were opened `now`: no deadline of theirs is near."""
        events = life()
        own = Own.of(0, len(events) + 1)
        self.year = now.astimezone(LEGAL_TIME).year
        self.length = len(events) + 1
        position, at = self.PLACE
        words = [*self.words(own), *place_of(position, at)]
        self.patterns = [
            Pattern(replace(recorded, position=position, recorded_at=at), words)
            for recorded in recorded_life(events, own, now)
        ]

    def words(self, own: Own) -> list[bytes]:
        """A complaint's own values as they stand in the texts, always in the same order."""
        ids = map(str, (own.stream, own.case, *own.events, *own.commands))
        told = (own.claim, own.number, own.case_number(self.year), *own.accused.values())
        return [word.encode() for word in (*ids, *told)]


def place_of(position: int, at: datetime) -> tuple[bytes, bytes]:
    """An event's place as it stands in the texts."""
    return str(position).encode(), at.isoformat().encode()


class Pages:
    """The rows of many complaints, table by table."""

    def __init__(self, life: Life, sealers: dict[str, Sealer], began: datetime) -> None:
        self.life = life
        self.positions = dict.fromkeys(sealers, 0)
        self._sealers = sealers
        self._began = began

    def rows(self, first: int, count: int) -> dict[tuple[str, str], tuple[list[str], list[Any]]]:
        """Rows of complaints from the n-th on: columns and records by database and table."""
        tables: dict[tuple[str, str], tuple[list[str], list[Any]]] = {}
        for service in ("intake", "verification"):
            tables[service, f"{service}_events"] = (EVENTS, [])
        tables["intake", "commands"] = (COMMANDS, [])
        kept = {
            "ledger": ROWS,
            "streams": STREAMS,
            "matters": MATTERS,
            "numbers": NUMBERS,
            "subjects": SUBJECTS,
            "claims": CLAIMS,
        }
        tables |= {("audit", name): (columns, []) for name, columns in kept.items()}
        for n in range(first, first + count):
            own = Own.of(n, self.life.length)
            words = self.life.words(own)
            for k, pattern in enumerate(self.life.patterns):
                self._add(tables, own, words, k, pattern)
        return tables

    def _add(self, tables: Any, own: Own, words: list[bytes], k: int, pattern: Pattern) -> None:
        service = pattern.service
        position = self.positions[service] = self.positions[service] + 1
        at = self._began + timedelta(milliseconds=position)
        words = [*words, *place_of(position, at)]
        last = k == self.life.length - 1
        stream, event_id = own.case if last else own.stream, own.events[k]
        state = self._sealers[service].seal(
            pattern.state.filled(words), stream, pattern.version, pattern.topic
        )
        proved = Digest.SHA_256.of(pattern.proved.filled(words))
        place = (stream, pattern.version, pattern.topic, state, position, at)
        tables[service, f"{service}_events"][1].append((*place, proved, own.stream, event_id))
        if not last:
            answer = {"id": str(stream), "version": pattern.version, "state": pattern.kept["state"]}
            told = orjson.dumps({**answer, "number": "", "position": position})
            command = (own.commands[k], os.urandom(32), stream, told, position, at)
            tables["intake", "commands"][1].append(command)
        plaintext = pattern.plaintext.filled(words)
        values = {
            **pattern.kept,
            "position": position,
            "event_id": event_id,
            "stream": stream,
            "correlation_id": own.stream,
            "recorded_at": at,
            "state_digest": Digest.SHA_256.of(state),
            "content_digest": proved,
            "line": pattern.line.filled(words),
            "sealed": self._sealers["audit"].seal(plaintext, event_id, position, service),
        }
        tables["audit", "ledger"][1].append([values[name] for name in ROWS])
        when = (pattern.occurred_at, at)
        if pattern.version == 1:
            kind, organ = pattern.kept["kind"], pattern.kept["organ"]
            tables["audit", "streams"][1].append((stream, service, kind, organ, own.stream, None))
            tables["audit", "matters"][1].append((stream, own.stream))
        if pattern.numbered:
            number = own.case_number(self.life.year) if last else own.number
            tables["audit", "numbers"][1].append((number, stream, own.stream, *when))
        if pattern.about:
            subject = (service, position, own.accused["ref"], stream, own.stream, *when)
            tables["audit", "subjects"][1].append(subject)
        if last:
            for target in (own.stream, own.events[k - 1]):
                tables["audit", "claims"][1].append((service, position, str(target), own.stream, *when))


async def fill(stack: Stack, complaints: int) -> None:
    """Fills the stores of a stack that has just been made; its services do not run meanwhile."""
    sealers = {name: _sealer(stack, name) for name in ("intake", "verification", "audit")}
    now = datetime.now(UTC)
    pages = Pages(Life(now), sealers, now - RECORDED_AGO)
    async with AsyncExitStack() as opened:
        databases = {name: await _owner(stack, name, opened) for name in (*LISTENERS, "audit")}
        for first in range(1, complaints + 1, PAGE):
            rows = pages.rows(first, min(PAGE, complaints + 1 - first))
            for (database, table), (columns, records) in rows.items():
                await databases[database].copy_records_to_table(table, records=records, columns=columns)
        ends = dict.fromkeys(PUBLISHERS, 0) | {
            name: pages.positions[name] for name in ("intake", "verification")
        }
        places = {
            source: await databases[source].fetchrow(
                "SELECT notification_id, event_id, (SELECT id FROM epochs)"
                f" FROM {source}_events WHERE notification_id = $1",
                end,
            )
            for source, end in ends.items()
            if end
        }
        for name, sources in LISTENERS.items():
            tracked = [(source, *places[source]) for source in sources if source in places]
            await databases[name].executemany(f"INSERT INTO {name}_tracking VALUES ($1, $2, $3, $4)", tracked)
        organ = TOWNSHIP.removeprefix("DI-")
        for name, series in (
            ("intake", f"XF-{organ}-{YEAR}"),
            ("verification", f"HC-{organ}-{pages.life.year}"),
        ):
            await databases[name].execute("INSERT INTO counters VALUES ($1, $2)", series, complaints)
        audit = databases["audit"]
        for source in ends:
            if source in places:
                await audit.execute("INSERT INTO tracking VALUES ($1, $2, $3, $4)", source, *places[source])
            await proof.extend(audit, source)
        for database in databases.values():
            await database.execute("VACUUM ANALYZE")
    for name in ("intake", "verification"):
        await _publish_last(stack, name)


async def genuine(stack: Stack, complaints: int) -> None:
    """Loads cases as the services do, and what audit keeps of them as its replays do: each is whole, stands
    where its life ends, and has the digests of its content. An error if it is not so."""
    sample = [1 + n * (complaints - 1) // (SAMPLE - 1) for n in range(SAMPLE)]
    engine = engine_for(stack.database_url("zm_audit"))
    cases = Cases(Readers(engine, 1), _sealer(stack, "audit"))
    try:
        for service, kind, each, end in (
            ("intake", Complaint, len(life()), "WITH_HANDLER"),
            ("verification", VerificationCase, 1, "OPENED"),
        ):
            positions = [each * n for n in sample]
            async with _recorder(stack, service) as recorder, using(engine) as audit:
                repository = Repository(recorder)
                for position in positions:
                    (entry,) = await recorder.read(position - 1, 1)
                    told = content_of(entry.stream, entry.version, entry.topic, entry.data)
                    case = await repository.get(kind, entry.stream)
                    kept = await audit.fetchrow(
                        "SELECT * FROM ledger WHERE service = $1 AND position = $2", service, position
                    )
                    fits = content_digest(bytes.fromhex(entry.data["salt"]), told) == entry.content_digest
                    digest = digest_of(entry.state).of(entry.state)
                    same = kept["state_digest"] == digest and cases.told(kept).content == told
                    if case is None or case.state != end or not fits or not same:
                        raise RuntimeError(f"{service} {position} is not what its life made it")
    finally:
        await engine.dispose()


async def _owner(stack: Stack, service: str, opened: AsyncExitStack) -> Any:
    url = stack.database_url(f"zm_{service}_owner", f"zm_{service}", "postgresql")
    connection: Any = await asyncpg.connect(url)
    opened.push_async_callback(connection.close)
    await connection.set_type_codec(
        "jsonb", encoder=_jsonb, decoder=bytes, schema="pg_catalog", format="binary"
    )
    return connection


async def _publish_last(stack: Stack, service: str) -> None:
    """Makes a service's stream and puts the last event of its log there, as its relay would."""
    nc = await connect(stack.nats.url, stack.nats.seed_file(service), service, _raise, _fatal)
    try:
        async with _recorder(stack, service) as recorder:
            relay = Relay(service, nc, recorder, BusKey.from_files(stack.data.keys / "bus.key"))
            await relay._create_stream()
            relay.position, relay._epoch = await recorder.max_position() - 1, await recorder.epoch()
            await relay._publish(await recorder.read(relay.position, 1))
    finally:
        await disconnect(nc)


@asynccontextmanager
async def _recorder(stack: Stack, service: str) -> AsyncIterator[Recorder]:
    """A service's log, to be read."""
    engine = open_engine(stack.database_url(f"zm_{service}"), size=1)
    try:
        yield Recorder(engine, service, EventMapper(_sealer(stack, service)), SystemClock())
    finally:
        await engine.dispose()


def _sealer(stack: Stack, service: str) -> Sealer:
    return Sealer.from_files(stack.data.keys / f"store-{service}.key", service)


def _raise(problem: Exception) -> None:
    raise problem


def _fatal() -> None:
    raise RuntimeError("the broker is gone")


def _uuid4(random: bytes) -> UUID:
    return UUID(bytes=random, version=4)


def _jsonb(text: bytes) -> bytes:
    """Writes the text as COPY takes it: its version first."""
    return b"\x01" + text
