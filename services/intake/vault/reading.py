"""The vault's answers to people: named fields, for a purpose, on record (SEC-4, SEC-5, R27).

A caller who is not entitled is refused, on record, and internal supervision hears of it; to a role that has
no business here the answer is the same whether or not there is anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID, uuid4

from fastapi import FastAPI
from pydantic import TypeAdapter
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from services.intake.domain.disclosing import FINAL, IdentityDisclosure, custodian_organ, is_over, years_after
from services.intake.domain.values import ReporterBlock
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.store import Vault
from shared.aggregate import Actor, Context
from shared.command import Token
from shared.gate import AuditRecord
from shared.law.working_days import local_date
from shared.refusal import refuse
from shared.security import roles
from shared.security.bulk import BulkReadWatch
from shared.service import Parts
from shared.store.types import Append
from shared.web.describe import (
    MIN_POSITION,
    answer,
    array,
    describe,
    in_path,
    in_query,
    row_of,
    whole,
)
from shared.web.reads import ASKED_FOR, purpose_of
from shared.web.values import json_response, object_id, page_number

PAGE = 200
FIELDS = {
    "NAME": "name",
    "UNIT": "unit",
    "UNIT_CODE": "unit_code",
    "ADDRESS": "address",
    "PHONE": "phone",
    "EMAIL": "email",
    "RESIDENT_ID": "resident_id",
    "CO_SIGNERS": "co_signers",
}


class VaultRoutes:
    """Hand-written reads of the vault. Each field of an identity must be asked for by its name, and all of
    them may be; no read lists reporters."""

    def __init__(self, parts: Parts, vault: Vault) -> None:
        self.parts = parts
        self.vault = vault
        self._watch = BulkReadWatch()

    def add_to(self, app: FastAPI) -> None:
        for method, path, endpoint, name in (
            ("GET", "/v1/complaints/{id}/reporter", self.reporter, "ReadReporter"),
            ("GET", "/v1/complaints/{id}/same-reporter", self.same_reporter, "SameReporter"),
            ("GET", "/v1/disclosures/{id}/identity", self.disclosed, "ReadDisclosedIdentity"),
            ("GET", "/v1/identity-retention", self.retention, "IdentityRetention"),
            ("GET", "/v1/complaints/{id}/tracing-artefacts", self.tracing, "ReadTracingArtefacts"),
            ("POST", "/v1/complaints/{id}/tracing-artefacts", self.tracing, "DepositTracingArtefact"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], operation_id=name, response_class=Response, tags=["vault"]
            )
        self._describe(app)

    def _describe(self, app: FastAPI) -> None:
        """Describes these routes in the OpenAPI document."""
        complaint = in_path("id", "The complaint.", format="uuid")
        fields = in_query("fields", f"Names out of {', '.join(FIELDS)}, with commas.", required=True)
        of = TypeAdapter(ReporterBlock).json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        told = {"type": "object", "properties": of["properties"], "$defs": of.get("$defs", {})}
        same = in_query("as", "The other complaint.", required=True, format="uuid")
        describe(
            app, "ReadReporter", parameters=[complaint, fields, ASKED_FOR], answer=told, codes=INCOMPLETE
        )
        describe(
            app,
            "SameReporter",
            codes=INCOMPLETE,
            parameters=[complaint, same, ASKED_FOR],
            answer=answer(same={"enum": ["YES", "NO", "UNKNOWN"]}),
        )
        describe(
            app,
            "ReadDisclosedIdentity",
            codes=INCOMPLETE,
            parameters=[in_path("id", "The approved request.", format="uuid")],
            answer=told,
        )
        cases = self.parts.book.cases.c
        due = row_of(
            cases.number,
            cases.state,
            id={"type": "string", "format": "uuid"},
            due={"type": "string", "format": "date"},
        )
        describe(
            app,
            "IdentityRetention",
            parameters=[
                whole("limit", "Items in an answer.", minimum=1, maximum=PAGE, default=PAGE),
                MIN_POSITION,
            ],
            answer=answer(items=array(due)),
        )
        for name in ("ReadTracingArtefacts", "DepositTracingArtefact"):
            describe(app, name, parameters=[complaint])

    async def reporter(self, request: Request) -> Response:
        """Named fields of the reporter whom a petition clerk serves: `?fields=NAME,PHONE`, with a `Purpose`
        header. For the clerks assigned to the complaint and for nobody else (§6.1)."""
        token, target = await self._asker(request, set(roles.PETITION))
        complaint = await self._served(token, target)
        wanted = _fields(request, frozenset(FIELDS))
        purpose = purpose_of(request, required=True)
        await self._note(token, complaint, ",".join(wanted), purpose)
        return _told(await self._reporter(complaint), wanted)

    async def disclosed(self, request: Request) -> Response:
        """Exactly the fields of an approved disclosure, for its requester or the custodian, until its last
        day. The purpose is the one that was approved (SEC-5)."""
        token, target = await self._asker(request, {roles.HANDLER, roles.CUSTODIAN})
        disclosure = await self.parts.repository.get(IdentityDisclosure, target)
        if disclosure is None:
            await self._deny(token, "E_NOT_FOUND", "SEC-5", target)
        by = disclosure.duties.get("requester", set())
        operates = roles.CUSTODIAN in token.roles and token.organ == custodian_organ(
            disclosure.organ, self.parts.law.organs
        )
        if token.person not in by and not operates:
            await self._deny(token, "E_NEED_TO_KNOW", "SEC-5", target, disclosure.correlation_id)
        complaint = await self.parts.repository.get(Complaint, UUID(disclosure.complaint))
        assert complaint is not None
        if not operates and not complaint.assigned.get(token.person):
            await self._deny(token, "E_NEED_TO_KNOW", "SEC-5", target, disclosure.correlation_id)
        if not disclosure.open_on(local_date(self.parts.clock.now())):
            await self._deny(token, "E_APPROVAL_REQUIRED", "SEC-5", target, disclosure.correlation_id)
        wanted = disclosure.fields
        await self._note(token, complaint, ",".join(wanted), "approved-disclosure", str(disclosure.id))
        return _told(await self._reporter(complaint), wanted)

    async def same_reporter(self, request: Request) -> Response:
        """Tells whether two complaints come from the same reporter: YES, NO or UNKNOWN (`?as=<complaint>`).
        For a clerk assigned to both (SEC-4)."""
        token, target = await self._asker(request, set(roles.PETITION))
        complaint = await self._served(token, target)
        other = await self._served(token, object_id(request.query_params.get("as", "")))
        purpose = purpose_of(request, required=True)
        await self._note(token, complaint, f"SAME_REPORTER:{other.id}", purpose)
        first, second = await self._reporter(complaint), await self._reporter(other)
        return json_response({"same": same(first, second)})

    async def retention(self, request: Request) -> Response:
        """Complaints whose reporter is due to be forgotten, oldest first: numbers and days, for the custodian
        (§6.5). The day counts from the last thing that happened in the complaint."""
        token = await self.parts.face.token(request)
        if roles.CUSTODIAN not in token.roles:
            refuse("E_FORBIDDEN_ROLE", "§6.5")
        await self.parts.reads.caught_up(request, token)
        cases = self.parts.book.cases
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE, minimum=1)
        years = self.parts.law.policy.int_of("retention.identity.years")
        now = self.parts.clock.now()
        query = (
            select(cases.c.stream, cases.c.number, cases.c.organ, cases.c.state, cases.c.changed_at)
            .where(
                cases.c.kind == Complaint.kind,
                cases.c.state.in_(FINAL),
                cases.c.changed_at < now - timedelta(days=365 * years - 1),
                func.starts_with(cases.c.organ, token.organ),
            )
            .order_by(cases.c.changed_at, cases.c.stream)
        )
        items: list[dict[str, Any]] = []
        async with self.parts.engine.connect() as connection:
            async for batch in (await connection.stream(query)).partitions(PAGE):
                held = await self.vault.holds([row.stream for row in batch])
                for row in batch:
                    due = years_after(local_date(row.changed_at), years)
                    mine = custodian_organ(row.organ, self.parts.law.organs) == token.organ
                    if row.stream not in held or not mine or due > local_date(now):
                        continue
                    complaint = await self.parts.repository.get(Complaint, row.stream)
                    if complaint is not None and is_over(complaint):
                        items.append({"id": row.stream, "number": row.number, "state": row.state, "due": due})
                if len(items) >= limit:
                    break
        return json_response({"items": items[:limit]})

    async def tracing(self, request: Request) -> Response:
        """Tracing artefacts exist only under an approved order (SEC-8, R28). Verification approves none
        yet, so every attempt is refused, on record."""
        token = await self.parts.face.token(request)
        await self._deny(token, "E_TRACE_NO_ORDER", "SEC-8", object_id(request.path_params["id"]))

    async def _reporter(self, complaint: Complaint) -> ReporterBlock | None:
        """The reporter whom the complaint names: nobody else reported it, whatever lies under its id."""
        return await self.vault.reporter(complaint.id, complaint.in_vault.values())

    async def _asker(self, request: Request, allowed: set[str]) -> tuple[Token, UUID]:
        """The caller, in a role that has business with the vault; from others asking is an attempt to
        trace."""
        token = await self.parts.face.token(request)
        target = object_id(request.path_params["id"])
        if not token.roles & allowed:
            await self._deny(token, "E_TRACE_FORBIDDEN", "R27", target)
        return token, target

    async def _served(self, token: Token, target: UUID) -> Complaint:
        """A complaint of the clerk's own organ that they are assigned to as a clerk. One that was sealed
        upward is no longer theirs to serve: its reporter went with it (A14)."""
        complaint = await self.parts.repository.get(Complaint, target)
        if complaint is None or complaint.organ != token.organ:
            await self._deny(token, "E_JURISDICTION", "§6.1", target)
        if not complaint.assigned.get(token.person, set()) & set(roles.PETITION):
            await self._deny(token, "E_NEED_TO_KNOW", "§6.1", target, complaint.correlation_id)
        if complaint.state in complaint.sealed:
            await self._deny(token, "E_SEALED_UPWARD", "A14", target, complaint.correlation_id)
        return complaint

    async def _note(
        self, token: Token, complaint: Complaint, fields: str, purpose: str, disclosure: str = ""
    ) -> None:
        """The record of an access, durable before anything is opened (SEC-9)."""
        record, ctx = self._record(token, "ReadIdentity", complaint.correlation_id)
        role = next(iter(sorted(token.roles)), "")
        record.note(
            ctx,
            "IdentityAccessed",
            who=token.person,
            role=role,
            object=str(complaint.id),
            fields=fields,
            purpose=purpose,
            disclosure=disclosure,
        )
        if objects := self._watch.saw(token.person, complaint.id, ctx.now):
            record.note(ctx, "BulkReadAlert", who=token.person, role=role, objects=objects)
        await self.parts.recorder.append(Append(events=record.collect_events()))

    async def _deny(
        self, token: Token, code: str, rule: str, target: UUID, correlation: UUID | None = None
    ) -> NoReturn:
        """Refuses, with a record and an alert to internal supervision (R27, A52)."""
        record, ctx = self._record(token, "ReadIdentity", correlation)
        if not self.parts.gatekeeper.tally.takes(ctx.actor, code, ctx.now, alert=True):
            refuse(code, rule)
        object_ = str(target)
        record.note(
            ctx,
            "CommandRefused",
            code=code,
            rule=rule,
            command=ctx.command,
            actor=token.person,
            object=object_,
        )
        record.note(ctx, "SecurityAlertRaised", code=code, actor=token.person, object=object_)
        await self.parts.recorder.append(Append(events=record.collect_events()))
        refuse(code, rule)

    def _record(self, token: Token, what: str, correlation: UUID | None) -> tuple[AuditRecord, Context]:
        now, id = self.parts.clock.now(), uuid4()
        ctx = Context(
            actor=Actor(token.person, next(iter(sorted(token.roles)), ""), token.organ),
            now=now,
            occurred_at=now,
            law=self.parts.law,
            command=what,
            rule="SEC-9",
            correlation_id=correlation or id,
        )
        return AuditRecord(id, self.parts.gatekeeper.service), ctx


def same(first: ReporterBlock | None, second: ReporterBlock | None) -> str:
    """Compares by resident id where both gave one, else by name with phone; a shared phone alone is a
    family's."""
    if first is None or second is None:
        return "UNKNOWN"
    if first.resident_id and second.resident_id:
        return "YES" if first.resident_id == second.resident_id else "NO"
    if not (first.name and second.name and first.phone and second.phone):
        return "UNKNOWN"
    names = first.name.strip() == second.name.strip()
    phones = _digits(first.phone) == _digits(second.phone)
    if names == phones:
        return "YES" if names else "NO"
    return "UNKNOWN"


def _digits(phone: str) -> str:
    return "".join(c for c in phone if c.isdigit())[-11:]


def _fields(request: Request, allowed: frozenset[str]) -> tuple[str, ...]:
    """The fields asked for, each by name; there is no word for all of them."""
    wanted = tuple(dict.fromkeys(f for f in request.query_params.get("fields", "").split(",") if f))
    if not wanted or not allowed.issuperset(wanted):
        refuse("E_SCHEMA", "SEC-5", field="fields", allowed=sorted(allowed))
    return wanted


def _told(reporter: ReporterBlock | None, wanted: Sequence[str]) -> Response:
    if reporter is None:
        refuse("E_NOT_FOUND")
    told = reporter.model_dump(mode="json", include={FIELDS[name] for name in wanted})
    return json_response(told)
