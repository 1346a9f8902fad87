"""Publishes the store to the stream: compares and appends.

Every message says which stream sequence it must follow (`Nats-Expected-Last-Sequence`), and carries its
position in the store. The stream's last message is therefore the only cursor there is: on start and after any
error it is read, and publishing goes on behind it. Two relays at once cannot disturb each other, a lost
acknowledgement costs one look, and a wiped broker is filled again by the same code.

The stream is a cache: a message that is old, or does not fit, is dropped from it, and a listener that has not
seen it reads it in the log. Each message names the epoch of the log that it is a copy of.

No `Nats-Msg-Id`: the broker's memory of ids outlives a purge and would swallow the refill.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import nats.errors
import structlog
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RawStreamMsg, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from shared.kernel import failpoint
from shared.kernel.bus.backoff import Backoff, heed_cancellation
from shared.kernel.bus.connection import connected
from shared.kernel.bus.envelope import BusKey, to_cloudevent
from shared.kernel.bus.log import Log
from shared.kernel.bus.names import (
    EPOCH,
    EVENT_ID,
    FOLLOWS,
    POSITION,
    PREVIOUS,
    TRACEPARENT,
    stream_name,
    stream_subjects,
)
from shared.kernel.bus.observer import Observer
from shared.kernel.bus.parking import reason_of
from shared.kernel.spans import publishing
from shared.kernel.store.mapper import type_of
from shared.kernel.store.types import LogEntry, StoreUnavailable

log = structlog.get_logger(__name__)

_STREAM_NOT_FOUND = 10059
_STREAM_FULL = {10077, 10122, 10047, 10028}
"""Maximum bytes or messages exceeded, storage resources exceeded: those of the server."""
_TOO_MANY_REPLICAS = {10005, 10074}
"""No suitable servers for placement; replicas without a cluster."""
_WRONG_LAST_SEQUENCE = {10071, 10164}
MAX_BYTES = 1024**3
MAX_AGE = 30 * 24 * 3600.0
"""Seconds after which a stream drops a message."""
NEARLY_FULL = 0.7
JUST_SAID = 0.25
"""Seconds for which the store is taken to be the same: it takes longer to be replaced."""


class Halt(Exception):
    """Going on could do harm, or cannot succeed until a person acts."""


class _Overtaken(Exception):
    """Another relay was faster."""


class Relay:
    """Publishes the log of one service's store, in order, for ever."""

    def __init__(
        self,
        service: str,
        nc: Client,
        log: Log,
        key: BusKey,
        *,
        observer: Observer | None = None,
        replicas: int = 1,
        max_bytes: int = MAX_BYTES,
        max_age: float = MAX_AGE,
        batch: int = 128,
        timeout: float = 3.0,
        recheck: float = 30.0,
        halted_retry: float = 5.0,
        patience: int = 5,
    ) -> None:
        """`recheck`: how often an idle relay looks whether the stream still holds what it published, and a
        busy one how full it is. `halted_retry`: how often a halted one looks whether the reason is gone.
        `patience`: after how many failures in a row, with a broker that is there, it counts as halted."""
        self.halted: str | None = None
        self.position = 0
        self._service = service
        self._nc = nc
        self._js = nc.jetstream(timeout=timeout)
        self._log = log
        self._key = key
        self._observer = observer or Observer()
        self._replicas = replicas
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._batch = self._window = batch
        self._recheck = recheck
        self._halted_retry = halted_retry
        self._stream = stream_name(service)
        self._sequence = 0
        self._proved = 0.0
        """The time at which the store last said that it has the event at `position`, or one before it."""
        self._last_id: str | None = None
        """The id of the event at `position`."""
        self._epoch = UUID(int=0)
        self._patience = patience
        self._failures = 0
        self._nearly_full = False

    async def run(self) -> None:
        """Relays until it is cancelled; any failure leads back to a look at the stream."""
        backoff = Backoff()
        while True:
            heed_cancellation()
            try:
                await connected(self._nc)
                await self._resync()
                await self._follow(backoff)
            except _Overtaken:
                # Perhaps for another reason, which only the first refusal of a batch would tell.
                self._window = 1
                await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - so that two do not march in step
            except Halt as reason:
                self._set_halted(str(reason))
                await asyncio.sleep(self._halted_retry)
            except Exception as error:  # whatever it is, silence would be worse
                self._observer.error("relay", error)
                log.warning("relay.retry", service=self._service, error=reason_of(error))
                self._failures += not isinstance(error, StoreUnavailable)
                if self._failures >= self._patience:
                    # A broker whose disk was full takes nothing until it is restarted, and tells nobody.
                    self._set_halted(
                        f"{self._stream}: {self._patience} failures in a row: {reason_of(error)}"
                    )
                await backoff.wait()

    def _went_well(self) -> None:
        self._failures = 0
        self._set_halted(None)

    def _set_halted(self, reason: str | None) -> None:
        if reason != self.halted:
            self.halted = reason
            self._observer.halted("relay", reason)
            log.error("relay.halted" if reason else "relay.resumed", service=self._service, reason=reason)

    async def _resync(self) -> None:
        """Reads from the stream where to go on, and checks that it and the store tell one history."""
        self._epoch = await self._log.epoch()
        try:
            last = await self._js.get_last_msg(self._stream, stream_subjects(self._service))
        except NotFoundError as missing:
            if missing.err_code == _STREAM_NOT_FOUND:
                await self._create_stream()
            info = await self._js.stream_info(self._stream)
            state = info.state
            if state.messages:
                # Another relay has filled it since we looked. Its length now with our "nothing" from
                # before would put the first event behind the last.
                raise _Overtaken from None
            # Never filled, or wiped: all of it. Grown old: its last event alone says where it stands.
            self.position = await self._before_the_last() if state.last_seq else 0
            self._sequence = state.last_seq
            known = await self._log.find_event(self.position)
            self._last_id = str(known) if known else None
        else:
            self.position = await self._agreed_position(last)
            self._sequence = last.seq or 0
            info = await self._js.stream_info(self._stream)
        await self._adjust(info)
        self._weigh(info)
        self._observer.resynced(self._service, self.position)

    async def _agreed_position(self, last: RawStreamMsg) -> int:
        headers = last.headers or {}
        try:
            position, event_id = int(headers[POSITION]), headers[EVENT_ID]
        except (KeyError, ValueError):
            raise Halt(f"{self._stream}: message {last.seq} does not come from a relay") from None
        await self._must_have(position, event_id)
        return position

    async def _must_have(self, position: int, event_id: str) -> None:
        """Halts unless the store has the event that was published last; a store may be replaced also under a
        running relay."""
        known = await self._log.find_event(position)
        if known is None or str(known) != event_id:
            raise Halt(
                f"store and stream disagree at position {position}: published {event_id}, "
                f"the store has {known or 'nothing'}. The store has lost a tail, or is another one. "
                "Bring it back, or empty the broker and run after-restore."
            )
        self._last_id, self._proved = event_id, asyncio.get_running_loop().time()

    async def _before_the_last(self) -> int:
        """The position that the last event of the log follows."""
        last = await self._log.read(max(await self._log.max_position() - 1, 0), 1)
        return last[0].previous if last else 0

    async def _adjust(self, info: StreamInfo) -> None:
        """Gives a stream that was made with other settings those of today."""
        found = info.config
        wanted = found.evolve(
            discard=DiscardPolicy.OLD,
            max_bytes=self._max_bytes,
            max_age=self._max_age,
            num_replicas=self._replicas,
        )
        if found != wanted:
            with self._held():
                await self._js.update_stream(wanted)
            log.info("relay.stream_adjusted", service=self._service, stream=self._stream)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Halts where the broker's cluster is too small for as many copies as are asked for."""
        try:
            yield
        except APIError as refusal:
            if refusal.err_code not in _TOO_MANY_REPLICAS:
                raise
            raise Halt(
                f"{self._stream}: the broker does not hold {self._replicas} replicas (ZM_NATS_REPLICAS): "
                f"{refusal.description}"
            ) from refusal

    def _weigh(self, info: StreamInfo) -> None:
        """Tells how full the stream is; once, when it is nearly full: from then on it may hold less than its
        age allows."""
        filled = info.state.bytes / self._max_bytes
        self._observer.filled(self._service, filled)
        if filled >= NEARLY_FULL and not self._nearly_full:
            log.warning("relay.stream_nearly_full", service=self._service, filled=round(filled, 2))
        self._nearly_full = filled >= NEARLY_FULL

    async def _create_stream(self) -> None:
        with self._held():
            await self._js.add_stream(
                StreamConfig(
                    name=self._stream,
                    subjects=[stream_subjects(self._service)],
                    storage=StorageType.FILE,
                    retention=RetentionPolicy.LIMITS,
                    # A slow consumer reads in the log what was dropped before it saw it.
                    discard=DiscardPolicy.OLD,
                    max_bytes=self._max_bytes,
                    max_age=self._max_age,
                    num_replicas=self._replicas,
                    deny_delete=True,
                    deny_purge=True,
                    allow_direct=False,  # a direct get may be answered by a replica that is behind
                )
            )
        log.info("relay.stream_created", service=self._service, stream=self._stream)

    async def _follow(self, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        checked, connections = loop.time(), self._nc.stats["reconnects"]
        weighed = checked
        while True:
            heed_cancellation()
            entries = await self._log.read(self.position, self._window)
            if entries:
                if self._last_id is not None and loop.time() - self._proved > JUST_SAID:
                    await self._must_have(self.position, self._last_id)
                await self._publish(entries)
                backoff.reset()
                if loop.time() - weighed > self._recheck:
                    weighed = loop.time()
                    self._weigh(await self._js.stream_info(self._stream))
                checked = loop.time()
                full, self._window = len(entries) == self._window, self._batch
                if full:
                    self._went_well()
                    continue
            elif loop.time() - checked > self._recheck or self._nc.stats["reconnects"] != connections:
                # A broker that was away may have forgotten what it had not yet synced.
                checked, connections = loop.time(), self._nc.stats["reconnects"]
                await self._resync()
            self._went_well()
            # Asked before the store is: it knows in memory, and most often that there is nothing yet.
            with suppress(TimeoutError):
                await self._log.wait_for(self.position, 1.0)

    @publishing
    async def _publish(self, entries: list[LogEntry]) -> None:
        """Publishes a batch at once. Each message names the sequence that it follows: the broker takes them
        in order, or nothing after the first refusal. So what it says of the last one it says of all."""
        self._check_chain(entries)
        failpoint.hit("relay.before_publish")
        follows = [self._last_id, *(entry.event_id for entry in entries[:-1])]
        *others, last = zip(
            entries, follows, range(self._sequence, self._sequence + len(entries)), strict=True
        )
        for entry, before, sequence in others:
            await self._send(entry, before, sequence, self._nc.publish)
        await self._send(*last, self._js.publish)
        failpoint.hit("relay.after_publish")
        self._sequence += len(entries)
        self.position, self._last_id = entries[-1].position, entries[-1].event_id
        self._observer.published(self._service, len(entries), self.position)

    def _check_chain(self, entries: list[LogEntry]) -> None:
        previous = self.position
        for entry in entries:
            if entry.previous != previous:
                raise Halt(
                    f"the store's log is broken: position {entry.position} "
                    f"follows {entry.previous}, expected {previous}"
                )
            previous = entry.position

    async def _send(
        self,
        entry: LogEntry,
        follows: str | None,
        after_sequence: int,
        publish: Callable[..., Awaitable[Any]],
    ) -> None:
        headers = {
            "Nats-Expected-Last-Sequence": str(after_sequence),
            POSITION: str(entry.position),
            PREVIOUS: str(entry.previous),
            EVENT_ID: entry.event_id,
            EPOCH: str(self._epoch),
        }
        if follows is not None:
            headers[FOLLOWS] = follows
        if trace := entry.data["meta"].get("trace_id"):
            headers[TRACEPARENT] = trace if "-" in trace else _traceparent(trace, entry.event_id)
        subject = type_of(entry.topic, entry.data["event_version"])
        try:
            await publish(subject, to_cloudevent(entry, self._key, self._epoch), headers=headers)
        except nats.errors.MaxPayloadError:
            raise Halt(f"the event at position {entry.position} is too large for the broker") from None
        except APIError as refusal:
            if refusal.err_code in _WRONG_LAST_SEQUENCE:
                raise _Overtaken from refusal
            if refusal.err_code in _STREAM_FULL:
                raise Halt(f"{self._stream} is full: {refusal.description}") from refusal
            raise


def _traceparent(trace: str, event_id: str) -> str:
    return f"00-{trace}-{event_id.replace('-', '')[:16]}-01"
