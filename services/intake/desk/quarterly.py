"""`GET /v1/quarterly-feedback`: the cases that the handling department finished in a quarter, for the
petition department that handed them over (A21)."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.intake.desk.book import READERS
from services.intake.domain.quarter import ReceivedFeedback, received_id
from shared.contracts.verification import QuarterResult
from shared.law.working_days import quarter_end
from shared.refusal import refuse
from shared.service import Parts
from shared.web import query
from shared.web.describe import answer, array, describe
from shared.web.values import json_response

PARAMETERS = {
    "quarter": "The quarter, as 2026-Q1. Required.",
    "organ": "Of this organ, the caller's own or one below it; the caller's own if left out.",
}


class QuarterlyRoutes:
    """The one read of quarterly feedback."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(
            "/v1/quarterly-feedback",
            self.feedback,
            methods=["GET"],
            operation_id="ReadQuarterlyFeedback",
            response_class=Response,
            tags=["reads"],
            openapi_extra=query.documented(**PARAMETERS),
        )
        text, result = {"type": "string"}, QuarterResult.model_json_schema(mode="serialization")
        told = answer(organ=text, quarter=text, feedbacks={"type": "integer"}, items=array(result))
        describe(app, "ReadQuarterlyFeedback", answer=told)

    async def feedback(self, request: Request) -> Response:
        """The results of a quarter by case: way, verdict, whether the reporter was told, and the measures.
        For the petition department and the case managers; on record (SEC-9)."""
        token = await self.parts.reads.staff(request)
        if not token.roles & READERS:
            refuse("E_FORBIDDEN_ROLE", "A21")
        query.only(request, PARAMETERS)
        organ = query.organ(request) or token.organ
        quarter = request.query_params.get("quarter", "")
        try:
            quarter_end(quarter)
        except ValueError:
            refuse("E_SCHEMA", "A21", field="quarter")
        if not organ.startswith(token.organ):
            refuse("E_NOT_FOUND")
        received = await self.parts.repository.get(ReceivedFeedback, received_id(organ, quarter))
        if received is None:
            refuse("E_NOT_FOUND")
        await self.parts.reads.note_reading(token, received, "quarterly-feedback", request)
        told = [result.model_dump(mode="json") for result in received.results]
        return json_response(
            {"organ": organ, "quarter": quarter, "feedbacks": received.version, "items": told}
        )
