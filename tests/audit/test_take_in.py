"""Taking in: exactly once, in the proof's order, sealed, and refusing what is not proved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256

import asyncpg
import pytest

from services.audit.ledger import Ledger
from services.audit.proof import HistoryChanged, size_of
from services.audit.record import NotProved
from shared.kernel.bus.parking import pack
from shared.kernel.evidence import merkle
from shared.kernel.evidence.checkpoint import parse_and_verify
from shared.kernel.evidence.leaf import leaf_data
from shared.kernel.store.types import AlreadyTracked, Append, StoreUnavailable, Tracked
from tests.audit.conftest import Audit
from tests.audit.world import CANARY, EPOCH, Producer, World
from tests.servers import Database


def reference_root(producer: Producer, size: int | None = None) -> bytes:
    """The root as anybody can compute it from what the producer recorded."""
    return merkle.root(leaves_of(producer)[:size])


def leaves_of(producer: Producer) -> list[bytes]:
    leaves = []
    for entry in producer.entries:
        data = leaf_data(
            producer.service,
            entry.position,
            str(entry.stream),
            entry.version,
            entry.topic,
            entry.recorded_at,
            sha256(entry.state).digest(),
            entry.content_digest,
        )
        leaves.append(merkle.leaf_hash(data))
    return leaves


async def root(audit: Audit, service: str) -> tuple[int, bytes]:
    note = await audit.parts.trees.checkpoint(service)
    signed = parse_and_verify(note, *audit.parts.trees.verifier_keys())
    return signed.size, signed.root


@pytest.mark.parametrize("run", [1, 3, 100])
async def test_roots_equal_the_reference(audit: Audit, world: World, run: int) -> None:
    """The tree is the one over the producer's log, whatever the runs."""
    await audit.take_in(*world.producers, run=run)
    for producer in world.producers:
        assert await root(audit, producer.service) == (len(producer.entries), reference_root(producer))


async def test_the_tree_goes_on_after_another_worker(audit: Audit, world: World) -> None:
    """One worker's memory of the tree is not believed where another took something in meanwhile."""
    events, parts = world.intake.published(), audit.parts
    other = Ledger(parts.engine, parts.ledger._sealer, parts.ledger._clock)
    for n, event in enumerate(events):
        await (parts.ledger, parts.ledger, other)[n % 3].take_in([event])
        assert await root(audit, "intake") == (n + 1, reference_root(world.intake, n + 1))


async def test_a_run_that_comes_again_changes_nothing(told: Audit, world: World) -> None:
    """Redelivered whole or in part, it is there already."""
    events = world.intake.published()
    for again in (events, events[:2], events[-1:]):
        with pytest.raises(AlreadyTracked):
            await told.parts.ledger.take_in(again)
    assert (await told.parts.ledger.tracked("intake")).position == len(events)
    assert await root(told, "intake") == (len(events), reference_root(world.intake))


async def test_two_workers_take_in_each_event_once(audit: Audit, world: World) -> None:
    """Both start from the same position; one of them is told that it is done."""
    events = world.intake.published()
    outcomes = await asyncio.gather(
        *(audit.parts.ledger.take_in(events) for _ in range(4)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(outcome is None or isinstance(outcome, AlreadyTracked) for outcome in outcomes)


async def test_a_hole_is_no_fault_of_the_event(audit: Audit, world: World) -> None:
    """An event that comes too early is neither taken nor parked."""
    with pytest.raises(StoreUnavailable):
        await audit.parts.ledger.take_in(world.intake.published()[1:])
    assert (await audit.parts.ledger.tracked("intake")).position == 0


async def test_a_content_beside_its_digest_is_refused(audit: Audit, world: World) -> None:
    """A forged event is not taken in, and nothing of its run is."""
    world.intake.forge(2)
    with pytest.raises(NotProved):
        await audit.parts.ledger.take_in(world.intake.published())
    assert (await audit.parts.ledger.tracked("intake")).position == 0


async def test_positions_have_no_gaps(audit: Audit, world: World) -> None:
    """A leaf's index is its position less one, so a jump can be no leaf."""
    first, second, *_ = world.intake.published()
    with pytest.raises(NotProved):
        await audit.parts.ledger.take_in([first, replace(second, position=3)])


async def test_the_tree_waits_before_what_is_parked(audit: Audit, world: World, database: Database) -> None:
    """A parked event leaves a hole in the tree; taken up again, everything behind it is proved at once."""
    ledger, events = audit.parts.ledger, world.verification.published()
    await ledger.take_in(events[:1])
    row = {
        "source": "verification",
        "position": 2,
        "event_id": events[1].event_id,
        "correlation": str(world.first),
        "reason": "NotProved",
        "message": pack(b"{}", 1),
    }
    await ledger.append(Append(parked=[row], tracking=Tracked("verification", 2, events[1].event_id, EPOCH)))
    await ledger.take_in(events[2:])
    assert (await root(audit, "verification"))[0] == 1
    (parked,) = await audit.parts.parked.list("verification")
    await ledger.take_in([events[1]], [parked.id])
    assert await root(audit, "verification") == (len(events), reference_root(world.verification))
    assert await audit.parts.parked.count("verification") == 0
    with pytest.raises(AlreadyTracked):
        await ledger.take_in([events[1]], [parked.id])


async def test_no_name_lies_in_clear(told: Audit, database: Database) -> None:
    """L2 is sealed on audit's disk as well: no table holds the accused's name."""
    connection = await asyncpg.connect(database.plain_admin_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    needle = CANARY.encode()
    try:
        for (table,) in tables:
            for row in await connection.fetch(f"SELECT * FROM {table}"):
                for value in row.values():
                    assert needle not in (value if isinstance(value, bytes) else str(value).encode()), table
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET hash = hash", "DELETE FROM {}", "TRUNCATE {}"],
)
@pytest.mark.parametrize("table", ["nodes", "access_log", "access_nodes"])
@pytest.mark.parametrize("who", ["service_url", "owner_url", "admin_url"])
async def test_facts_stay(told: Audit, database: Database, table: str, statement: str, who: str) -> None:
    """Nobody changes what was added: not the service, not the owner, not the superuser."""
    connection = await asyncpg.connect(getattr(database, who).replace("+asyncpg", ""))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table))
    finally:
        await connection.close()


async def test_a_tree_that_lost_what_was_signed_is_not_signed_again(
    told: Audit, world: World, database: Database
) -> None:
    """An audit whose own nodes were changed says so instead of signing a second history."""
    await told.parts.trees.checkpoint("intake")
    connection = await asyncpg.connect(database.plain_admin_url)
    try:
        await connection.execute("ALTER TABLE nodes DISABLE TRIGGER ALL")
        await connection.execute(
            "UPDATE nodes SET hash = sha256(hash) WHERE service = 'intake' AND level = 2"
        )
        assert await size_of(connection, "intake") == len(world.intake.entries)
    finally:
        await connection.close()
    with pytest.raises(HistoryChanged):
        await told.parts.trees.check("intake")
    assert (await told.get("/v1/cases/XF-990102100-2022-000001/bundle")).status_code == 503
