"""The reading face: replays of a case for auditors, and the logs' checkpoints and proofs.

Nothing is commanded here; the reads pass the gate of reads: token (401), role and level (403). Then the case
is looked for within jurisdiction (404, the same bytes for foreign and unknown; the true code stands in the
access log).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, TypeVar, get_args
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.audit.access import Access, AccessLog
from services.audit.bundle import Audience, Withhold, bundle_of, told_to
from services.audit.cases import BYS, Cases, Found, Session
from services.audit.proof import HistoryChanged, Trees
from services.audit.tables import LOGS, PUBLISHERS
from services.audit.timeline import (
    ORDER,
    By,
    Stream,
    Told,
    accesses,
    altered_entry,
    difference,
    entry,
    states,
    visible,
)
from shared.casework.command import Token
from shared.casework.http.commands import Face, as_it_is
from shared.casework.http.describe import CURSOR, answer, array, in_path, in_query, page
from shared.casework.http.naming import a_list, named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import instant, json_response, page_number
from shared.casework.readmodel import DEADLINE
from shared.casework.tokens import TokenVerifier
from shared.casework.view import VIEW
from shared.kernel.evidence.bundle import FORMAT
from shared.kernel.evidence.encoding import to_base64
from shared.kernel.evidence.leaf import MEMBERS
from shared.kernel.http.docstrings import Schema
from shared.kernel.store.types import StoreTampered
from shared.language import roles
from shared.language.event import event_classes
from shared.language.organs.tree import Level, OrganTree
from shared.language.refusal import refuse

PAGE = 200
PAGE_MAX = 1000
WHOLE_MAX = 20_000
"""Events of a case that one state, difference or bundle may hold."""
NUMBER = re.compile(r"^[A-Z]{2}-\d{2,12}-\d{4}-\d{1,12}$", re.ASCII)
SUBJECT = re.compile(r"^[\w.:/#-]{1,120}$")
T = TypeVar("T")
Action = Literal["timeline", "state", "difference", "bundle", "bundle-court", "bundle-subject"]

BUNDLES: dict[Audience, Action] = {
    "superior": "bundle",
    "court": "bundle-court",
    "subject": "bundle-subject",
}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
LOG = a_list(LOGS)
DEADLINE_ID: Schema = {"type": "string", "pattern": DEADLINE}
INSTANT: Schema = {"type": ["string", "null"], "format": "date-time"}
TIME: Schema = {"type": "string", "format": "date-time"}
STREAM = answer(
    id={"type": "string", "format": "uuid"},
    service=a_list(PUBLISHERS),
    kind=TEXT,
    organ=TEXT,
    number=TEXT,
    subjects=array(TEXT),
)
LOOKED = answer(who=TEXT, role=TEXT, organ=TEXT, count=WHOLE, first=INSTANT, last=INSTANT)


def told_with(*more: Schema, **properties: Schema) -> Schema:
    """The members that every answer about a case repeats, and those of this one."""
    asked = {
        "case": TEXT,
        "as_of": INSTANT,
        "by": {"enum": list(BYS)},
        "subject": {"type": ["string", "null"]},
    }
    return answer(asked, *more, subjects=array(TEXT), **properties)


TEXTS: Schema = {"type": "array", "items": TEXT}
CITED = answer(instrument=TEXT, version_date={"type": "string", "format": "date"}, article=TEXT)
DUE = answer(id=DEADLINE_ID, due={"type": "string", "format": "date"})
EVENT: Schema = answer(
    number=TEXT,
    service=a_list(PUBLISHERS),
    position=WHOLE,
    type=named("EventType"),
    id={"type": "string", "format": "uuid"},
    version=WHOLE,
    kind=TEXT,
    organ=TEXT,
    state=TEXT,
    occurred_at=TIME,
    recorded_at=TIME,
    by=named("Actor"),
    rule=TEXT,
    command=TEXT,
    policy=TEXT,
    correlation_id={"type": "string", "format": "uuid"},
    event={"type": ["object", "null"], "description": "Its published fields; null where `altered`."},
)
EVENT["description"] = "An event of the case `id`: what happened, when, by whom and under which rule."
EVENT["properties"] |= {
    "altered": {"type": "boolean", "description": "Its sealed text does not open in its place any more."},
    "duty": TEXT,
    "causation_id": TEXT,
    "links": TEXTS,
    "legal_basis": array(CITED),
    "deadlines": array(DUE),
    "deadlines_met": array(DEADLINE_ID),
    "assigns": {"type": "boolean", "description": "The actor works on the case from this event on."},
    "text_hash": TEXT,
}
EVENT_TYPES = sorted({cls.__name__ for service in PUBLISHERS for cls in event_classes(service)})
NAMED = {"TimelineEvent": EVENT, "View": VIEW, "EventType": a_list(EVENT_TYPES)}
"""Parts of answers that the document tells once, by name."""
CHANGE: Schema = {"type": "object", "additionalProperties": answer(before={}, after={})}
PROVED: Schema = answer(
    service=a_list(PUBLISHERS),
    position=TEXT,
    stream=TEXT,
    version=TEXT,
    topic=TEXT,
    recorded_at=TIME,
    leaf_index=WHOLE,
    inclusion=TEXTS,
)
PROVED["properties"] |= {
    **{name: TEXT for names in MEMBERS.values() for name in names},
    "published": {"type": "object", "description": "The event in clear; not there where it is withheld."},
    "salt": TEXT,
}
BUNDLE = answer(
    format={"const": FORMAT, "type": "string"},
    checkpoint={"type": "object", "additionalProperties": TEXT},
    entries=array(PROVED),
)
STOOD = answer(version=WHOLE, state=TEXT)
CHANGED = answer(
    id={"type": "string", "format": "uuid"},
    kind=TEXT,
    number=TEXT,
    before={"anyOf": [STOOD, {"type": "null"}]},
    after=STOOD,
    facts=CHANGE,
    deadlines=CHANGE,
    assigned=CHANGE,
)
TIMELINE = told_with(
    streams=array(STREAM),
    events=array(named("TimelineEvent")),
    accesses={"anyOf": [array(LOOKED), {"type": "null"}]},
    next={"type": ["string", "null"]},
)
DIFFERENCE = told_with(
    {"from": INSTANT, "to": INSTANT}, events=array(named("TimelineEvent")), streams=array(CHANGED)
)


CASE = in_path("number", "A human number (XF-, HC-, CQ-, HF-…), or the id of a case without one.")
SERVICE = in_path("service", "A log: of a publishing service, or of accesses.", enum=list(LOGS))
BY = in_query("by", "By when it was recorded, or by when it happened.", enum=list(BYS))
AS_OF = in_query("as_of", "The day asked for (RFC 3339); now, if left out.", format="date-time")
OF_SUBJECT = in_query(
    "subject", "Only what concerns this accused, by their reference.", pattern=SUBJECT.pattern
)
LIMIT = in_query("limit", "Events on a page.", type="integer", minimum=1, maximum=PAGE_MAX)
ASKED = (CASE, AS_OF, BY, OF_SUBJECT)
REPLAY: dict[str, Any] = {
    "rule": "§6.6",
    "by": (roles.AUDITOR,),
    "level": Level.COUNTY,
    "headers": ("Access-Record",),
    "tag": "replay",
}
"""A replay is an auditor's, of a county or above. `Replays` decides who may know of the case when it has
found it, and puts the outcome on record in any case."""
PROOF: dict[str, Any] = {"rule": "§6.6", "by": (roles.AUDITOR,), "level": Level.COUNTY, "tag": "proof"}
OF_ORGANS: dict[str, Any] = {
    "rule": "SEC-1",
    "by": roles.OF_AN_ORGAN - {roles.PLATFORM, roles.DIRECTORY},
    "answer": TEXT,
    "media_type": "text/plain",
    "tag": "proof",
}


class ReadingFace(Face):
    """A face without a gate: it knows who asks, and carries out nothing."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self.verifier = verifier
        self._standing_in = as_it_is


@dataclass(frozen=True, slots=True)
class Replay:
    """One question about a case, and the streams from which its answer is made."""

    found: Found
    streams: list[Stream]
    as_of: datetime | None
    by: By
    subject: str | None

    def told(self) -> dict[str, Any]:
        """The parameters that were asked for, as every answer repeats them."""
        cases = [s for s in self.streams if s.is_case]
        return {
            "case": self.found.asked.number or str(self.found.asked.id),
            "as_of": self.as_of,
            "by": self.by,
            "subject": self.subject,
            "subjects": sorted({ref for s in cases for ref in s.subjects}),
        }


class Replays:
    """The routes of a case."""

    def __init__(self, cases: Cases, trees: Trees, access: AccessLog, organs: OrganTree) -> None:
        self.cases = cases
        self.trees = trees
        self.access = access
        self.organs = organs

    @read(
        "Timeline",
        "/v1/cases/{number}/timeline",
        **REPLAY,
        parameters=(*ASKED, LIMIT, CURSOR),
        answer=TIMELINE,
    )
    async def timeline(self, ask: Asked[Any]) -> Response:
        """Every event of the case across all services, in order, as it was known or had happened on a day.

        Confidential fields are shown to the auditor, the reporter's identity is in no event. Readings are
        counted by reader, on the first page. `cursor` continues where a page ended.
        """
        request, token = ask.request, ask.token
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        by = _by(request)
        after = _cursor(request.query_params.get("cursor"), by)

        async def one_page(session: Session, replay: Replay) -> list[Any]:
            return await session.rows(
                replay.streams, replay.as_of, by, limit=limit + 1, subject=replay.subject, after=after
            )

        replay, receipt, rows = await self._replay(request, token, "timeline", by, one_page)
        numbers = {stream.id: orjson.dumps(stream.number) for stream in replay.streams}
        more, rows = len(rows) > limit, rows[:limit]
        body = {
            **replay.told(),
            "streams": [_told(stream) for stream in replay.streams if stream.is_case],
            "events": [self._entry(row, numbers[row["stream"]]) for row in rows],
            "accesses": None if after else accesses(replay.streams),
            "next": _as_cursor(rows[-1], by) if more else None,
        }
        return json_response(body, headers=_receipt(receipt))

    @read(
        "State",
        "/v1/cases/{number}/state",
        **REPLAY,
        parameters=ASKED,
        answer=told_with(streams=array(named("View"))),
    )
    async def state(self, ask: Asked[Any]) -> Response:
        """Every stream of the case as it stood on a day. By recorded time each is, byte for byte, what its
        own service answered then."""
        request, token = ask.request, ask.token
        replay, receipt, rows = await self._replay(request, token, "state", _by(request), _streams)
        told = self._of_cases(replay, _not_too_many(rows))
        views = states(told, replay.as_of, replay.by)
        body = {**replay.told(), "streams": list(views.values())}
        return json_response(body, headers=_receipt(receipt))

    @read(
        "Difference",
        "/v1/cases/{number}/difference",
        **REPLAY,
        parameters=(
            CASE,
            in_query("from", "After this instant.", required=True, format="date-time"),
            in_query("to", "Up to this instant; now, if left out.", format="date-time"),
            BY,
            OF_SUBJECT,
        ),
        answer=DIFFERENCE,
    )
    async def difference(self, ask: Asked[Any]) -> Response:
        """The events between two instants (after the first, up to the second), and the changes that they
        made."""
        request, token = ask.request, ask.token
        begin, end = _instant(request, "from"), _instant(request, "to")
        if begin is None or (end is not None and end < begin):
            refuse("E_SCHEMA", "§6.6", field="from", reason="needed, and not after `to`")
        replay, receipt, rows = await self._replay(
            request, token, "difference", _by(request), _streams, as_of=end, since=begin
        )
        told = self._of_cases(replay, _not_too_many(rows))
        numbers = {stream.id: orjson.dumps(stream.number) for stream in replay.streams}
        time = f"{replay.by}_at"
        body = {
            **replay.told(),
            "from": begin,
            "to": end,
            "events": [
                self._entry(row, numbers[row["stream"]])
                for row in rows
                if row[time] > begin and (end is None or row[time] <= end)
            ],
            "streams": difference(states(told, begin, replay.by), states(told, end, replay.by)),
        }
        return json_response(body, headers=_receipt(receipt))

    @read(
        "Bundle",
        "/v1/cases/{number}/bundle",
        **REPLAY,
        parameters=(
            *ASKED,
            in_query("audience", "For whom it is made.", enum=list(get_args(Audience))),
            in_query(
                "withhold",
                "What a superior organ is proved without being shown.",
                enum=list(get_args(Withhold)),
            ),
        ),
        answer=BUNDLE,
    )
    async def bundle(self, ask: Asked[Any]) -> Response:
        """The case as a bundle of evidence, checked offline by `python -m shared.kernel.evidence.verify`.

        For the `superior` organ it is the whole case: `withhold=L2` (the default) proves confidential events
        without showing them. For a `court` and for the cleared `subject` it holds what was agreed, decided
        and done in the clarification of this subject, who must be named, and tells neither day, channel nor
        number of reports (SEC-1).
        """
        request, token = ask.request, ask.token
        audience: Audience = _one_of(request, "audience", get_args(Audience), "superior")
        withhold: Withhold = _one_of(request, "withhold", get_args(Withhold), "L2")
        if audience != "superior":
            withhold = "none"
            for name, given in (("subject", True), ("withhold", False)):
                if (name in request.query_params) != given:
                    refuse(
                        "E_SCHEMA", "SEC-1", field=name, reason="needed" if given else "not for this audience"
                    )
        replay, receipt, rows = await self._replay(request, token, BUNDLES[audience], _by(request), _whole)
        rows = told_to(audience, _not_too_many(rows), replay.streams)
        if not rows:
            refuse(
                "E_SCHEMA", "§6.6", field="as_of", reason="by then there was nothing to be told of the case"
            )
        try:
            bundle, unproved = await bundle_of(self.cases, self.trees, rows, withhold)
        except HistoryChanged:
            refuse("E_UNAVAILABLE")
        if not bundle.entries:
            refuse("E_NOT_YET", "§6.6")
        return json_response(
            bundle.to_json(), headers={**_receipt(receipt), "unproved-events": str(unproved)}
        )

    async def _replay(
        self,
        request: Request,
        token: Token,
        action: Action,
        by: By,
        read: Callable[[Session, Replay], Awaitable[T]],
        *,
        as_of: datetime | None = None,
        since: datetime | None = None,
    ) -> tuple[Replay, str, T]:
        """Finds the case, reads of it if its auditor may, and records that before anything is told,
        refusals included. Returns the receipt of the record as well."""
        if since is None:
            as_of = _instant(request, "as_of")
        subject = request.query_params.get("subject")
        if subject is not None and not SUBJECT.match(subject):
            refuse("E_SCHEMA", "§6.6", field="subject")
        given: str = request.path_params["number"]
        name = _name(given)
        found = answer = replay = None
        outcome = "E_NOT_FOUND"
        if name is not None:
            # Nothing is raised in here: that would cost the connection.
            async with self.cases.session() as session:
                found = await session.find(name, token.person, as_of, by, subject)
                if found is not None:
                    streams = visible(found.streams, token.organ, self.organs, subject)
                    outcome = self._outcome(token, found, streams, subject)
                    replay = Replay(found, streams, as_of, by, subject)
                    answer = await read(session, replay) if outcome == "ok" else None
        receipt = await self.access.add(
            Access(
                who=token.person,
                role=roles.AUDITOR,
                organ=token.organ,
                action=action,
                object=given if name is not None else "",
                about=found.asked.id if found is not None else None,
                as_of="..".join(i.isoformat() for i in (since, as_of) if i is not None),
                by=by,
                outcome=outcome,
            )
        )
        if replay is None or answer is None:
            refuse("E_NOT_FOUND")
        return replay, receipt, answer

    def _outcome(self, token: Token, found: Found, streams: Sequence[Stream], subject: str | None) -> str:
        if not self.organs.is_ancestor_or_self(token.organ, found.asked.organ):
            return "E_JURISDICTION"
        if found.asked not in visible(found.streams, token.organ, self.organs, None):
            return "E_NEED_TO_KNOW"
        if subject is not None and not any(subject in stream.subjects for stream in streams):
            return "E_NOT_FOUND"
        return "ok"

    def _of_cases(self, replay: Replay, rows: Sequence[Any]) -> list[Told]:
        """The events of cases proper; the streams beside them have no state worth telling."""
        cases = {stream.id for stream in replay.streams if stream.is_case}
        return [self.cases.told(row) for row in rows if row["stream"] in cases]

    def _entry(self, row: Any, number: bytes) -> orjson.Fragment:
        try:
            plaintext = self.cases.open(row)
        except StoreTampered:
            return altered_entry(row["line"], number)
        return entry(row["line"], number, plaintext, row["event_at"], row["topic"] if row["hidden"] else None)


class Logs:
    """The routes of the logs. Checkpoints hold no personal data, but their size tells how much was recorded
    in an hour: any token of the staff may have them, and nobody from outside (SEC-1)."""

    def __init__(self, trees: Trees, verifier_keys: Sequence[str]) -> None:
        self.trees = trees
        self._keys = "".join(f"{key}\n" for key in verifier_keys)

    @read(
        "LogKeys",
        "/v1/logs/key",
        rule="§6.6",
        outsiders=True,
        answer=TEXT,
        media_type="text/plain",
        tag="proof",
    )
    async def key(self, ask: Asked[Any]) -> Response:
        """The public keys of the logs (C2SP signed-note), one a line: the KEYFILE of the verifier."""
        return Response(self._keys, media_type="text/plain")

    @read("Checkpoint", "/v1/logs/{service}/checkpoint", **OF_ORGANS, parameters=(SERVICE,))
    async def checkpoint(self, ask: Asked[Any]) -> Response:
        """The signed state of a log at the end of the last hour (C2SP tlog-checkpoint); before the first hour
        is over, that of the empty log. For staff: its size steps with each report (SEC-1, B53)."""
        return Response(await self.trees.shown(_log(ask.request)), media_type="text/plain")

    @read(
        "Checkpoints",
        "/v1/logs/{service}/checkpoints",
        **OF_ORGANS
        | {
            "answer": page(answer(hour=TIME, size=WHOLE, note=TEXT)),
            "media_type": "application/json",
        },
        parameters=(SERVICE, in_query("before", "Of hours before this one.", format="date-time"), LIMIT),
    )
    async def checkpoints(self, ask: Asked[Any]) -> Response:
        """The checkpoints at the end of each hour in which one was signed, the newest first: to find the one
        that somebody was given, or to follow a log from then on."""
        request = ask.request
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        rows = await self.trees.listed(_log(request), _instant(request, "before"), limit)
        more = len(rows) == limit
        return json_response({"items": rows, "next": rows[-1]["hour"] if more else None})

    @read(
        "InclusionProof",
        "/v1/logs/{service}/proof/inclusion",
        **PROOF,
        parameters=(
            SERVICE,
            in_query("position", "Of the event in its log.", required=True, type="integer", minimum=1),
            in_query("size", "Of the log; as it is now, if left out.", type="integer", minimum=0),
        ),
        answer=answer(leaf_index=WHOLE, size=WHOLE, inclusion=array(TEXT)),
    )
    async def inclusion(self, ask: Asked[Any]) -> Response:
        """Proof that the event at a position stands in the log of a size (RFC 9162 §2.1.3)."""
        request = ask.request
        service = _log(request)
        now = await self.trees.size(service)
        size = page_number(request.query_params.get("size"), "size", now, now)
        position = page_number(_needed(request, "position"), "position", 0, size)
        if position < 1:
            refuse("E_SCHEMA", "", field="position", minimum=1)
        proof = await self.trees.inclusion(service, position - 1, size)
        return json_response({"leaf_index": position - 1, "size": size, "inclusion": _hashes(proof)})

    @read(
        "ConsistencyProof",
        "/v1/logs/{service}/proof/consistency",
        **PROOF,
        parameters=(
            SERVICE,
            in_query("from", "The earlier size.", required=True, type="integer", minimum=0),
            in_query("to", "The later size; as it is now, if left out.", type="integer", minimum=0),
        ),
        answer=answer({"from": WHOLE}, service=LOG, to=WHOLE, consistency=array(TEXT)),
    )
    async def consistency(self, ask: Asked[Any]) -> Response:
        """Proof that a log of one size continues the log of an earlier one (RFC 9162 §2.1.4)."""
        request = ask.request
        service = _log(request)
        now = await self.trees.size(service)
        new = page_number(request.query_params.get("to"), "to", now, now)
        old = page_number(_needed(request, "from"), "from", 0, new)
        proof = await self.trees.consistency(service, old, new)
        told = {"service": service, "from": old, "to": new, "consistency": _hashes(proof)}
        return json_response(told)


async def _whole(session: Session, replay: Replay) -> list[Any]:
    """The events that were known, or had happened, by the day asked for."""
    return await session.rows(replay.streams, replay.as_of, replay.by, limit=WHOLE_MAX + 1)


async def _streams(session: Session, replay: Replay) -> list[Any]:
    """The events from which states are made: by occurred time those are whole streams (`timeline.states`)."""
    as_of = replay.as_of if replay.by == "recorded" else None
    return await session.rows(replay.streams, as_of, replay.by, limit=WHOLE_MAX + 1)


def _not_too_many(rows: list[Any]) -> list[Any]:
    if len(rows) > WHOLE_MAX:
        refuse("E_SCHEMA", "§6.6", reason="too many events at once", maximum=WHOLE_MAX)
    return rows


def _receipt(receipt: str) -> dict[str, str]:
    return {"access-record": receipt}


# --- Reading what was asked ---


def _name(given: str) -> str | UUID | None:
    """A human number, or the id of a case that has none yet; None for what can be neither."""
    if NUMBER.match(given):
        return given
    try:
        return UUID(given)
    except ValueError:
        return None


def _by(request: Request) -> By:
    return _one_of(request, "by", BYS, "recorded")  # type: ignore[no-any-return]


def _one_of(request: Request, field: str, allowed: Sequence[str], default: str) -> Any:
    value = request.query_params.get(field, default)
    if value not in allowed:
        refuse("E_SCHEMA", "§6.6", field=field, allowed=list(allowed))
    return value


def _needed(request: Request, field: str) -> str:
    value = request.query_params.get(field)
    if value is None:
        refuse("E_SCHEMA", "§6.6", field=field, reason="missing")
    return value


def _instant(request: Request, field: str) -> datetime | None:
    """An instant of the query string, in UTC; a plus that came as a space is meant as a plus."""
    value = request.query_params.get(field)
    parsed = instant(None if value is None else value.replace(" ", "+"), field)
    try:
        return None if parsed is None else parsed.astimezone(UTC)
    except OverflowError:
        refuse("E_SCHEMA", "§0.5", field=field, reason="out of range")


def _log(request: Request) -> str:
    name: str = request.path_params["service"]
    if name not in LOGS:
        refuse("E_NOT_FOUND")
    return name


def _as_cursor(row: Any, by: By) -> str:
    key = [row[name].isoformat() if name.endswith("_at") else row[name] for name in ORDER[by]]
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def _cursor(given: str | None, by: By) -> tuple[Any, ...]:
    """The key behind which a page begins."""
    if given is None:
        return ()
    try:
        key = orjson.loads(urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        *times, service, position = key
        if len(key) != len(ORDER[by]) or service not in PUBLISHERS or not 0 <= position < 1 << 62:
            _bad_cursor()
        moments = [datetime.fromisoformat(time).astimezone(UTC) for time in times]
        return (*moments, service, int(position))
    except (ValueError, TypeError, OverflowError):
        _bad_cursor()


def _bad_cursor() -> NoReturn:
    refuse("E_SCHEMA", "§6.6", field="cursor")


# --- Telling ---


def _told(stream: Stream) -> dict[str, Any]:
    return {
        "id": stream.id,
        "service": stream.service,
        "kind": stream.kind,
        "organ": stream.organ,
        "number": stream.number,
        "subjects": stream.subjects,
    }


def _hashes(proof: Sequence[bytes]) -> list[str]:
    return [to_base64(hash_) for hash_ in proof]
