"""`python -m tests.benchmarks [write] [hop] [rebuild] [growth] [reads]`: all, or those that are named."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import orjson
import structlog
import uvloop
from rich.console import Console
from rich.table import Table

from deploy.local.stack import Stack
from tests.benchmarks import growth, hop, reads, rebuild, write
from tests.benchmarks.ratio import Ratio

REPORT = Path(__file__).resolve().parents[2] / "build" / "bench.json"
Measure = Callable[[Stack], Awaitable[list[Ratio]]]
BENCHES: dict[str, Measure] = {
    "hop": hop.ratios,
    "write": write.ratios,
    "rebuild": rebuild.ratios,
    "growth": growth.ratios,
    "reads": reads.ratios,
}


async def measured(stack: Stack, names: list[str], console: Console) -> list[Ratio]:
    """One after the other; a service runs as a process of its own only where it is measured as one."""
    for service in stack.services:
        await asyncio.to_thread(stack.kill, service, 15)
    found: list[Ratio] = []
    for name in names:
        began = monotonic()
        found += await BENCHES[name](stack)
        console.print(f"[dim]{name}: {monotonic() - began:.0f} s[/]")
    return found


def show(found: list[Ratio], console: Console) -> None:
    table = Table(title="zhengming beside its references")
    for heading in ("ratio", "ours", "reference"):
        table.add_column(heading)
    table.add_column("is", justify="right")
    table.add_column("to reach", justify="right")
    for ratio in found:
        colour = "" if ratio.met is None else ("green" if ratio.met else "red")
        value = f"[{colour}]{ratio.value:.2f}[/]" if colour else f"{ratio.value:.2f}"
        table.add_row(ratio.name, ratio.ours, ratio.reference, value, ratio.target)
    console.print(table)


def main() -> int:
    """Measures, prints, writes build/bench.json. Ends with 1 if a ratio is not reached."""
    names = [name for name in BENCHES if name in sys.argv[1:]] or list(BENCHES)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="zm-bench-"))
    folder.chmod(0o755)  # PostgreSQL's own account walks through
    try:
        with Stack(folder, clock="system", services=("intake", "verification", "audit")) as stack:
            found = uvloop.run(measured(stack, names, console))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(found, console)
    REPORT.parent.mkdir(exist_ok=True)
    values = {ratio.name: round(ratio.value, 3) for ratio in found}
    REPORT.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2) + b"\n")
    return 1 if any(ratio.met is False for ratio in found) else 0


if __name__ == "__main__":
    sys.exit(main())
