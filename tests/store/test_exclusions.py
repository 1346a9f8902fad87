"""The register of exclusions (B2): asked by every append in its own transaction, and at hand for readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, Clearance, PersonIsExcluded
from tests.servers import Database
from tests.store.examples import ReaderExcluded, paged
from tests.store.test_at_once import known_end

MakeRecorder = Callable[..., Awaitable[Recorder]]
SAYS = UUID(int=77, version=4)


def by(person: str, *matters: UUID) -> Append:
    """An event that a person records in these matters."""
    return Append(events=[paged(uuid4(), 1)], clearance=Clearance(person, matters))


def excluding(
    person: str, *matters: UUID, excluded: bool = True, says: UUID = SAYS, version: int = 1
) -> Append:
    """The word of one stream on a person."""
    event = ReaderExcluded(person=person, excluded=excluded)
    return Append(events=[replace(paged(says, version, matters=matters), event=event)])


async def test_b2_nobody_excluded_appends_however_it_is_written(recorder: Recorder) -> None:
    """In one statement, where the process has written last, and on the long way."""
    matter, other = uuid4(), uuid4()
    await recorder.append(excluding("p-1", matter))
    with pytest.raises(PersonIsExcluded):
        await recorder.append(by("p-1", matter))
    await recorder.append(by("p-2", matter))
    before = recorder.tally.at_once
    await recorder.append(by("p-1", other))
    assert recorder.tally.at_once == before + 1
    with pytest.raises(PersonIsExcluded):
        await recorder.append(by("p-1", other, matter))
    await recorder.append(excluding("p-1", matter, says=uuid4()))
    await recorder.append(excluding("p-1", matter, excluded=False, version=2))
    with pytest.raises(PersonIsExcluded):  # another stream still says so
        await recorder.append(by("p-1", matter))


async def test_b2_of_a_batch_only_who_is_excluded_is_refused(recorder: Recorder) -> None:
    matter = uuid4()
    await known_end(recorder)
    units = (by("p-1", matter), excluding("p-1", matter), by("p-1", matter), by("p-2", matter))
    outcomes = await asyncio.gather(*map(recorder.append, units), return_exceptions=True)
    assert [isinstance(o, PersonIsExcluded) for o in outcomes] == [False, False, True, False]


async def test_b2_an_exclusion_by_another_process_is_met_at_once(
    fresh: Database, make_recorder: MakeRecorder
) -> None:
    ours, theirs = await make_recorder(fresh), await make_recorder(fresh)
    matter, stream = uuid4(), uuid4()
    await ours.append(Append(events=[paged(stream, 1)]))
    await ours.append(by("p-1", matter))
    await theirs.append(excluding("p-1", matter))
    with pytest.raises(PersonIsExcluded):
        await ours.append(by("p-1", matter))
    assert ours.exclusions.of([matter]) == set()
    await ours.load(stream)
    assert ours.exclusions.of([matter]) == {"p-1"}
    await theirs.append(excluding("p-1", matter, excluded=False, version=2))
    await ours.rows_of(stream)
    assert ours.exclusions.of([matter]) == set()


async def test_b2_a_register_that_went_back_is_read_anew(
    fresh: Database, make_recorder: MakeRecorder
) -> None:
    """A database that was replaced may have lost the end of the register."""
    ours = await make_recorder(fresh)
    first, second, stream = uuid4(), uuid4(), uuid4()
    await ours.append(Append(events=[paged(stream, 1)]))
    await ours.append(excluding("p-1", first))
    await ours.append(excluding("p-1", second, says=uuid4()))
    await ours.load(stream)
    assert ours.exclusions.of([first, second]) == {"p-1"}
    await ours.exclusions.reach(await ours.last_exclusion())
    ours.exclusions._number += 10
    ours.exclusions._of = {first: frozenset({("p-9", stream, "clerk")})}
    await ours.load(stream)
    assert ours.exclusions.of([first]) == {"p-1"}
    assert ours.exclusions.of([second]) == {"p-1"}
