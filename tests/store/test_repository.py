"""Aggregates are folded out of the store and saved whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest

from shared.casework.aggregate import Aggregate
from shared.casework.repository import Repository
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import CommandRecord, VersionConflict
from shared.language.event import Meta
from tests.store.conftest import StepClock
from tests.store.examples import NOON, DossierOpened, opened, paged


class Dossier(Aggregate):
    kind: ClassVar[str] = "dossier"
    service: ClassVar[str] = "archive"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.titles: list[str] = []

    def on_dossier_opened(self, event: DossierOpened, meta: Meta) -> None:
        self.titles = []

    def on_page_added(self, event: Any, meta: Meta) -> None:
        self.titles.append(event.page.title)

    def take(self, recorded: Any) -> None:
        """Records without the law that `record` asks; that is the aggregate's own test."""
        self.apply(recorded)
        self._pending.append(recorded)


class Other(Aggregate):
    kind: ClassVar[str] = "other"
    service: ClassVar[str] = "archive"


async def test_an_aggregate_is_saved_and_loaded(recorder: Recorder, clock: StepClock) -> None:
    """The number is filled in at once; the aggregate is loaded as it is or as it was; another kind is not
    found."""
    repository = Repository(recorder)
    dossier = Dossier(uuid4())
    dossier.take(opened(dossier.id))
    command = CommandRecord(uuid4(), b"h", dossier.id)
    appended = await repository.save(dossier, command=command)
    assert dossier.number == appended.answer["number"] == "XF-990102100-2022-000001"
    assert dossier.pending_events == ()
    clock.instant += timedelta(days=1)
    dossier.take(paged(dossier.id, 2, "二"))
    await repository.save(dossier)

    now = await repository.get(Dossier, dossier.id)
    then = await repository.get(Dossier, dossier.id, as_of=NOON)
    assert now is not None
    assert then is not None
    assert (now.version, now.titles, now.number, now.state) == (2, ["二"], dossier.number, "OPEN")
    assert (then.version, then.titles, then.number) == (1, [], dossier.number)
    assert await repository.get(Dossier, dossier.id, as_of=NOON - timedelta(seconds=1)) is None
    assert await repository.get(Other, dossier.id) is None
    assert await repository.get(Dossier, uuid4()) is None


async def test_the_second_of_two_writers_conflicts(recorder: Recorder) -> None:
    """And takes its other aggregate along: a save is all or nothing."""
    repository = Repository(recorder)
    dossier, other = Dossier(uuid4()), Dossier(uuid4())
    dossier.take(opened(dossier.id))
    await repository.save(dossier)
    one, two = await repository.get(Dossier, dossier.id), await repository.get(Dossier, dossier.id)
    assert one is not None
    assert two is not None
    one.take(paged(dossier.id, 2, "一"))
    two.take(paged(dossier.id, 2, "二"))
    other.take(opened(other.id))
    await repository.save(one)
    with pytest.raises(VersionConflict):
        await repository.save(other, two)
    assert await repository.get(Dossier, other.id) is None
