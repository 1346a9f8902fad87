"""The read models that every service has: the list of its cases, who works on them, running deadlines,
requests for recusal.

Made from the log alone, so they can be rebuilt at any time. They hold numbers, states, dates and the accounts
of people who work on a case or are kept from it (L1); everything confidential is read from the case itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
)

from shared.kernel.store.rows import RowSet, TableRows, begun_in
from shared.kernel.store.schema import view_metadata
from shared.kernel.store.types import RawEntry
from shared.language.roles import SUBJECT

VERSION = 10
DEADLINE = "^DL-[0-9]{2}(#.+)?$"
"""The id of a deadline; where several of it run in one case, with the one that is meant."""
ACCOUNTS = ("SubjectInvited", "RevisitPlanOpened")
"""Events that tie a case to the subject's own account: it appears in the subject's own list too."""
KEPT_FROM = {"StaffMisconductReported": "staff"}
"""Events of which the person they are about is to find nothing, and the field that names that person
(A33)."""
BESIDE = frozenset({"AuditRecord", "StaffDirectory"})
"""Kinds of streams that are no cases."""
KEPT = ("matters", "acting")
"""Columns of a case by which it is decided who sees it, and which nobody is shown."""
RECUSALS = ("RecusalRequested", "RecusalDecided")
PEOPLE = ("AssignmentStarted", "AssignmentEnded", "PersonExcluded")


def case_tables(metadata: MetaData) -> tuple[Table, Table, Table, Table, Table]:
    """Tables of the common projection, in the schema that the service owns."""
    cases = Table(
        f"cases_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("kind", Text, nullable=False, info={"list": "CaseKind"}),
        Column("organ", Text, nullable=False, index=True),
        Column("number", Text, nullable=False, index=True),
        Column("state", Text, nullable=False, info={"list": "CaseState"}),
        Column("version", Integer, nullable=False),
        Column("opened_at", DateTime(timezone=True), nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False),
        Column("addressee", Text, nullable=False, index=True),
        Column("position", BigInteger, nullable=False, index=True),
        Column("matters", Text, nullable=False),
        Column("acting", Text, nullable=False),
    )
    work = Table(
        f"work_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("person", Text, primary_key=True),
        Column("roles", Text, nullable=False),
    )
    deadlines = Table(
        f"deadlines_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("deadline", Text, primary_key=True, info={"pattern": DEADLINE}),
        Column("correlation", Uuid, nullable=False),
        Column("matters", Text, nullable=False),
        Column("organ", Text, nullable=False),
        Column("due", Date, nullable=False),
        Column("provisional", Boolean, nullable=False),
        Column("since", Date),
        Column("working_days", Integer, nullable=False),
        Column("round", Integer, nullable=False),
        Column("approaching", Boolean, nullable=False),
        Column("breached", Boolean, nullable=False),
        Column("met", Boolean, nullable=False),
    )
    # The scheduler looks for these several times a second, among all deadlines that ever ran.
    Index(
        None,
        *(deadlines.c.due, deadlines.c.stream, deadlines.c.deadline),
        postgresql_where=deadlines.c.met.is_(False),
    )
    kept_from = Table(
        f"kept_from_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("person", Text, primary_key=True),
    )
    recusals = Table(
        f"recusals_v{VERSION}",
        metadata,
        Column("stream", Uuid, primary_key=True),
        Column("request", Text, primary_key=True),
        Column("role", Text, nullable=False, info={"list": "CaseRole"}),
        Column("asked_at", DateTime(timezone=True), nullable=False),
        Column("position", BigInteger, nullable=False, index=True),
    )
    return cases, work, deadlines, kept_from, recusals


class CaseBook:
    """The common projection. `apply` is pure over the rows it is given; see `kernel.store.projector`."""

    name = "casebook"
    version = VERSION

    def __init__(self) -> None:
        self.metadata = view_metadata()
        tables = case_tables(self.metadata)
        self.cases, self.work, self.deadlines, *others = tables
        self.kept_from, self.recusals = others
        self.told = [column for column in self.cases.c if column.name not in KEPT]
        """The columns of a case that lists show: all of them L1."""
        self.tables = list(tables)

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        begun = begun_in(batch)
        cases, work, deadlines = rows[self.cases], rows[self.work], rows[self.deadlines]
        await cases.fetch((e.stream for e in batch), begun=begun)
        await work.fetch((k for e in batch for k in _person_keys(e)), begun=begun)
        await deadlines.fetch((k for e in batch for k in _deadline_keys(e)), begun=begun)
        for entry in batch:
            kind, name = entry.data["kind"], entry.topic.rpartition(".")[2]
            if kind == "Deadline":
                self._emitted(entry.data["event"], name, deadlines)
            elif kind not in BESIDE:
                self._case(entry, cases)
                if name in PEOPLE or name in ACCOUNTS or entry.data["meta"].get("assigns"):
                    await self._people(entry, name, work)
                if name in KEPT_FROM and (person := entry.data["event"].get(KEPT_FROM[name])):
                    rows[self.kept_from].put({"stream": entry.stream, "person": person})
                if name in RECUSALS:
                    self._recusals(entry, name, rows[self.recusals])
                self._clocks(entry, name, deadlines)

    def _case(self, entry: RawEntry, cases: TableRows) -> None:
        data, event = entry.data, entry.data["event"]
        occurred = datetime.fromisoformat(data["meta"]["occurred_at"])
        row = cases.get(entry.stream)
        if row is None:
            row = cases.put(
                {
                    "stream": entry.stream,
                    "kind": data["kind"],
                    "organ": data["organ"],
                    "number": "",
                    "opened_at": occurred,
                    "addressee": "",
                    "acting": "",
                }
            )
        row["number"] = row["number"] or event.get("number", "")
        row["matters"] = ",".join(data["meta"].get("matters", ()))
        row["state"], row["version"], row["position"] = data["state"], entry.version, entry.position
        if row.get("changed_at", occurred) <= occurred:
            row["changed_at"] = occurred
        if entry.topic.endswith(".StepEscalated"):
            row["acting"] = ",".join(filter(None, (row["acting"], event["to_organ"])))
        if "addressee" in event:
            row["addressee"] = event["addressee"]

    async def _people(self, entry: RawEntry, name: str, work: TableRows) -> None:
        event = entry.data["event"]
        if name in ACCOUNTS and (account := event.get("account") or event.get("subject_account")):
            for stale in await work.where(stream=entry.stream, roles=SUBJECT):
                work.delete((entry.stream, stale["person"]))
            work.put({"stream": entry.stream, "person": account, "roles": SUBJECT})
        if event.get("account_ends"):
            for former in await work.where(stream=entry.stream, roles=SUBJECT):
                work.delete((entry.stream, former["person"]))
        if (meta := entry.data["meta"]).get("assigns"):
            work.put({"stream": entry.stream, "person": meta["actor"], "roles": meta["role"]})
        if name not in PEOPLE:
            return
        key = (entry.stream, event["person"])
        row = work.get(key)
        held = set(row["roles"].split(",")) if row else set()
        if name == "AssignmentStarted":
            held.add(event["role"])
        elif name == "AssignmentEnded":
            held.discard(event["role"])
        else:
            held.clear()
        if held:
            work.put({"stream": key[0], "person": key[1], "roles": ",".join(sorted(held))})
        else:
            work.delete(key)

    def _recusals(self, entry: RawEntry, name: str, recusals: TableRows) -> None:
        """Requests that wait for a decision."""
        event = entry.data["event"]
        if name == "RecusalDecided":
            recusals.delete((entry.stream, event["request"]))
        elif name == "RecusalRequested":
            recusals.put(
                {
                    "stream": entry.stream,
                    "request": event["request"],
                    "role": event["role"],
                    "asked_at": datetime.fromisoformat(entry.data["meta"]["occurred_at"]),
                    "position": entry.position,
                }
            )

    def _clocks(self, entry: RawEntry, name: str, deadlines: TableRows) -> None:
        """Meets deadlines before it starts others: one event may do both."""
        meta = entry.data["meta"]
        for met in meta.get("deadlines_met", ()):
            row = deadlines.get((entry.stream, met))
            if row is not None:
                row["met"] = True
        for started in meta.get("deadlines", ()):
            before = deadlines.get((entry.stream, started["id"]))
            if before is not None and name == "DeadlineRecomputed" and str(before["due"]) == started["due"]:
                before["provisional"] = started["provisional"]  # what was told of this day stands
                continue
            deadlines.put(
                {
                    "stream": entry.stream,
                    "deadline": started["id"],
                    "correlation": UUID(meta["correlation_id"]),
                    "matters": ",".join(meta.get("matters", ())),
                    "organ": entry.data["organ"],
                    "due": date.fromisoformat(started["due"]),
                    "provisional": started.get("provisional", False),
                    "since": date.fromisoformat(started["since"]) if "since" in started else None,
                    "working_days": started.get("working_days", 0),
                    "round": before["round"] + 1 if before else 1,
                    "approaching": False,
                    "breached": False,
                    "met": False,
                }
            )

    def _emitted(self, event: dict[str, Any], name: str, deadlines: TableRows) -> None:
        row = deadlines.get((UUID(event["stream"]), event["deadline"]))
        if row is not None:
            row["approaching" if name == "DeadlineApproaching" else "breached"] = True


def _person_keys(entry: RawEntry) -> list[tuple[UUID, str]]:
    return [(entry.stream, entry.data["event"]["person"])] if entry.topic.endswith(PEOPLE) else []


def _deadline_keys(entry: RawEntry) -> list[tuple[UUID, str]]:
    meta, event = entry.data["meta"], entry.data["event"]
    if entry.data["kind"] == "Deadline":
        return [(UUID(event["stream"]), event["deadline"])]
    keys = [(entry.stream, d) for d in meta.get("deadlines_met", ())]
    return keys + [(entry.stream, d["id"]) for d in meta.get("deadlines", ())]
