"""Waiting longer after each failure, with a little chance in it so that replicas do not march in step."""

from __future__ import annotations

import asyncio
import random


def heed_cancellation() -> None:
    """Ends a task that was asked to end; for every turn of a loop that has no end of its own.

    `asyncio.wait_for` of Python 3.11, which nats-py waits with, swallows a cancellation that comes
    together with the answer. The loop would then run on, and a shutdown wait for it for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Backoff:
    """Pauses that double from `first` to `top` seconds until something succeeds."""

    def __init__(self, first: float = 0.05, top: float = 2.0) -> None:
        self._first = first
        self._top = top
        self._next = first

    async def wait(self) -> None:
        """Pauses once."""
        heed_cancellation()
        pause, self._next = self._next, min(self._next * 2, self._top)
        await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - no secret

    def reset(self) -> None:
        """Makes the next pause short again, after a success."""
        self._next = self._first
