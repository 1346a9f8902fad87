"""The recorder's promises: gapless, atomic, once per command, in its place, ever later."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

import shared.kernel.store.recorder as recorder_module
from shared.casework.service import readiness
from shared.kernel.bus.envelope import content
from shared.kernel.clock import SystemClock
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.clockwatch import ClockWatch
from shared.kernel.store.projector import Projector
from shared.kernel.store.recorder import POLL, POLL_QUIET, QUIET, Recorder
from shared.kernel.store.types import (
    AlreadyTracked,
    Append,
    Appended,
    ClockWrong,
    CommandMismatch,
    CommandRecord,
    Effect,
    StoreTampered,
    StoreUnavailable,
    Tracked,
    VersionConflict,
    VersionGap,
)
from tests.servers import Database
from tests.store.conftest import StepClock, admin, engine_of
from tests.store.examples import NOON, DossierOpened, opened, paged

MakeRecorder = Callable[..., Awaitable[Recorder]]


def command(stream: UUID, id: UUID | None = None, body: bytes = b"1") -> CommandRecord:
    return CommandRecord(id or uuid4(), body, stream)


async def test_an_event_comes_back_as_it_was_recorded(recorder: Recorder) -> None:
    """Append and load are inverse; position, recording time and number are filled in."""
    first = opened()
    second = paged(first.originator_id, 2)
    appended = await recorder.append(Append(events=[first, second]))
    assert [e.position for e in appended.entries] == [1, 2]
    assert appended.position == 2
    assert appended.recorded_at == NOON
    loaded = await recorder.load(first.originator_id)
    assert await recorder.read(0, 10) == list(appended.entries)
    assert [(e.position, e.recorded_at) for e in loaded] == [(1, NOON), (2, NOON)]
    assert loaded[0].event == DossierOpened(number="XF-990102100-2022-000001")
    assert loaded[1].event == second.event
    assert loaded[1].meta == second.meta
    assert await recorder.load(uuid4()) == []
    assert await recorder.max_position() == 2
    assert await recorder.find_event(2) == second.event_id
    assert await recorder.find_event(3) is None


async def test_the_log_holds_what_evidence_needs(recorder: Recorder) -> None:
    """Entries chain by position and carry the digests of the stored and of the published content."""
    stream = uuid4()
    await recorder.append(Append(events=[opened(stream)]))
    await recorder.append(Append(events=[paged(stream, 2), paged(stream, 3)]))
    entries = await recorder.read(0, 10)
    assert [(e.position, e.previous) for e in entries] == [(1, 0), (2, 1), (3, 2)]
    assert [(e.position, e.previous) for e in await recorder.read(1, 1)] == [(2, 1)]
    for entry, loaded in zip(entries, await recorder.load(stream), strict=True):
        assert recorder.mapper.open(entry.stream, entry.version, entry.topic, entry.state) == entry.data
        assert entry.content_digest == content_digest(loaded.salt, content(loaded))
    raw = await recorder.read_raw(1, 10)
    assert [(r.position, r.version, r.topic) for r in raw] == [
        (2, 2, "archive.PageAdded"),
        (3, 3, "archive.PageAdded"),
    ]
    assert raw[0].data["event"]["page"]["title"] == "第一页"
    assert raw[0].data["meta"]["actor"] == "p-1"


@pytest.mark.parametrize("column", ["event_id", "correlation_id"])
async def test_a_clear_column_that_is_not_what_was_sealed_is_told(
    fresh: Database, make_recorder: MakeRecorder, column: str
) -> None:
    """Streams of a correlation are looked up by one, the relay by the other: neither is believed alone, by
    whoever loads, publishes, folds or rebuilds."""
    event = opened()
    await (await make_recorder(fresh)).append(Append(events=[event]))
    connection = await admin(fresh)
    try:
        await connection.execute("ALTER TABLE archive_events DISABLE TRIGGER ALL")
        await connection.execute(f"UPDATE archive_events SET {column} = gen_random_uuid()")
    finally:
        await connection.close()
    recorder = await make_recorder(fresh)
    for read in (
        recorder.load(event.originator_id),
        recorder.read(0, 10),
        recorder.read_raw(0, 10),
        recorder.scan(0, 10),
    ):
        with pytest.raises(StoreTampered, match="clear column"):
            await read


async def test_a_thousand_concurrent_appends_admit_exactly_the_winners(
    fresh: Database, make_recorder: MakeRecorder
) -> None:
    """A fifth conflicts, over two processes' worth of recorders: no neighbour fails, nothing has gaps."""
    recorders = [await make_recorder(fresh), await make_recorder(fresh)]
    chance = random.Random(1)
    organs = ["DI-990102100", "DI-990103", "DI-99"]
    streams = [uuid4() for _ in range(800)]
    targets = streams + [chance.choice(streams) for _ in range(200)]
    chance.shuffle(targets)

    async def attempt(n: int, stream: UUID) -> Appended | VersionConflict:
        await asyncio.sleep(chance.random() * 0.2)
        try:
            return await recorders[n % 2].append(
                Append(events=[opened(stream, chance.choice(organs))], command=command(stream))
            )
        except VersionConflict as conflict:
            return conflict

    results = await asyncio.gather(*(attempt(n, stream) for n, stream in enumerate(targets)))
    won = [r for r in results if isinstance(r, Appended)]
    assert len(won) == 800
    assert sorted(r.position for r in won) == list(range(1, 801))
    assert {r.entries[0].stream for r in won} == set(streams)
    numbers = defaultdict(list)
    for entry in sorted(await recorders[0].read(0, 1000), key=lambda e: e.position):
        series, _, number = entry.data["event"]["number"].rpartition("-")
        numbers[series].append(int(number))
    assert set(numbers) == {f"XF-{organ[3:]}-2022" for organ in organs}
    for given in numbers.values():
        assert given == list(range(1, len(given) + 1))


async def test_conflicts_within_one_batch(recorder: Recorder) -> None:
    """Appends that arrive together are decided in turn, each against those admitted before it."""
    stream = uuid4()
    results = await asyncio.gather(
        *(recorder.append(Append(events=[paged(stream, 1, str(n))])) for n in range(10)),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [Appended] + [VersionConflict] * 9
    second, third = await asyncio.gather(
        recorder.append(Append(events=[paged(stream, 2)])), recorder.append(Append(events=[paged(stream, 3)]))
    )
    assert (second.position, third.position) == (2, 3)


async def test_versions_are_contiguous(recorder: Recorder) -> None:
    """A version whose predecessor is missing is refused, and leaves no trace."""
    stream = uuid4()
    await recorder.append(Append(events=[opened(stream)]))
    with pytest.raises(VersionGap):
        await recorder.append(Append(events=[paged(stream, 3)]))
    with pytest.raises(VersionConflict):
        await recorder.append(Append(events=[paged(stream, 2), paged(stream, 2)]))
    with pytest.raises(ValueError, match="version 1"):
        await recorder.append(Append(events=[paged(stream, 0)]))
    assert await recorder.max_position() == 1


async def test_a_repeated_command_gets_its_first_answer(recorder: Recorder) -> None:
    """In its own batch or in a later one; with another body it is a mismatch."""
    stream, id = uuid4(), uuid4()
    tries = [
        Append(events=[opened(stream)], command=CommandRecord(id, b"body", stream, {"hint": "x"}))
        for _ in range(3)
    ]
    first, again = await asyncio.gather(recorder.append(tries[0]), recorder.append(tries[1]))
    later = await recorder.append(tries[2])
    assert first.answer == {
        "id": str(stream),
        "version": 1,
        "position": 1,
        "number": "XF-990102100-2022-000001",
        "hint": "x",
    }
    assert not first.repeated
    for repeat in (again, later):
        assert repeat.repeated
        assert (repeat.answer, repeat.position, repeat.recorded_at) == (first.answer, 1, first.recorded_at)
    with pytest.raises(CommandMismatch):
        await recorder.append(Append(events=[opened()], command=command(stream, id, b"another body")))
    assert await recorder.find_command(id) == (b"body", first.answer)
    assert await recorder.find_command(uuid4()) is None
    assert await recorder.max_position() == 1


async def test_a_command_that_records_nothing_is_remembered(recorder: Recorder) -> None:
    """The answer tells the version that the stream has."""
    stream = uuid4()
    await recorder.append(Append(events=[opened(stream), paged(stream, 2)]))
    appended = await recorder.append(Append(command=command(stream)))
    assert (appended.answer["version"], appended.answer["position"]) == (2, 2)


async def test_several_streams_are_one_unit(recorder: Recorder) -> None:
    """One conflicting stream: nothing of the append is written, not even its number."""
    taken, other = uuid4(), uuid4()
    await recorder.append(Append(events=[opened(taken)]))
    with pytest.raises(VersionConflict):
        await recorder.append(
            Append(
                events=[opened(other), opened(taken)],
                command=command(other),
                tracking=Tracked("intake", 5),
                effects=[Effect("sms-1", "sms", {})],
            )
        )
    assert await recorder.load(other) == []
    assert await recorder.tracked("intake") == Tracked("intake", 0)
    both = await recorder.append(Append(events=[opened(other), paged(taken, 2)]))
    assert both.entries[0].data["event"]["number"].endswith("-000002")
    assert [e.position for e in both.entries] == [2, 3]


async def test_an_event_that_cannot_be_stored_fails_alone(recorder: Recorder) -> None:
    """PostgreSQL refuses a NUL in a text: its append is refused, the others of the batch are not."""
    good, bad = uuid4(), uuid4()
    poison = Append(events=[opened(bad)], effects=[Effect("a\0b", "sms", {})])
    results = await asyncio.gather(
        recorder.append(Append(events=[opened(good)])), recorder.append(poison), return_exceptions=True
    )
    assert isinstance(results[0], Appended)
    assert type(results[1]).__name__ == "StoreError"
    assert await recorder.load(bad) == []
    assert (await recorder.append(Append(events=[paged(good, 2)]))).position == 2


async def test_a_source_moves_forward_only(recorder: Recorder) -> None:
    """A position that was processed is refused with its effect; also twice in one batch."""
    stream = uuid4()
    await recorder.append(Append(events=[opened(stream)], tracking=Tracked("intake", 3)))
    for position in (2, 3):
        with pytest.raises(AlreadyTracked):
            await recorder.append(Append(events=[paged(stream, 2)], tracking=Tracked("intake", position)))
    results = await asyncio.gather(
        *(recorder.append(Append(tracking=Tracked("intake", 4))) for _ in range(2)), return_exceptions=True
    )
    assert [type(r) for r in results] == [Appended, AlreadyTracked]
    assert await recorder.tracked("intake") == Tracked("intake", 4)


async def test_parked_messages_are_drained_once(recorder: Recorder, fresh: Database) -> None:
    """Parking moves the source on; two workers that retry the same message do its effect once."""
    message = {
        "source": "intake",
        "position": 4,
        "event_id": uuid4(),
        "correlation": "c-1",
        "reason": "no such case",
        "message": {"data": {"x": 1}},
    }
    await recorder.append(Append(parked=[message], tracking=Tracked("intake", 4)))
    connection = await admin(fresh)
    id = await connection.fetchval("SELECT id FROM parked WHERE correlation = 'c-1' AND attempts = 0")
    stream = uuid4()
    results = await asyncio.gather(
        *(recorder.append(Append(events=[opened(stream)], unparked=[id])) for _ in range(2)),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [Appended, AlreadyTracked]
    assert await connection.fetchval("SELECT count(*) FROM parked") == 0
    await connection.close()


async def test_an_effect_is_written_once_per_key(recorder: Recorder, fresh: Database) -> None:
    """The first payload stands."""
    await recorder.append(Append(effects=[Effect("k", "sms", {"n": 1}), Effect("k", "sms", {"n": 2})]))
    await recorder.append(Append(effects=[Effect("k", "sms", {"n": 3})]))
    connection = await admin(fresh)
    rows = await connection.fetch("SELECT payload::text AS payload, state FROM effects")
    assert [tuple(r) for r in rows] == [('{"n": 1}', "pending")]
    await connection.close()


async def test_recording_time_never_falls(recorder: Recorder, clock: StepClock) -> None:
    """Not even when the clock goes back."""
    stream = uuid4()
    times = []
    for version, shift in enumerate([0, 10, -3600, 5, 3600], start=1):
        clock.instant += timedelta(seconds=shift)
        times.append((await recorder.append(Append(events=[paged(stream, version)]))).recorded_at)
    assert times == sorted(times)
    assert times[1] == times[2] == times[3] == NOON + timedelta(seconds=10)


async def test_as_of_is_a_prefix_by_recorded_time(recorder: Recorder, clock: StepClock) -> None:
    """The events known at an instant, whatever they say of when they happened."""
    stream = uuid4()
    for version in range(1, 4):
        early = NOON - timedelta(days=30 * version)
        await recorder.append(Append(events=[paged(stream, version, occurred_at=early)]))
        clock.instant += timedelta(hours=1)

    async def known(hours: float) -> int:
        return len(await recorder.load(stream, as_of=NOON + timedelta(hours=hours)))

    assert [await known(h) for h in (-0.1, 0, 0.9, 1, 9)] == [0, 1, 1, 2, 3]
    assert len(await recorder.load(stream, up_to_version=2)) == 2


async def test_waiting_is_woken_by_own_commits_and_finds_others(
    fresh: Database, make_recorder: MakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory within the process, by looking across processes; a time-out says so."""
    assert not await (await make_recorder(fresh)).wait_for(0, 0.05)
    for own, looks_every in ((True, 3600.0), (False, 0.05)):
        monkeypatch.setattr(recorder_module, "POLL", looks_every)
        here, there = await make_recorder(fresh), await make_recorder(fresh)
        position = await here.max_position()
        waiting = asyncio.create_task(here.wait_for(position, 60))
        await asyncio.sleep(0.01)
        await (here if own else there).append(Append(events=[opened()]))
        assert await waiting


async def test_a_log_in_which_nothing_happens_is_looked_at_less_often(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until something comes again."""
    paused: list[float] = []
    looks = asyncio.Event()

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 2:
            looks.set()

    monkeypatch.setattr(asyncio, "sleep", pause)
    for moved, expected in ((-QUIET, POLL_QUIET), (0.0, POLL)):
        recorder._moved = monotonic() + moved
        waiting = asyncio.create_task(recorder.wait_for(0, 60))
        await looks.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert set(paused[:2]) == {expected}
        paused.clear()
        looks.clear()


async def test_one_looks_for_all_that_wait_and_only_while_they_do(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away is waited for; what else goes wrong with looking is told to the next that
    waits."""
    monkeypatch.setattr(recorder_module, "POLL", 0.001)
    outcomes: list[Exception] = [StoreUnavailable("away"), StoreUnavailable("away"), ValueError("a defect")]
    looked = asyncio.Event()

    async def look() -> int:
        if outcomes:
            raise outcomes.pop(0)
        looked.set()
        return 0

    monkeypatch.setattr(recorder, "max_position", look)
    waiting = [asyncio.create_task(recorder.wait_for(0, 3600)) for _ in range(3)]

    async def until_told() -> None:
        while True:
            await recorder.wait_for(0, 0.001)

    with pytest.raises(ValueError, match="a defect"):
        await until_told()
    assert not await recorder.wait_for(0, 0.001)
    await looked.wait()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert recorder._looking is not None
    await recorder._looking  # it ends of itself


async def test_overload_is_refused_at_once(fresh: Database, make_recorder: MakeRecorder) -> None:
    """A full queue answers StoreUnavailable; what was accepted is finished by stop()."""
    recorder = await make_recorder(fresh)
    recorder._committer.limits.queue = 50
    tasks = [asyncio.create_task(recorder.append(Append(events=[opened()]))) for _ in range(80)]
    await asyncio.sleep(0)
    await recorder.stop()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(r) for r in results] == [Appended] * 50 + [StoreUnavailable] * 30
    with pytest.raises(StoreUnavailable):
        await recorder.append(Append(events=[opened()]))


class Computer:
    """A computer whose clock is set by the test."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead
        self.clock = SystemClock(timedelta(minutes=5), wall=lambda: datetime.now(UTC) + self.ahead)


async def test_a_clock_that_jumps_ahead_spoils_no_log(fresh: Database, make_recorder: MakeRecorder) -> None:
    """Nothing is written by it, neither on the way of one statement nor on the longer one; once it is put
    right all goes on, and nothing was recorded in the year that it told."""
    computer = Computer()
    recorder = await make_recorder(fresh, clock=computer.clock)
    first = opened()
    await recorder.append(Append(events=[first]))
    computer.ahead = timedelta(days=9 * 365)
    for event in (paged(first.originator_id, 2), opened()):
        with pytest.raises(ClockWrong, match="jumped ahead"):
            await recorder.append(Append(events=[event]))
    assert await recorder.max_position() == 1
    computer.ahead = timedelta()
    last = await recorder.append(Append(events=[paged(first.originator_id, 2)]))
    assert last.recorded_at <= datetime.now(UTC)


async def test_an_instance_that_is_ahead_moves_nobody(fresh: Database, make_recorder: MakeRecorder) -> None:
    """The instance was started half an hour ahead: another one's events are recorded when they happen."""
    ahead = await make_recorder(fresh, clock=Computer(timedelta(minutes=30)).clock)
    right = await make_recorder(fresh, clock=Computer().clock)
    with pytest.raises(ClockWrong, match="ahead of the database's"):
        await ahead.append(Append(events=[opened()]))
    appended = await right.append(Append(events=[opened()]))
    assert (appended.position, appended.recorded_at <= datetime.now(UTC)) == (1, True)
    assert await right.last_recorded() == appended.recorded_at


async def test_a_clock_that_is_wrong_is_told(fresh: Database, make_recorder: MakeRecorder) -> None:
    """Also while nobody writes: what the gauge says, and why. So is a log that is ahead of every clock."""
    computer, registry = Computer(), CollectorRegistry()
    told: list[tuple[str, str | None]] = []
    recorder = await make_recorder(fresh, clock=computer.clock)
    engine = engine_of(fresh)
    watch = ClockWatch(
        computer.clock, engine, recorder, registry, lambda part, reason: told.append((part, reason))
    )

    def ahead(what: str) -> float:
        return registry.get_sample_value("zm_clock_ahead_seconds", {"what": what}) or 0.0

    await watch.look()
    assert told == [("clock", None)]
    computer.ahead = timedelta(minutes=30)
    await watch.look()
    assert told[-1] == ("clock", computer.clock.wrong())
    assert ahead("clock") > 1790
    state = await readiness(engine, Projector(engine, recorder, [], computer.clock), computer.clock)
    assert state == {"database": True, "read_models": True, "clock": False}
    computer.ahead = timedelta()
    await watch.look()
    assert told[-1] == ("clock", None)
    assert (ahead("clock") < 60, ahead("log")) == (True, 0.0)
    await recorder.append(Append(events=[opened()]))
    computer.ahead = timedelta(minutes=-30)
    await watch.look()
    assert told[-1] == ("clock", None)
    assert ahead("log") > 1790
    await engine.dispose()
