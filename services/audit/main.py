"""The composition root: the only place where audit's parts are made, and its commands.

`serve` takes in the four streams, signs checkpoints, sends them away, guards the evidence and answers;
`rebuild` makes the ledger anew from the producers' logs and compares it with every checkpoint ever signed;
`parked retry` asks the producers once more for what was set aside; `check` looks at once at all that the
worker looks at, and holds the trees against checkpoints that were kept outside; `verify-store` names every
row of a store that is not what audit received; `after-restore` says which events a restored producer does not
have any more.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.audit import rebuild
from services.audit.access import AccessLog
from services.audit.alerts import Alerts
from services.audit.cases import Cases
from services.audit.database import engine_for, using
from services.audit.guard import Guard
from services.audit.ledger import Ledger
from services.audit.metrics import AuditMetrics
from services.audit.outside import Outside
from services.audit.proof import ORIGIN, Signer, Trees
from services.audit.reads import NAMED, Logs, ReadingFace, Replays
from services.audit.record import NotProved
from services.audit.rounds import AWAY, Rounds
from services.audit.supervision import Supervision
from services.audit.tables import ACCESS, PUBLISHERS, SERVICE
from services.audit.verify_store import CHANGED, SAME, UNREADABLE, verify_note, verify_store
from services.audit.watch import Watch
from shared.casework.gate import Screen
from shared.casework.http.app import Application, make_app
from shared.casework.http.describe import define
from shared.casework.http.readgate import ReadGate
from shared.casework.operating import carried_out, list_dead, list_parked, parser_of, replay_dead, sources_of
from shared.casework.screen import RemoteScreen
from shared.casework.service import (
    broker_of,
    configure_logs,
    end_by_defect,
    load_law,
    report,
    run_server,
    settings_are_right,
)
from shared.casework.tokens import TokenMetrics, TokenVerifier
from shared.kernel.bus.connection import connect, disconnect, new_client
from shared.kernel.bus.envelope import BadEnvelope, BusKey
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.bus.inbox import Inbox
from shared.kernel.bus.log_server import LogUnavailable, fetch_log
from shared.kernel.bus.parking import PgParkedStore, reason_of
from shared.kernel.bus.restore import KnownLog, Told, stands_in
from shared.kernel.clock import Clock, FileClock, SystemClock
from shared.kernel.memory import keep_to_itself
from shared.kernel.outgoing.adapters import adapter_for
from shared.kernel.outgoing.worker import Outgoing, OutgoingJob, OutgoingMetrics
from shared.kernel.settings import STORE, Settings
from shared.kernel.store.mark import check_store
from shared.kernel.store.reading import Readers
from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import AlreadyTracked, StoreUnavailable
from shared.language.organs.tree import OrganTree

log = structlog.get_logger(SERVICE)
TAKE_IN_REST = 0.1
"""Seconds that a caught-up audit lets events gather: taken in one by one each costs four times as much, and
nobody decides anything by it."""
TITLE = "zhengming audit"
TITLE_ZH = "审计"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParts:
    """The parts of a running audit, each made once, and none changed afterwards."""

    settings: Settings
    engine: AsyncEngine
    readers: Readers
    ledger: Ledger
    cases: Cases
    trees: Trees
    access: AccessLog
    alerts: Alerts
    outside: Outside
    guard: Guard
    watch: Watch
    rounds: Rounds
    outgoing: Outgoing
    key: BusKey
    parked: PgParkedStore
    metrics: AuditMetrics
    nats: Client
    """The client of the broker; a command or the start connects it, within the event loop."""

    async def connect(self, *, wait: bool) -> None:
        """Signs in at the broker. A connection that closes unasked ends the process."""
        settings = self.settings
        await connect(
            settings.nats_url,
            Path(settings.nats_seed_file) if settings.nats_seed_file else None,
            SERVICE,
            self.metrics.nats_error,
            end_by_defect,
            wait=wait,
            trust=settings.nats_trust,
            client=self.nats,
        )

    async def close(self) -> None:
        """Lets go of broker and database."""
        await disconnect(self.nats)
        await self.readers.close()
        await self.engine.dispose()

    def inbox(self, source: str) -> Inbox:
        """One publisher's stream, taken in run by run."""
        return Inbox(
            SERVICE,
            source,
            self.nats,
            self.ledger,
            None,
            handle_batch=self.ledger.take_in,
            key=self.key,
            parked=self.parked,
            observer=self.metrics,
            rest=TAKE_IN_REST,
        )


def make_parts(settings: Settings, registry: CollectorRegistry) -> AuditParts:
    """Constructs everything and starts nothing."""
    keys = settings.keys_dir
    clock: Clock = FileClock(Path(settings.clock_file)) if settings.clock_file else SystemClock()
    size = settings.pool_size
    engine = engine_for(settings.database_url, pool_size=size)
    readers = Readers(engine_for(settings.database_url, pool_size=size), size)
    sealer = Sealer.from_files(keys / f"store-{SERVICE}.key", SERVICE, settings.suite)
    signer = Signer.from_file(keys / "checkpoint-ed25519.key", settings.log_origin or ORIGIN)
    trees, access = Trees(engine, signer, clock), AccessLog(engine, clock)
    places = settings.checkpoint_places
    jobs = {
        kind: OutgoingJob(adapter)
        for kind in places
        if (adapter := adapter_for(settings.way_out(kind), settings.outgoing_dir, settings.outgoing_trust))
        is not None
    }
    guard = Guard(engine, trees, sealer, settings.stores)
    outside, parked = Outside(engine, trees, clock, places), PgParkedStore(engine)
    watch, metrics = Watch(engine, access), AuditMetrics(registry)
    alerts = Alerts(readers, engine, access, sealer, clock, load_law(settings.calendar_file))
    return AuditParts(
        settings=settings,
        engine=engine,
        readers=readers,
        ledger=Ledger(engine, sealer, clock),
        cases=Cases(readers, sealer),
        trees=trees,
        access=access,
        alerts=alerts,
        outside=outside,
        guard=guard,
        watch=watch,
        rounds=Rounds(trees, parked, outside, guard, watch, alerts, metrics),
        outgoing=Outgoing(engine, None, jobs, OutgoingMetrics(registry, jobs)),
        key=BusKey.from_files(keys / "bus.key", settings.suite),
        parked=parked,
        metrics=metrics,
        nats=new_client(),
    )


def build(
    settings: Settings, verifier: TokenVerifier | None = None, screen: Screen | None = None
) -> tuple[Application, AuditParts]:
    """The application; its lifespan starts and stops the parts."""
    registry = CollectorRegistry()
    parts = make_parts(settings, registry)
    face = ReadingFace(verifier or TokenVerifier(settings.issuer, metrics=TokenMetrics(registry)))
    draining = [False]
    app = make_app(
        name=SERVICE,
        title=TITLE,
        title_zh=TITLE_ZH,
        description="What happened in a case, as it was known on any day, and the proof of it. Nothing of a "
        "case is changed here; alerts are closed.",
        face=face,
        commands=[],
        registry=registry,
        ready=lambda: _ready(parts.engine),
        draining=draining,
        lifespan=lambda app: _life(parts, draining),
        max_body=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
    )
    keys = [str(key) for key in parts.trees.verifier_keys()]
    organs = OrganTree.load()
    define(app, **NAMED)
    supervision = Supervision(parts.alerts, face, organs, screen or RemoteScreen(parts.nats, parts.key))
    supervision.add_to(app)
    ReadGate(SERVICE, face, organs).add(
        app,
        Replays(parts.cases, parts.trees, parts.access, organs),
        supervision,
        Logs(parts.trees, keys),
    )
    if not settings.api:
        app.answer_operations_only()
    return app, parts


async def _ready(engine: AsyncEngine) -> dict[str, bool]:
    try:
        async with asyncio.timeout(1), using(engine) as driver:
            await driver.execute("SELECT 1")
    except (StoreUnavailable, TimeoutError):
        return {"database": False}
    return {"database": True}


@asynccontextmanager
async def _life(parts: AuditParts, draining: list[bool]) -> AsyncIterator[None]:
    """Starts the workers; stops them when no request is left, each after its unit."""
    works: list[Coroutine[Any, Any, None]] = []
    if parts.settings.nats_url:
        await parts.connect(wait=False)
    if parts.settings.worker:
        rounds = parts.rounds
        works += [rounds.sign(), rounds.guard(), rounds.watch(), rounds.alerts(), parts.outgoing.run()]
        if parts.settings.nats_url:
            works += [parts.inbox(source).run() for source in PUBLISHERS]
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_ended)
    try:
        yield
    finally:
        draining[0] = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.close()


def _ended(task: asyncio.Task[None]) -> None:
    """A worker that dies ends the process: a supervisor starts it again, loudly."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("worker_died", error=type(error).__name__)
        end_by_defect()


# --- Commands ---


async def _rebuild(settings: Settings, *, put_in_place: bool, despite_loss: bool = False) -> int:
    """Rebuilds the ledger. Exit status 0 if every root that was ever signed came out again. `despite_loss`: a
    person has decided that a log which lost its end is the log from now on."""
    parts = make_parts(settings, CollectorRegistry())
    owner = create_async_engine(settings.owner_database_url, poolclass=pool.NullPool)
    beside = engine_for(settings.database_url, search_path=f"{rebuild.SCHEMA},public")
    sealer = Sealer.from_files(settings.keys_dir / f"store-{SERVICE}.key", SERVICE, settings.suite)
    try:
        await parts.connect(wait=True)
        await rebuild.prepare(owner)
        await rebuild.fill(Ledger(beside, sealer, SystemClock()), parts.nats, parts.key)
        rebuilt = await rebuild.compare(beside, parts.engine)
        for service, size in rebuilt.sizes.items():
            print(f"{service}: {size} 件 / events")
        print(f"已核对签署的根 / signed roots checked: {rebuilt.checked}")
        for service, size in rebuilt.missed:
            print(f"根不符 / root NOT met: {service} {size}")
        if rebuilt.missed and not despite_loss:
            return 1
        if put_in_place:
            await beside.dispose()
            kept = await rebuild.replace(owner, signed_anew=bool(rebuilt.missed))
            print(f"旧表存于 / old tables kept in schema {kept}")
        return 0
    finally:
        await parts.close()
        await beside.dispose()
        await owner.dispose()


async def _parked(settings: Settings, options: argparse.Namespace) -> int:
    """Lists what is set aside, or takes it from the producers' own logs, where it may have been put right."""
    parts = make_parts(settings, CollectorRegistry())
    sources = sources_of(options, PUBLISHERS)
    try:
        if options.what == "list":
            return await list_parked(parts.parked, sources, options.case)
        await broker_of(settings, parts.nats)
        return await _retry(parts, sources, options.case)
    finally:
        await parts.close()


async def _retry(parts: AuditParts, sources: Sequence[str], case: str | None = None) -> int:
    """Exit status 0 if nothing is set aside any more."""
    left = 0
    for source in sources:
        for row in await parts.parked.list(source, case):
            try:
                (line,) = (await fetch_log(parts.nats, source, row.position - 1, 1)).lines
                await parts.ledger.take_in([open_envelope(line, parts.key)], [row.id])
                print(f"{source} {row.position}: 已补收 / taken in")
            except AlreadyTracked:
                continue  # the running audit was faster
            except (BadEnvelope, NotProved, ValueError) as error:
                left += 1
                await parts.parked.failed_again(row.id, reason_of(error))
                print(f"{source} {row.position}: 仍搁置 / still set aside: {error}")
    return 1 if left else 0


async def _dead(settings: Settings, options: argparse.Namespace) -> int:
    """Lists the messages that were given up, or has the worker send them again. Audit has no log of its own
    in which that could be recorded; its messages are checkpoints, and nobody's data."""

    async def note(key: str, kind: str) -> None:
        log.info("replayed", key=key, kind=kind)

    engine = engine_for(settings.database_url, pool_size=1)
    try:
        return await (list_dead(engine) if options.what == "list" else replay_dead(engine, options, note))
    finally:
        await engine.dispose()


async def _verify_stores(settings: Settings, options: argparse.Namespace) -> int:
    """The worst of what is found of each store."""
    if missing := sorted(set(options.service) - settings.stores.keys()):
        raise SystemExit(f"no store to look at: {', '.join(f'{STORE}{name.upper()}' for name in missing)}")
    status = SAME
    for service in options.service or sorted(settings.stores):
        store = settings.stores[service]
        try:
            if options.checkpoint is None:
                found = await verify_store(service, store, settings.database_url, patience=options.patience)
            else:
                found = await verify_note(service, store, options.checkpoint, options.key)
        except (OSError, ValueError, asyncpg.PostgresError) as error:
            print(f"{service}：无法核对 / cannot compare: {type(error).__name__}: {error}", file=sys.stderr)
            status = UNREADABLE
            continue
        print(found.report())
        status = max(status, SAME if found.same else CHANGED)
    return status


async def _check(settings: Settings, kept: Sequence[Path]) -> int:
    """Exit status 0 if everything is as it was recorded and signed, 1 if not, 2 if that cannot be told."""
    parts = make_parts(settings, CollectorRegistry())
    looks = {ACCESS: parts.guard.check_access()}
    looks |= {service: parts.guard.check_log(service) for service in PUBLISHERS}
    looks |= {file.name: parts.guard.check_kept(file) for file in kept}
    status = 0
    try:
        for part, look in looks.items():
            try:
                found = await look
            except (*AWAY, ValueError) as error:
                print(f"{part}：无法核对 / cannot be checked: {type(error).__name__}: {error}")
                status = max(status, 2)
                continue
            print(f"{part}：{'与记录不符 / NOT as recorded' if found else '与记录一致 / as recorded'}")
            for finding in found:
                print(f"  {finding}")
            status = 1 if found else status
        return status
    finally:
        await parts.close()


async def _after_restore(settings: Settings) -> int:
    """Holds the ledger against the producers' logs, and changes nothing: audit proves what it holds.

    Exit status 1 where a log does not have it any more: a person must decide.
    """
    parts = make_parts(settings, CollectorRegistry())
    told: list[Told] = []
    try:
        await broker_of(settings, parts.nats)
        for source in PUBLISHERS:
            try:
                told += await _compare(parts, source)
            except LogUnavailable:
                text = f"{source} does not answer for its log: start it and run this again"
                told.append(Told(text, is_open=True))
    finally:
        await parts.close()
    return report(SERVICE, told)


async def _compare(parts: AuditParts, source: str) -> list[Told]:
    place = await parts.ledger.tracked(source)
    if await stands_in(parts.nats, place):
        return [Told(f"{source}: stands at {place.position}, as its log has it")]
    log = await KnownLog.of(parts.nats, source)
    held = await parts.ledger.held(source)
    lost = [event for event in held if log.ids.get(event.position) != event.event_id]
    head = (
        f"{source}: its log does not have {len(lost)} events that audit holds. Bring that log back; or, if "
        "it is lost for good, stop audit and run `rebuild --replace --despite-loss`, which keeps these beside"
    )
    listed = [Told(f"  {event.position} {event.type} of {event.stream}") for event in lost]
    return [Told(head, is_open=True), *listed]


def _check_store(settings: Settings) -> None:
    """Ends the start where the database is not this version's; one that is away is asked at each reading."""
    try:
        asyncio.run(check_store(settings.database_url, f"services/{SERVICE}/migrations"))
    except StoreUnavailable as error:
        log.warning("store_not_checked", error=str(error))


def _serve(settings: Settings) -> None:
    _check_store(settings)
    app, _ = build(settings)
    run_server(app, settings)


def main(arguments: list[str] | None = None) -> int:
    """Carry out what the command line asks for and return the exit status."""
    parser, commands = parser_of(SERVICE, f"{TITLE} ({TITLE_ZH})")
    again = commands.add_parser("rebuild", help="make the ledger anew from the producers' logs (owner's URL)")
    again.add_argument("--replace", action="store_true", help="let the new ledger serve; stop audit before")
    again.add_argument(
        "--despite-loss",
        action="store_true",
        help="serve although a log lost what was signed; the old ledger and its checkpoints are kept",
    )
    stores = commands.add_parser("verify-store", help="compare stores with what audit received, row by row")
    stores.add_argument("service", nargs="*", help="which (all whose ZM_STORE_URL_… is set)")
    stores.add_argument("--checkpoint", type=Path, help="against the file of a signed checkpoint instead")
    stores.add_argument("--key", type=Path, help="verifier keys, for --checkpoint")
    stores.add_argument("--patience", type=float, default=5.0, help="seconds that audit may lag behind")
    check = commands.add_parser("check", help="look at all evidence at once")
    check.add_argument(
        "--kept",
        type=Path,
        nargs="*",
        default=[],
        help="checkpoints that were kept outside: notes or messages",
    )
    options = parser.parse_args(arguments)
    keep_to_itself()
    owners = ("ZM_OWNER_DATABASE_URL",) if options.command in ("migrate", "rebuild") else ()
    settings = Settings.from_env(SERVICE, serving=options.command in ("serve", "settings"), owners=owners)
    configure_logs(SERVICE)
    match options.command:
        case "serve":
            _serve(settings)
            return 0
        case "migrate":
            from shared.kernel.store.migrate import migrate  # as in shared.casework.service

            url = settings.owner_database_url
            return carried_out(partial(migrate, f"services/{SERVICE}/migrations", url))
        case "settings":
            return settings_are_right()
        case "rebuild":
            work = _rebuild(settings, put_in_place=options.replace, despite_loss=options.despite_loss)
        case "after-restore":
            work = _after_restore(settings)
        case "check":
            work = _check(settings, options.kept)
        case "verify-store":
            work = _verify_stores(settings, options)
        case "parked":
            work = _parked(settings, options)
        case "dead":
            work = _dead(settings, options)
    return carried_out(lambda: asyncio.run(work))


if __name__ == "__main__":
    sys.exit(main())
