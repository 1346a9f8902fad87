"""The register of accused as a table: a clerk looks for a match, a history is listed (R55).

Holds L2 (names); its queries answer petition staff within jurisdiction only. Never by reporter (SEC-4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Table, Text, Uuid

from shared.kernel.store.rows import RowSet, TableRows, begun_in
from shared.kernel.store.schema import view_metadata
from shared.kernel.store.types import RawEntry
from shared.language.spelling import normal

DECIDING = ("subject_type", "managed_by_level", "unit_division", "is_discipline_staff")
"""The details by which an organ is competent (§5.4)."""


class AccusedBook:
    """Projection of the register: accused and their complaints over the years."""

    name = "accusedbook"
    version = 5

    def __init__(self) -> None:
        self.metadata = view_metadata()
        self.accused = Table(
            f"accused_v{self.version}",
            self.metadata,
            Column("ref", Text, primary_key=True),
            Column("name", Text, nullable=False),
            Column("called", Text, nullable=False, index=True),
            Column("unit", Text, nullable=False),
            Column("position_held", Text, nullable=False),
            Column("subject_type", Text, nullable=False, info={"list": "SubjectType"}),
            Column("managed_by_level", Text, nullable=False, info={"list": "LevelName"}),
            Column("unit_division", Text, nullable=False),
            Column("is_discipline_staff", Boolean, nullable=False),
        )
        """`called` is the name as it is compared (`spelling.normal`); by the last ones an organ is
        competent."""
        self.links = Table(
            f"accused_complaints_v{self.version}",
            self.metadata,
            Column("ref", Text, primary_key=True),
            Column("complaint", Uuid, primary_key=True),
        )
        self.outcomes = Table(
            f"complaint_outcomes_v{self.version}",
            self.metadata,
            Column("complaint", Uuid, primary_key=True),
            Column("received_on", Text, nullable=False),
            Column("repeat_kind", Text, nullable=False, info={"list": "RepeatKind"}),
            Column("verdict", Text, nullable=False),
        )
        self.tables = [self.accused, self.links, self.outcomes]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        complaints = [e for e in batch if e.data["kind"] == "Complaint"]
        await rows[self.outcomes].fetch((e.stream for e in complaints), begun=begun_in(batch))
        for entry in batch:
            name, event = entry.topic.rpartition(".")[2], entry.data["event"]
            if entry.data["kind"] == "Complaint":
                self._outcome(entry, name, event, rows[self.outcomes])
            elif entry.data["kind"] == "RegisterEntry":
                self._entry(name, event, rows)

    def _entry(self, name: str, event: dict[str, Any], rows: RowSet) -> None:
        if name == "AccusedRegistered":
            self._put(event["accused"], rows)
        elif name == "AccusedDetailsRecorded":
            self._put(event["now"], rows)
        elif name == "AccusedMerged":
            rows[self.accused].delete(event["accused_ref"])
        elif name == "ComplaintLinkedToAccused":
            rows[self.links].put({"ref": event["accused_ref"], "complaint": UUID(event["complaint"])})
        elif name == "AccusedTookOver":
            for complaint in event["complaints"]:
                rows[self.links].put({"ref": event["accused_ref"], "complaint": UUID(complaint)})

    def _put(self, person: dict[str, Any], rows: RowSet) -> None:
        rows[self.accused].put(
            {
                "ref": person["ref"],
                "name": person["name"],
                "called": normal(person["name"]),
                "unit": person["unit"],
                "position_held": person.get("position", ""),
                **{each: person[each] for each in DECIDING},
            }
        )

    def _outcome(self, entry: RawEntry, name: str, event: dict[str, Any], outcomes: TableRows) -> None:
        if name == "ComplaintReceived":
            outcomes.put(
                {
                    "complaint": entry.stream,
                    "received_on": event["received_on"],
                    "repeat_kind": "INITIAL",
                    "verdict": "",
                }
            )
        elif (row := outcomes.get(entry.stream)) is not None:
            if name in ("DuplicateFiled", "RepeatMarked"):
                row["repeat_kind"] = event["repeat_kind"]
            elif name in ("ResultBecameAvailable", "AssignedResultNoted"):
                row["verdict"] = event["verdict"]
            elif name in ("ComplaintReopened", "AssignedCaseReopened"):
                row["verdict"] = ""
