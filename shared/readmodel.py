"""The read models that every service has: the list of its cases, who works on them, running deadlines.

Made from the log alone, so they can be rebuilt at any time. They hold numbers, states and dates (L1);
what is confidential is read from the case itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, Table, Text, Uuid

VERSION = 1
PEOPLE = ("AssignmentStarted", "AssignmentEnded", "RecusalDeclared")


class Entry(Protocol):
    """One decoded row of the log, as projections get it."""

    @property
    def position(self) -> int: ...
    @property
    def stream(self) -> Any: ...
    @property
    def version(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


def case_tables(metadata: MetaData) -> tuple[Table, Table, Table]:
    """Tables of the common projection, in the schema that the service owns."""
    cases = Table(
        f"cases_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("organ", Text, nullable=False, index=True),
        Column("number", Text, nullable=False, index=True),
        Column("state", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("opened_at", DateTime(timezone=True), nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False),
        Column("priority", Text, nullable=False),
        Column("position", BigInteger, nullable=False, index=True),
        schema="view",
    )
    work = Table(
        f"work_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("person", Text, primary_key=True),
        Column("roles", Text, nullable=False),
        schema="view",
    )
    deadlines = Table(
        f"deadlines_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("deadline", Text, primary_key=True),
        Column("correlation", Uuid, nullable=False),
        Column("organ", Text, nullable=False),
        Column("due", Date, nullable=False),
        Column("remind_on", Date, nullable=False),
        Column("provisional", Boolean, nullable=False),
        Column("round", Integer, nullable=False),
        Column("approaching", Boolean, nullable=False),
        Column("breached", Boolean, nullable=False),
        Column("met", Boolean, nullable=False, index=True),
        schema="view",
    )
    return cases, work, deadlines


class CaseBook:
    """The common projection. `apply` is pure over the rows it is given; see `shared.store.projector`."""

    name = "casebook"
    version = VERSION

    def __init__(self) -> None:
        self.metadata = MetaData()
        self.cases, self.work, self.deadlines = case_tables(self.metadata)
        self.tables = [self.cases, self.work, self.deadlines]

    async def apply(self, batch: Sequence[Entry], rows: Any) -> None:
        await rows.prefetch(self.cases, [(e.stream,) for e in batch])
        await rows.prefetch(self.work, [key for e in batch for key in _person_keys(e)])
        await rows.prefetch(self.deadlines, [key for e in batch for key in self._deadline_keys(e)])
        for entry in batch:
            self._one(entry, rows)

    def _one(self, entry: Entry, rows: Any) -> None:
        data = entry.data
        if data["kind"] == "AuditRecord":
            return
        name = entry.topic.rpartition(".")[2]
        if name in ("DeadlineApproaching", "DeadlineBreached"):
            self._emitted(data, name, rows)
            return
        self._case(entry, rows)
        self._people(entry, name, rows)
        self._clocks(entry, rows)

    def _case(self, entry: Entry, rows: Any) -> None:
        data, event = entry.data, entry.data["event"]
        occurred = datetime.fromisoformat(data["meta"]["occurred_at"])
        known = rows.get(self.cases, (entry.stream,))
        row = known or {
            "stream": entry.stream,
            "kind": data["kind"],
            "organ": data["organ"],
            "number": "",
            "opened_at": occurred,
            "priority": "NORMAL",
        }
        rows.put(
            self.cases,
            (entry.stream,),
            {
                **row,
                "number": row["number"] or event.get("number", ""),
                "state": data["state"],
                "version": entry.version,
                "changed_at": occurred,
                "priority": event.get("priority", row["priority"]),
                "position": entry.position,
            },
        )

    def _people(self, entry: Entry, name: str, rows: Any) -> None:
        event = entry.data["event"]
        if name not in PEOPLE:
            return
        key = (entry.stream, event["person"])
        row = rows.get(self.work, key)
        roles = set(row["roles"].split(",")) if row else set()
        if name == "AssignmentStarted":
            roles.add(event["role"])
        elif name == "AssignmentEnded":
            roles.discard(event["role"])
        else:
            roles.clear()
        if roles:
            rows.put(self.work, key, {"stream": key[0], "person": key[1], "roles": ",".join(sorted(roles))})
        else:
            rows.delete(self.work, key)

    def _clocks(self, entry: Entry, rows: Any) -> None:
        meta = entry.data["meta"]
        for met in meta.get("deadlines_met", ()):
            row = rows.get(self.deadlines, (entry.stream, met))
            if row is not None and not row["met"]:
                rows.put(self.deadlines, (entry.stream, met), {**row, "met": True})
        for started in meta.get("deadlines", ()):
            key = (entry.stream, started["id"])
            before = rows.get(self.deadlines, key)
            rows.put(
                self.deadlines,
                key,
                {
                    "stream": entry.stream,
                    "deadline": started["id"],
                    "correlation": meta["correlation_id"],
                    "organ": entry.data["organ"],
                    "due": date.fromisoformat(started["due"]),
                    "remind_on": date.fromisoformat(started["remind_on"]),
                    "provisional": started["provisional"],
                    "round": before["round"] + 1 if before else 1,
                    "approaching": False,
                    "breached": False,
                    "met": False,
                },
            )

    def _emitted(self, data: dict[str, Any], name: str, rows: Any) -> None:
        key = _deadline_key(data["event"])
        row = rows.get(self.deadlines, key)
        if row is not None:
            flag = "approaching" if name == "DeadlineApproaching" else "breached"
            rows.put(self.deadlines, key, {**row, flag: True})

    @staticmethod
    def _deadline_keys(entry: Entry) -> list[tuple[Any, str]]:
        meta, event = entry.data["meta"], entry.data["event"]
        keys = [(entry.stream, d) for d in meta.get("deadlines_met", ())]
        keys += [(entry.stream, d["id"]) for d in meta.get("deadlines", ())]
        if "deadline" in event and "stream" in event:
            keys.append(_deadline_key(event))
        return keys


def _person_keys(entry: Entry) -> list[tuple[Any, str]]:
    return [(entry.stream, entry.data["event"]["person"])] if entry.topic.endswith(PEOPLE) else []


def _deadline_key(event: dict[str, Any]) -> tuple[UUID, str]:
    return UUID(event["stream"]), event["deadline"]
