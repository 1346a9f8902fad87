"""The rounds that audit makes in the background: it signs, it looks at what is stored, it counts readings and
the alerts that nobody has closed."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from services.audit.alerts import Alerts
from services.audit.guard import Guard
from services.audit.metrics import AuditMetrics
from services.audit.outside import Outside
from services.audit.proof import HistoryChanged, Trees
from services.audit.tables import ACCESS, LOGS, SERVICE
from services.audit.watch import Watch
from shared.kernel.bus.parking import PgParkedStore
from shared.kernel.store.types import StoreUnavailable

log = structlog.get_logger(SERVICE)
LOOK_SECONDS = 60.0
"""Seconds between two looks at the trees."""
GUARD_SECONDS = 3600.0
"""Seconds between two looks at everything that is stored."""
AGAIN_SECONDS = 60.0
"""Seconds after a look that could not be made."""
WATCH_SECONDS = 2.0
AWAY = (OSError, TimeoutError, StoreUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError)


class Rounds:
    """Makes each round until it is cancelled; what is away is looked at again the next time."""

    def __init__(
        self,
        trees: Trees,
        parked: PgParkedStore,
        outside: Outside,
        guard: Guard,
        watch: Watch,
        alerts: Alerts,
        metrics: AuditMetrics,
    ) -> None:
        self._trees = trees
        self._parked = parked
        self._outside = outside
        self._guard = guard
        self._watch = watch
        self._alerts = alerts
        self._metrics = metrics

    async def sign(self, seconds: float = LOOK_SECONDS) -> None:
        """Has every log's state signed and sent away each hour, and looks in between whether it still holds.
        A tree that no longer holds what was signed is not signed again; that is said until somebody has
        looked."""
        while True:
            for name in LOGS:
                await self._look_at_tree(name)
            try:
                await self._outside.send_hourly()
            except AWAY as error:
                self._metrics.error("checkpoints", error)
            await asyncio.sleep(seconds)

    async def _look_at_tree(self, name: str) -> None:
        part = f"checkpoint.{name}"
        try:
            self._metrics.proved.labels(name).set(await self._trees.check(name))
            if name != ACCESS:
                self._metrics.set_aside.labels(name).set(await self._parked.count(name))
            self._metrics.halted(part, None)
        except HistoryChanged as reason:
            self._metrics.halted(part, str(reason))
            log.error("checkpoint.halted", service=name, reason=str(reason))
        except AWAY as error:
            self._metrics.error(part, error)

    async def guard(self, seconds: float = GUARD_SECONDS, again: float = AGAIN_SECONDS) -> None:
        """Looks from time to time whether the store still holds what was recorded. A difference is told until
        it is put right; a look that could not be made is made again."""
        while True:
            looked = [await self.look_at(name) for name in LOGS]
            await asyncio.sleep(seconds if all(looked) else again)

    async def look_at(self, part: str) -> bool:
        """Looks once at a service's store and ledger, or at the access log; False if it could not be made."""
        try:
            found = await (self._guard.check_access() if part == ACCESS else self._guard.check_log(part))
        except AWAY as error:
            self._metrics.error(f"guard.{part}", error)
            log.warning("guard.waits", part=part, error=type(error).__name__)
            return False
        self._metrics.halted(f"evidence.{part}", "; ".join(found) or None)
        self._metrics.checked.labels(part).set_to_current_time()
        if found:
            log.error("evidence.altered", part=part, findings=found)
        return True

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Counts readings by person, over all services (SEC-9)."""
        while True:
            try:
                if raised := await self._watch.look():
                    self._metrics.bulk_readings.inc(raised)
                    log.warning("bulk_reading", alerts=raised)
            except AWAY as error:
                self._metrics.error("watch", error)
            await asyncio.sleep(seconds)

    async def alerts(self, seconds: float = LOOK_SECONDS) -> None:
        """Tells how many alerts ought to be closed by now (B47)."""
        while True:
            try:
                self._metrics.late_alerts.set(await self._alerts.late())
            except AWAY as error:
                self._metrics.error("alerts", error)
            await asyncio.sleep(seconds)
