"""The reads of internal supervision (干部监督), and of people who handle a report that went past an organ."""

from __future__ import annotations

from sqlalchemy import exists, or_, select
from starlette.responses import Response

from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.overseen import Overseen
from services.intake.domain.retaliation import RetaliationReport
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.letters import Letters
from shared.casework.command import Token
from shared.casework.http.describe import answer, page, row_of
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import CASES, PAGING
from shared.casework.http.values import json_response, plain_rows
from shared.casework.parts import Parts
from shared.casework.visibility import is_excluded
from shared.language import roles

KINDS: tuple[type[Overseen], ...] = (RetaliationReport, StaffMisconductReport)


class OversightRoutes:
    """The routes to the reports that internal supervision watches over."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @read(
        "InternalSupervision",
        "/v1/internal-supervision",
        rule="A33",
        by=(roles.INTERNAL_SUPERVISOR,),
        models=CASES,
        parameters=PAGING,
        answer=lambda self: page(row_of(*self.parts.book.told)),
    )
    async def watched(self, ask: Asked[Overseen]) -> Response:
        """Reports of retaliation and of misconduct that the caller's internal supervision watches over, by
        the last change (A33, A44): numbers, states and days; none that names the caller."""
        token, reads = ask.token, self.parts.reads
        limit, before = reads.limit(ask), reads.behind(ask)
        cases, kept = self.parts.book.cases, self.parts.book.kept_from.c
        query = (
            select(*self.parts.book.told)
            .where(
                cases.c.kind.in_([kind.kind for kind in KINDS]),
                or_(cases.c.organ == token.organ, cases.c.addressee == token.organ),
                # Before the page is cut: a short page, or its cursor, would tell that there is one on them.
                ~exists().where(kept.stream == cases.c.stream, kept.person == token.person),
                ~is_excluded(cases),
                cases.c.position < before,
            )
            .order_by(cases.c.position.desc())
            .limit(limit)
        )
        async with self.parts.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query, {"person": token.person})).mappings())
        return reads.page(ask, rows, limit)


def _watches(token: Token, report: Overseen) -> bool:
    return roles.INTERNAL_SUPERVISOR in token.roles and report.watched_in(token.organ, token.person)


class AccountRoutes:
    """The routes to the accounts of one kind of report, in the words of those who reported; they lie in the
    vault."""

    def __init__(self, kind: type[Overseen], letters: Letters) -> None:
        self.kind = kind
        self.letters = letters

    @read(
        "Read<kind>Account",
        "/v1/<plural>/{id}/account",
        rule="A33",
        of=Overseen,
        also=_watches,
        assigned_as=(),
        purpose=True,
        notes="account",
        answer=answer(number={"type": "string"}, account={"type": ["string", "null"]}),
        codes=tuple(INCOMPLETE),
    )
    async def read_account(self, ask: Asked[Overseen]) -> Response:
        """The report, in the words in which it was told: for those assigned at the superior organ (an auditor
        reads no accounts, §5.1) and for its internal supervision, with a purpose (`Purpose` header), on
        record (SEC-9)."""
        report = ask.case
        told = [letter.text for letter in await self.letters.of(report.letter_key, report.in_vault)]
        return json_response({"number": report.number, "account": told[0] if told else None})
