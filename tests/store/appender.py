"""Appends one event after another, with a human number or `plain`, and prints each that was acknowledged; run
as a process to be killed."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from shared.kernel.clock import SystemClock
from shared.kernel.store.driver import open_engine
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, CommandRecord
from tests.store.examples import SERVICE, mapper, opened, paged


async def main(url: str, kind: str) -> None:
    engine = open_engine(url)
    recorder = Recorder(engine, SERVICE, mapper(), SystemClock())
    await recorder.start()
    for n in range(1, 11):
        stream = UUID(int=n)
        event = paged(stream, 1) if kind == "plain" else opened(stream)
        await recorder.append(Append(events=[event], command=CommandRecord(UUID(int=n), b"h", stream)))
        print(n, flush=True)
    await recorder.stop()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
