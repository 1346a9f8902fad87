"""Takes another service's stream into the own store, each event exactly once and in order.

The position of the source lies in the own database and moves in the same transaction as the effect; the
broker is told after the commit. So a message at or before the position is skipped, and one whose `Ev-Prev` is
not the position has a hole before it, which is read from the producer's own log. Duplicates, disorder,
redelivery and a broker that lost its middle are all the same to it.

A position alone does not tell one log from another: after a restore other events stand at the same positions.
So the position is kept with the id of its event and the epoch of the log; the next event that is taken in
must name that event as the one before it. Each session, and every message that looks like a duplicate, is
held against the producer's log: where the log does not have the event there, nothing is taken in until a
person has looked (`Diverged`; docs/adr/0026).

An event that cannot be dealt with is parked, and the later ones of its case behind it; everything else flows
on. Away is not broken: while the database or the broker is away, nothing is parked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import Any
from uuid import UUID

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.kernel import failpoint
from shared.kernel.bus.arrival import Arrival, arrival_of, arrivals_from_log
from shared.kernel.bus.backoff import Backoff, heed_cancellation
from shared.kernel.bus.connection import connected
from shared.kernel.bus.envelope import BadEnvelope, BusKey, Malformed, Published, hint_of_correlation
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.bus.log import Receiver
from shared.kernel.bus.log_server import LogUnavailable, Page, fetch_log
from shared.kernel.bus.names import stream_name
from shared.kernel.bus.observer import Observer
from shared.kernel.bus.parking import BEHIND, Parked, ParkedStore, pack, reason_of
from shared.kernel.bus.pull import Puller
from shared.kernel.spans import batch as tell_batch
from shared.kernel.spans import handling
from shared.kernel.store.driver import away
from shared.kernel.store.types import AlreadyTracked, Append, StoreUnavailable, Tracked, VersionConflict

log = structlog.get_logger(__name__)

Handle = Callable[[Published], Awaitable[Append | None]]
"""Builds the effect of an event; nothing where it has none. May be called again with fresh state."""

HandleBatch = Callable[[Sequence[Published], Sequence[int]], Awaitable[None]]
"""Writes the effects of a run of events itself, in one transaction with the source's new position
(`AlreadyTracked` if another was faster). If the second argument names parked rows, these events come from
there: it deletes the rows and leaves the position alone."""

_Opened = tuple[Arrival, Published]
_MOST_CONFLICTS = 20
_PAGE = 200


class Diverged(Exception):
    """The producer's log does not go on from where this inbox stands: one of the two lost its history."""


class Inbox:
    """One source's events for one service. Several workers on one source are harmless."""

    def __init__(
        self,
        service: str,
        source: str,
        nc: Client,
        recorder: Receiver,
        handle: Handle | None,
        *,
        key: BusKey,
        parked: ParkedStore,
        handle_batch: HandleBatch | None = None,
        observer: Observer | None = None,
        attempts: int = 5,
        first_pause: float = 0.05,
        batch: int = 200,
        ack_wait: float = 30.0,
        heartbeat: float = 1.0,
        janitor: float = 5.0,
        rest: float = 0.05,
        unordered: Container[str] = (),
    ) -> None:
        """`attempts` and `first_pause`: how often and after which growing pauses a failing event is tried.
        `janitor`: how often it is looked whether something is parked behind nothing any more. `rest`: seconds
        that it rests once it has caught up. Under a steady stream that makes the next run longer, and each
        event cheaper; an event that comes after a pause finds it waiting. `unordered`: the names of events
        that are handled also while an earlier one of their case is parked."""
        if (handle is None) == (handle_batch is None):
            raise ValueError("an inbox has either a handler or a batch handler")
        self.halted: str | None = None
        self._service = service
        self._source = source
        self._unordered = unordered
        self._name = f"inbox.{source}"
        self._nc = nc
        self._js = nc.jetstream(timeout=3.0)
        self._recorder = recorder
        self._handle = handle
        self._handle_batch = handle_batch
        self._key = key
        self._parked = parked
        self._observer = observer or Observer()
        self._attempts = attempts
        self._first_pause = first_pause
        self._batch = batch
        self._ack_wait = ack_wait
        self._heartbeat = heartbeat
        self._janitor = janitor
        self._rest = rest
        self._blocked: set[str] = set()
        self._place = self._seen = Tracked(source, 0)
        """The position that everything needed was done up to, and the last event looked at; those in between
        needed no effect."""
        self._epoch: UUID | None = None
        """The epoch of the producer's log: as it last said, or as it was when we last took from it."""
        self._read_to_the_end = False
        """True once the producer's own log was read to its end in this session."""
        self._furthest = 0
        """The last position that the broker has brought."""
        self._tidied = 0.0
        self._lock = asyncio.Lock()

    @property
    def position(self) -> int:
        """The last position of the source that is behind us."""
        return self._place.position

    # --- taking in -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Takes in until it is cancelled; any failure leads back to a look at log and consumer."""
        backoff = Backoff()
        while True:
            heed_cancellation()
            try:
                await connected(self._nc)
                await self._session(backoff)
            except Diverged as reason:
                self._set_halted(str(reason))
                await asyncio.sleep(self._janitor)
            except Exception as error:  # whatever it is, silence would be worse
                self._observer.error(self._name, error)
                log.warning("inbox.retry", inbox=self._name, error=reason_of(error))
                await backoff.wait()

    async def _session(self, backoff: Backoff) -> None:
        """One life of the consumer, as long as nothing is lost."""
        async with self._lock:
            await self._reload()
            self._read_to_the_end = False
            if await self._catch_up():
                backoff.reset()
        await self._ensure_consumer()
        async with Puller(
            self._nc,
            stream_name(self._source),
            self._service,
            batch=self._batch,
            heartbeat=self._heartbeat,
        ) as puller:
            while True:
                heed_cancellation()
                messages = await puller.next(self._janitor)
                async with self._lock:
                    if messages:
                        await self._take(messages)
                        backoff.reset()
                    elif not self._read_to_the_end:
                        await self._catch_up()
                    await self._release_orphans()
                if 0 < len(messages) < self._batch:
                    await asyncio.sleep(self._rest)

    async def _reload(self) -> None:
        place = await self._recorder.tracked(self._source)
        if place.position < self.position:
            self._furthest = 0  # our own store was set back: the broker brings it all again
        self._place = self._seen = place
        self._epoch = self._epoch or place.epoch
        self._blocked = await self._parked.correlations(self._source)

    async def _catch_up(self) -> bool:
        """Reads the producer's own log to its end, if it answers; True if that brought anything.

        An event that the broker held back, or dropped before we saw it, leaves no hole behind which it would
        show.
        """
        before = self.position
        with suppress(LogUnavailable):
            await self._read_log()
        return self.position > before

    async def _read_log(self) -> None:
        """Takes the events that follow from the producer's own log. Raises `LogUnavailable` or `Diverged`."""
        more = True
        while more:
            page = await fetch_log(self._nc, self._source, self.position, _PAGE, within=2.0)
            await self._apply(self._in_chain(page))
            more = page.more
        self._read_to_the_end = True

    async def _ensure_consumer(self) -> None:
        """Creates the consumer; with the same settings that does nothing to an existing one."""
        await self._js.add_consumer(
            stream_name(self._source),
            ConsumerConfig(
                name=self._service,
                durable_name=self._service,
                deliver_policy=DeliverPolicy.ALL,
                # One answer for a whole run, and for all that came before it (`_answer`).
                ack_policy=AckPolicy.ALL,
                ack_wait=self._ack_wait,
                max_deliver=-1,  # any other number is a silent skip
                max_ack_pending=self._batch,
            ),
        )

    async def _take(self, messages: list[Msg]) -> None:
        """Deals with what the broker brought, in order of position, and acknowledges it."""
        taken: list[tuple[Arrival, Msg]] = []
        strange: list[Msg] = []
        for message in messages:
            try:
                taken.append((arrival_of(message), message))
            except Malformed as error:
                # It has no place in the log, so nothing is lost with it: the next one shows the hole.
                self._observer.error(self._name, error)
                log.error("inbox.not_from_a_relay", inbox=self._name)
                strange.append(message)
        taken.sort(key=lambda pair: pair[0].position)
        doubtful = self._is_doubtful(taken)
        try:
            await self._heed_epoch(taken)
            strange += [message for arrival, message in taken if arrival.epoch != self._epoch]
            taken = [pair for pair in taken if pair[0].epoch == self._epoch]
            await self._apply_in_order([arrival for arrival, _ in taken])
        finally:
            await self._answer(taken, strange)
        if taken:
            self._observer.lag(self._source, taken[-1][1].metadata.num_pending)
        if doubtful:
            self._read_to_the_end = False
            await self._catch_up()

    def _is_doubtful(self, taken: Sequence[tuple[Arrival, Msg]]) -> bool:
        """True if a seeming duplicate may be a new event in the place of one that is lost. A message that is
        what we took last vouches for those before it, since a stream is in the order of its log."""
        again = [(arrival, _sequence(message)) for arrival, message in taken if self._is_behind(arrival)]
        last = (self._place.position, self._place.event_id)
        proved = max((at for arrival, at in again if (arrival.position, arrival.event_id) == last), default=0)
        return any(at > proved for _, at in again)

    def _is_behind(self, arrival: Arrival) -> bool:
        return arrival.position <= self.position

    async def _heed_epoch(self, taken: Sequence[tuple[Arrival, Msg]]) -> None:
        """Learns in which epoch the log is, where a message is of another one than we know: it may be of a
        past that is lost. Raises `LogUnavailable` or `Diverged`."""
        if self._epoch is None and not self.position and taken:
            self._epoch = taken[0][0].epoch
        if any(arrival.epoch != self._epoch for arrival, _ in taken):
            await self._read_log()

    async def _answer(self, taken: Sequence[tuple[Arrival, Msg]], strange: Sequence[Msg]) -> None:
        """Tells the broker how far we are. A message that is not behind us comes again soon; until it is,
        nothing is acknowledged, not even what is no event, since that would speak for it too."""
        for arrival, message in taken:
            if arrival.position > self.position:
                await message.nak(delay=1)
            self._furthest = max(self._furthest, arrival.position)
        if self._furthest <= self.position and (answered := [*(m for _, m in taken), *strange]):
            await max(answered, key=_sequence).ack()

    async def _apply_in_order(self, arrivals: Sequence[Arrival]) -> None:
        """Skips what came before, fills holes, and deals with what follows in runs as long as they go."""
        run: list[Arrival] = []
        end, last = self.position, self._place.event_id
        for arrival in arrivals:
            if arrival.position <= end:
                self._observer.duplicate(self._source)
                continue
            if arrival.previous == end and (not end or arrival.follows == last):
                run.append(arrival)
                end, last = arrival.position, arrival.event_id
                continue
            await self._apply(run)
            run = []
            if arrival.position > self.position:
                await (self._read_log() if arrival.previous == self.position else self._fill(arrival))
            end, last = self.position, self._place.event_id
        await self._apply(run)

    async def _fill(self, arrival: Arrival) -> None:
        """Takes the events before an arrival, and the arrival itself, from the producer's log.

        Raises `LogUnavailable` or `Diverged`. Afterwards the message itself is a duplicate: the producer's
        word about its log is the truth, and a header that was damaged does not matter.
        """
        self._observer.gap(self._source, self.position, arrival.position)
        log.warning("inbox.gap", inbox=self._name, after=self.position, before=arrival.position)
        while self.position < arrival.position:
            page = self._in_chain(await fetch_log(self._nc, self._source, self.position, _PAGE))
            if not page:
                raise LogUnavailable(f"{self._source} has nothing after {self.position} yet")
            await self._apply([a for a in page if a.position <= arrival.position])

    def _in_chain(self, page: Page) -> list[Arrival]:
        """A page of the log, if it goes on exactly from here: from the event that we took last."""
        if self.position and (page.follows is None or page.follows != self._place.event_id):
            raise Diverged(
                f"at position {self.position} {self._source}'s log has {page.follows or 'nothing'}, but this "
                f"inbox took {self._place.event_id}: one of the two lost its history. Run after-restore."
            )
        arrivals = arrivals_from_log(page.lines)
        end = self.position
        for arrival in arrivals:
            if arrival.previous != end:
                raise Diverged(
                    f"{self._source}'s log has {arrival.position} following {arrival.previous}, "
                    f"but this inbox stands at {end}"
                )
            end = arrival.position
        self._epoch = page.epoch
        self._set_halted(None)
        return arrivals

    def _set_halted(self, reason: str | None) -> None:
        if reason != self.halted:
            self.halted = reason
            self._observer.halted(self._name, reason)
            log.error("inbox.halted" if reason else "inbox.resumed", inbox=self._name, reason=reason)

    # --- one event after the other ---------------------------------------------------------------

    async def _apply(self, arrivals: Sequence[Arrival]) -> None:
        """Brings a run of arrivals that follow the position behind us, whatever it takes."""
        self._seen = self._place
        run: list[_Opened] = []
        for arrival in arrivals:
            if arrival.position <= self._seen.position:
                continue  # another worker was faster
            published, broken = await self._open(arrival)
            if published is None:
                await self._flush(run)
                await self._park(arrival, broken)
            elif await self._is_blocked(published):
                await self._flush(run)
                await self._park(arrival, BEHIND, published)
            elif self._handle_batch is not None:
                run.append((arrival, published))
            else:
                await self._apply_one(arrival, published)
        await self._flush(run)
        if arrivals:
            self._observer.applied(self._source, len(arrivals))

    async def _flush(self, run: list[_Opened]) -> None:
        """Brings behind us what was gathered: a batch, or a run of events without effect."""
        if run:
            await self._apply_batch(run)
            run.clear()
        elif self._seen.position > self.position:
            await self._persist(Append(), self._seen)

    async def _apply_one(self, arrival: Arrival, published: Published) -> None:
        handle = self._handle
        assert handle is not None

        async def attempt() -> None:
            with handling(self._service, published.topic, published.event_id, published.meta) as step:
                append = await handle(published)
                place = self._place_of(published)
                if append is None or _is_empty(append):
                    step.forget()
                    self._seen = place
                else:
                    await self._commit(append, place)

        await self._try(attempt, arrival, published)

    async def _apply_batch(self, run: Sequence[_Opened]) -> None:
        """Handles all at once; if that fails, one by one, so that only the poisonous one is parked."""
        try:
            await self._attempt_batch(run)
            return
        except Exception as error:
            self._observer.error(self._name, error)
            await self._look_again()
        for arrival, published in run:
            if self._is_behind(arrival):
                continue
            if await self._is_blocked(published):
                await self._park(arrival, BEHIND, published)
            else:
                alone = partial(self._attempt_batch, [(arrival, published)])
                await self._try(alone, arrival, published)

    async def _attempt_batch(self, run: Sequence[_Opened]) -> None:
        assert self._handle_batch is not None
        began = time_ns()
        failpoint.hit("inbox.before_commit")
        await self._handle_batch([published for _, published in run], ())
        failpoint.hit("inbox.after_commit")
        tell_batch(self._service, "take in", self._source, began, ((p.event_id, p.meta) for _, p in run))
        self._place = self._seen = self._place_of(run[-1][1])

    async def _try(
        self, attempt: Callable[[], Awaitable[None]], arrival: Arrival, published: Published
    ) -> None:
        """Attempts until it is done, by us or by another, or parks."""
        failures = conflicts = 0
        pauses = Backoff(self._first_pause)
        while True:
            heed_cancellation()
            try:
                await attempt()
                return
            except AlreadyTracked:
                pass
            except VersionConflict as error:
                conflicts += 1
                if conflicts > _MOST_CONFLICTS:
                    await self._park(arrival, reason_of(error), published)
                    return
            except Exception as error:
                self._observer.error(self._name, error)
                if not is_away(error):
                    failures += 1
                    log.warning(
                        "inbox.failed",
                        inbox=self._name,
                        position=arrival.position,
                        failures=failures,
                        reason=reason_of(error),
                    )
                    if failures >= self._attempts:
                        await self._park(arrival, reason_of(error), published)
                        return
                await pauses.wait()
            # Perhaps it is done: by another worker, or by us and only the answer was lost.
            await self._look_again()
            if self._is_behind(arrival):
                return

    async def _look_again(self) -> None:
        """Learns from the store where we stand, once it answers; forgets no event looked at since."""
        seen = self._seen
        await self._until_there(self._reload)
        self._seen = max(seen, self._place, key=_position)

    async def _persist(self, append: Append, place: Tracked) -> None:
        """Commits what can only fail because the store is away, or because it is done already."""
        pauses = Backoff(self._first_pause)
        while self.position < place.position:
            try:
                await self._commit(append, place)
            except AlreadyTracked:
                await self._look_again()
                return
            except Exception as error:
                if not is_away(error):
                    raise
                self._observer.error(self._name, error)
                await pauses.wait()
                await self._look_again()

    async def _commit(self, append: Append, place: Tracked) -> None:
        append.tracking = place
        failpoint.hit("inbox.before_commit")
        await self._recorder.append(append)
        failpoint.hit("inbox.after_commit")
        self._place = place
        self._seen = max(self._seen, place, key=_position)

    def _place_of(self, published: Published) -> Tracked:
        return Tracked(self._source, published.position, published.event_id, published.epoch)

    async def _until_there(self, action: Callable[[], Awaitable[None]]) -> None:
        pauses = Backoff(self._first_pause)
        while True:
            try:
                await action()
                return
            except Exception as error:
                if not is_away(error):
                    raise
                self._observer.error(self._name, error)
                await pauses.wait()

    # --- opening ---------------------------------------------------------------------------------

    async def _open(self, arrival: Arrival) -> tuple[Published | None, str]:
        """The event in a message; if the broker's copy is broken, in the producer's own."""
        try:
            return self._opened(arrival), ""
        except BadEnvelope as error:
            reason = reason_of(error)
        self._observer.gap(self._source, arrival.previous, arrival.position)
        try:
            page = await fetch_log(self._nc, self._source, arrival.previous, 1, within=2.0)
            again = arrivals_from_log(page.lines)
            if again and again[0].position == arrival.position:
                return self._opened(again[0]), ""
        except (BadEnvelope, LogUnavailable) as error:
            log.error("inbox.unreadable", inbox=self._name, position=arrival.position, why=reason_of(error))
        return None, reason

    def _opened(self, arrival: Arrival) -> Published:
        published = open_envelope(arrival.data, self._key)
        place = (published.service, published.position, published.previous)
        if place != (self._source, arrival.position, arrival.previous):
            raise Malformed("the message lies in the place of another")
        if arrival.event_id not in (None, published.event_id) or arrival.epoch not in (None, published.epoch):
            raise Malformed("the message is another than its headers say")
        return published

    # --- parking ---------------------------------------------------------------------------------

    async def _is_blocked(self, published: Published) -> bool:
        """True if an earlier event of its case is parked; asks the store before it says so. An event that is
        `unordered` waits for none."""
        correlation = published.meta["correlation_id"]
        if correlation not in self._blocked or published.name in self._unordered:
            return False

        async def look() -> None:
            self._blocked = await self._parked.correlations(self._source)

        await self._until_there(look)
        return correlation in self._blocked

    async def _park(self, arrival: Arrival, reason: str, published: Published | None = None) -> None:
        if published is None:
            correlation, event_id = hint_of_correlation(arrival.data), None
        else:
            correlation, event_id = published.meta["correlation_id"], published.event_id
        row: dict[str, Any] = {
            "source": self._source,
            "position": arrival.position,
            "event_id": event_id,
            "correlation": correlation,
            "reason": reason,
            "message": pack(arrival.data, arrival.previous),
        }
        place = Tracked(self._source, arrival.position, event_id or arrival.event_id, arrival.epoch)
        await self._persist(Append(parked=[row]), place)
        if correlation:
            self._blocked.add(correlation)
        self._observer.parked(self._source, arrival.position, reason)
        log.error(
            "inbox.parked",
            inbox=self._name,
            position=arrival.position,
            correlation=correlation,
            reason=reason,
        )

    async def list_parked(self) -> list[Parked]:
        """The parked messages, in order."""
        return await self._parked.list(self._source)

    async def count_parked(self) -> int:
        return await self._parked.count(self._source)

    async def retry_parked(self, correlation: str | None = None) -> int:
        """Tries parked messages again, each case in its order up to the first that fails once more.

        Returns how many are dealt with.
        """
        async with self._lock:
            rows = await self._parked.list(self._source, correlation)
            done = 0
            for case in dict.fromkeys(row.correlation for row in rows):
                done += await self._drain(case)
            self._blocked = await self._parked.correlations(self._source)
            return done

    async def _drain(self, correlation: str) -> int:
        """Empties one case. It is read again until nothing is left: another worker may still add to it."""
        done = 0
        while rows := await self._parked.list(self._source, correlation):
            for row in rows:
                try:
                    await self._unpark(row)
                    done += 1
                except AlreadyTracked:
                    continue  # another worker took it up
                except Exception as error:
                    if is_away(error):
                        raise
                    await self._parked.failed_again(row.id, reason_of(error))
                    if correlation:
                        return done
            if not correlation:
                break  # messages of no known case do not wait for one another
        return done

    async def _unpark(self, row: Parked) -> None:
        published, broken = await self._open(
            Arrival(row.position, row.previous, row.event_id, None, row.message)
        )
        if published is None:
            raise Malformed(broken)
        if self._handle_batch is not None:
            await self._handle_batch([published], [row.id])
            return
        assert self._handle is not None
        for attempt in range(_MOST_CONFLICTS):
            append = await self._handle(published) or Append()
            append.unparked = [row.id]
            try:
                await self._recorder.append(append)
                return
            except VersionConflict:
                if attempt == _MOST_CONFLICTS - 1:
                    raise

    async def _release_orphans(self) -> None:
        """Deals with messages that are parked behind nothing: parked while another worker drained their
        case."""
        now = asyncio.get_running_loop().time()
        if not self._blocked or now < self._tidied + self._janitor:
            return
        self._tidied = now
        heads: dict[str, Parked] = {}
        for row in await self._parked.list(self._source):
            heads.setdefault(row.correlation, row)
        for correlation, head in heads.items():
            if head.reason == BEHIND:
                await self._drain(correlation)
        self._blocked = await self._parked.correlations(self._source)


def _position(place: Tracked) -> int:
    return place.position


def _sequence(message: Msg) -> int:
    return message.metadata.sequence.stream


def is_away(error: BaseException) -> bool:
    """True if the error says that something we need is away for now, which is no fault of the event."""
    return isinstance(error, StoreUnavailable | nats.errors.Error | LogUnavailable) or away(error)


def _is_empty(append: Append) -> bool:
    parts: Iterable[object] = (append.events, append.command, append.parked, append.unparked, append.effects)
    return not any(parts)
