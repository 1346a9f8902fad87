"""The vault's own service inside intake's process, reached under `/vault/`: protection and rewards.

Its store is the kernel's, assembled a second time on the vault's database, without relay and inbox: nothing
of it is ever published.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.domain.complaint import Complaint
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.case import VaultCase
from services.intake.vault.protection.commands import PROTECTION, AskForProtection, RequestProtection
from services.intake.vault.protection.request import ProtectionRequest
from services.intake.vault.rewards import REWARDS, Merits, RecordReward, Reward
from services.intake.vault.store import KeyDestroyed, Vault
from shared.aggregate import Aggregate, Context
from shared.command import Command
from shared.contracts.common import Accused
from shared.gate import Facts
from shared.gate import Request as GateRequest
from shared.refusal import refuse
from shared.security import roles
from shared.security.screen import Asker, Verdict
from shared.service import Parts, Service, build
from shared.settings import Settings
from shared.store.repository import Repository
from shared.web.app import Application
from shared.web.describe import answer, array, describe, in_path
from shared.web.reads import ASKED_FOR, purpose_of
from shared.web.values import json_response, object_id

NAME = "vault"
PREFIX = "/vault"
OPEN_TO_ALL = f"{PREFIX}/openapi.json"
POOL = 4


class NoTexts:
    """A screen with nothing to do: nothing in the vault's commands is stored in clear. A text that would be
    is refused."""

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Accused] = ()
    ) -> Verdict:
        return Verdict(leak=bool(texts))


class VaultRoom:
    """The vault's store, its gate and its routes."""

    def __init__(self, vault: Vault, complaints: Repository, settings: Settings) -> None:
        self._vault = vault
        self._complaints = complaints
        service = Service(
            name=NAME,
            title="zhengming vault: protection and rewards (保护、奖励)",
            commands=[*PROTECTION, *REWARDS],
            facts=self._facts,
            screen=lambda parts: NoTexts(),
            extend=self._extend,
            readers=frozenset(roles.PETITION),
            within="intake",
        )
        self.app, self.parts = build(service, of_the_vault(settings))

    def mount(self, app: Application) -> None:
        """Answers under `/vault/v1/`, past the layers of intake, and lives as long as intake does."""
        app.state.vault = self.app
        app.put_before(partial(Doorway, room=self.app))
        outer = app.router.lifespan_context

        @asynccontextmanager
        async def together(app: FastAPI) -> AsyncIterator[Any]:
            async with self.app.router.lifespan_context(self.app), outer(app) as state:
                yield state

        app.router.lifespan_context = together

    async def open_for(self, complaint: Complaint) -> bool:
        """True if a complaint has a request for protection that has not ended."""
        assert complaint.correlation_id is not None
        for id in await self.parts.recorder.streams_of(complaint.correlation_id):
            request = await self.parts.repository.get(ProtectionRequest, id)
            if request is not None and request.state != "ENDED":
                return True
        return False

    async def ask(self, complaint: UUID, threat: str, key: str | None) -> None:
        """The reporter asks, behind the query code."""
        command = AskForProtection(complaint=complaint, threat=threat)
        await self.parts.gatekeeper.execute(GateRequest(command, None, None, idempotency_key=key))

    def _facts(self, parts: Parts) -> Facts:
        async def served(command: Command, aggregate: Aggregate, ctx: Context) -> UUID:
            """The complaint's correlation, where the actor serves its reporter; otherwise there is none."""
            complaint = await reporters_complaint(command, ctx)
            assert complaint.correlation_id is not None
            return complaint.correlation_id

        async def opened(command: Command, aggregate: Aggregate, ctx: Context) -> tuple[str, UUID | None]:
            """The organ that protects its reporter, and the correlation of the complaint that the code has
            opened. Where it was sealed upward that is the organ above: nobody here may learn of it (A14)."""
            assert isinstance(command, AskForProtection)
            complaint = await self._complaints.get(Complaint, command.complaint)
            assert complaint is not None
            above = complaint.sent_to if complaint.state in complaint.sealed else ""
            return above or complaint.organ, complaint.correlation_id

        async def merits(command: Command, aggregate: Aggregate, ctx: Context) -> Merits:
            """The merits of the complaint, and a code for the reward that nothing can be told from."""
            complaint = await reporters_complaint(command, ctx)
            assert complaint.correlation_id is not None
            return Merits(
                complaint.correlation_id,
                complaint.identity_status,
                complaint.verdict,
                secrets.token_hex(6).upper(),
            )

        async def reporters_complaint(command: Command, ctx: Context) -> Complaint:
            assert isinstance(command, RequestProtection | RecordReward)
            complaint = await self._complaints.get(Complaint, command.complaint)
            if complaint is None or complaint.organ != ctx.actor.organ or complaint.correlation_id is None:
                refuse("E_JURISDICTION")
            if not complaint.assigned.get(ctx.actor.person, set()) & set(roles.PETITION):
                refuse("E_NEED_TO_KNOW")
            if complaint.state in complaint.sealed:
                refuse("E_SEALED_UPWARD", "A14")  # a clerk who sealed it past the head opens nothing either
            return complaint

        async def sealed(command: Command, aggregate: Aggregate, ctx: Context) -> str:
            """The command's L3 fields under the complaint's key, bound to this request."""
            assert isinstance(aggregate, VaultCase)
            complaint = aggregate.complaint or getattr(command, "complaint", "")
            body = orjson.dumps({name: getattr(command, name) for name in sorted(command.vaulted)})
            try:
                return await self._vault.seal(UUID(str(complaint)), aggregate.id, body)
            except KeyDestroyed:
                refuse("E_STATE", "§6.5", state="DESTROYED")

        return {"opened": opened, "served": served, "merits": merits, "sealed": sealed}

    def _extend(self, app: FastAPI, parts: Parts) -> None:
        for path, endpoint, name in (
            ("/v1/protection-requests/{id}/contents", self.contents(ProtectionRequest), "Protection"),
            ("/v1/rewards/{id}/contents", self.contents(Reward), "Reward"),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=["GET"],
                operation_id=f"Read{name}Contents",
                response_class=Response,
                tags=["reads"],
            )
        app.add_api_route(
            "/v1/rewards/{id}/payment-order",
            self.payment_order,
            methods=["GET"],
            operation_id="ReadPaymentOrder",
            response_class=Response,
            tags=["reads"],
        )
        self._describe(app)

    @staticmethod
    def _describe(app: FastAPI) -> None:
        """Describes these reads in the OpenAPI document."""
        text, id = {"type": "string"}, in_path("id", "The case.", format="uuid")
        said = answer(version={"type": "integer"}, type=text, contents={"type": ["object", "null"]})
        for name in ("ReadProtectionContents", "ReadRewardContents"):
            contents = answer(id=text, number=text, items=array(said))
            describe(app, name, parameters=[id, ASKED_FOR], answer=contents, codes=INCOMPLETE)
        describe(
            app,
            "ReadPaymentOrder",
            parameters=[id],
            answer=answer(
                code=text,
                amount_fen={"type": "integer"},
                decision_ref=text,
                paid={"type": "boolean"},
            ),
        )

    def contents(self, kind: type[VaultCase]) -> Callable[[Request], Awaitable[Response]]:
        async def read_contents(request: Request) -> Response:
            """The sealed content, opened with a purpose (`Purpose` header) for those assigned, on record."""
            return await self._contents(kind, request)

        return read_contents

    async def payment_order(self, request: Request) -> Response:
        """The payment order for finance: a code, an amount and the decision (SEC-14)."""
        parts = self.parts
        token = await parts.face.token(request)
        reward = await parts.repository.get(Reward, object_id(request.path_params["id"]))
        if reward is None:
            refuse("E_NOT_FOUND")
        parts.gatekeeper.check_visible(token, reward)
        await parts.reads.note_reading(token, reward, "payment-order", request)
        return json_response(
            {
                "code": reward.code,
                "amount_fen": reward.amount_fen,
                "decision_ref": reward.decision_ref,
                "paid": reward.state == "PAID",
            }
        )

    async def _contents(self, kind: type[VaultCase], request: Request) -> Response:
        parts = self.parts
        token = await parts.face.token(request)
        target = object_id(request.path_params["id"])
        history = await parts.recorder.load(target)
        case = await parts.repository.get(kind, target)
        if case is None:
            refuse("E_NOT_FOUND")
        parts.gatekeeper.check_visible(token, case)
        purpose_of(request, required=True)
        await parts.reads.note_reading(token, case, "contents", request)
        contents = []
        for recorded in history:
            if sealed := getattr(recorded.event, "sealed", ""):
                body = await self._vault.unseal(UUID(case.complaint), case.id, sealed)
                told = None if body is None else orjson.loads(body)
                contents.append(
                    {"version": recorded.originator_version, "type": recorded.type, "contents": told}
                )
        return json_response({"id": str(case.id), "number": case.number, "items": contents})


class Doorway:
    """Leads requests under `/vault/v1/` to the vault's own application, as if that were the root."""

    def __init__(self, app: ASGIApp, *, room: ASGIApp) -> None:
        self.app = app
        self.room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        inside = scope["type"] == "http" and (path.startswith(f"{PREFIX}/v1/") or path == OPEN_TO_ALL)
        if not inside:
            await self.app(scope, receive, send)
            return
        inner = path.removeprefix(PREFIX)
        await self.room({**scope, "path": inner, "raw_path": inner.encode(), "app": self.room}, receive, send)


def of_the_vault(settings: Settings) -> Settings:
    """The vault's database and store key; no broker, since nothing of it is published."""
    return replace(
        settings,
        service=NAME,
        database_url=settings.vault_database_url,
        nats_url="",
        nats_seed_file="",
        pool_size=min(settings.pool_size, POOL),
    )
