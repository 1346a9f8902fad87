"""The public face of intake: anybody may report, and read behind a code what came of it (SEC-6, SEC-7, A35).

No token is read, no cookie set, no address or agent looked at. Codes travel in bodies, never in paths.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.intake.commands.naming import GiveContact, GiveIdentity
from services.intake.commands.overseeing import TellOfStaffMisconduct
from services.intake.commands.reporting import AskForRecusal, SubmitReport, WaiveMeeting, WriteToOrgan
from services.intake.domain.complaint import Complaint
from services.intake.domain.notice import NOTICE
from services.intake.reporters import code as codes
from services.intake.reporters.flood import Flood
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.letters import Letters, SlowHash, Trail
from shared.casework.command import Command
from shared.casework.gate import Submission
from shared.casework.http.describe import KEY, answer, array, describe, in_header
from shared.casework.http.read import Asked, read
from shared.casework.http.values import idempotency_key, json_response, parse, without_nul
from shared.casework.parts import Parts
from shared.kernel.http.problems import schema_problem
from shared.language.ids import random_id
from shared.language.refusal import refuse
from shared.language.text import Seen

STATUS = {
    "RECEIVED": "RECEIVED",
    "REGISTERED": "RECEIVED",
    "ACCEPTED": "ACCEPTED",
    "WITH_HANDLER": "IN_PROGRESS",
    "RESULT_AVAILABLE": "IN_PROGRESS",
    "DUPLICATE_FILED": "CLOSED",
    "CLOSED": "CLOSED",
    "NOT_ACCEPTED": "NOT_ACCEPTED",
    "SENT_DOWN": "SENT_TO_COMPETENT_BODY",
    "SENT_OUT": "SENT_TO_COMPETENT_BODY",
    "SEALED_UPWARD": "SENT_TO_COMPETENT_BODY",
}
"""All that a query code tells of a state (SEC-7)."""


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}


class Behind(BaseModel):
    """A query code, and what is to be done behind it."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=120)
    """The query code, as it was shown once when the report was sent."""


class Written(Behind):
    text: str
    """The supplement, objection or answer: 1 to 20,000 characters. Only the vault keeps it."""


class Biased(Behind):
    role: str
    """The role in which the member of staff acts, as `handler`."""
    ground: str
    """ACCUSED_OR_RELATIVE, INTEREST or OTHER; a tie to the reporter is OTHER."""
    text: str
    """The person to stay away, and the reason: 1 to 4,000 characters. Only the vault keeps it."""


class Waived(Behind):
    stage: str
    """The meeting that the reporter does without: ACCEPTANCE, INVESTIGATION or REPLY."""


class Named(Behind):
    reporter: dict[str, Any]
    """Name or unit, and a contact, as in a report. Only the vault keeps it."""


class Reached(Behind):
    contacts: dict[str, Any]
    """`phone`, `email` or `address`: those that change. Only the vault keeps them."""


class Threatened(Behind):
    text: Annotated[str, Field(min_length=1, max_length=4000), Seen]
    """The threat: who is threatened, by whom and how. Only the vault keeps it."""


RANDOM_UUID = re.compile(
    r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$", re.ASCII
)
GUESSES_WAITING = 32
"""Number of codes that may wait to be hashed; beyond it, callers are asked to come back. Codes of new reports
have their own turn."""
Protect = Callable[[UUID, str, str | None], Awaitable[None]]
"""Opens a request for protection in the vault. Its number is not for the reporter: numbers of one organ
follow each other, and tell how many others asked (B53)."""


class Reports:
    """The routes that read no token."""

    def __init__(self, parts: Parts, letters: Letters, flood: Flood, secret: bytes, protect: Protect) -> None:
        self.parts = parts
        self.protect = protect
        self.letters = letters
        self.flood = flood
        self.slow = SlowHash(waiting=GUESSES_WAITING)
        self.guessing = SlowHash(waiting=GUESSES_WAITING)
        self.keeping = SlowHash()
        self._secret = secret

    def add_to(self, app: FastAPI) -> None:
        self.parts.reads.gate.add(app, self)
        for method, path, endpoint, name in (
            ("POST", "/v1/reports", self.submit, "SubmitReport"),
            ("POST", "/v1/reports/status", self.status, "ReportStatus"),
            ("POST", "/v1/reports/messages", self.write, "WriteToOrgan"),
            ("POST", "/v1/reports/protection", self.ask_protection, "AskForProtection"),
            ("POST", "/v1/reports/recusal", self.ask_recusal, "AskForRecusal"),
            ("POST", "/v1/reports/waivers", self.waive, "WaiveMeeting"),
            ("POST", "/v1/reports/identity", self.give_identity, "GiveIdentity"),
            ("POST", "/v1/reports/contact", self.give_contact, "GiveContact"),
            ("POST", "/v1/reports/staff-misconduct", self.report_staff, "TellOfStaffMisconduct"),
            ("POST", "/v1/reports/mailbox", self.mailbox, "ReportMailbox"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], operation_id=name, response_class=Response, tags=["reports"]
            )
        self._describe(app)

    def _describe(self, app: FastAPI) -> None:
        """Describes these routes for the OpenAPI document."""
        text = {"type": "string"}
        status = {"enum": sorted({*STATUS.values()})}
        proof = in_header("Proof-Of-Work", "The challenge with what solves it.")
        key = in_header(
            "Idempotency-Key", "Sent again with the same key, it is carried out once.", pattern=KEY
        )
        unguessable = in_header(
            "Idempotency-Key",
            "A random UUID; sent again, it is carried out once.",
            pattern=RANDOM_UUID.pattern,
        )
        letter = answer(direction=text, text=text)

        def public(name: str, **told: Any) -> None:
            describe(app, name, anyone=True, **told)

        public(
            "SubmitReport",
            parameters=[proof, unguessable],
            body=SubmitReport,
            gives=[SubmitReport],
            status=201,
            answer=answer(query_code=text, status=status),
        )
        ahead = in_header("Proof-Of-Work", "Optional: with it one stands before those who only try codes.")
        told = answer(status=status)
        public("ReportStatus", parameters=[ahead], body=Behind, answer=told, codes=INCOMPLETE)
        public(
            "WriteToOrgan",
            parameters=[proof, key],
            body=Written,
            gives=[WriteToOrgan],
            codes=INCOMPLETE,
            status=201,
            answer=answer(status=status),
        )
        public(
            "AskForRecusal",
            parameters=[proof, key],
            body=Biased,
            gives=[AskForRecusal],
            codes=INCOMPLETE,
            status=201,
            answer=answer(status=status),
        )
        public(
            "WaiveMeeting",
            parameters=[proof, key],
            body=Waived,
            gives=[WaiveMeeting],
            codes=INCOMPLETE,
            status=201,
            answer=answer(status=status),
        )
        for name, form, command in (
            ("GiveIdentity", Named, GiveIdentity),
            ("GiveContact", Reached, GiveContact),
        ):
            public(
                name,
                parameters=[proof, key],
                body=form,
                gives=[command],
                codes=INCOMPLETE,
                status=201,
                answer=answer(status=status),
            )
        public(
            "TellOfStaffMisconduct",
            parameters=[proof, key],
            body=Threatened,
            gives=[TellOfStaffMisconduct],
            codes=INCOMPLETE,
            status=201,
            answer=answer(status=status),
        )
        public(
            "AskForProtection",
            parameters=[proof, key],
            body=Threatened,
            codes=["E_IDEMPOTENCY_MISMATCH", "E_CONFLICT_VERSION", "E_SEALED_UPWARD", *INCOMPLETE],
            status=201,
            answer=answer(status=status),
        )
        public(
            "ReportMailbox",
            body=Behind,
            answer=answer(status=status, letters=array(letter)),
            codes=INCOMPLETE,
        )

    @read(
        "ReportingNotice",
        "/v1/reporting-notice",
        rule="R30",
        anyone=True,
        answer=answer(version=TEXT, zh=array(TEXT), en=array(TEXT)),
        tag="reports",
    )
    async def notice(self, ask: Asked[Complaint]) -> Response:
        """The notice that is read before a report (R30): truthfulness, rights, duties, protection."""
        return json_response(NOTICE)

    @read(
        "ReportChallenge",
        "/v1/reports/challenge",
        rule="SEC-6",
        anyone=True,
        answer=answer(challenge=TEXT, difficulty=COUNT, expires_in=COUNT),
        tag="reports",
    )
    async def challenge(self, ask: Asked[Complaint]) -> Response:
        """A little work to be done before a submission, the same for everybody (SEC-6)."""
        return json_response(self.flood.challenge())

    async def submit(self, request: Request) -> Response:
        """Reports without an account. The query code is shown in this answer, and to nobody but its caller:
        sent again under the same key, it is answered the same."""
        key = _unguessable(request) or str(random_id())
        await self._worked(request)
        command = await self._command(SubmitReport, request)
        if isinstance(command, Response):
            return command
        done = await self.parts.command_gate.execute(Submission(command, None, None, idempotency_key=key))
        code = codes.make(self._secret, key)
        halves = codes.halves(code)
        assert halves is not None
        await self.letters.keep_code(UUID(done.answer["id"]), halves, self.keeping)
        return json_response({"query_code": codes.shown(code), "status": "RECEIVED"}, 201)

    async def status(self, request: Request) -> Response:
        """The coarse status behind a code; a wrong code and no code of ours are one and the same."""
        trail = await self.opened((await self._body(Behind, request)).code, await self._turn(request))
        return json_response({"status": coarse(trail[0])})

    async def write(self, request: Request) -> Response:
        """A further letter to the organ: a supplement, an objection, an answer."""
        return await self._behind(WriteToOrgan, Written, request)

    async def ask_recusal(self, request: Request) -> Response:
        """Asks that somebody of the organ stay away from the matter (A33, A48): `role` in which they act,
        `ground` (ACCUSED_OR_RELATIVE, INTEREST, OTHER), and in words whom and why."""
        return await self._behind(AskForRecusal, Biased, request)

    async def waive(self, request: Request) -> Response:
        """Does without one of the three meetings (`stage`: ACCEPTANCE, INVESTIGATION, REPLY), for a reporter
        whose name was confirmed (R46)."""
        return await self._behind(WaiveMeeting, Waived, request)

    async def give_identity(self, request: Request) -> Response:
        """Gives one's name after an anonymous report, or anew where it was not confirmed (B19); from then on
        the organs owe what they owe to real names."""
        return await self._behind(GiveIdentity, Named, request)

    async def give_contact(self, request: Request) -> Response:
        """Changes how one is reached (B19)."""
        return await self._behind(GiveContact, Reached, request)

    async def _worked(self, request: Request) -> None:
        """Takes the proof before the body is read: a slow one holds a place."""
        await self.flood.check(request.headers.get("proof-of-work", ""))

    async def _turn(self, request: Request) -> SlowHash:
        """The queue in which a code waits to be hashed: callers who have worked do not stand behind those who
        guess."""
        if "proof-of-work" not in request.headers:
            return self.guessing
        await self._worked(request)
        return self.slow

    async def _behind(self, kind: type[Command], form: type[Behind], request: Request) -> Response:
        """A command on the complaint behind the code, where it is now; answered by the coarse status."""
        await self._worked(request)
        body = await self._body(form, request)
        trail = await self.opened(body.code)
        key = idempotency_key(request.headers.get("idempotency-key"))
        try:
            command = kind(**body.model_dump(exclude={"code"}))
        except ValidationError as error:
            return schema_problem(error.errors(), request.headers.get("accept-language", ""))
        await self.parts.command_gate.execute(
            Submission(command, None, living(trail).id, idempotency_key=key)
        )
        return json_response({"status": coarse(trail[0])}, 201)

    async def ask_protection(self, request: Request) -> Response:
        """Asks for protection (A33, A49): for the reporter, for relatives, for people taken for the
        reporter."""
        await self._worked(request)
        body = await self._body(Threatened, request)
        trail = await self.opened(body.code)
        complaint = living(trail).id
        key = self.own_key(complaint, idempotency_key(request.headers.get("idempotency-key")))
        await self.protect(complaint, body.text, key)
        return json_response({"status": coarse(trail[0])}, 201)

    async def report_staff(self, request: Request) -> Response:
        """Reports a member of the organ that handles the matter (检举工作人员, A33): to the organ above it
        and to internal supervision, past the organ itself; where several organs have had the matter, past
        all of them, since only the words tell whose staff is meant."""
        await self._worked(request)
        body = await self._body(Threatened, request)
        trail = await self.opened(body.code)
        organs = self.parts.law.organs
        complaint = max(reversed(trail), key=lambda c: organs.get(c.organ).level)
        key = self.own_key(complaint.id, idempotency_key(request.headers.get("idempotency-key")))
        try:
            command = TellOfStaffMisconduct(complaint=complaint.id, account=body.text)
        except ValidationError as error:
            return schema_problem(error.errors(), request.headers.get("accept-language", ""))
        await self.parts.command_gate.execute(Submission(command, None, None, idempotency_key=key))
        return json_response({"status": coarse(trail[0])}, 201)

    async def mailbox(self, request: Request) -> Response:
        """The letters to and fro behind a code, whichever organ wrote or received them."""
        trail = await self.opened((await self._body(Behind, request)).code, await self._turn(request))
        parts = await self._parts_of(trail)
        found = await self.letters.to_and_fro(_trail(trail), _trail(parts))
        told = [{"direction": x.direction, "text": x.text} for x in found]
        return json_response({"status": coarse(trail[0]), "letters": told})

    async def opened(self, code: str, slow: SlowHash | None = None) -> list[Complaint]:
        """The complaint that a code opens, and those that were born of it as it went from organ to organ, in
        this order. One slow hash is spent on any text that has the form of a code, then 404 or not; any other
        is no guess and costs nothing. `slow`: the queue whose turn it takes; callers who have worked for it
        have their own."""
        halves = codes.halves(code)
        if halves is None:
            refuse("E_NOT_FOUND")
        id = await self.letters.complaint_of(halves, slow or self.slow)
        complaint = await self.parts.repository.get(Complaint, id) if id is not None else None
        if complaint is None:
            refuse("E_NOT_FOUND")
        trail = [complaint]
        while trail[-1].sent_as:
            trail.append(await self._born(trail[-1].sent_as))
        return trail

    def own_key(self, complaint: UUID, key: str | None) -> str | None:
        """An idempotency key that is one reporter's alone: without a token all would share one."""
        if key is None:
            return None
        return hmac.digest(self._secret, f"own key {complaint} {key}".encode(), "sha256").hex()

    async def _born(self, id: str) -> Complaint:
        born = await self.parts.repository.get(Complaint, UUID(id))
        assert born is not None, "it is written in the transaction of what sends it"
        return born

    async def _parts_of(self, trail: list[Complaint]) -> list[Complaint]:
        """The complaints that were split off on the way, and those that were born of them: organs that may
        write too (A18)."""
        found: list[Complaint] = []
        waiting = [id for complaint in trail for id in complaint.parts]
        while waiting:
            part = await self._born(waiting.pop())
            found.append(part)
            waiting += [*part.parts, *([part.sent_as] if part.sent_as else [])]
        return found

    @staticmethod
    async def _command(kind: type[Command], request: Request) -> Command | Response:
        try:
            return parse(kind, await request.body())
        except ValidationError as error:
            return schema_problem(error.errors(), request.headers.get("accept-language", ""))

    @staticmethod
    async def _body(kind: type[Any], request: Request) -> Any:
        try:
            return kind.model_validate(orjson.loads(without_nul(await request.body())), strict=True)
        except (ValidationError, ValueError):
            refuse("E_SCHEMA", "SEC-7", field="code")


def _unguessable(request: Request) -> str | None:
    """The key of a report without an account: a random UUID (RFC 9562 §5.4), since it is bound to nobody, and
    who sent another's key would be shown their query code."""
    key = idempotency_key(request.headers.get("idempotency-key"))
    if key is not None and not RANDOM_UUID.fullmatch(key):
        refuse("E_IDEMPOTENCY_KEY", "SEC-7", field="Idempotency-Key", form="a random UUID")
    return key


def _trail(complaints: Sequence[Complaint]) -> list[Trail]:
    return [Trail(complaint.id, tuple(complaint.in_vault.values())) for complaint in complaints]


def living(trail: list[Complaint]) -> Complaint:
    """The complaint with the organ that goes on with it now (A14, A16, A17, A22): there letters are read."""
    return next(complaint for complaint in trail if not complaint.is_away)


def coarse(complaint: Complaint) -> str:
    """The part of the state that the reporter may know."""
    return "NOT_ACCEPTED" if complaint.rejected_for else STATUS[complaint.state]
