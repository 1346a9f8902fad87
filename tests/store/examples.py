"""A small world of events for the tests of the store: dossiers of a service that does not exist."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.sealing import Keyring, Sealer
from shared.language.event import (
    L1,
    L2,
    ChangesExclusion,
    DeadlineSet,
    Event,
    Meta,
    Numbered,
    Recorded,
    Value,
)

SERVICE = "archive"
NOON = datetime(2022, 3, 1, 4, tzinfo=UTC)


class _Archive(Event):
    service: ClassVar[str] = SERVICE


class Page(Value):
    title: str
    on: datetime


class DossierOpened(Numbered, _Archive):
    numbered: ClassVar[str] = "XF"
    to: ClassVar[str | None] = "OPEN"
    title: L2[str] = "检举材料"


class PageAdded(_Archive):
    page: L2[Page]
    tags: L1[tuple[str, ...]] = ()


class ReaderExcluded(ChangesExclusion, _Archive):
    """Somebody may not read it any more, or may again."""

    excluded: L1[bool]

    def change(self, stream: UUID) -> tuple[UUID, str, bool]:
        return stream, "clerk", self.excluded


class DossierRenamed(_Archive):
    """Version 1 called it `name`, version 2 said `title` without a language."""

    version: ClassVar[int] = 3
    title: L2[str]
    language: L1[str]

    @staticmethod
    def upcast_v1_v2(payload: dict[str, Any]) -> None:
        payload["title"] = payload.pop("name")

    @staticmethod
    def upcast_v2_v3(payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "language": "zh"}


class DossierClosed(_Archive):
    to: ClassVar[str | None] = "CLOSED"


def mapper(service: str = SERVICE) -> EventMapper:
    return EventMapper(Sealer(Keyring(service, {"k1": bytes(range(32))}, "k1")))


def meta(**changes: Any) -> Meta:
    values: dict[str, Any] = {
        "occurred_at": NOON,
        "actor": "p-1",
        "role": "clerk",
        "organ": "DI-990102100",
        "command": "OpenDossier",
        "policy": "2022-01",
        "correlation_id": UUID(int=7),
    }
    return Meta(**{**values, **changes})


def full_meta() -> Meta:
    """Circumstances with nothing left empty."""
    return meta(
        rule="R3",
        duty="handler",
        command_id=uuid4(),
        causation_id=uuid4(),
        links=("a", "b"),
        legal_basis=({"instrument": "rules", "article": "12"},),
        deadlines=(
            DeadlineSet("DL-01", "2022-03-08", "2022-03-05"),
            DeadlineSet("DL-02", "2022-04-08", "2022-04-01", True),
        ),
        deadlines_met=("DL-00",),
        assigns=True,
        trace_id="0af7",
    )


def opened(stream: UUID | None = None, organ: str = "DI-990102100", **changes: Any) -> Recorded:
    """The first event of a dossier; its human number is the committer's to give."""
    return Recorded(
        originator_id=stream or uuid4(),
        originator_version=1,
        kind="dossier",
        stream_organ=organ,
        event=DossierOpened(),
        state="OPEN",
        meta=meta(**changes),
    )


def paged(stream: UUID, version: int, title: str = "第一页", **changes: Any) -> Recorded:
    """A later event of a dossier."""
    return Recorded(
        originator_id=stream,
        originator_version=version,
        kind="dossier",
        stream_organ="DI-990102100",
        event=PageAdded(page=Page(title=title, on=NOON), tags=("x", "y")),
        state="OPEN",
        meta=meta(**changes),
    )
