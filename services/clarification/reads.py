"""Adds to clarification's HTTP face that the subject reads the facts that concern them, and only those."""

from __future__ import annotations

from starlette.responses import Response

from services.clarification.domain.clarification import Clarification
from services.clarification.domain.draft_view import DraftView
from shared.casework.http.kinds import MAY
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.kernel.http.docstrings import schema_of
from shared.language import roles

DRAFT = schema_of(DraftView, mode="serialization")


class DraftRoutes:
    """One's own draft, its audience, its consequences and the consent to it (R8, SEC-1)."""

    @read(
        "ReadOwnDraft",
        "/v1/clarifications/{id}/draft",
        rule="R8",
        of=Clarification,
        by=(roles.SUBJECT,),
        outsiders=True,
        notes="draft",
        answer=DRAFT
        | {"properties": DRAFT["properties"] | {"state": named("ClarificationState"), "may": MAY}},
        headers=("ETag",),
    )
    async def read_own_draft(self, ask: Asked[Clarification]) -> Response:
        """The subject's own clarification: draft text, audience, consequences, rights, state of consent; and
        what the subject `may` do about it now."""
        clarification = ask.case
        may = ask.gate.command_gate.may(ask.token, clarification)
        told = clarification.for_subject() | {"may": may._asdict()}
        return json_response(told, headers={"etag": f'"{clarification.version}"'})
