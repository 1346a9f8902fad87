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
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
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

from shared.casework.aggregate import Actor, Law
from shared.casework.command import commands_on
from shared.casework.dead import DeadLetters, note_replay
from shared.casework.departures import Departures
from shared.casework.exclusion import noting
from shared.casework.gate import CommandGate
from shared.casework.http.app import Application, make_app
from shared.casework.http.commands import Face
from shared.casework.http.direct import CommandProtocol
from shared.casework.http.places import Places
from shared.casework.http.readgate import CaseReadGate
from shared.casework.http.reads import Reads
from shared.casework.http.recusals import RecusalRequests
from shared.casework.http.staff import StaffRoutes
from shared.casework.operating import carried_out, list_dead, list_parked, parser_of, replay_dead, sources_of
from shared.casework.parts import Additions, Assembled, Core, Parts, Service, Work
from shared.casework.preparation import check_bound
from shared.casework.reaction import Desk
from shared.casework.readmodel import CaseBook
from shared.casework.repository import Repository
from shared.casework.scheduler import Scheduler
from shared.casework.screen import RemoteScreen
from shared.casework.staff import Staff, copying
from shared.casework.steps import STANDING
from shared.casework.tokens import TokenMetrics, TokenVerifier
from shared.kernel.bus.connection import connect, disconnect, new_client
from shared.kernel.bus.envelope import BusKey, Published
from shared.kernel.bus.inbox import Inbox
from shared.kernel.bus.log_server import LogServer
from shared.kernel.bus.parking import PgParkedStore, reason_of
from shared.kernel.bus.relay import Relay
from shared.kernel.bus.restore import Restoration, Told
from shared.kernel.clock import Clock, FileClock, SystemClock
from shared.kernel.halts import Halts
from shared.kernel.http.metrics import BusMetrics
from shared.kernel.memory import keep_to_itself
from shared.kernel.outgoing.worker import Outgoing, OutgoingMetrics
from shared.kernel.settings import Settings, with_files
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


def build(
    service: Service,
    settings: Settings,
    *,
    halts: Halts | None = None,
    staff: Staff | None = None,
    always: Sequence[Work] = (),
) -> Assembled:
    """Makes every part, once, each after those that it needs, and starts nothing: that is for the
    application's lifespan. `halts`, `staff`: those of a room, which the service around it tells. `always`:
    work that every process does, whatever its roles."""
    law = load_law(settings.calendar_file)
    clock = clock_of(settings)
    keys = settings.keys_dir
    rings = keyrings(keys / f"store-{service.name}.key", service.name, settings.suite)
    sealer = Sealer(*rings)
    bus_key = BusKey.from_files(keys / "bus.key", settings.suite)
    registry = CollectorRegistry()
    observer = BusMetrics(registry, service.listens_to)
    halts = Halts(observer.halted) if halts is None else halts
    nats = new_client()

    engine = open_engine(settings.database_url, size=settings.pool_size)
    recorder = Recorder(engine, service.name, EventMapper(sealer), clock)
    repository = Repository(recorder)
    staff = Staff(recorder, service.name) if staff is None else staff
    book, models = CaseBook(), [model() for model in service.models]
    projector = Projector(engine, recorder, [book, *models], clock, on_halt=partial(_halt_model, halts))
    for name in projector.names:
        _halt_model(halts, name, None)
    readers = Readers(open_engine(settings.database_url, size=settings.pool_size), settings.pool_size)
    reading = Reading(readers)
    core = Core(
        settings=settings,
        law=law,
        clock=clock,
        engine=engine,
        recorder=recorder,
        repository=repository,
        projector=projector,
        book=book,
        models=models,
        reading=reading,
        nats=nats,
        bus_key=bus_key,
        registry=registry,
        observer=observer,
        halts=halts,
        staff=staff,
    )
    own = service.assemble(core)

    command_gate = CommandGate(
        service.name,
        law,
        clock,
        recorder,
        repository,
        RemoteScreen(nats, bus_key) if own.screen is None else own.screen,
        secret_for("ids", rings) if own.secret is None else own.secret,
        commands=service.commands_on,
        readers=service.readers,
        lookups=dict(own.lookups),
        deposits=dict(own.deposits),
        beside=own.beside,
        staff=staff,
        accused_of=own.accused_of,
    )
    command_gate.lookups = dict([*own.lookups, STANDING.found_by(command_gate.find_standing)])
    check_bound(commands_on(service.kinds), {**command_gate.lookups, **command_gate.deposits})
    verifier = TokenVerifier(settings.issuer, law.organs, TokenMetrics(registry))
    face = Face(
        command_gate, verifier, Places(sealer), lambda token: staff.with_substitutions(token, clock.now())
    )
    read_gate = CaseReadGate(face, command_gate, recorder, projector, book, clock)
    reads = Reads(
        service.name, face, read_gate, recorder, projector, engine, reading, book, clock, service.kinds
    )
    parts = Parts(**vars(core), face=face, command_gate=command_gate, reads=reads, rooms=own.rooms)
    works = [*_works(service, parts, own), *always]
    draining = [False]
    app = make_app(
        name=service.name,
        within=service.within,
        halted=lambda: halts.names,
        title=service.title,
        title_zh=service.title_zh,
        description=f"{service.title} ({service.title_zh}). Problems are RFC 9457 documents in Chinese and "
        "English.",
        face=face,
        commands=service.commands,
        registry=registry,
        ready=lambda: readiness(engine, projector, clock),
        draining=draining,
        lifespan=lambda app: _life(parts, works, draining),
        max_body=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
        larger=service.larger_bodies,
        for_anyone=service.for_anyone,
    )
    reads.add_to(app)
    RecusalRequests(reads, service.commands).add_to(app)
    if not service.within:
        read_gate.add(app, StaffRoutes(reads, staff))
    if own.jobs:
        DeadLetters(reads).add_to(app)
    own.routes(app, parts)
    if not settings.api:
        app.answer_operations_only()
    return Assembled(app, parts)


def _halt_model(halts: Halts, name: str, reason: str | None) -> None:
    halts.halt(f"read model {name}", reason)


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
async def _life(parts: Parts, works: Sequence[Work], draining: list[bool]) -> AsyncIterator[None]:
    """Starts rooms, recorder, projections and workers; stops them in reverse, each finishing its unit."""
    async with AsyncExitStack() as started:
        for app, _ in parts.rooms:
            await started.enter_async_context(app.router.lifespan_context(app))
        await started.enter_async_context(_alive(parts, works, draining))
        yield


@asynccontextmanager
async def _alive(parts: Parts, works: Sequence[Work], draining: list[bool]) -> AsyncIterator[None]:
    """The life of a service alone, without its rooms."""
    settings = parts.settings
    await parts.recorder.start()
    if settings.nats_url:
        await _connect(parts)
    await parts.projector.start(folding=settings.worker)
    tasks = [asyncio.create_task(w(), name=f"{settings.service}-worker") for w in works]
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
        if settings.nats_url:  # the vault's own application has no broker
            await disconnect(parts.nats)
        await parts.reading.readers.close()
        await parts.engine.dispose()


async def _connect(core: Core) -> None:
    """Begins to connect the client, and goes on behind the caller's back."""
    settings = core.settings
    await connect(
        settings.nats_url,
        Path(settings.nats_seed_file) if settings.nats_seed_file else None,
        settings.service,
        core.observer.nats_error,
        end_by_defect,
        wait=False,
        trust=settings.nats_trust,
        client=core.nats,
    )


async def _sum_refusals(command_gate: CommandGate) -> None:
    while True:
        await asyncio.sleep(SUM_SECONDS)
        try:
            await command_gate.sum_refusals()
        except StoreUnavailable as error:
            log.warning("refusals_wait", error=str(error))


def _works(service: Service, parts: Parts, own: Additions) -> list[Work]:
    """The work of this process, by its roles."""
    works: list[Work] = [partial(_sum_refusals, parts.command_gate)]
    if not service.within:
        works.append(parts.staff.follow)
    if isinstance(parts.clock, SystemClock):
        works.append(
            ClockWatch(parts.clock, parts.engine, parts.recorder, parts.registry, parts.halts.halt).run
        )
    outgoing: list[Work] = []
    if own.jobs:
        metrics = OutgoingMetrics(parts.registry, own.jobs)
        outgoing.append(Outgoing(parts.engine, parts.recorder, own.jobs, metrics).run)
    if not parts.settings.worker:
        return works
    scheduler = Scheduler(
        service.name,
        parts.law,
        parts.clock,
        parts.engine,
        parts.repository,
        parts.projector,
        parts.book,
        service.kinds,
        own.on_breach,
        own.on_reminder,
    )
    departures = Departures(parts, service.kinds)
    works += [scheduler.run, departures.run, Inspection(parts.projector, parts.halts.halt).run]
    if parts.settings.nats_url:
        works += _on_the_bus(service, parts)
    return [*works, *outgoing, *own.workers]


def _on_the_bus(service: Service, core: Core) -> list[Work]:
    """Publishes the log, answers for it, and takes in what other services published."""
    relay = Relay(
        service.name,
        core.nats,
        core.recorder,
        core.bus_key,
        observer=core.observer,
        replicas=core.settings.stream_replicas,
        max_bytes=core.settings.stream_max_bytes,
    )
    core.observer.watch_relay(lambda: max(0, core.recorder.head - relay.position))
    server = LogServer(service.name, core.nats, core.recorder, core.bus_key, core.observer)
    inboxes = [inbox_of(service, core, source) for source in service.listens_to]
    return [relay.run, server.start, *(inbox.run for inbox in inboxes)]


def inbox_of(service: Service, core: Core, source: str) -> Inbox:
    """The inbox for the events of one of the services that this one listens to."""
    return Inbox(
        service.name,
        source,
        core.nats,
        core.recorder,
        handler(service, core),
        key=core.bus_key,
        parked=PgParkedStore(core.engine),
        observer=core.observer,
        unordered=noting(service.name),
    )


def handler(service: Service, core: Core) -> Callable[[Published], Awaitable[Append | None]]:
    """Turns a published event into the append of its reaction, if this service has one."""
    exclusions, directory = noting(service.name), copying(service.name)

    async def handle(published: Published) -> Append | None:
        follow(published.trace_id)
        topic = published.topic
        reaction = service.reactions.get(topic) or directory.get(topic) or exclusions.get(published.name)
        event = published.as_event() if reaction is not None else None
        if reaction is None:
            return None
        if event is None:
            # A version that this service does not know yet: parked and retried, never passed over.
            raise UnknownVersion(f"{published.topic}.v{published.version}")
        desk = Desk(published, core.repository, core.law, core.clock.now(), reaction.__name__)
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


async def broker_of(settings: Settings, client: Client | None = None) -> Client:
    """A connection of a command to the broker, of this client or a new one; ends the process where none
    answers."""
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
                client=client,
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
    app, parts = build(service, settings, always=later)
    if options.command == "rebuild":
        asyncio.run(_rebuild([parts, *(room.parts for room in parts.rooms)]))
        return 0
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
    await broker_of(settings, parts.nats)
    await parts.recorder.start()
    try:
        inboxes = [inbox_of(service, parts, source) for source in sources]
        return sum([await inbox.retry_parked(case) for inbox in inboxes])
    finally:
        await parts.recorder.stop()
        await parts.reading.readers.close()
        await parts.engine.dispose()
        await disconnect(parts.nats)


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
