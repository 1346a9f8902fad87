"""The cost of a hop: from an event's commit in one service to its effect's commit in the next.

intake stands in this process as the kernel assembles it, with gate, relay, projections and scheduler, but
without HTTP; verification stands in another (`hop_receiver`), so that each commit is seen where it happens.
Beside them, between the same two processes and on the same servers: publish to JetStream, receive, one
INSERT.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import nats
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from deploy.local.people import people
from deploy.local.stack import Stack
from services.intake.commands import COMMANDS
from services.intake.commands.passing_on import TransferToHandler
from services.intake.domain.complaint import Complaint
from services.intake.main import service
from shared.casework.command import Command, Token
from shared.casework.gate import Submission
from shared.casework.parts import Parts
from shared.casework.service import build
from shared.kernel.settings import Settings
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import database

HANDS_OVER = TransferToHandler
"""The command whose event goes over to verification."""
HOPS = 300
WARM = 10
AT_ONCE = 16
"""Cases made ready together, so that none waits for the database until it is given up."""
PAUSE = 0.05
"""Seconds between two hops, so that each finds everybody idle: it is the latency of a single event."""
PAYLOAD = b"x" * 2_400
"""About what an event is on the wire."""


class Receiver:
    """The process at the other end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self, what: str) -> float:
        """The time of the next commit; anything but `what` is an error."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            said, when = (await self._process.stdout.readline()).decode().split()
        if said != what:
            raise RuntimeError(f"{said} came where {what} was expected")
        return float(when)


@asynccontextmanager
async def receiver(stack: Stack) -> AsyncIterator[Receiver]:
    dsn, _ = await database(stack, "bench_hop")
    own = {"BENCH_DSN": dsn, "BENCH_SEED": str(stack.nats.seed_file("admin"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.hop_receiver",
        env={**os.environ, **stack.environment("verification"), **own},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Receiver(process)
    finally:
        process.terminate()
        await process.wait()


def _token(username: str) -> Token:
    who = people()[username]
    return Token(who.sub, frozenset(who.role), who.organ or "", perf_counter() + 1e9)


async def _accepted(intake: Parts) -> UUID:
    """A complaint up to the step before it is handed over."""
    clerk, head = _token("petition_clerk@DI-990102100"), _token("petition_head@DI-990102100")

    async def do(token: Token, id: UUID | None, name: str, version: int | None = None, **body: Any) -> UUID:
        cls: type[Command] = next(c for c in COMMANDS if c.__name__ == name)
        request = Submission(
            cls.model_validate(body), token, id, if_match=None if version is None else frozenset({version})
        )
        return UUID((await intake.command_gate.execute(request)).answer["id"])

    received: dict[str, Any] = {
        "channel": "LETTER",
        "received_on": "2022-03-01",
        "competent_level": "TOWNSHIP",
    }
    id = await do(clerk, None, "ReceiveComplaint", **received)
    await do(head, id, "AssignToCase", person=head.person, role="petition_head")
    await do(clerk, id, "RegisterComplaint")
    accused = {
        "name": "王虚清",
        "unit": "虚构镇政府",
        "unit_division": "990102100",
        "managed_by_level": "TOWNSHIP",
        "position": "干部",
        "political_status": "PARTY_MEMBER",
        "official_category": "公务员",
    }
    claim = {"id": "a1", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "收受红包"}
    await do(clerk, id, "ListAllegations", accused=[accused], allegations=[claim], approved_by=head.person)
    complaint = await intake.repository.get(Complaint, id)
    assert complaint is not None
    await do(head, id, "AcceptComplaint", complaint.version, handling_dept="supervision_dept")
    return id


async def _hop(intake: Parts, case: UUID, other: Receiver) -> float:
    transfer = Submission(HANDS_OVER(), _token("petition_head@DI-990102100"), case)
    await intake.command_gate.execute(transfer)
    committed = perf_counter()
    return await other.heard("hop") - committed


async def _bare(js: Any, other: Receiver) -> float:
    began = perf_counter()
    await js.publish("bench.event", PAYLOAD)
    return await other.heard("nats") - began


async def measure(stack: Stack, hops: int = HOPS) -> dict[str, float]:
    """Median seconds of each, one after the other in turns."""
    async with AsyncExitStack() as started:
        client = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
        started.push_async_callback(client.close)
        js = client.jetstream()
        await js.add_stream(
            StreamConfig(
                name="BENCH",
                subjects=["bench.>"],
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
            )
        )
        app, intake = build(service(), Settings.from_env("intake", stack.environment("intake")))
        await started.enter_async_context(app.router.lifespan_context(app))
        other = await started.enter_async_context(receiver(stack))
        await other.heard("ready")
        turns = asyncio.Semaphore(AT_ONCE)

        async def accepted() -> UUID:
            async with turns:
                return await _accepted(intake)

        cases = await asyncio.gather(*(accepted() for _ in range(hops + WARM)))
        await asyncio.sleep(5)  # all is published, taken in and projected
        found: dict[str, list[float]] = {"hop": [], "nats": []}
        for case in cases:
            found["hop"].append(await _hop(intake, case, other))
            await asyncio.sleep(PAUSE)
            found["nats"].append(await _bare(js, other))
            await asyncio.sleep(PAUSE)
    return {name: median(times[WARM:]) for name, times in found.items()}


async def ratios(stack: Stack) -> list[Ratio]:
    found = await measure(stack)
    ours, reference = (f"{found[name] * 1000:.1f} ms" for name in ("hop", "nats"))
    return [Ratio("hop_vs_nats", found["hop"] / found["nats"], ours, reference, at_most=2.5)]
