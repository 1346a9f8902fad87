"""The vault's answers to people: named fields, for a purpose, on record (SEC-4, SEC-5, R27).

A caller who is not entitled is refused, on record, and internal supervision hears of it; to a role that has
no business here the answer is the same whether or not there is anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn, get_args
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from services.intake.domain.disclosing import FINAL, IdentityDisclosure, custodian_organ, is_over, years_after
from services.intake.domain.values import ReporterBlock
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.signers import Alike, compared
from services.intake.vault.store import Vault
from shared.casework.http.describe import answer, array, describe, in_path, in_query, row_of, whole
from shared.casework.http.read import Asked, Read, read
from shared.casework.http.readgate import purpose_of
from shared.casework.http.reads import CASES
from shared.casework.http.values import json_response, object_id
from shared.casework.parts import Parts
from shared.kernel.http.docstrings import schema_of
from shared.language import roles
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

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


_OF = schema_of(ReporterBlock, mode="serialization")
TOLD: dict[str, Any] = {"type": "object", "properties": _OF["properties"], "$defs": _OF.get("$defs", {})}
"""The fields of a reporter that were asked for."""
TRACING = "/v1/complaints/{id}/tracing-artefacts"
SERVED: dict[str, Any] = {
    "rule": "§6.1",
    "of": Complaint,
    "by": roles.PETITION,
    "assigned_as": roles.PETITION,
    "own_organ": True,
    "traces": True,
    "purpose": True,
    "looks_first": True,
    "codes": tuple(INCOMPLETE),
    "tag": "vault",
}
"""A complaint of the clerk's own organ that they are assigned to as a clerk. A complaint sealed upward is no
longer theirs to serve: its reporter went with it (A14)."""


class VaultRoutes:
    """The reads of the vault. None of them gives a whole identity, none a list of reporters."""

    def __init__(self, parts: Parts, vault: Vault) -> None:
        self.parts = parts
        self.vault = vault

    def add_to(self, app: FastAPI) -> None:
        """Adds the reads, and the one deposit that nobody may make yet."""
        self.parts.reads.gate.add(app, self)
        app.add_api_route(
            TRACING,
            self.deposit,
            methods=["POST"],
            operation_id="DepositTracingArtefact",
            response_class=Response,
            tags=["vault"],
        )
        describe(app, "DepositTracingArtefact", parameters=[in_path("id", "The complaint.", format="uuid")])

    @read(
        "ReadReporter",
        "/v1/complaints/{id}/reporter",
        **SERVED,
        notes="reporter",
        parameters=(in_query("fields", f"Names out of {', '.join(FIELDS)}, with commas.", required=True),),
        answer=TOLD,
    )
    async def reporter(self, ask: Asked[Complaint]) -> Response:
        """Named fields of the reporter whom a petition clerk serves: `?fields=NAME,PHONE`, with a `Purpose`
        header. For the clerks assigned to the complaint and for nobody else (§6.1)."""
        wanted = _fields(ask.query("fields"), frozenset(FIELDS))
        purpose = purpose_of(ask.request, required=True)
        await self._note(ask, ask.case, ",".join(wanted), purpose)
        return _told(await self._reporter(ask.case), wanted)

    @read(
        "SameReporter",
        "/v1/complaints/{id}/same-reporter",
        **SERVED,
        notes="same-reporter",
        parameters=(in_query("as", "The other complaint.", required=True, format="uuid"),),
        answer=answer(same=array({"enum": list(get_args(Alike))})),
    )
    async def same_reporter(self, ask: Asked[Complaint]) -> Response:
        """Tells of each signer whether they signed the other complaint too: SAME, OTHER or UNKNOWN
        (`?as=<complaint>`). For a clerk assigned to both (SEC-4, B18)."""
        other = await ask.gate.another(ask, Complaint, object_id(ask.query("as")))
        purpose = purpose_of(ask.request, required=True)
        await self._note(ask, ask.case, f"SAME_REPORTER:{other.id}", purpose)
        first, second = await self._reporter(ask.case), await self._reporter(other)
        return json_response({"same": compared(first, second)})

    async def _open_to(self, ask: Asked[IdentityDisclosure]) -> IdentityDisclosure | None:
        """A disclosure that is open to its requester, or to the custodian who operates it."""
        assert ask.target is not None
        token, disclosure = ask.token, await self.parts.repository.get(IdentityDisclosure, ask.target)
        if disclosure is None or token.person in disclosure.excluded:
            return None
        ask.about = disclosure
        operates = roles.CUSTODIAN in token.roles and token.organ == custodian_organ(
            disclosure.organ, self.parts.law.organs
        )
        if token.person not in disclosure.duties.get("requester", set()) and not operates:
            refuse("E_NEED_TO_KNOW", "SEC-5")
        complaint = await self._disclosing(disclosure)
        if not operates and not complaint.assigned.get(token.person):
            refuse("E_NEED_TO_KNOW", "SEC-5")
        if not disclosure.open_on(local_date(self.parts.clock.now())):
            refuse("E_APPROVAL_REQUIRED", "SEC-5")
        return disclosure

    async def _disclosing(self, disclosure: IdentityDisclosure) -> Complaint:
        complaint = await self.parts.repository.get(Complaint, UUID(disclosure.complaint))
        assert complaint is not None
        return complaint

    @read(
        "ReadDisclosedIdentity",
        "/v1/disclosures/{id}/identity",
        rule="SEC-5",
        of=IdentityDisclosure,
        found=_open_to,
        by=(roles.HANDLER, roles.CUSTODIAN),
        traces=True,
        notes="disclosed",
        looks_first=True,
        parameters=(in_path("id", "The approved request.", format="uuid"),),
        answer=TOLD,
        codes=(*INCOMPLETE, "E_APPROVAL_REQUIRED"),
        tag="vault",
    )
    async def disclosed(self, ask: Asked[IdentityDisclosure]) -> Response:
        """Exactly the fields of an approved disclosure, for its requester or the custodian, until its last
        day. The purpose is the one that was approved (SEC-5)."""
        disclosure, complaint = ask.case, await self._disclosing(ask.case)
        wanted = disclosure.fields
        await self._note(ask, complaint, ",".join(wanted), "approved-disclosure", str(disclosure.id))
        return _told(await self._reporter(complaint), wanted)

    @read(
        "IdentityRetention",
        "/v1/identity-retention",
        rule="§6.5",
        by=(roles.CUSTODIAN,),
        models=CASES,
        parameters=(whole("limit", "Items in an answer.", minimum=1, maximum=PAGE, default=PAGE),),
        answer=lambda self: answer(items=array(self._due())),
        tag="vault",
    )
    async def retention(self, ask: Asked[Complaint]) -> Response:
        """Complaints whose reporter is due to be forgotten, oldest first: numbers and days, for the custodian
        (§6.5). The day counts from the last thing that happened in the complaint."""
        token, cases = ask.token, self.parts.book.cases
        limit = self.parts.reads.limit(ask, PAGE, PAGE)
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
                    if complaint is None or token.person in complaint.excluded:
                        continue
                    if is_over(complaint):
                        items.append({"id": row.stream, "number": row.number, "state": row.state, "due": due})
                if len(items) >= limit:
                    break
        return json_response({"items": items[:limit]})

    def _due(self) -> dict[str, Any]:
        """One of them, as the document tells it."""
        cases = self.parts.book.cases.c
        return row_of(
            cases.number,
            cases.state,
            id={"type": "string", "format": "uuid"},
            due={"type": "string", "format": "date"},
        )

    @read("ReadTracingArtefacts", TRACING, rule="SEC-8", of=None, outsiders=True, traces=True, tag="vault")
    async def tracing(self, ask: Asked[Complaint]) -> NoReturn:
        """Tracing artefacts exist only under an approved order (SEC-8, R28). Verification approves none
        yet, so every attempt is refused, on record."""
        await self._no_order(ask)

    async def deposit(self, request: Request) -> Response:
        """Refuses: nothing can be read without an approved order, and so nothing can be brought (SEC-8,
        R28)."""
        token = await self.parts.face.token(request)
        target = object_id(request.path_params["id"])
        declared = Read(name="DepositTracingArtefact", path=TRACING, rule="SEC-8", traces=True)
        await self._no_order(Asked(self.parts.reads.gate, declared, request, token, target))

    async def _no_order(self, ask: Asked[Complaint]) -> NoReturn:
        assert ask.target is not None
        ask.about = await self.parts.repository.get(Complaint, ask.target)
        await ask.gate.deny(ask, "E_TRACE_NO_ORDER", "SEC-8")

    async def _reporter(self, complaint: Complaint) -> ReporterBlock | None:
        """The reporter whom the complaint names: nobody else reported it, whatever lies under its id."""
        return await self.vault.reporter(complaint.id, complaint.in_vault.values())

    @staticmethod
    async def _note(
        ask: Asked[Any], complaint: Complaint, fields: str, purpose: str, disclosure: str = ""
    ) -> None:
        """The record of an access, durable before anything is opened (SEC-9)."""
        told = {"fields": fields, "purpose": purpose, "disclosure": disclosure}
        await ask.gate.note_identity(ask, complaint, **told)


def _fields(given: str, allowed: frozenset[str]) -> tuple[str, ...]:
    """The fields asked for, each by name; there is no word for all of them."""
    wanted = tuple(dict.fromkeys(f for f in given.split(",") if f))
    if not wanted or not allowed.issuperset(wanted):
        refuse("E_SCHEMA", "SEC-5", field="fields", allowed=sorted(allowed))
    return wanted


def _told(reporter: ReporterBlock | None, wanted: Sequence[str]) -> Response:
    if reporter is None:
        refuse("E_NOT_FOUND")
    told = reporter.model_dump(mode="json", include={FIELDS[name] for name in wanted})
    return json_response(told)
