"""Brings a service back to right after a restore: its own, or that of a service it listens to (ADR 26).

The epoch of its log is renewed, so that no copy of a past that was lost passes for the log. Then the events
that it took in are held against its sources' own logs. If a source does not have the event at which this
service stands, it goes back to the last event there that it ever acted on: none behind that has had an effect
here, so nothing is done twice and nothing new is passed over. Effects of events that are lost stay, since
events are facts; a person is told of them and decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from nats.aio.client import Client
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.bus.arrival import arrivals_from_log
from shared.kernel.bus.log_server import LogUnavailable, fetch_log
from shared.kernel.bus.parking import ParkedStore
from shared.kernel.store.driver import borrowed
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Tracked

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Told:
    """A line for the person who ran the command, and whether it leaves something to decide."""

    text: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class KnownLog:
    """The ids of a source's whole log by position, and its epoch."""

    ids: dict[int, UUID]
    epoch: UUID

    @classmethod
    async def of(cls, nc: Client, source: str) -> KnownLog:
        """Reads it from its producer. Raises `LogUnavailable`."""
        ids: dict[int, UUID] = {}
        while True:
            page = await fetch_log(nc, source, max(ids, default=0), _PAGE)
            for arrival in arrivals_from_log(page.lines):
                assert arrival.event_id is not None
                ids[arrival.position] = arrival.event_id
            if not page.more:
                return cls(ids, page.epoch)


async def stands_in(nc: Client, place: Tracked) -> bool:
    """True if the source's log has the event of a place there; raises `LogUnavailable`."""
    page = await fetch_log(nc, place.application_name, place.position, 1)
    return not place.position or (page.follows is not None and page.follows == place.event_id)


class Restoration:
    """One service after a restore. Its sources must be running; it may run itself."""

    def __init__(
        self,
        service: str,
        nc: Client,
        engine: AsyncEngine,
        recorder: Recorder,
        parked: ParkedStore,
        reactions: Mapping[str, str],
    ) -> None:
        """`reactions`: the names of its reactions, each with the source whose events it is to."""
        self._service = service
        self._nc = nc
        self._engine = engine
        self._recorder = recorder
        self._parked = parked
        self._reactions = reactions

    async def run(self, sources: Sequence[str]) -> list[Told]:
        """Does all of it; returns what it found and did."""
        told = [await self.renew_epoch()]
        for source in sources:
            try:
                told += await self.go_back(source)
            except LogUnavailable:
                text = f"{source} does not answer for its log: start it and run this again"
                told.append(Told(text, is_open=True))
        return told

    async def renew_epoch(self) -> Told:
        """Begins another epoch where the log ends now."""
        events = self._recorder.tables.events.name
        query = (
            f"INSERT INTO epochs (after) SELECT coalesce(max(notification_id), 0) FROM {events}"  # noqa: S608
            " RETURNING id, after"
        )
        async with borrowed(self._engine) as driver:
            epoch, after = await driver.fetchrow(query)
        return Told(f"epoch {epoch} begins after position {after}")

    async def go_back(self, source: str) -> list[Told]:
        """Sets the position in a source's log back to where this service and that log still agree."""
        place = await self._recorder.tracked(source)
        if await stands_in(self._nc, place):
            return [Told(f"{source}: stands at {place.position}, as its log has it")]
        log = await KnownLog.of(self._nc, source)
        causes, acted = await self._acted_on(source)
        parked = {row.event_id for row in await self._parked.list(source)} - {None}
        common = [position for position, id in log.ids.items() if id in causes or id in parked]
        if acted and not common:
            text = (
                f"{source}: not one of the {len(acted)} events that this service acted on is in its log. "
                "It is another log, or it lost all of them. Nothing was changed: bring the right one back"
            )
            return [Told(text, is_open=True)]
        last = max(common, default=0)
        if not await self._move(place, Tracked(source, last, log.ids.get(last), log.epoch)):
            return [Told(f"{source}: moved meanwhile: run this again", is_open=True)]
        told = [Told(f"{source}: set back from {place.position} to {last}; what follows is taken in again")]
        known = set(log.ids.values())
        if lost := sorted(str(id) for id in acted.keys() - known):
            told.append(
                Told(f"{source}: {len(lost)} events that this service acted on are lost. To decide:", True)
            )
            streams = sorted({stream for id in acted.keys() - known for stream in acted[id]})
            told += [Told(f"  {stream} rests on what {source} does not know any more") for stream in streams]
        if aside := len(parked - known):
            told.append(Told(f"{source}: {aside} parked events are lost: not to be retried", is_open=True))
        return told

    async def _acted_on(self, source: str) -> tuple[set[UUID], dict[UUID, list[str]]]:
        """The events of others that caused one of ours; and of them the source's, with the streams (kind and
        id) that they touched. A reaction whose name is not known any more may have been to it."""
        causes: set[UUID] = set()
        acted: dict[UUID, list[str]] = defaultdict(list)
        position = 0
        while entries := await self._recorder.read(position, _PAGE):
            position = entries[-1].position
            for entry in entries:
                meta = entry.data["meta"]
                if (cause := meta.get("causation_id")) is None:
                    continue
                causes.add(UUID(cause))
                if self._reactions.get(meta["command"], source) == source:
                    acted[UUID(cause)].append(f"{entry.data['kind']} {entry.stream}")
        return causes, acted

    async def _move(self, place: Tracked, to: Tracked) -> bool:
        """Sets the position, unless the running service has moved it meanwhile."""
        query = (
            f"UPDATE {self._recorder.tables.tracking.name}"  # noqa: S608
            " SET notification_id = $4, event_id = $5, epoch = $6 WHERE application_name = $1"
            " AND notification_id = $2 AND event_id IS NOT DISTINCT FROM $3 RETURNING 1"
        )
        was = place.application_name, place.position, place.event_id
        async with borrowed(self._engine) as driver:
            return await driver.fetchval(query, *was, to.position, to.event_id, to.epoch) is not None
