"""Watches an instance's clock also while nothing is written, and so nothing else looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.clock import SystemClock
from shared.kernel.store.committer import NOW
from shared.kernel.store.driver import borrowed
from shared.kernel.store.reading import told_apart
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import StoreUnavailable

log = structlog.get_logger("clock")
PART = "clock"


class ClockWatch:
    """Holds a clock against the database's and against the end of the log, every few seconds."""

    SECONDS = 5.0

    def __init__(
        self,
        clock: SystemClock,
        engine: AsyncEngine,
        recorder: Recorder,
        registry: CollectorRegistry,
        halt: Callable[[str, str | None], None],
    ) -> None:
        """`halt` is told why nothing is written, and when something is again."""
        self._clock = clock
        self._engine = engine
        self._recorder = recorder
        self._halt = halt
        self._reason: str | None = None
        self._ahead = Gauge(
            "zm_clock_ahead_seconds",
            "How far our clock is ahead of the database's, and the end of the log ahead of our clock",
            ["what"],
            registry=registry,
        )

    async def run(self) -> None:
        """Looks until it is cancelled; a database that is away is asked again."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("clock.not_compared", error=str(error))
            await asyncio.sleep(self.SECONDS)

    async def look(self) -> None:
        """Compares once, and tells."""
        clock = self._clock
        with told_apart():
            async with borrowed(self._engine) as driver:
                await clock.compare(driver.fetchval(NOW))
        last = await self._recorder.last_recorded()
        log_ahead = 0.0 if last is None else (last - clock.now()).total_seconds()
        self._ahead.labels("clock").set(clock.ahead_of_database.total_seconds())
        self._ahead.labels("log").set(max(log_ahead, 0.0))  # how long ago it was is nobody's business (SEC-1)
        reason = clock.wrong()
        self._halt(PART, reason)
        if (reason is None) != (self._reason is None):
            log.error("clock.halted" if reason else "clock.resumed", reason=reason)
        self._reason = reason
