"""The daily inspection of read models: compares them with the log.

They belong to the service's own role, so nothing but the log proves them. A case that was taken out of a list
is on nobody's desk, and its deadlines are told no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from shared.kernel.store.driver import away
from shared.kernel.store.projector import Projector
from shared.kernel.store.types import StoreUnavailable

log = structlog.get_logger("inspection")


class Inspection:
    """Compares every read model of a process with the log, one after another."""

    FIRST = 3600.0
    """Seconds after a start: what has just come up has other things to do."""
    EVERY = 24 * 3600.0
    AGAIN = 3600.0
    """Seconds until the next look, where something differed or could not be compared."""

    def __init__(self, projector: Projector, halt: Callable[[str, str | None], None]) -> None:
        """`halt` is told what differs, and when nothing does any more."""
        self._projector = projector
        self._halt = halt

    async def run(self) -> None:
        """Looks every day until it is cancelled."""
        await asyncio.sleep(self.FIRST)
        while True:
            well = await self.look()
            await asyncio.sleep(self.EVERY if well else self.AGAIN)

    async def look(self) -> bool:
        """True if all of them could be compared and are as the log says. Tables that older versions left go,
        too, if they could not go at the start."""
        told = [await self._compare(name) for name in self._projector.names]
        try:
            await self._projector.drop_others()
        except Exception as error:
            log.warning("read_model.old_tables_stay", error=type(error).__name__)
            return False
        return all(told)

    async def _compare(self, name: str) -> bool:
        part = f"read model {name} against the log"
        try:
            differences = await self._projector.compare(name)
        except Exception as error:
            kind = type(error).__name__
            log.warning("read_model.not_compared", read_model=name, error=kind)
            if not (isinstance(error, StoreUnavailable) or away(error)):
                # The log does not open, or this read model cannot fold it.
                self._halt(part, kind)
            return False
        for difference in differences:
            log.error("read_model.differs", read_model=name, **difference._asdict())
        self._halt(part, ", ".join(f"{d.table}: {d.rows} rows" for d in differences) or None)
        return not differences
