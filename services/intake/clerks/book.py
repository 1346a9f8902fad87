"""The clerks' desk as tables: the queue, the searchable content of complaints, filed duplicates, handovers.

Made from the log alone. `content` is L2: its routes show it to people who need to know and to nobody else,
and every showing leaves a record (SEC-9). Nothing here comes from a reporter, so nothing can be found by one
(SEC-4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.kernel.store.rows import RowSet, TableRows, begun_in
from shared.kernel.store.schema import view_metadata
from shared.kernel.store.types import RawEntry
from shared.language import roles
from shared.language.law.working_days import local_date
from shared.language.spelling import normal

READERS = frozenset({*roles.PETITION, roles.CASE_MANAGER})
"""Roles whose desk it is. Priority, channel and day of receipt tell of the reporter: nobody else works by
them (B53)."""
RANKS = {"URGENT": 0, "REAL_NAME": 1, "NORMAL": 2}
"""A29: the ranks of the queue, by priority, then by age."""
DONE = frozenset({"SEALED_UPWARD", "DUPLICATE_FILED", "SENT_OUT", "CLOSED", "RETURNED"})
"""States in which this organ's petition department has nothing more to do by itself (§4.1)."""

HANDED_DOWN = {
    "ComplaintHandedDown": False,
    "ComplaintAssignedDown": False,
    "AssignedResultNoted": True,
    "AssignedResultReturned": False,
    "AssignedCaseReopened": False,
}
"""Events that hand a complaint down: it waits below, until a result is reported that the superior accepts or
returns (A26)."""

WAKES = frozenset({"MessageFromReporterReceived", "AttachmentReceived", "ResultReturnedBySuperior"})
"""Events that put even a finished complaint on the desk again, until somebody has done something about it."""

QUESTIONS = {"ReporterAsked": 1, "ReporterAnswerRelayed": -1}
"""Events about questions to the reporter: each waits for the clerk who serves that reporter (SEC-5)."""


DISPUTE_ENDS = ("JurisdictionAssigned", "ComplaintTakenUp")
"""Events after which nobody disputes any more whose a complaint is (B17)."""

CONTENT = ("AllegationsListed", "AllegationCorrected", "ComplaintSplit")
"""Events that change the content of a complaint."""


def rank_after(name: str, event: dict[str, Any], rank: int) -> int:
    """The place in the queue after an event: as registered, and REAL_NAME while the name is confirmed."""
    if name == "ReporterIdentityConfirmed":
        return min(rank, RANKS["REAL_NAME"])
    if name == "ReporterTreatedAsAnonymous" and rank == RANKS["REAL_NAME"]:
        return RANKS["NORMAL"]
    return RANKS.get(event.get("priority", ""), rank)


def to_do_after(name: str, state: str, to_do: bool) -> bool:
    """True if it stands in the queue after an event."""
    if name in WAKES:
        return state not in ("SEALED_UPWARD", "SENT_OUT", "RETURNED")
    if state == "SENT_DOWN":
        return HANDED_DOWN.get(name, to_do)
    return state not in DONE


def grams(*words: str) -> list[str]:
    """The pairs of neighbouring characters: an index of them finds any two characters of a text, which
    word search cannot in a script without spaces, nor PostgreSQL's trigrams under the C locale."""
    return sorted({w[i : i + 2] for w in words for i in range(len(w) - 1)})


class DeskBook:
    """Projection of intake's complaints for those who work on them."""

    name = "deskbook"
    version = 6

    def __init__(self) -> None:
        metadata = view_metadata()
        self.queue = Table(
            f"queue_v{self.version}",
            metadata,
            Column("stream", Uuid, primary_key=True),
            Column("number", Text, nullable=False),
            Column("rank", Integer, nullable=False),
            Column("received_on", Date, nullable=False),
            Column("channel", Text, nullable=False, info={"list": "Channel"}),
            Column("handling_dept", Text, nullable=False),
            Column("questions", Integer, nullable=False),
            Column("to_do", Boolean, nullable=False),
            Index(None, "to_do", "rank", "received_on", "stream"),
        )
        self.content = Table(
            f"content_v{self.version}",
            metadata,
            Column("stream", Uuid, primary_key=True),
            Column("keys", ARRAY(Text), nullable=False),
            Column("terms", ARRAY(Text), nullable=False),
            Column("text", Text, nullable=False),
            Column("text_grams", ARRAY(Text), nullable=False),
            Column("accused", LargeBinary, nullable=False),
            Column("allegations", LargeBinary, nullable=False),
            Index(None, "keys", postgresql_using="gin"),
            Index(None, "text_grams", postgresql_using="gin"),
        )
        """The terms by which a complaint is found, and the content that its readers see, as JSON ready to be
        sent."""
        self.terms = Table(
            f"terms_v{self.version}",
            metadata,
            Column("term", Text, primary_key=True),
            Column("grams", ARRAY(Text), nullable=False),
            Index(None, "grams", postgresql_using="gin"),
        )
        """Every name, unit and position once."""
        self.named = Table(
            f"named_v{self.version}",
            metadata,
            Column("term", Text, primary_key=True),
            Column("received_on", Date, primary_key=True),
            Column("stream", Uuid, primary_key=True),
        )
        """The complaints of each of them, in the order in which they are shown: a page is read from the end,
        however many there are."""
        self.duplicates = Table(
            f"duplicates_v{self.version}",
            metadata,
            Column("number", Text, primary_key=True),
            Column("organ", Text, nullable=False),
            Column("month", Text, nullable=False),
            Column("original", Uuid, nullable=False),
            Column("original_number", Text, nullable=False),
            Column("told", Boolean, nullable=False, index=True),
        )
        self.digests = Table(
            f"digests_v{self.version}",
            metadata,
            Column("stream", Uuid, primary_key=True),
            Column("version", Integer, primary_key=True),
            Column("month", Text, nullable=False),
            Column("handling_dept", Text, nullable=False),
            Column("count", Integer, nullable=False),
            Column("duplicates", ARRAY(Text), nullable=False),
            Column("originals", ARRAY(Text), nullable=False),
        )
        self.handovers = Table(
            f"handovers_v{self.version}",
            metadata,
            Column("stream", Uuid, primary_key=True),
            Column("round", Integer, primary_key=True),
            Column("number", Text, nullable=False),
            Column("handling_dept", Text, nullable=False),
            Column("handed_on", Date, nullable=False),
            Column("position", BigInteger, nullable=False, index=True),
        )
        self.disputes = Table(
            f"disputes_v{self.version}",
            metadata,
            Column("stream", Uuid, primary_key=True),
            Column("with_organ", Text, nullable=False, index=True),
            Column("decided_by", Text, nullable=False, index=True),
            Column("disputed_on", Date, nullable=False),
            Column("answered", Boolean, nullable=False),
            Column("position", BigInteger, nullable=False, index=True),
        )
        """The disputes about competence that wait for a decision (B17)."""
        self.tables = [
            *(self.queue, self.content, self.terms, self.named),
            *(self.duplicates, self.digests, self.handovers, self.disputes),
        ]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        complaints = [e for e in batch if e.data["kind"] == "Complaint"]
        digests = [e for e in batch if e.topic == "intake.DuplicateDigest"]
        begun = begun_in(batch)
        await rows[self.queue].fetch((e.stream for e in complaints), begun=begun)
        told = (e.stream for e in complaints if e.topic.endswith(CONTENT))
        await rows[self.content].fetch(told, begun=begun)
        heard = (e.stream for e in complaints if e.topic.endswith(("DisputeAnswered", *DISPUTE_ENDS)))
        await rows[self.disputes].fetch(heard, begun=begun)
        for entry in complaints:
            self._complaint(entry, entry.data["event"], rows)
        await rows[self.duplicates].fetch(n for e in digests for n in e.data["event"]["duplicates"])
        for entry in digests:
            self._digest(entry, entry.data["event"], rows)

    def _complaint(self, entry: RawEntry, event: dict[str, Any], rows: RowSet) -> None:
        name, queue = entry.topic.rpartition(".")[2], rows[self.queue]
        if name == "ComplaintReceived":
            queue.put(
                {
                    "stream": entry.stream,
                    "number": "",
                    "rank": RANKS["URGENT" if event.get("urgent") else "NORMAL"],
                    "received_on": date.fromisoformat(event["received_on"]),
                    "channel": event["channel"],
                    "handling_dept": "",
                    "questions": 0,
                }
            )
        row = queue.get(entry.stream)
        if row is None:
            return
        row["number"] = event.get("number") or row["number"]
        row["rank"] = rank_after(name, event, row["rank"])
        row["handling_dept"] = event.get("handling_dept", row["handling_dept"])
        row["questions"] += QUESTIONS.get(name, 0)
        row["to_do"] = to_do_after(name, entry.data["state"], row.get("to_do", True))
        self._disputed(entry, name, event, rows[self.disputes])
        if name == "AllegationsListed":
            self._listed(entry.stream, row["received_on"], event, rows)
        elif name == "AllegationCorrected":
            rows[self.content][entry.stream].update(corrected(event))
        elif name == "ComplaintSplit":
            # A part that was split off stays findable here too: it leads to the complaint it came from (A18).
            rows[self.content][entry.stream].update(shown(event))
        elif name == "ComplaintTransferredToHandler":
            names = ("number", "handling_dept")
            rows[self.handovers].put(
                {
                    "stream": entry.stream,
                    "handed_on": _day_of(entry),
                    "position": entry.position,
                    "round": event.get("round", 1),  # the first ones had none
                    **{n: event[n] for n in names},
                }
            )
        elif name == "DuplicateFiled":
            rows[self.duplicates].put(
                {
                    "number": row["number"],
                    "organ": entry.data["organ"],
                    "month": f"{_day_of(entry):%Y-%m}",
                    "original": UUID(event["of"]),
                    "original_number": event["of_number"],
                    "told": False,
                }
            )

    @staticmethod
    def _disputed(entry: RawEntry, name: str, event: dict[str, Any], disputes: TableRows) -> None:
        if name == "JurisdictionDisputed":
            disputes.put(
                {
                    "stream": entry.stream,
                    "with_organ": event["with_organ"],
                    "decided_by": event["decided_by"],
                    "disputed_on": _day_of(entry),
                    "answered": False,
                    "position": entry.position,
                }
            )
        elif name == "DisputeAnswered":
            disputes[entry.stream]["answered"] = True
        elif name in DISPUTE_ENDS:
            disputes.delete(entry.stream)

    def _listed(self, stream: UUID, received_on: date, event: dict[str, Any], rows: RowSet) -> None:
        """A list replaces the one before it."""
        before = rows[self.content].get(stream)
        for term in before["terms"] if before else ():
            rows[self.named].delete((term, received_on, stream))
        listed = searchable(event)
        rows[self.content].put({"stream": stream, **listed, **shown(event)})
        for term in listed["terms"]:
            rows[self.terms].put({"term": term, "grams": grams(term)})
            rows[self.named].put({"term": term, "received_on": received_on, "stream": stream})

    def _digest(self, entry: RawEntry, event: dict[str, Any], rows: RowSet) -> None:
        names = ("month", "handling_dept", "count", "duplicates", "originals")
        rows[self.digests].put(
            {"stream": entry.stream, "version": entry.version, **{n: event[n] for n in names}}
        )
        for number in event["duplicates"]:
            if (row := rows[self.duplicates].get(number)) is not None:
                row["told"] = True


def _day_of(entry: RawEntry) -> date:
    return local_date(datetime.fromisoformat(entry.data["meta"]["occurred_at"]))


def searchable(listed: dict[str, Any]) -> dict[str, Any]:
    """The terms by which a list of allegations can be found: its accused and its sanitised words."""
    people, allegations = listed["accused"], listed["allegations"]
    texts = [normal(a["text"]) for a in allegations]
    named = {normal(p[n]) for p in people for n in ("name", "unit", "position") if p.get(n)}
    return {
        "keys": accused_keys(people),
        "terms": sorted(named),
        "text": "\n".join(texts),
        "text_grams": grams(*texts),
    }


def corrected(event: dict[str, Any]) -> dict[str, Any]:
    """The content that changes with one allegation: the old words are found no more (B12)."""
    texts = [normal(a["text"]) for a in event["allegations"]]
    told = [{n: a[n] for n in ("kind", "text")} for a in event["allegations"]]
    return {"text": "\n".join(texts), "text_grams": grams(*texts), "allegations": orjson.dumps(told)}


def shown(listed: dict[str, Any]) -> dict[str, bytes]:
    """The content that a hit shows."""
    people = [{n: p.get(n, "") for n in ("ref", "name", "unit", "position")} for p in listed["accused"]]
    allegations = [{n: a[n] for n in ("kind", "text")} for a in listed["allegations"]]
    return {"accused": orjson.dumps(people), "allegations": orjson.dumps(allegations)}


def accused_keys(people: Iterable[dict[str, Any]]) -> list[str]:
    """Keys by which two complaints are about the same: the register's reference, the name, the unit."""
    return sorted(
        {
            k
            for p in people
            for k in (f"ref:{p['ref']}", f"name:{normal(p['name'])}", f"unit:{normal(p['unit'])}")
        }
    )
