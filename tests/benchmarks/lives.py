"""Whole lives of complaints through the front door: DIGIT's lifecycle, played with its load generator.

    python -m tests.benchmarks.lives [--records 10000 100000] [--data DIR] [--seconds 20]

Sixteen users without think time receive, register, list, assign, accept, hand over and search, on the whole
embedded stack whose stores already hold so many complaints (`lives_fill`). Beside the lives per second stand
each step's time and what each process computed per life, until everything that the lives started was taken
in everywhere: the events published, every read model and audit's ledger at their end.

k6 is a program of its own that is only run (docs/adr/0017); `make life` installs it into build/k6. A folder
given with --data is kept, and found filled the next time. Lives per second go to build/bench.json, too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import orjson
from rich.console import Console
from rich.table import Table

from deploy.local.process import ROOT
from deploy.local.stack import Stack
from services.audit.tables import PUBLISHERS
from tests.benchmarks.life import TOWNSHIP
from tests.benchmarks.lives_fill import fill, genuine
from tests.benchmarks.world import checkpoint, cpu_seconds

REPORT = ROOT / "build" / "bench.json"
K6 = ROOT / "build" / "k6" / "bin" / "k6"
SCRIPT = Path(__file__).with_name("lives.js")
USERS = 16
WARM_SECONDS, SECONDS = 5, 20
DIGIT = {10_000: 37.0, 100_000: 37.0, 300_000: 22.0, 1_000_000: 6.3}
"""Lives per second that DIGIT publishes for so many records, on 16 vCPU."""
PROCESSES = ("intake", "postgres", "audit", "verification", "nats", "clarification", "followup", "caddy")
SERVING = """
    SELECT min(position) FROM view.projection_positions JOIN view.projection_active USING (name, version)
    """
STEPS = ("receive", "register", "list", "assign", "accept", "transfer", "search")


@dataclass(frozen=True, slots=True)
class Lives:
    """The result of one run."""

    records: int
    rate: float
    median: float
    p95: float
    steps: dict[str, float]
    """Median milliseconds of each step."""
    cpu: dict[str, float]
    """Milliseconds of CPU per life, by process."""
    caught_up: float
    """Seconds until all that the lives started was taken in, after the last of them."""


class Play:
    """One stack, filled, on which lives are played."""

    def __init__(self, stack: Stack, records: int) -> None:
        self._stack = stack
        self._records = records
        self._runs = 0

    async def run(self, seconds: int) -> Lives:
        """Warms up, plays, waits for the rest, and tells what it took."""
        await genuine(self._stack, self._records)
        await self._caught_up()  # the read models of what the stores were filled with
        await self._k6(WARM_SECONDS)
        await self._caught_up()
        await checkpoint(self._stack)
        before = self._computed()
        told = await self._k6(seconds)
        ended = monotonic()
        await self._caught_up()
        lives = told["lives"]["values"]["count"]
        cpu = {name: used - before[name] for name, used in self._computed().items()}
        life = told["life"]["values"]
        return Lives(
            records=self._records,
            rate=told["lives"]["values"]["rate"],
            median=life["med"],
            p95=life["p(95)"],
            steps={step: told[f"step_{step}"]["values"]["med"] for step in STEPS},
            cpu={name: used / lives * 1000 for name, used in cpu.items()},
            caught_up=monotonic() - ended,
        )

    async def _k6(self, seconds: int) -> Any:
        """Plays lives for so long and gives k6's own measures. Anything but success ends it with an error."""
        self._runs += 1
        head = f"petition_head@{TOWNSHIP}"
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._stack.data.root),
            "FRONT_DOOR": self._stack.front_url,
            "CLERK": await asyncio.to_thread(self._stack.token, f"petition_clerk@{TOWNSHIP}"),
            "HEAD": await asyncio.to_thread(self._stack.token, head),
            "HEAD_ID": f"p-{TOWNSHIP.removeprefix('DI-')}-petition_head",
            "TODAY": date.today().isoformat(),
            "RUN": f"{os.getpid()}-{self._runs}",
            "USERS": str(USERS),
            "DURATION": f"{seconds}s",
        }
        process = await asyncio.create_subprocess_exec(
            K6,
            "run",
            "--quiet",
            "--no-usage-report",
            "--address",
            "",
            SCRIPT,
            env=env,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(seconds + 60):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"k6 ended with {process.returncode}")
        return orjson.loads(said)

    async def _caught_up(self) -> None:
        """Waits until every event is published, taken in by its listeners, shown by the read models and kept
        by audit. An event that is taken in may start more, so all are looked at until nothing moves."""
        seen: dict[str, int] | None = None
        async with asyncio.timeout(1800):
            while (now := await self._ends()) is None or now != seen:
                seen = now
                await asyncio.sleep(0.25)

    async def _ends(self) -> dict[str, int] | None:
        """The end of each log, if audit and the read models stand there; None where one does not."""
        ends: dict[str, int] = {}
        kept = dict(await self._query("audit", "SELECT source, position FROM tracking"))
        for service in PUBLISHERS:
            log = f"SELECT coalesce(max(notification_id), 0) FROM {service}_events"
            ends[service] = (await self._query(service, log))[0][0]
            views = await self._query(service, SERVING)
            if views[0][0] != ends[service] or kept.get(service, 0) != ends[service]:
                return None
        return ends

    async def _query(self, service: str, query: str) -> list[Any]:
        url = self._stack.database_url(f"zm_{service}", scheme="postgresql")
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    def _computed(self) -> dict[str, float]:
        """Seconds of CPU of every process so far; of k6 what ended."""
        pids = self._stack.pids()
        found = {name: cpu_seconds(pids[name]) for name in PROCESSES}
        found["postgres"] = _with_children(pids["postgres"])
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found | {"k6": ended.ru_utime + ended.ru_stime}


def _with_children(pid: int) -> float:
    """The processor time of a server and its processes, those that ended meanwhile included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(FileNotFoundError):  # it ended just now
            total += cpu_seconds(int(child))
    return total


@contextmanager
def filled(records: int, folder: Path | None, console: Console) -> Iterator[Stack]:
    """The whole stack with so many complaints in it; in a folder of its own that is gone afterwards, or in
    the given one, filled before or now."""
    place = folder / str(records) if folder else Path(tempfile.mkdtemp(prefix="zm-lives-"))
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)  # PostgreSQL's own account walks through
    mark = place / "filled"
    try:
        if not mark.exists():
            with Stack(place, clock="system") as stack:
                for service in stack.services:
                    stack.kill(service, 15)
                began = monotonic()
                asyncio.run(fill(stack, records))
            mark.touch()
            console.print(f"[dim]{records:,} complaints written: {monotonic() - began:.0f} s[/]")
        with Stack(place, clock="system") as stack:
            yield stack
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def show(found: list[Lives], console: Console) -> None:
    """The table, DIGIT's published figures beside ours."""
    table = Table(title=f"Whole lives of complaints, {USERS} users, through the front door")
    for heading in ("complaints", "lives/s", "DIGIT, 16 vCPU", "median ms", "p95 ms", "rest s"):
        table.add_column(heading, justify="right")
    for name in (*PROCESSES, "k6"):
        table.add_column(f"ms {name}", justify="right")
    for lives in found:
        digit = DIGIT.get(lives.records)
        table.add_row(
            f"{lives.records:,}",
            f"{lives.rate:.1f}",
            "" if digit is None else f"{digit:g}",
            *(f"{value:.0f}" for value in (lives.median, lives.p95)),
            f"{lives.caught_up:.1f}",
            *(f"{lives.cpu[name]:.1f}" for name in (*PROCESSES, "k6")),
        )
    console.print(table)
    for lives in found:
        steps = ", ".join(f"{step} {lives.steps[step]:.0f}" for step in STEPS)
        console.print(f"[dim]{lives.records:,}: median ms of {steps}[/]")


def note(found: list[Lives]) -> None:
    """Adds the lives per second to what the other benchmarks have written."""
    REPORT.parent.mkdir(exist_ok=True)
    values = orjson.loads(REPORT.read_bytes()) if REPORT.exists() else {}
    values |= {f"lives_at_{lives.records}": round(lives.rate, 1) for lives in found}
    REPORT.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2) + b"\n")


def main() -> int:
    """Fills, plays and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lives")
    parser.add_argument("--records", type=int, nargs="+", default=[10_000], help="complaints there before")
    parser.add_argument("--data", type=Path, help="a folder that is kept")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    options = parser.parse_args()
    console = Console(width=160)
    found = []
    for records in options.records:
        with filled(records, options.data, console) as stack:
            found.append(asyncio.run(Play(stack, records).run(options.seconds)))
    show(found, console)
    note(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
