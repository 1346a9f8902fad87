"""The embedded stack, with failpoints armed per service and a clock that only tests move."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from deploy.local.clockfile import ClockReader
from deploy.local.process import Child
from deploy.local.stack import Stack
from shared.kernel.failpoint import EXIT_CODE
from shared.language.law.working_days import SHANGHAI
from tests.faults.client import PATIENCE_SECONDS


class BreakableStack(Stack):
    """Everything real; only a service that is told to stop dead at a line does so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, clock="simulated")
        self._failpoints: dict[str, str] = {}

    def environment(self, service: str) -> dict[str, str]:
        """The environment of every stack, with the failpoint of the service."""
        env = super().environment(service)
        if service in self._failpoints:
            env["ZM_FAILPOINT"] = self._failpoints[service]
        return env

    def kill_and_start(self, *names: str) -> None:
        """Sends kill -9 to all of them before the first is started again."""
        for name in names:
            self.kill(name)
        for name in names:
            self.start_service(name)

    def arm(self, failpoints: Mapping[str, str]) -> None:
        """Sends kill -9; the new life ends at a failpoint."""
        self._failpoints = dict(failpoints)
        for name in failpoints:
            self.kill(name)
        for name in failpoints:
            self.start_service(name, wait=False)

    def await_failpoints(self) -> None:
        """Waits until every armed service has died at its point, and starts each again unarmed."""
        until = time.monotonic() + PATIENCE_SECONDS
        waiting = dict(self._failpoints)
        self._failpoints = {}
        while waiting and time.monotonic() < until:
            for name in [name for name in waiting if not self.child(name).alive()]:
                status = self.child(name).popen.returncode
                assert status == EXIT_CODE, f"{name} ended with {status}, not at {waiting[name]}"
                del waiting[name]
                self.start_service(name, wait=False)
            time.sleep(0.05)
        assert not waiting, f"never reached: {waiting}"

    def child(self, name: str) -> Child:
        return self._children[name]

    def now(self) -> str:
        """The simulated instant in legal time."""
        return ClockReader(self.data.clock).now().astimezone(SHANGHAI).isoformat()

    def advance(self, by: timedelta) -> None:
        """Moves the clock, for all services at once."""
        self.move_clock(datetime.fromisoformat(self.now()) + by)
