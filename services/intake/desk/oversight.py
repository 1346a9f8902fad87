"""The reads of internal supervision (干部监督), and of people who handle a report that went past an organ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from sqlalchemy import exists, or_, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.overseen import Overseen
from services.intake.domain.retaliation import RetaliationReport
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.letters import Letters
from shared.command import Token
from shared.refusal import refuse
from shared.security import roles
from shared.service import Parts
from shared.web.describe import answer, describe, in_path, page, row_of
from shared.web.reads import ASKED_FOR, PAGE, PAGE_MAX, PAGING, purpose_of
from shared.web.values import json_response, object_id, page_number, plain_rows

KINDS: tuple[type[Overseen], ...] = (RetaliationReport, StaffMisconductReport)


class OversightRoutes:
    """The cases that internal supervision watches over, and the accounts that lie in the vault."""

    def __init__(self, parts: Parts, letters: Letters) -> None:
        self.parts = parts
        self.letters = letters

    def add_to(self, app: FastAPI) -> None:
        routes: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
            ("/v1/internal-supervision", self.watched, "InternalSupervision"),
            *(
                (f"/v1/{kind.plural}/{{id}}/account", self._account(kind), f"Read{kind.kind}Account")
                for kind in KINDS
            ),
        ]
        for path, endpoint, name in routes:
            app.add_api_route(
                path, endpoint, methods=["GET"], operation_id=name, response_class=Response, tags=["reads"]
            )
        describe(app, "InternalSupervision", parameters=PAGING, answer=page(row_of(*self.parts.book.cases.c)))
        for kind in KINDS:
            describe(
                app,
                f"Read{kind.kind}Account",
                codes=INCOMPLETE,
                parameters=[in_path("id", "The report.", format="uuid"), ASKED_FOR],
                answer=answer(number={"type": "string"}, account={"type": ["string", "null"]}),
            )

    async def watched(self, request: Request) -> Response:
        """Reports of retaliation and of misconduct that the caller's internal supervision watches over, by
        the last change (A33, A44): numbers, states and days; none that names the caller."""
        token = await self.parts.reads.staff(request)
        if roles.INTERNAL_SUPERVISOR not in token.roles:
            refuse("E_FORBIDDEN_ROLE", "A33")
        await self.parts.reads.caught_up(request, token)
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        before = self.parts.reads.behind(request, token)
        cases, kept = self.parts.book.cases, self.parts.book.kept_from.c
        query = (
            select(cases)
            .where(
                cases.c.kind.in_([kind.kind for kind in KINDS]),
                or_(cases.c.organ == token.organ, cases.c.addressee == token.organ),
                # Before the page is cut: a short page, or its cursor, would tell of one on the caller.
                ~exists().where(kept.stream == cases.c.stream, kept.person == token.person),
                cases.c.position < before,
            )
            .order_by(cases.c.position.desc())
            .limit(limit)
        )
        async with self.parts.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query)).mappings())
        return self.parts.reads.page(token, rows, limit)

    def _account(self, kind: type[Overseen]) -> Callable[[Request], Awaitable[Response]]:
        async def read_account(request: Request) -> Response:
            """The account of a report, in the words it was told in: for people who are assigned at the
            superior organ and for its internal supervision, with a purpose (`Purpose` header), on record
            (SEC-9)."""
            token = await self.parts.face.token(request)
            report = await self.parts.repository.get(kind, object_id(request.path_params["id"]))
            if report is None:
                refuse("E_NOT_FOUND")
            if not self._watches(token, report):
                await self.parts.gatekeeper.check_reading(token, report)
                if not report.assigned.get(token.person):
                    refuse("E_NEED_TO_KNOW")  # an auditor reads no accounts (§5.1)
            purpose_of(request, required=True)
            await self.parts.reads.note_reading(token, report, "account", request)
            told = [letter.text for letter in await self.letters.of(report.letter_key, report.in_vault)]
            return json_response({"number": report.number, "account": told[0] if told else None})

        return read_account

    @staticmethod
    def _watches(token: Token, report: Overseen) -> bool:
        return roles.INTERNAL_SUPERVISOR in token.roles and report.watched_in(token.organ, token.person)
