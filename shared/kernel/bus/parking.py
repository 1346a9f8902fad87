"""The place of messages that could not be dealt with, and behind them of the later ones of the same case."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Integer, column, func, select, table, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

BEHIND = "behind"
"""The reason of a message that is itself in order: an earlier one of its case is parked."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One message that was set aside."""

    id: int
    source: str
    position: int
    previous: int
    event_id: UUID | None
    correlation: str
    reason: str
    message: bytes
    parked_at: datetime
    attempts: int


class ParkedStore(Protocol):
    """Reading what is parked. Rows come and go with `Append.parked` and `Append.unparked`."""

    async def list(self, source: str, correlation: str | None = None) -> list[Parked]:
        """The parked messages of a source, in order of position; those of one case, where it is named."""
        ...

    async def correlations(self, source: str) -> set[str]:
        """The cases of a source that have something parked."""
        ...

    async def count(self, source: str) -> int: ...

    async def failed_again(self, id: int, reason: str) -> None:
        """Notes an attempt to deal with a parked message that failed."""
        ...


_PARKED = table(
    "parked",
    *(column(name) for name in ("id", "source", "position", "event_id", "correlation", "reason")),
    column("message", JSONB),
    column("parked_at"),
    column("attempts", Integer),
)


class PgParkedStore:
    """The table `parked` of a service's own database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, source: str, correlation: str | None = None) -> list[Parked]:
        """The parked messages of a source, in order of position; those of one case, where it is named."""
        query = select(_PARKED).where(_PARKED.c.source == source).order_by(_PARKED.c.position, _PARKED.c.id)
        if correlation is not None:
            query = query.where(_PARKED.c.correlation == correlation)
        async with self._engine.connect() as connection:
            return [parked_row(row) for row in (await connection.execute(query)).mappings()]

    async def correlations(self, source: str) -> set[str]:
        """The cases of a source that have something parked."""
        query = select(_PARKED.c.correlation).where(_PARKED.c.source == source).distinct()
        async with self._engine.connect() as connection:
            return set((await connection.execute(query)).scalars()) - {""}

    async def count(self, source: str) -> int:
        query = select(func.count()).select_from(_PARKED).where(_PARKED.c.source == source)
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def failed_again(self, id: int, reason: str) -> None:
        """Notes an attempt to deal with a parked message that failed."""
        noted = (
            update(_PARKED).where(_PARKED.c.id == id).values(reason=reason, attempts=_PARKED.c.attempts + 1)
        )
        async with self._engine.begin() as connection:
            await connection.execute(noted)


def pack(message: bytes, previous: int) -> dict[str, Any]:
    """Any bytes as a JSON value, to the letter: a broken message is no JSON, and jsonb refuses U+0000."""
    return {"base64": b64encode(message).decode(), "previous": previous}


def reason_of(error: BaseException) -> str:
    """The kind and place of an error, but not its own text: that may quote the message.

    Refusals have a code, which is a word of the law and no personal data.
    """
    name, code = type(error).__name__, getattr(error, "code", None)
    what = f"{name} {code}" if isinstance(code, str) else name
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return what
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{what} at {module}.{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"


def parked_row(row: Mapping[Any, Any]) -> Parked:
    """A row of the table `parked` as it is stored."""
    packed = row["message"]
    return Parked(**{**dict(row), "message": b64decode(packed["base64"]), "previous": packed["previous"]})
