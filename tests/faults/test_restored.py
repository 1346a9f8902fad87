"""Databases that come back older than what others know of them (docs/operating.md, Backup and restore).

Each time there is work before the backup, work after it that is lost, and work after the restore, none of
which may be lost again. The broker is wiped at once, or kept with all that it holds until that shows.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncpg
import nats
import pytest

from deploy.local.door import door
from deploy.local.postgres import binaries
from deploy.local.process import ROOT
from shared.kernel.bus.log_server import LogUnavailable, fetch_log
from shared.language.ids import derived_id
from tests.faults import LONG
from tests.faults.breakable import BreakableStack
from tests.faults.client import PATIENCE_SECONDS, Client
from tests.faults.journeys import Journey, Road
from tests.faults.ledger import Ledger
from tests.faults.picture import SOURCES, Observatory
from tests.faults.traffic import Streams, tokens
from tests.faults.verify import rest, verify_all

KEPT, WIPED = pytest.param(False, id="broker kept"), pytest.param(True, id="broker wiped")
OLDER = ("zm_intake", "zm_vault")
HandOver = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def hand_over(stack: BreakableStack, ledger: Ledger) -> AsyncIterator[HandOver]:
    """Complaints on their way to the handler, as many as asked; they are lost with another ledger."""
    road, streams, clients = Road(), Streams(stack), list[Client]()
    road.open()
    people = tokens(stack)

    async def go(name: str, count: int, told: Ledger = ledger) -> list[str]:
        clients.append(Client(stack, told, people, 2 * count))
        ways = [
            Journey(clients[-1], road, streams.opened, stack.now, f"{name}-{number}").handed_over()
            for number in range(count)
        ]
        return list(await asyncio.gather(*ways))

    yield go
    for client in clients:
        await client.close()
    streams.close()


@pytest.mark.parametrize("wiped", [WIPED, *([KEPT] if LONG else [])])
async def test_sec3_all_databases_restored_at_one_instant(
    stack: BreakableStack,
    ledger: Ledger,
    observatory: Observatory,
    hand_over: HandOver,
    tmp_path: Path,
    wiped: bool,
) -> None:
    """Nothing is left to a person, and the house is as if the lost time had not been."""
    await hand_over(f"before-{wiped}", 3)
    await rest(stack)
    backup = tmp_path / "backup"
    await asyncio.to_thread(take_backup, stack, backup)  # while everything runs
    await hand_over(f"lost-{wiped}", 2, Ledger())
    await rest(stack)
    await asyncio.to_thread(stop, stack, *stack.services)
    await broker(stack, wiped=wiped)
    await asyncio.to_thread(put_back, stack, backup)
    await asyncio.to_thread(start, stack, *stack.services)
    if not wiped:  # what it holds was published by stores that do not know it any more
        await until(partial(halted, stack, "intake", "relay"))
        assert await relay_lag(stack, "intake") > 0
    await hand_over(f"between-{wiped}", 2)
    if not wiped:
        await broker(stack, wiped=True)
    assert {name: done.returncode for name, done in stack.after_restore().items()} == dict.fromkeys(
        SOURCES, 0
    )
    await hand_over(f"after-{wiped}", 2)
    await verify_all(stack, ledger, observatory=observatory)
    assert await relay_lag(stack, "intake") == 0
    compared = await asyncio.to_thread(stack.command, "audit", "verify-store")
    assert (compared.returncode, compared.stdout.count("the store is what was recorded")) == (0, 4), compared


@pytest.mark.parametrize("wiped", [KEPT, *([WIPED] if LONG else [])])
async def test_sec3_a_service_older_than_those_who_listen_to_it(
    stack: BreakableStack, observatory: Observatory, hand_over: HandOver, wiped: bool
) -> None:
    """Intake and its vault come back as they were, all others know more. New complaints stand at the
    positions of lost ones, and were taken for them: verification never opened their cases."""
    told = Ledger()
    await hand_over(f"older-before-{wiped}", 2, told)
    await at_rest(observatory)
    await asyncio.to_thread(stop, stack, "intake")
    await copy_databases(stack, OLDER, suffix="_backup")
    await asyncio.to_thread(start, stack, "intake")
    lost = await hand_over(f"older-lost-{wiped}", 3, told)
    await at_rest(observatory)
    await asyncio.to_thread(stop, stack, "intake")
    await broker(stack, wiped=wiped)
    await bring_back(stack, OLDER, suffix="_backup")
    await asyncio.to_thread(start, stack, "intake")

    new = await hand_over(f"older-after-{wiped}", 4, told)  # more than were lost
    await asyncio.to_thread(stop, stack, "verification", "audit")
    await asyncio.to_thread(start, stack, "verification", "audit")
    for listener in ("verification", "audit"):
        await until(partial(halted, stack, listener, "inbox.intake"))
    if not wiped:
        assert await halted(stack, "intake", "relay")
        await broker(stack, wiped=True)

    said = await asyncio.to_thread(stack.after_restore)
    assert "intake: set back from" in said["verification"].stdout
    for complaint in lost:
        case = derived_id("verification-case", complaint)
        assert f"VerificationCase {case} rests on what intake does not know" in said["verification"].stdout
    assert "events that audit holds" in said["audit"].stdout
    assert [done.returncode for done in said.values()] == [0, 1, 0, 0, 1]

    streams = Streams(stack)
    try:
        for complaint in new:
            case = derived_id("verification-case", complaint)
            await streams.opened("verification", case)
    finally:
        streams.close()
    await until(partial(goes_on, stack, "verification", "inbox.intake"))
    assert await halted(stack, "audit", "inbox.intake")

    await asyncio.to_thread(stop, stack, "audit")
    await asyncio.to_thread(rebuild_audit, stack)
    await asyncio.to_thread(start, stack, "audit")
    await at_rest(observatory)


async def at_rest(observatory: Observatory) -> None:
    """Waits until every inbox has its sources' logs to their ends."""

    async def all_taken_in() -> bool:
        heads = {}
        for name in SOURCES:
            if name != "audit":
                connection = await observatory.connect(name)
                heads[name] = await connection.fetchval(f"SELECT max(notification_id) FROM {name}_events")
                await connection.close()
        for name, sources in SOURCES.items():
            tracked = await observatory.tracked(name)
            if any(tracked.get(source, 0) != (heads[source] or 0) for source in sources):
                return False
        return True

    await until(all_taken_in)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.2)


async def halted(stack: BreakableStack, service: str, part: str) -> bool:
    """True if a service tells that a part of it stands still."""
    return f'zm_halted{{part="{part}"}} 1.0' in await metrics_of(stack, service)


async def goes_on(stack: BreakableStack, service: str, part: str) -> bool:
    return not await halted(stack, service, part)


async def relay_lag(stack: BreakableStack, service: str) -> float:
    """Number of its events that a service says its stream lacks."""
    lines = (await metrics_of(stack, service)).splitlines()
    (lag,) = (line.partition(" ")[2] for line in lines if line.startswith("zm_relay_lag "))
    return float(lag)


async def metrics_of(stack: BreakableStack, service: str) -> str:
    def asked() -> str:
        with door(stack.direct_url(service)) as client:
            return client.get("/metrics").text

    return await asyncio.to_thread(asked)


def stop(stack: BreakableStack, *services: str) -> None:
    for name in services:
        stack.kill(name, 15)


def start(stack: BreakableStack, *services: str) -> None:
    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(stack.start_service, services))


async def broker(stack: BreakableStack, *, wiped: bool) -> None:
    """The broker after the accident: as it was, or empty."""
    if wiped:
        await asyncio.to_thread(stack.kill_nats)
        stack.wipe_nats()
        await asyncio.to_thread(stack.start_nats)
        await until(partial(all_answer, stack))


async def all_answer(stack: BreakableStack) -> bool:
    """True if every producer that runs is with the broker again, and answers for its log."""
    nc = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
    try:
        for service in SOURCES:
            if service != "audit" and stack.child(service).alive():
                await fetch_log(nc, service, 0, 1)
    except LogUnavailable:
        return False
    finally:
        await nc.close()
    return True


def take_backup(stack: BreakableStack, folder: Path) -> None:
    """All databases of the server, as they are at one instant."""
    url = folder.with_name("admin.url")
    url.write_text(stack.start_postgres().admin_url)
    backup("take", str(folder), "--url-file", str(url))


def put_back(stack: BreakableStack, folder: Path) -> None:
    stack.stop_postgres()
    backup("put-back", str(folder), "--data", str(stack.postgres.folder / "data"))
    stack.start_postgres()


def backup(*words: str) -> None:
    command = [sys.executable, "-m", "ops", "backup", *words, "--programs", str(binaries())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done


async def copy_databases(stack: BreakableStack, names: tuple[str, ...], *, suffix: str) -> None:
    """Each under another name. Nobody may be signed in to it."""
    admin = await asyncpg.connect(stack.start_postgres().admin_url)
    try:
        for name in names:
            await admin.execute(f"DROP DATABASE IF EXISTS {name}{suffix}")
            await admin.execute(f"CREATE DATABASE {name}{suffix} TEMPLATE {name}")
    finally:
        await admin.close()


async def bring_back(stack: BreakableStack, names: tuple[str, ...], *, suffix: str) -> None:
    """Puts each copy in the place of what it was taken from, with the rights on it."""
    admin_url = stack.start_postgres().admin_url
    admin = await asyncpg.connect(admin_url)
    try:
        for name in names:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {name}{suffix} OWNER {name}_owner")
    finally:
        await admin.close()
    for name in names:
        await stack._ensure_database(admin_url, name)


def rebuild_audit(stack: BreakableStack) -> None:
    """A person has decided that intake's lost events are lost."""
    owner = stack.database_url("zm_audit_owner")
    words = "rebuild", "--replace", "--despite-loss"
    assert stack.command("audit", *words, ZM_OWNER_DATABASE_URL=owner).returncode == 0
