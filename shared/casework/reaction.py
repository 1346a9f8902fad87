"""Reactions of a service to another service's events (process managers, §8.3).

REACTIONS = {"intake.ComplaintTransferredToHandler": open_case}

async def open_case(event: ComplaintTransferredToHandler, desk: Desk) -> None:
    case = await desk.get_or_new(VerificationCase, desk.derived_id("case", desk.published.stream_id))
    ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from shared.casework.aggregate import Actor, Aggregate, Context, Law
from shared.kernel.effect import Effect
from shared.language.ids import derived_id
from shared.language.roles import SYSTEM

A = TypeVar("A", bound=Aggregate)


class PublishedLike(Protocol):
    """The part of a published event that a reaction reads besides its payload."""

    @property
    def event_id(self) -> UUID: ...
    @property
    def stream_id(self) -> UUID: ...
    @property
    def organ(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def correlation_id(self) -> UUID: ...
    @property
    def matters(self) -> tuple[UUID, ...]: ...
    @property
    def trace_id(self) -> str: ...


class Loader(Protocol):
    """Loads an aggregate from the store; None when its stream is empty."""

    async def get(self, cls: type[A], id: UUID) -> A | None: ...


class Desk:
    """One reaction's working place: it loads aggregates, and what they recorded is appended with
    the source's position in one transaction."""

    def __init__(self, published: PublishedLike, loader: Loader, law: Law, now: datetime, name: str) -> None:
        self.published = published
        self.law = law
        self.now = now
        self.name = name
        self._loader = loader
        self.touched: dict[UUID, Aggregate] = {}
        self.effects: list[Effect] = []
        """Messages to the outside, stored in the transaction of the events."""

    async def get(self, cls: type[A], id: UUID) -> A | None:
        """The aggregate as it stands, or None."""
        known = self.touched.get(id)
        if isinstance(known, cls):
            return known
        found = await self._loader.get(cls, id)
        if found is not None:
            self.touched[id] = found
        return found

    async def get_or_new(self, cls: type[A], id: UUID) -> A:
        """The aggregate as it stands, or a new stream under that id."""
        found = await self.get(cls, id)
        if found is None:
            found = cls(id)
            self.touched[id] = found
        return found

    def context(self, organ: str = "", *, rule: str = "") -> Context:
        """A context in which the system acts for an organ, caused by the published event, on the same
        correlation and in the same matters."""
        return Context(
            actor=Actor(SYSTEM, SYSTEM, organ or self.published.organ),
            now=self.now,
            occurred_at=self.published.occurred_at,
            law=self.law,
            command=self.name,
            rule=rule,
            correlation_id=self.published.correlation_id,
            matters=self.published.matters,
            causation_id=self.published.event_id,
            trace_id=self.published.trace_id,
            effects=self.effects,
        )

    @staticmethod
    def derived_id(*parts: Any) -> UUID:
        return derived_id(*parts)


Reaction = Callable[[Any, Desk], Awaitable[None]]
Reactions = dict[str, Reaction]
