"""What a hop costs: from an event's commit in one service to its effect's commit in the next.

intake and verification as the kernel assembles them, with gate, relay, inbox, projections and scheduler, in
this process and without HTTP: both commits are then seen by one clock. Beside them, on the same servers:
publish to JetStream, receive, one INSERT.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import nats
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from deploy.local.people import people
from deploy.local.stack import Stack
from services.intake import commands
from services.intake.main import service as intake_service
from services.verification.contract import LISTENS_TO
from services.verification.main import service as verification_service
from shared.command import Command, Token
from shared.gate import Request
from shared.service import Parts, Service, build
from shared.settings import Settings
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import database

HOPS = 300
WARM = 10
PAUSE = 0.02
"""Between two hops, so that each finds everybody idle: it is the latency of a single event."""
PAYLOAD = b"x" * 2_400
"""About what an event is on the wire."""


class Pair:
    """Two services in this process."""

    def __init__(self, stack: Stack, started: AsyncExitStack) -> None:
        self._stack = stack
        self._started = started

    async def start(self, service: Service) -> Parts:
        env = self._stack.environment(service.name)
        app, parts = build(service, Settings.from_env(service.name, env))
        await self._started.enter_async_context(app.router.lifespan_context(app))
        return parts


def _token(username: str) -> Token:
    who = people()[username]
    return Token(who.sub, frozenset(who.role), who.organ or "", perf_counter() + 1e9)


async def _accepted(intake: Parts) -> UUID:
    """A complaint up to the step before it is handed over."""
    clerk, head = _token("petition_clerk@DI-990102100"), _token("petition_head@DI-990102100")
    execute = intake.gatekeeper.execute

    async def do(token: Token, id: UUID | None, name: str, version: int | None = None, **body: Any) -> UUID:
        cls: type[Command] = getattr(commands, name)
        command = cls.model_validate(body)
        return UUID((await execute(Request(command, token, id, if_match=version))).answer["id"])

    id = await do(
        clerk,
        None,
        "ReceiveComplaint",
        channel="LETTER",
        received_on="2022-03-01",
        competent_level="TOWNSHIP",
    )
    assign = next(c for c in commands.COMMANDS if c.__name__ == "AssignToCase")
    wish = assign.model_validate({"person": head.person, "role": "petition_head"})
    await execute(Request(wish, head, id))
    await do(clerk, id, "RegisterComplaint")
    accused = {
        "name": "王虚清",
        "unit": "虚构镇政府",
        "unit_division": "990102100",
        "managed_by_level": "TOWNSHIP",
    }
    claim = {"id": "a1", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "收受红包"}
    await do(clerk, id, "ListAllegations", accused=[accused], allegations=[claim], approved_by=head.person)
    complaint = await intake.repository.get(commands.Complaint, id)
    assert complaint is not None
    await do(head, id, "AcceptComplaint", complaint.version, handling_dept="supervision_dept")
    return id


class Hop:
    """One event from intake to verification."""

    def __init__(self, intake: Parts, verification: Parts) -> None:
        self._intake = intake
        self._verification = verification
        self._head = _token("petition_head@DI-990102100")

    async def __call__(self, id: UUID) -> float:
        transfer = Request(commands.TransferToHandler(), self._head, id)
        before = await self._verification.recorder.max_position()
        await self._intake.gatekeeper.execute(transfer)
        committed = perf_counter()
        if not await self._verification.recorder.wait_for(before, 10):
            raise TimeoutError("the hop did not arrive")
        return perf_counter() - committed


class Reference:
    """Publish, receive, one INSERT."""

    def __init__(self, client: Any, pool: Any) -> None:
        self._js = client.jetstream()
        self._pool = pool
        self._inserted = asyncio.Event()

    async def start(self) -> None:
        await self._pool.execute("CREATE TABLE arrived (id bigserial PRIMARY KEY, body bytea NOT NULL)")
        await self._js.add_stream(
            StreamConfig(
                name="BENCH",
                subjects=["bench.>"],
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
            )
        )
        await self._js.subscribe(
            "bench.>", durable="bench", cb=self._receive, manual_ack=True, config=ConsumerConfig()
        )

    async def _receive(self, message: Any) -> None:
        await self._pool.execute("INSERT INTO arrived (body) VALUES ($1)", message.data)
        self._inserted.set()
        await message.ack()

    async def __call__(self) -> float:
        self._inserted.clear()
        began = perf_counter()
        await self._js.publish("bench.event", PAYLOAD)
        async with asyncio.timeout(10):
            await self._inserted.wait()
        return perf_counter() - began


async def _caught_up(intake: Parts, verification: Parts) -> None:
    """Waits until verification has everything behind it that intake has recorded."""
    inbox = verification.inboxes[LISTENS_TO.index("intake")]
    async with asyncio.timeout(60):
        while inbox.position < await intake.recorder.max_position():  # noqa: ASYNC110 - a poll is enough
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)


async def measure(stack: Stack, hops: int = HOPS) -> dict[str, float]:
    """Median seconds of each, one after the other in turns."""
    dsn, _ = await database(stack, "bench_hop")
    async with AsyncExitStack() as started:
        pair = Pair(stack, started)
        verification = await pair.start(verification_service())
        intake = await pair.start(intake_service())
        client = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
        started.push_async_callback(client.close)
        pool = await started.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=1))
        hop, reference = Hop(intake, verification), Reference(client, pool)
        await reference.start()
        cases = await asyncio.gather(*(_accepted(intake) for _ in range(hops + WARM)))
        await _caught_up(intake, verification)
        found: dict[str, list[float]] = {"hop": [], "nats": []}
        for case in cases:
            found["hop"].append(await hop(case))
            await asyncio.sleep(PAUSE)
            found["nats"].append(await reference())
            await asyncio.sleep(PAUSE)
    return {name: median(times[WARM:]) for name, times in found.items()}


async def ratios(stack: Stack) -> list[Ratio]:
    found = await measure(stack)
    ours, reference = (f"{found[name] * 1000:.1f} ms" for name in ("hop", "nats"))
    return [Ratio("hop_vs_nats", found["hop"] / found["nats"], ours, reference, at_most=3.0)]
