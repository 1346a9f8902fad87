"""Adds clarification's own read over HTTP: the subject reads their own case, and nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.clarification.domain.clarification import Clarification
from services.clarification.domain.draft_view import DraftView
from shared.refusal import refuse
from shared.security import roles
from shared.service import Parts
from shared.web.describe import describe, in_path
from shared.web.values import json_response, object_id


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Adds `GET /v1/clarifications/{id}/draft`: the subject's own draft, audience, consequences and consent
    (R8, SEC-1)."""

    async def read_own_draft(request: Request) -> Response:
        """The subject's own clarification: draft text, audience, consequences, rights, state of consent."""
        token = await parts.face.token(request)
        if roles.SUBJECT not in token.roles:
            refuse("E_FORBIDDEN_ROLE", "R8")
        clarification = await parts.repository.get(Clarification, object_id(request.path_params["id"]))
        if clarification is None:
            refuse("E_NOT_FOUND")
        parts.gatekeeper.check_visible(token, clarification)
        await parts.reads.note_reading(token, clarification, "draft", request)
        return json_response(clarification.for_subject(), headers={"etag": f'"{clarification.version}"'})

    app.add_api_route(
        "/v1/clarifications/{id}/draft",
        read_own_draft,
        methods=["GET"],
        operation_id="ReadOwnDraft",
        response_class=Response,
        tags=["reads"],
    )
    describe(
        app,
        "ReadOwnDraft",
        parameters=[in_path("id", "The clarification.", format="uuid")],
        answer=DraftView,
        headers=["ETag"],
    )
