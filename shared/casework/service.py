"""The assembly of a writing service; each `main.py` says what is its own.

One process may serve (`api`), work in the background (`worker`: relay, inboxes, projections, deadlines) or
both. The order of stopping: no new requests, those in flight finish, workers stop, pools close.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from nats.aio.client import Client
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uvicorn.config import STARTUP_FAILURE

from shared.casework.aggregate import Actor, Aggregate, Law
from shared.casework.command import Command
from shared.casework.dead import DeadLetters, note_replay
from shared.casework.gate import Beside, CommandGate, Facts, Screen
from shared.casework.http.app import Application, make_app
from shared.casework.http.commands import Face
from shared.casework.http.direct import CommandProtocol
from shared.casework.http.openapi import posted
from shared.casework.http.places import Places
from shared.casework.http.readgate import CaseReadGate
from shared.casework.http.reads import Reads
from shared.casework.http.recusals import RecusalRequests
from shared.casework.operating import carried_out, list_dead, list_parked, parser_of, replay_dead, sources_of
from shared.casework.reaction import Desk, Reactions
from shared.casework.readmodel import CaseBook
from shared.casework.repository import Repository
from shared.casework.scheduler import OnBreach, OnReminder, Scheduler
from shared.casework.screen import RemoteScreen
from shared.casework.tokens import TokenMetrics, TokenVerifier
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.envelope import BusKey, Published
from shared.kernel.bus.inbox import Inbox
from shared.kernel.bus.log_server import LogServer
from shared.kernel.bus.observer import Observer
from shared.kernel.bus.parking import PgParkedStore, reason_of
from shared.kernel.bus.relay import Relay
from shared.kernel.bus.restore import Restoration, Told
from shared.kernel.clock import Clock, FileClock, SystemClock
from shared.kernel.http.metrics import BusMetrics
from shared.kernel.memory import keep_to_itself
from shared.kernel.outgoing.worker import Outgoing, OutgoingJob, OutgoingMetrics
from shared.kernel.settings import Reader, Settings, with_files
from shared.kernel.spans import step
from shared.kernel.store.clockwatch import ClockWatch
from shared.kernel.store.driver import away, open_engine
from shared.kernel.store.inspection import Inspection
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.mark import check_store
from shared.kernel.store.projector import Projector
from shared.kernel.store.reading import Readers, Reading
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Sealer, keyrings, secret_for
from shared.kernel.store.types import Append, StoreUnavailable
from shared.kernel.trace import follow, tell_trace
from shared.language.law.deadlines import Catalogue
from shared.language.law.policy import load_policy
from shared.language.law.working_days import load_years
from shared.language.organs.tree import Level, OrganTree
from shared.language.roles import SYSTEM

log = structlog.get_logger("service")
Work = Callable[[], Coroutine[Any, Any, None]]
SHUTDOWN_SECONDS = 20
SUM_SECONDS = 60
DEFECT_STATUS = 70
"""The exit status of a process that a defect ended (EX_SOFTWARE of sysexits.h): a supervisor does not take it
for one that was asked to stop."""
BROKER_SECONDS = 30
KEEP_ALIVE_SECONDS = 150
"""Seconds for which a connection is kept: longer than the front door keeps one, since one that closes just as
it is used again loses a request that nobody may repeat."""


class UnknownVersion(Exception):
    """A producer speaks a newer version of an event that this service must react to."""


@dataclass(slots=True)
class Parts:
    """The parts of a running service; handed to the code that adds a service's own."""

    settings: Settings
    law: Law
    clock: Clock
    engine: AsyncEngine
    recorder: Recorder
    repository: Repository
    projector: Projector
    book: CaseBook
    nats: Client
    registry: CollectorRegistry
    face: Face
    command_gate: CommandGate
    reads: Reads
    reading: Reading
    bus_key: BusKey
    observer: BusMetrics
    inboxes: list[Inbox] = field(default_factory=list)
    workers: list[Work] = field(default_factory=list)
    always: list[Work] = field(default_factory=list)
    """Work that every process does, whatever its roles."""
    rooms: list[Parts] = field(default_factory=list)
    """Services that live within this one (intake's vault)."""
    halted: set[str] = field(default_factory=set)
    """Parts of this process that stand still until a person has looked."""
    teller: Callable[[str, str | None], None] | None = None
    """Tells of a halt in our place, where nobody reads our own metrics."""

    def halt(self, part: str, reason: str | None) -> None:
        """Tells that a part stands still, or that it gets on again, by `zm_halted` and `/readyz`."""
        if self.teller is not None:
            self.teller(part, reason)
            return
        self.observer.halted(part, reason)
        if reason is None:
            self.halted.discard(part)
        else:
            self.halted.add(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The declaration of one service: its commands, reactions and contract, and its own additions."""

    name: str
    title: str
    """The service's title, in ASCII: generators call their packages after it."""
    title_zh: str
    commands: Sequence[type[Command]]
    reactions: Reactions = field(default_factory=dict)
    listens_to: Sequence[str] = ()
    extra_projections: Callable[[], Sequence[Any]] = tuple
    extend: Callable[[Application, Parts], None] = lambda app, parts: None
    facts: Callable[[Parts], Facts] = lambda parts: {}
    beside: Callable[[Parts], dict[str, Beside]] = lambda parts: {}
    on_breach: Callable[[Parts], OnBreach] = lambda parts: {}
    on_reminder: Callable[[Parts], OnReminder] = lambda parts: {}
    outgoing: Callable[[Parts], dict[str, OutgoingJob]] = lambda parts: {}
    """The way in which each kind of this service's effects on the outside is carried out."""
    screen: Callable[[Parts], Screen] | None = None
    secret: Callable[[Settings], bytes] | None = None
    """The secret under which ids of commands are made, where the store's own is not secret enough for what
    they bring."""
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    """Paths that take larger bodies than the rest, and how many bytes (attachments, batches)."""
    for_anyone: str = ""
    """Path prefix of the routes that need no token. Together they may take at most half of the requests in
    flight."""
    migrations: Sequence[tuple[str, str]] = ()
    """Further migration folders with the setting that names the owner's URL (intake's vault)."""
    readers: frozenset[str] | None = None
    """The only roles that may know of these cases at all; None: every member of an organ."""
    readers_of_files: Mapping[str, Reader] = field(default_factory=dict)
    """The readers of the files that are settings of this service alone, by setting."""
    within: str = ""
    """The service in whose process and package this one lives (intake's vault)."""

    @property
    def kinds(self) -> list[type[Aggregate]]:
        return list(dict.fromkeys(c.on for c in self.commands))

    @property
    def commands_on(self) -> dict[type[Aggregate], list[type[Command]]]:
        """The commands that people, and not the system, may give on a case that is there, by its kind."""
        given = [c for c in posted(self.commands) if not c.creates and not c.gate.anyone]
        return {kind: [c for c in given if c.on is kind] for kind in self.kinds}


def load_law(calendar_file: str = "") -> Law:
    """The law as the packaged files have it: policy, deadlines, organs; with the years of a calendar that
    are published since."""
    if calendar_file:
        load_years(calendar_file)
    return Law(load_policy(), Catalogue.load(), OrganTree.load())


def clock_of(settings: Settings) -> Clock:
    """The simulated clock where there is one, and else the computer's own, which is watched."""
    if settings.clock_file:
        return FileClock(Path(settings.clock_file))
    return SystemClock(timedelta(seconds=settings.clock_jump_seconds))


def build(service: Service, settings: Settings, *, nats: Client | None = None) -> tuple[Application, Parts]:
    """Constructs everything and starts nothing; the application's lifespan starts and stops the parts."""
    law = load_law(settings.calendar_file)
    clock = clock_of(settings)
    engine = open_engine(settings.database_url, size=settings.pool_size)
    keys = settings.keys_dir
    rings = keyrings(keys / f"store-{service.name}.key", service.name, settings.suite)
    sealer = Sealer(*rings)
    mapper = EventMapper(sealer)
    recorder = Recorder(engine, service.name, mapper, clock)
    repository = Repository(recorder)
    registry = CollectorRegistry()
    book = CaseBook()
    projector = Projector(engine, recorder, [book, *service.extra_projections()], clock)
    verifier = TokenVerifier(settings.issuer, law.organs, TokenMetrics(registry))
    client = nats or Client()
    bus_key = BusKey.from_files(keys / "bus.key", settings.suite)
    screen = RemoteScreen(client, bus_key)
    secret = secret_for("ids", rings) if service.secret is None else service.secret(settings)
    command_gate = CommandGate(service.name, law, clock, recorder, repository, screen, secret)
    face = Face(command_gate, verifier, Places(sealer))
    readers = Readers(open_engine(settings.database_url, size=settings.pool_size), settings.pool_size)
    reading = Reading(readers)
    read_gate = CaseReadGate(face, command_gate, recorder, projector, book, clock)
    reads = Reads(service.name, face, read_gate, recorder, projector, engine, reading, book, clock)
    command_gate.readers = service.readers
    command_gate.commands = service.commands_on
    parts = Parts(
        settings=settings,
        law=law,
        clock=clock,
        engine=engine,
        recorder=recorder,
        repository=repository,
        projector=projector,
        book=book,
        nats=client,
        registry=registry,
        face=face,
        command_gate=command_gate,
        reads=reads,
        reading=reading,
        bus_key=bus_key,
        observer=BusMetrics(registry, service.listens_to),
    )
    _tell_halted(parts)
    command_gate.facts = service.facts(parts)
    command_gate.beside = service.beside(parts)
    if service.screen is not None:
        command_gate.screen = service.screen(parts)
    draining = [False]
    app = make_app(
        name=service.name,
        within=service.within,
        halted=lambda: parts.halted,
        title=service.title,
        title_zh=service.title_zh,
        description=f"{service.title} ({service.title_zh}). Problems are RFC 9457 documents in Chinese and "
        "English.",
        face=face,
        commands=service.commands,
        registry=registry,
        ready=lambda: readiness(engine, projector, clock),
        draining=draining,
        lifespan=lambda app: _life(service, parts, draining),
        max_body=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
        larger=service.larger_bodies,
        for_anyone=service.for_anyone,
    )
    reads.add_to(app, service.kinds)
    RecusalRequests(reads, service.commands).add_to(app)
    if jobs := service.outgoing(parts):
        DeadLetters(reads).add_to(app)
        metrics = OutgoingMetrics(registry, jobs)
        parts.workers.append(Outgoing(engine, recorder, jobs, metrics).run)
    service.extend(app, parts)
    for room in parts.rooms:
        room.teller = partial(_halt_within, parts, room.recorder.service)
        _tell_halted(room)
    if not settings.api:
        app.answer_operations_only()
    return app, parts


def _halt_within(parts: Parts, room: str, part: str, reason: str | None) -> None:
    parts.halt(f"{room} {part}", reason)


def _tell_halted(parts: Parts) -> None:
    """Has a service tell which of its read models stand still."""

    def halt(name: str, reason: str | None) -> None:
        parts.halt(f"read model {name}", reason)

    for name in parts.projector.names:
        halt(name, None)
    parts.projector.on_halt = halt


async def readiness(engine: AsyncEngine, projector: Projector, clock: Clock) -> dict[str, bool]:
    told = {"read_models": projector.prepared, "clock": _right(clock)}
    try:
        async with asyncio.timeout(1), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        if not away(error):
            raise
        return {"database": False, **told}
    return {"database": True, **told}


def _right(clock: Clock) -> bool:
    return not isinstance(clock, SystemClock) or clock.wrong() is None


@asynccontextmanager
async def _life(service: Service, parts: Parts, draining: list[bool]) -> AsyncIterator[None]:
    """Starts recorder, projections and workers; stops them in reverse, each finishing its unit."""
    settings = parts.settings
    await parts.recorder.start()
    if settings.nats_url and not parts.nats.is_connected:
        seed = Path(settings.nats_seed_file) if settings.nats_seed_file else None
        connected = await connect(
            settings.nats_url,
            seed,
            service.name,
            parts.observer.nats_error,
            end_by_defect,
            wait=False,
            trust=settings.nats_trust,
        )
        parts.nats = connected
        if isinstance(parts.command_gate.screen, RemoteScreen):
            parts.command_gate.screen = RemoteScreen(connected, parts.bus_key)
    await parts.projector.start(folding=settings.worker)
    works: list[Work] = [partial(_sum_refusals, parts.command_gate), *_works(service, parts), *parts.always]
    if isinstance(parts.clock, SystemClock):
        watch = ClockWatch(parts.clock, parts.engine, parts.recorder, parts.registry, parts.halt)
        works.append(watch.run)
    tasks = [asyncio.create_task(w(), name=f"{service.name}-worker") for w in works]
    for task in tasks:
        task.add_done_callback(_ended)
    try:
        yield
    finally:
        draining[0] = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.projector.stop()
        try:
            await parts.command_gate.sum_refusals(ending=True)
        except StoreUnavailable as error:
            log.warning("refusals_not_summed", error=str(error), people=len(parts.command_gate.tally.ended))
        await parts.recorder.stop()
        if settings.nats_url or parts.nats.is_connected:  # the vault's own application has no broker
            await disconnect(parts.nats)
        await parts.reading.readers.close()
        await parts.engine.dispose()


async def _sum_refusals(command_gate: CommandGate) -> None:
    while True:
        await asyncio.sleep(SUM_SECONDS)
        try:
            await command_gate.sum_refusals()
        except StoreUnavailable as error:
            log.warning("refusals_wait", error=str(error))


def _works(service: Service, parts: Parts) -> list[Work]:
    if not parts.settings.worker:
        return []
    works: list[Work] = [
        Scheduler(
            service.name,
            parts.law,
            parts.clock,
            parts.engine,
            parts.repository,
            parts.projector,
            parts.book,
            service.kinds,
            service.on_breach(parts),
            service.on_reminder(parts),
        ).run,
        Inspection(parts.projector, parts.halt).run,
    ]
    if parts.settings.nats_url:
        relay = Relay(
            service.name,
            parts.nats,
            parts.recorder,
            parts.bus_key,
            observer=parts.observer,
            replicas=parts.settings.stream_replicas,
            max_bytes=parts.settings.stream_max_bytes,
        )
        parts.observer.watch_relay(lambda: max(0, parts.recorder.head - relay.position))
        works.append(relay.run)
        works.append(LogServer(service.name, parts.nats, parts.recorder, parts.bus_key, parts.observer).start)
        for source in service.listens_to:
            inbox = inbox_of(service, parts, source, parts.nats, parts.observer)
            parts.inboxes.append(inbox)
            works.append(inbox.run)
    return [*works, *parts.workers]


def inbox_of(service: Service, parts: Parts, source: str, nats: Client, observer: Observer) -> Inbox:
    """The inbox for the events of one of the services that this one listens to."""
    return Inbox(
        service.name,
        source,
        nats,
        parts.recorder,
        handler(service, parts),
        key=parts.bus_key,
        parked=PgParkedStore(parts.engine),
        observer=observer,
    )


def handler(service: Service, parts: Parts) -> Callable[[Published], Awaitable[Append | None]]:
    """Turns a published event into the append of its reaction, if this service has one."""

    async def handle(published: Published) -> Append | None:
        follow(published.trace_id)
        topic = published.topic
        reaction = service.reactions.get(topic)
        event = published.as_event() if reaction is not None else None
        if reaction is None:
            return None
        if event is None:
            # A version that this service does not know yet: parked and retried, never passed over.
            raise UnknownVersion(f"{published.topic}.v{published.version}")
        desk = Desk(published, parts.repository, parts.law, parts.clock.now(), reaction.__name__)
        with step("react", reaction.__name__):
            await reaction(event, desk)
        events = [e for a in desk.touched.values() for e in a.collect_events()]
        return Append(events=events, effects=desk.effects) if events else None

    async def follow_while_handling(published: Published) -> Append | None:
        """Handles one event under its trace, so that its failures are logged with it; later lines have
        none."""
        append = await handle(published)
        follow("")
        return append

    return follow_while_handling


def _ended(task: asyncio.Task[None]) -> None:
    """A worker that ends by an error ends the process: a supervisor starts it again, loudly."""
    if not task.cancelled() and (error := task.exception()) is not None:
        # Its message may quote data; the place tells a defect as well.
        log.error("worker_died", error=reason_of(error))
        end_by_defect()


class Server(uvicorn.Server):
    """The one server of a process. It is stopped by a signal, or by a defect of the process."""

    running: Server | None = None
    """A process has one, and any part of it may have to end it."""
    defect = False

    def run_to_the_end(self) -> None:
        """Answers until the process is to end; what then is finished is what was accepted."""
        Server.running = self
        with suppress(KeyboardInterrupt):
            self.run()
        if self.defect:
            sys.exit(DEFECT_STATUS)
        if not self.started:
            sys.exit(STARTUP_FAILURE)


def end_by_defect() -> None:
    """Stops the process as a signal would; its status says that nobody asked for it."""
    if Server.running is None:  # a program that uses parts of a service
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        Server.running.defect = Server.running.should_exit = True


TRACE = "Traceback (most recent call last):"


class ForeignLines(logging.Handler):
    """Tells what libraries log in lines of our own: the words that stand in their code, and of an error its
    type and place. Its message, and what they fill in, may quote somebody's data."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        words, *rest = str(record.msg).strip().splitlines() or [""]
        told = {} if error is None else {"error": reason_of(error)}
        if words == TRACE:  # uvicorn writes out what a start failed of
            last = len(rest) - [TRACE, *rest][::-1].index(TRACE)
            told["error"] = next((line for line in rest[last:] if line[:1] != " "), "").partition(":")[0]
        log.log(record.levelno, "library", name=record.name, words=words, **told)


def configure_logs(service: str) -> None:
    """JSON lines on standard output: event, level, time, service, trace and named values; never a body or a
    person."""

    def tell_service(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line.setdefault("service", service)
        return line

    logging.basicConfig(handlers=[ForeignLines()], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            tell_service,
            tell_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    )


async def after_restore(service: Service, settings: Settings) -> int:
    """Brings the service back to right; exit status 1 where something is left to a person.

    The services that it listens to must be running, so that their logs can be asked.
    """
    engine = open_engine(settings.database_url, size=2)
    sealer = Sealer.from_files(settings.keys_dir / f"store-{service.name}.key", service.name, settings.suite)
    recorder = Recorder(engine, service.name, EventMapper(sealer), SystemClock())
    nats = await broker_of(settings)
    reactions = {reaction.__name__: topic.partition(".")[0] for topic, reaction in service.reactions.items()}
    try:
        restoration = Restoration(service.name, nats, engine, recorder, PgParkedStore(engine), reactions)
        return report(service.name, await restoration.run(service.listens_to))
    finally:
        await disconnect(nats)
        await engine.dispose()


async def broker_of(settings: Settings) -> Client:
    """A connection of a command to the broker; ends the process where none answers."""
    seed = Path(settings.nats_seed_file) if settings.nats_seed_file else None
    try:
        async with asyncio.timeout(BROKER_SECONDS):
            return await connect(
                settings.nats_url,
                seed,
                settings.service,
                lambda error: None,
                lambda: None,
                trust=settings.nats_trust,
            )
    except TimeoutError:
        raise SystemExit(f"no broker answers at {settings.nats_url}") from None


def report(service: str, told: Sequence[Told]) -> int:
    """Says what a command found, and returns the exit status: 1 where something is left to a person."""
    for line in told:
        print(f"{service}: {'! ' if line.is_open else ''}{line.text}")
    return 1 if any(line.is_open for line in told) else 0


def main(service: Service, arguments: Sequence[str] | None = None) -> int:
    """Carries out what the command line asks for (`operating`) and returns the exit status."""
    parser, commands = parser_of(service.name, f"{service.title} ({service.title_zh})")
    commands.add_parser("rebuild", help="make the read models anew from the log, beside those that serve")
    options = parser.parse_args(arguments)
    keep_to_itself()
    owners = ["ZM_OWNER_DATABASE_URL", *(variable for _, variable in service.migrations)]
    settings = Settings.from_env(
        service.name,
        serving=options.command != "migrate",
        readers=service.readers_of_files,
        owners=owners if options.command == "migrate" else (),
    )
    configure_logs(service.name)
    if options.command == "migrate":
        from shared.kernel.store.migrate import migrate  # Alembic is a tenth of a start that does not migrate

        def bring_up() -> int:
            migrate(f"services/{service.name}/migrations", settings.owner_database_url)
            for folder, variable in service.migrations:
                migrate(folder, with_files(os.environ)[variable])
            return 0

        return carried_out(bring_up)
    if options.command == "settings":
        return settings_are_right()
    later = _check_stores(service, settings)
    match options.command:
        case "after-restore":
            return carried_out(lambda: asyncio.run(after_restore(service, settings)))
        case "parked":
            return carried_out(lambda: asyncio.run(_parked(service, settings, options)))
        case "dead":
            return carried_out(lambda: asyncio.run(_dead(service, settings, options)))
    app, parts = build(service, settings)
    if options.command == "rebuild":
        asyncio.run(_rebuild([parts, *parts.rooms]))
        return 0
    parts.always += later
    Gauge("zm_build_info", "Which service this is", ["service"], registry=parts.registry).labels(
        service.name
    ).set(1)
    run_server(app, settings)
    return 0


def settings_are_right() -> int:
    print("设置完整 / the settings are complete")
    return 0


async def _parked(service: Service, settings: Settings, options: argparse.Namespace) -> int:
    """Lists what is set aside, or has it tried again, each case in its order, beside the running service."""
    sources = sources_of(options, service.listens_to)
    engine = open_engine(settings.database_url, size=2)
    parked = PgParkedStore(engine)
    try:
        if options.what == "retry":
            done = await _retry(service, settings, sources, options.case)
            print(f"{done} 件已处理 / dealt with")
        return await list_parked(parked, sources, options.case)
    finally:
        await engine.dispose()


async def _retry(service: Service, settings: Settings, sources: Sequence[str], case: str | None) -> int:
    _, parts = build(service, settings)
    nats = await broker_of(settings)
    await parts.recorder.start()
    try:
        inboxes = [inbox_of(service, parts, source, nats, Observer()) for source in sources]
        return sum([await inbox.retry_parked(case) for inbox in inboxes])
    finally:
        await parts.recorder.stop()
        await parts.reading.readers.close()
        await parts.engine.dispose()
        await disconnect(nats)


async def _dead(service: Service, settings: Settings, options: argparse.Namespace) -> int:
    """Lists what was given up, or has it sent again; that leaves a record under the system's name, in the
    province: who may run this command is told by the machine, and by no token."""
    engine = open_engine(settings.database_url, size=2)
    sealer = Sealer.from_files(settings.keys_dir / f"store-{service.name}.key", service.name, settings.suite)
    clock, law = clock_of(settings), load_law(settings.calendar_file)
    recorder = Recorder(engine, service.name, EventMapper(sealer), clock)
    province = next(organ.code for organ in law.organs if organ.level is Level.PROVINCE)

    async def note(key: str, kind: str) -> None:
        await note_replay(recorder, law, clock, Actor(SYSTEM, SYSTEM, province), key, kind)

    await recorder.start()
    try:
        if options.what == "list":
            return await list_dead(engine)
        return await replay_dead(engine, options, note)
    finally:
        await recorder.stop()
        await engine.dispose()


async def _rebuild(all_parts: Sequence[Parts]) -> None:
    """Makes every read model anew from the log, beside the one that serves, which goes on serving."""
    for parts in all_parts:
        for name in parts.projector.names:
            position = await parts.projector.rebuild(name)
            told = f"已由 {position} 条记录重建 / rebuilt from {position} events"
            print(f"{parts.recorder.service}.{name}: {told}")
        await parts.engine.dispose()


def _check_stores(service: Service, settings: Settings) -> list[Work]:
    """Ends the start where a database is not this version's, or not migrated to it. One that is away is left
    to be asked as soon as it is there."""
    places = [(settings.database_url, f"services/{service.name}/migrations")]
    env = with_files(os.environ)
    for folder, variable in service.migrations:
        places.append((env[variable.replace("_OWNER_", "_")], folder))

    async def check() -> None:
        for url, folder in places:
            await check_store(url, folder)

    async def check_later() -> None:
        while True:
            try:
                return await check()
            except StoreUnavailable:
                await asyncio.sleep(1)

    try:
        asyncio.run(check())
    except StoreUnavailable as error:
        log.warning("store_not_checked_yet", error=str(error))
        return [check_later]
    return []


def run_server(app: Application, settings: Settings) -> None:
    """Answers until the process is asked to stop; then finishes what was accepted."""
    settings.check_complete()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=CommandProtocol,
        access_log=False,
        proxy_headers=False,  # nobody here learns from which address a request came
        log_config=None,  # see ForeignLines
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=2048,
    )
    if not settings.otlp_url:
        Server(config).run_to_the_end()
        return
    from shared.kernel.otlp import telling  # OpenTelemetry's kit is a tenth of a start that tells nobody

    with telling(settings):
        Server(config).run_to_the_end()
