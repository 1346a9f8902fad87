"""The face of internal supervision: the alerts that it must see, and the end of each (B47).

Internal supervision gives no command on a case (SD9), and closing an alert is none: it changes nothing but
the list of what is still to be looked into.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from services.audit.alerts import BEGIN, Alerts, Place, Wanted
from services.audit.tables import LOGS
from shared.casework.command import FreeText, Token
from shared.casework.gate import Screen
from shared.casework.http import query
from shared.casework.http.commands import Face
from shared.casework.http.describe import (
    CURSOR,
    answer,
    describe,
    in_header,
    in_path,
    in_query,
    of_list,
    page,
)
from shared.casework.http.naming import a_list, named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import idempotency_key, json_response, object_id, page_number, without_nul
from shared.kernel.http.docstrings import Schema
from shared.language import roles
from shared.language.alerts import SEVERITIES, rank_of
from shared.language.contracts.common import AlertOutcome
from shared.language.organs.tree import Level, OrganTree
from shared.language.refusal import refuse

PAGE = 200
PAGE_MAX = 1000
TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
SOMEBODY: Schema = {"type": ["string", "null"]}
ALERT: dict[str, Schema] = {
    "id": {"type": "string", "format": "uuid"},
    "service": a_list(LOGS),
    "raised_at": TIME,
    "person": TEXT,
    "role": TEXT,
    "organ": TEXT,
    "code": TEXT,
    "object": TEXT,
    "severity": named("Severity"),
    "state": named("AlertState"),
    "owner": TEXT,
    "due": {"type": "string", "format": "date"},
    "late": {"type": "boolean"},
    "closed_at": {"type": ["string", "null"], "format": "date-time"},
    "closed_by": SOMEBODY,
    "closed_in": SOMEBODY,
    "outcome": {"anyOf": [named("AlertOutcome"), {"type": "null"}]},
}
ID = in_path("id", "The alert.", format="uuid")
FLAG: Schema = {"type": "boolean"}
OF_SUPERVISION: dict[str, Any] = {
    "rule": "B47",
    "by": (roles.INTERNAL_SUPERVISOR,),
    "level": Level.COUNTY,
    "tag": "supervision",
}
PLACE: query.Cursor[Place] = query.Cursor(Place)


class Closing(BaseModel):
    """The end of an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: AlertOutcome
    """The result of looking into it."""
    done: FreeText
    """The word on what was done."""


class Supervision:
    """The routes of the alerts."""

    def __init__(self, alerts: Alerts, face: Face, organs: OrganTree, screen: Screen) -> None:
        self.alerts = alerts
        self._face = face
        self._organs = organs
        self._screen = screen

    @read(
        "Alerts",
        "/v1/alerts",
        **OF_SUPERVISION,
        parameters=(
            of_list("state", "Only those that are open, or closed.", "AlertState"),
            of_list("severity", "Only those of this severity.", "Severity"),
            in_query("ours", "Only those that the caller's own organ must close, if `true`.", **FLAG),
            in_query("late", "Only those that ought to be closed by now, if `true`.", **FLAG),
            in_query("limit", "Alerts on a page.", type="integer", minimum=1, maximum=PAGE_MAX),
            CURSOR,
        ),
        answer=page(answer(ALERT)),
    )
    async def list(self, ask: Asked[Any]) -> Response:
        """Incidents that internal supervision must look into, from all services (R27, A52, SEC-9): attempts
        to learn of a reporter, to trace, to penalise; refused texts; people who read or were refused all too
        much. They are those of its organ and below, open ones first, then the gravest, then the newest; none
        about the reader, about the head or internal supervision of their own organ, or of a matter from which
        they are excluded. Those of people who belong to no organ are the provinces', and cities see them.

        `owner` must close it until `due`. A `late` one is work of the organ above the owner as well."""
        request = ask.request
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        state = query.choice(request, "state", ("OPEN", "CLOSED"))
        severity = query.choice(request, "severity", SEVERITIES)
        wanted = Wanted(
            open=None if state is None else state == "OPEN",
            severity=None if severity is None else rank_of(severity),
            ours=query.flag(request, "ours"),
            late=query.flag(request, "late"),
        )
        behind = PLACE.read(request) or BEGIN
        rows = await self.alerts.list(ask.token, wanted, behind, limit)
        more = len(rows) == limit
        return json_response({"items": rows, "next": _place(rows[-1]) if more else None})

    @read(
        "ReadAlert",
        "/v1/alerts/{id}",
        **OF_SUPERVISION,
        parameters=(ID,),
        answer=answer(ALERT, done=SOMEBODY),
    )
    async def one(self, ask: Asked[Any]) -> Response:
        """One alert, and what was done where it is closed; on record (SEC-9)."""
        return json_response(await self.alerts.read(ask.token, _id(ask.request)))

    def add_to(self, app: FastAPI) -> None:
        """Adds the one route that changes something."""
        app.add_api_route(
            "/v1/alerts/{id}/closing",
            self.close,
            methods=["POST"],
            operation_id="CloseAlert",
            response_class=Response,
            tags=["supervision"],
        )
        describe(
            app,
            "CloseAlert",
            parameters=(ID, in_header("idempotency-key", "The same call under the same key is done once.")),
            body=Closing,
            answer=answer(ALERT),
            codes=["E_STATE", "E_RECUSAL", "E_TEXT_IDENTITY_LEAK", "E_SCREEN_UNAVAILABLE"],
        )

    async def close(self, request: Request) -> Response:
        """Closes an alert with a word on what was done (B47): for internal supervision of the organ that must
        close it, and, once it is late, of every organ above. Not for the person concerned, and not twice:
        who is second is told that it is closed. The words are screened like every free text (SEC-12)."""
        token = await self._face.token(request)
        self._check(token)
        id = _id(request)
        key = idempotency_key(request.headers.get("idempotency-key"))
        closing = Closing.model_validate_json(without_nul(await request.body()), strict=True)
        said = (closing.outcome, closing.done)
        return json_response(await self.alerts.close(token, id, *said, key, self._screen))

    def _check(self, token: Token) -> None:
        if roles.INTERNAL_SUPERVISOR not in token.roles:
            refuse("E_FORBIDDEN_ROLE", "B47", allowed=[roles.INTERNAL_SUPERVISOR])
        if token.organ not in self._organs or self._organs.get(token.organ).level < Level.COUNTY:
            refuse("E_LEVEL_TOO_LOW", "B47", required_level=Level.COUNTY.name)


def _id(request: Request) -> UUID:
    return object_id(request.path_params["id"])


def _place(row: dict[str, Any]) -> str:
    severity = rank_of(row["severity"])
    return PLACE.write(int(row["state"] == "OPEN"), severity, row["raised_at"], row["id"])
