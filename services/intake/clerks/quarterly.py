"""`GET /v1/quarterly-feedback`: the cases that the handling department finished in a quarter, for the
petition department that handed them over (A21)."""

from __future__ import annotations

from starlette.responses import Response

from services.intake.clerks.book import READERS
from services.intake.domain.quarter import ReceivedFeedback, received_id
from shared.casework.http import query
from shared.casework.http.describe import answer, array, in_query
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.kernel.http.docstrings import schema_of
from shared.language.contracts.verification import QuarterResult
from shared.language.law.working_days import quarter_end
from shared.language.refusal import refuse

TEXT = {"type": "string"}
RESULT = schema_of(QuarterResult, mode="serialization")


class QuarterlyRoutes:
    """The one read of quarterly feedback."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def _of_quarter(self, ask: Asked[ReceivedFeedback]) -> ReceivedFeedback | None:
        """The feedback on a quarter that the caller's organ, or one below it, received."""
        organ, quarter = self._asked(ask)
        if not organ.startswith(ask.token.organ):
            return None
        return await self.parts.repository.get(ReceivedFeedback, received_id(organ, quarter))

    @staticmethod
    def _asked(ask: Asked[ReceivedFeedback]) -> tuple[str, str]:
        """The organ and the quarter that are asked for."""
        quarter = ask.query("quarter")
        try:
            quarter_end(quarter)
        except ValueError:
            refuse("E_SCHEMA", "A21", field="quarter")
        return query.organ(ask.request) or ask.token.organ, quarter

    @read(
        "ReadQuarterlyFeedback",
        "/v1/quarterly-feedback",
        rule="A21",
        of=ReceivedFeedback,
        found=_of_quarter,
        by=READERS,
        notes="quarterly-feedback",
        parameters=(
            in_query(
                "quarter", "The quarter.", required=True, pattern="^[0-9]{4}-Q[1-4]$", examples=["2026-Q1"]
            ),
            *query.documented(
                organ="Of this organ, the caller's own or one below it; the caller's own if left out."
            ),
        ),
        answer=answer(organ=TEXT, quarter=TEXT, feedbacks={"type": "integer"}, items=array(RESULT)),
    )
    async def feedback(self, ask: Asked[ReceivedFeedback]) -> Response:
        """The results of a quarter by case: way, verdict, whether the reporter was told, and the measures.
        For the petition department and the case managers; on record (SEC-9)."""
        (organ, quarter), received = self._asked(ask), ask.case
        withheld = await self.parts.reads.withheld(ask.token.person)
        shown = [result for result in received.results if withheld.isdisjoint(result.complaint_numbers)]
        told = [result.model_dump(mode="json") for result in shown]
        return json_response(
            {"organ": organ, "quarter": quarter, "feedbacks": received.version, "items": told}
        )
