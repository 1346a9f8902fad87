"""The vault's own service inside intake's process, reached under `/vault/`: protection and rewards.

Its store is the kernel's, assembled a second time on the vault's database, without relay and inbox: nothing
of it is ever published.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.domain.complaint import Complaint
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.case import SEALED, VaultCase
from services.intake.vault.events import SealedEvent
from services.intake.vault.protection.commands import PROTECTION, AskForProtection, RequestProtection
from services.intake.vault.protection.request import OPENED, SERVED, ProtectionRequest
from services.intake.vault.rewards import MERITS, REWARDS, Merits, RecordReward, Reward
from services.intake.vault.store import KeyDestroyed, Vault
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.gate import Submission
from shared.casework.http.app import Application
from shared.casework.http.describe import answer, array
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Additions, Core, Parts, Service
from shared.casework.preparation import Deposits, Lookups
from shared.casework.repository import Repository
from shared.casework.screen import Asker, Verdict
from shared.casework.service import build
from shared.casework.staff import Staff
from shared.kernel.halts import Halts
from shared.kernel.http.pages import PAGES
from shared.kernel.settings import Settings
from shared.language import roles
from shared.language.contracts.common import Accused
from shared.language.refusal import refuse

NAME = "vault"
PREFIX = "/vault"
OPEN_TO_ALL = frozenset(f"{PREFIX}{path}" for path in PAGES)
POOL = 4
TEXT = {"type": "string"}


class NoTexts:
    """A screen with nothing to do: nothing in the vault's commands is stored in clear. A text that would be
    is refused."""

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Accused] = ()
    ) -> Verdict:
        return Verdict(leak=bool(texts))


class VaultRoom:
    """The vault's store, its gate and its routes."""

    def __init__(
        self,
        vault: Vault,
        complaints: Repository,
        settings: Settings,
        halts: Halts,
        staff: Staff,
        accused_of: Callable[[Aggregate], Awaitable[Collection[Accused]]],
    ) -> None:
        self._accused_of = accused_of
        self._vault = vault
        self._complaints = complaints
        service = Service(
            name=NAME,
            title="zhengming vault",
            title_zh="保护、奖励",
            commands=[*PROTECTION, *REWARDS],
            assemble=self._assemble,
            readers=frozenset(roles.PETITION),
            within="intake",
        )
        self.assembled = build(service, of_the_vault(settings), halts=halts.within(NAME), staff=staff)
        self.app, self.parts = self.assembled

    def _assemble(self, core: Core) -> Additions:
        return Additions(
            lookups=self.lookups(),
            deposits=self.deposits(),
            accused_of=self._accused_of,
            screen=NoTexts(),
            routes=self._add_routes,
        )

    def mount(self, app: Application) -> None:
        """Answers under `/vault/v1/`, past the layers of intake."""
        app.state.vault = self.app
        app.put_before(partial(Doorway, room=self.app))

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
        await self.parts.command_gate.execute(Submission(command, None, None, idempotency_key=key))

    def lookups(self) -> Lookups:
        return [
            OPENED.found_by(self._opened),
            SERVED.found_by(self._served),
            MERITS.found_by(self._merits),
        ]

    def deposits(self) -> Deposits:
        return [SEALED.made_by(self._sealed)]

    async def _served(self, command: RequestProtection, case: ProtectionRequest, ctx: Context) -> Complaint:
        """The complaint, where the actor serves its reporter; otherwise there is none."""
        return await self._reporters_complaint(command.complaint, ctx)

    async def _opened(
        self, command: AskForProtection, case: ProtectionRequest, ctx: Context
    ) -> tuple[str, Complaint]:
        """The organ that protects the reporter, and the complaint that the code has opened. If the complaint
        was sealed upward, that is the organ above: nobody here may learn of it (A14)."""
        complaint = await self._complaints.get(Complaint, command.complaint)
        assert complaint is not None
        above = complaint.sent_to if complaint.state in complaint.sealed else ""
        return above or complaint.organ, complaint

    async def _merits(self, command: RecordReward, case: Reward, ctx: Context) -> Merits:
        """The merits of the complaint, and a code for the reward that nothing can be told from."""
        complaint = await self._reporters_complaint(command.complaint, ctx)
        return Merits(
            complaint,
            complaint.identity_status,
            complaint.verdict,
            secrets.token_hex(6).upper(),
        )

    async def _reporters_complaint(self, id: UUID, ctx: Context) -> Complaint:
        complaint = await self._complaints.get(Complaint, id)
        if complaint is None or ctx.actor.organ not in complaint.working_organs:
            refuse("E_JURISDICTION")
        if not complaint.assigned.get(ctx.actor.person, set()) & set(roles.PETITION):
            refuse("E_NEED_TO_KNOW")
        if complaint.state in complaint.sealed:
            refuse("E_SEALED_UPWARD", "A14")  # a clerk who sealed it past the head opens nothing here
        return complaint

    async def _sealed(self, command: Command, case: VaultCase, ctx: Context) -> str:
        """Seals the command's L3 fields under the complaint's key, bound to this request. A complaint
        without a key gets one."""
        complaint = case.complaint
        if isinstance(command, AskForProtection | RequestProtection | RecordReward):
            complaint = str(command.complaint)
        body = orjson.dumps({name: getattr(command, name) for name in sorted(command.vaulted)})
        try:
            return await self._vault.seal(UUID(complaint), case.id, body)
        except KeyDestroyed:
            refuse("E_STATE", "§6.5", state="DESTROYED")

    def _add_routes(self, app: Application, parts: Parts) -> None:
        contents = [ContentsRoutes(kind, self._vault, parts) for kind in (ProtectionRequest, Reward)]
        parts.reads.gate.add(app, *contents, PaymentRoutes())


class ContentsRoutes:
    """The routes to the words of one kind of the vault's cases."""

    def __init__(self, kind: type[VaultCase], vault: Vault, parts: Parts) -> None:
        self.kind = kind
        self._vault = vault
        self._parts = parts

    @read(
        "Read<kind>Contents",
        "/v1/<plural>/{id}/contents",
        rule="§6.3",
        of=VaultCase,
        sealed=True,
        purpose=True,
        notes="contents",
        answer=answer(
            id=TEXT,
            number=TEXT,
            items=array(
                answer(version={"type": "integer"}, type=TEXT, contents={"type": ["object", "null"]})
            ),
        ),
        codes=tuple(INCOMPLETE),
    )
    async def read_contents(self, ask: Asked[VaultCase]) -> Response:
        """The words of the case, opened with a purpose (`Purpose` header) for those assigned, on record."""
        case, contents = ask.case, []
        for recorded in await self._parts.recorder.load(case.id):
            if isinstance(recorded.event, SealedEvent):
                body = await self._vault.unseal(UUID(case.complaint), case.id, recorded.event.sealed)
                told = None if body is None else orjson.loads(body)
                contents.append(
                    {"version": recorded.originator_version, "type": recorded.type, "contents": told}
                )
        return json_response({"id": str(case.id), "number": case.number, "items": contents})


class PaymentRoutes:
    """The routes by which finance reads a reward."""

    @read(
        "ReadPaymentOrder",
        "/v1/rewards/{id}/payment-order",
        rule="SEC-14",
        of=Reward,
        notes="payment-order",
        answer=answer(code=TEXT, amount_fen={"type": "integer"}, decision_ref=TEXT, paid={"type": "boolean"}),
    )
    async def payment_order(self, ask: Asked[Reward]) -> Response:
        """Finance's view of a reward: a code, an amount and the decision (SEC-14)."""
        reward = ask.case
        return json_response(
            {
                "code": reward.code,
                "amount_fen": reward.amount_fen,
                "decision_ref": reward.decision_ref,
                "paid": reward.state == "PAID",
            }
        )


class Doorway:
    """Leads requests under `/vault/v1/` to the vault's own application, as if that were the root."""

    def __init__(self, app: ASGIApp, *, room: ASGIApp) -> None:
        self.app = app
        self.room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        inside = scope["type"] == "http" and (path.startswith(f"{PREFIX}/v1/") or path in OPEN_TO_ALL)
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
