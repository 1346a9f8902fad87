"""The reporter's own words, as staff read them: letters, and what they wrote about somebody's recusal."""

from __future__ import annotations

from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from services.intake.vault.binding import INCOMPLETE, only
from services.intake.vault.letters import Letters
from shared.casework.http.describe import answer, array
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.language import roles
from shared.language.refusal import refuse

TEXT = {"type": "string"}


class LetterRoutes:
    """The routes to the letters that lie in the vault."""

    def __init__(self, parts: Parts, letters: Letters) -> None:
        self.parts = parts
        self.letters = letters

    @read(
        "ReadLetters",
        "/v1/complaints/{id}/letters",
        rule="SEC-2",
        of=Complaint,
        by=roles.PETITION,
        own_organ=True,
        notes="letters",
        answer=answer(letters=array(answer(id=TEXT, direction=TEXT, text=TEXT))),
        codes=tuple(INCOMPLETE),
        tag="reports",
    )
    async def read_letters(self, ask: Asked[Complaint]) -> Response:
        """The report in the reporter's own words, and their letters: for assigned petition staff, recorded
        (SEC-9). Their wording is for no one else (SEC-2)."""
        named = only(ask.case.in_vault.values(), "REPORT", "FROM_REPORTER", "TO_REPORTER")
        found = await self.letters.of(ask.case.id, named)
        told = [{"id": str(x.id), "direction": x.direction, "text": x.text} for x in found]
        return json_response({"letters": told})

    @read(
        "ReadRecusalLetters",
        "/v1/complaints/{id}/recusal-letters",
        rule="A48",
        of=Complaint,
        sealed=True,
        notes="recusal-letters",
        looks_first=True,
        answer=answer(letters=array(answer(id=TEXT, text=TEXT))),
        codes=tuple(INCOMPLETE),
        tag="reports",
    )
    async def read_recusals(self, ask: Asked[Complaint]) -> Response:
        """The words of a reporter about somebody's recusal: for the leaders who decide on it and are
        assigned, recorded (SEC-9); none that may be about the reader. The case tells under `recusals` which
        letter belongs to which request."""
        token = ask.token
        own = ask.case.recusal_letters_for(self.parts.law, token.person, token.roles, token.organ)
        if not own:
            refuse("E_FORBIDDEN_ROLE", "A48")
        await ask.note_reading()
        named = [x for x in only(ask.case.in_vault.values(), "RECUSAL") if x.id in own]
        found = await self.letters.of(ask.case.id, named)
        told = [{"id": str(x.id), "text": x.text} for x in found]
        return json_response({"letters": told})
