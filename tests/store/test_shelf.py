"""A case that was read is at hand, and never older or other than its stream."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

import orjson
import pytest

from shared.casework.aggregate import Aggregate
from shared.casework.http.shelf import Shelf
from shared.casework.view import fold_view
from shared.kernel.bus.envelope import content
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, StoreTampered
from tests.servers import Database
from tests.store.conftest import admin
from tests.store.examples import opened, paged


class Dossier(Aggregate):
    kind: ClassVar[str] = "dossier"
    service: ClassVar[str] = "archive"


class Other(Aggregate):
    kind: ClassVar[str] = "other"
    service: ClassVar[str] = "archive"


async def test_a_case_is_folded_once_and_again_when_something_was_added(recorder: Recorder) -> None:
    shelf, first = Shelf(Dossier, recorder), opened()
    id = first.originator_id
    await recorder.append(Append(events=[first]))
    case = await shelf.get(id)
    assert case is not None
    assert await shelf.get(id) is case
    await recorder.append(Append(events=[paged(id, 2)]))
    later = await shelf.get(id)
    assert later is not None
    assert (case.aggregate.version, later.aggregate.version) == (1, 2)
    assert orjson.loads(later.view) == fold_view(content(event) for event in await recorder.load(id))
    assert await shelf.get(id) is later


async def test_a_log_that_lost_its_end_is_seen_as_it_is(fresh: Database, recorder: Recorder) -> None:
    shelf, first = Shelf(Dossier, recorder), opened()
    id = first.originator_id
    await recorder.append(Append(events=[first, paged(id, 2)]))
    assert await shelf.get(id) is not None
    connection = await admin(fresh)
    lost = "DELETE FROM archive_events WHERE originator_id = $1 AND originator_version = 2"
    await connection.execute("ALTER TABLE archive_events DISABLE TRIGGER USER")
    await connection.execute(lost, id)
    await connection.close()
    case = await shelf.get(id)
    assert case is not None
    assert case.aggregate.version == 1


async def test_a_state_that_was_altered_is_not_answered_from_the_shelf(
    fresh: Database, recorder: Recorder
) -> None:
    shelf, first = Shelf(Dossier, recorder), opened()
    await recorder.append(Append(events=[first]))
    assert await shelf.get(first.originator_id) is not None
    connection = await admin(fresh)
    await connection.execute("ALTER TABLE archive_events DISABLE TRIGGER USER")
    await connection.execute("UPDATE archive_events SET state = state || '\\x00'::bytea")
    await connection.close()
    with pytest.raises(StoreTampered):
        await shelf.get(first.originator_id)


async def test_a_stream_of_another_kind_and_none_at_all_are_not_found(recorder: Recorder) -> None:
    first = opened()
    await recorder.append(Append(events=[first]))
    assert await Shelf(Other, recorder).get(first.originator_id) is None
    assert await Shelf(Dossier, recorder).get(uuid4()) is None


async def test_what_was_not_read_for_longest_is_let_go(recorder: Recorder) -> None:
    shelf, firsts = Shelf(Dossier, recorder, most=2), [opened() for _ in range(3)]
    await recorder.append(Append(events=firsts))
    one, two, three = [first.originator_id for first in firsts]
    kept = {id: await shelf.get(id) for id in (one, two)}
    assert await shelf.get(one) is kept[one]
    await shelf.get(three)
    assert await shelf.get(one) is kept[one]
    assert await shelf.get(two) is not kept[two]
