"""Intake's desk in a real database: its lists of character pairs live, rebuilt, and searched."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.intake.clerks.book import DeskBook, grams
from shared.kernel.store.projector import Projector
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append
from shared.language.contracts.common import Accused, Allegation
from shared.language.contracts.intake import (
    AllegationsListed,
    ComplaintReceived,
    ComplaintRegistered,
    ComplaintTransferredToHandler,
    DisputeAnswered,
    DuplicateDigest,
    DuplicateFiled,
    JurisdictionAssigned,
    JurisdictionDisputed,
)
from shared.language.event import Event, Recorded
from tests.servers import Database
from tests.store.conftest import StepClock, engine_of
from tests.store.examples import meta

ORGAN = "DI-990102100"


def recorded(stream: UUID, version: int, event: Event, kind: str = "Complaint") -> Recorded:
    return Recorded(
        originator_id=stream,
        originator_version=version,
        kind=kind,
        stream_organ=ORGAN,
        event=event,
        state=event.leads_to() or "REGISTERED",
        meta=meta(),
    )


def complaint(stream: UUID, words: str) -> list[Recorded]:
    """Received, registered and listed."""
    accused = Accused(
        ref=f"acc-{stream}",
        name="虚某甲",
        unit="虚构水厂",
        unit_division="990102100",
        managed_by_level="TOWNSHIP",
    )
    claim = Allegation(id="a1", accused_ref=accused.ref, kind="INTEGRITY_DISCIPLINE", text=words)
    received = ComplaintReceived(
        organ=ORGAN,
        channel="LETTER",
        source="DIRECT",
        received_on=date(2022, 3, 1),
        pages=1,
        competent_level="TOWNSHIP",
    )
    registered = ComplaintRegistered(category="ACCUSATION", priority="NORMAL", identity_status="UNCLAIMED")
    listed = AllegationsListed(accused=(accused,), allegations=(claim,), approved_by="p-1")
    return [recorded(stream, n, e) for n, e in enumerate((received, registered, listed), 1)]


async def everything(database: Database, book: DeskBook) -> list[list[tuple[Any, ...]]]:
    engine = engine_of(database)
    async with engine.connect() as connection:
        found = [
            [tuple(row) for row in await connection.execute(select(t).order_by(*t.primary_key.columns))]
            for t in book.tables
        ]
    await engine.dispose()
    return found


async def test_the_desk_rebuilt_is_the_desk_as_it_grew(
    recorder: Recorder, fresh: Database, clock: StepClock
) -> None:
    first, second, digest = uuid4(), uuid4(), uuid4()
    await recorder.append(Append(events=complaint(first, "反映其收受礼金。")))
    await recorder.append(Append(events=complaint(second, "反映其收受礼金，违规操办婚宴。")))
    filed = DuplicateFiled(of=str(first), of_number="XF-0", repeat_kind="DUPLICATE")
    await recorder.append(Append(events=[recorded(second, 4, filed)]))
    book, engine = DeskBook(), engine_of(fresh)
    projector = Projector(engine, recorder, [book], clock)
    await projector.start()
    assert await projector.wait_for(book.name, 7, 30)
    duplicates = book.tables.index(book.duplicates)
    [duplicate] = (await everything(fresh, book))[duplicates]
    told = DuplicateDigest(
        month="2022-03", handling_dept="d", count=1, duplicates=(duplicate[0],), originals=("XF-0",)
    )
    await recorder.append(Append(events=[recorded(digest, 1, told, "DuplicateDigest")]))
    handed = ComplaintTransferredToHandler(
        number="XF-0", handling_dept="d", accused=(), allegations=(), registered_by=("p-1",), real_name=False
    )
    await recorder.append(Append(events=[recorded(first, 4, handed)]))
    third, fourth = uuid4(), uuid4()
    disputed = JurisdictionDisputed(with_organ="DI-990101", decided_by="DI-9901", reason="已调离。")
    decided = JurisdictionAssigned(to_organ=ORGAN, reason="由其主管。")
    for stream, more in ((third, (DisputeAnswered(opinion="非我管辖。"),)), (fourth, (decided,))):
        events = [recorded(stream, n, e) for n, e in enumerate((disputed, *more), 4)]
        await recorder.append(Append(events=[*complaint(stream, "反映其公款吃喝。"), *events]))
    assert await projector.wait_for(book.name, 19, 30)
    live = await everything(fresh, book)
    assert [len(rows) for rows in live] == [4, 4, 2, 8, 1, 1, 1, 1]
    [waiting] = live[-1]
    assert (waiting[0], waiting[4]) == (third, True)
    assert live[duplicates][0][-1] is True  # told
    await projector.rebuild(book.name)
    assert await everything(fresh, book) == live
    found = select(book.content.c.stream).where(book.content.c.text_grams.contains(grams("婚宴")))
    async with engine.connect() as connection:
        assert [r[0] for r in await connection.execute(found)] == [second]
    await projector.stop()
    await engine.dispose()
