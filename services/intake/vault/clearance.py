"""The way out of B54: a person whose texts wait after too many refusals is let write again by the petition
department."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.intake.vault.questions import Questions
from shared.casework.aggregate import Actor, Context
from shared.casework.gate import AuditRecord
from shared.casework.http.describe import answer, describe
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.casework.tokens import PERSON
from shared.kernel.store.types import Append
from shared.language import roles
from shared.language.refusal import refuse


class Clearance(BaseModel):
    """The person whose texts are looked at again."""

    model_config = ConfigDict(extra="forbid")

    person: Annotated[str, Field(pattern=f"^{PERSON.pattern}$")]
    """The account whose texts the screen holds back."""


class ClearanceRoutes:
    """The one route of it."""

    def __init__(self, parts: Parts, questions: Questions) -> None:
        self.parts = parts
        self._questions = questions

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(
            "/v1/screen-clearances",
            self.clear,
            methods=["POST"],
            operation_id="ClearForScreen",
            response_class=Response,
            tags=["reporters"],
        )
        person = {"type": "string"}
        describe(
            app, "ClearForScreen", body=Clearance, answer=answer(person=person), codes=["E_SOD_CONFLICT"]
        )

    async def clear(self, request: Request) -> Response:
        """Lets a person's texts be looked at again that wait since three of them were refused within thirty
        days (B54). Only a petition clerk or head of the organ that they write for, or of one above, may do
        so, after having seen what they were about to write, and not for themselves. On record, and told to
        internal supervision."""
        token = await self.parts.face.token(request)
        if not token.roles & set(roles.PETITION):
            refuse("E_FORBIDDEN_ROLE", "B54")
        try:
            person = Clearance.model_validate_json(await request.body()).person
        except ValidationError:
            refuse("E_SCHEMA", "B54", field="person")
        organs = await self._questions.organs_of(person)
        tree = self.parts.law.organs
        if not organs or not all(tree.is_ancestor_or_self(token.organ, organ) for organ in organs):
            # The same for those who have not asked: whether somebody did is nobody else's business.
            refuse("E_JURISDICTION", "B54")
        if person == token.person:
            refuse("E_SOD_CONFLICT", "B54")
        now, role = self.parts.clock.now(), roles.foremost(token.roles)
        record = AuditRecord(uuid4(), self.parts.settings.service)
        ctx = Context(
            actor=Actor(token.person, role, token.organ),
            now=now,
            occurred_at=now,
            law=self.parts.law,
            command="ClearForScreen",
            rule="B54",
        )
        record.note(ctx, "ScreenCleared", who=token.person, role=role, person=person)
        record.alert(ctx, "B54", person)
        await self.parts.recorder.append(Append(events=record.collect_events()))
        await self._questions.forget(person)
        return json_response({"person": person})
