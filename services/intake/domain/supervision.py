"""Supervision order (督办): a superior presses an organ below to go on with an item (§4.7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from services.intake.domain.complaint import Complaint
from shared.casework.aggregate import Context, allowed_in
from shared.casework.case import Case, house_of
from shared.casework.preparation import Lookup
from shared.language.contracts.common import Accused
from shared.language.contracts.intake import (
    SupervisionCause,
    SupervisionMethod,
    SupervisionOrderApproved,
    SupervisionOrderClosed,
    SupervisionOrderDrafted,
    SupervisionOrderIssued,
    SupervisionOrderResponded,
    SupervisionResponseReturned,
)
from shared.language.event import Meta
from shared.language.refusal import refuse
from shared.language.roles import LEADERS, PETITION

ACCUSED: Lookup[Collection[Accused]] = Lookup("accused in the matter of an order")
"""Everybody accused in the matters of the item that an order is about (B16)."""
SUPERVISED: Lookup[Complaint | None] = Lookup("supervised")
"""The item of an organ below that an order is about."""


class SupervisionOrder(Case):
    """Owned by the superior; from its issue on the organ below sees it and answers it, and nobody beside.

    It names a complaint by its number and never who reported: its texts are held against that complaint's
    reporters by the vault's screen (`rests_on`)."""

    kind = "SupervisionOrder"
    plural = "supervision-orders"
    ended = frozenset({"CLOSED"})
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.target = ""
        self.complaint = ""
        """The complaint that it is about; empty before it is drafted."""
        self.cause: SupervisionCause = "OTHER"
        self.methods: tuple[SupervisionMethod, ...] = ()
        self.assigned_by: dict[str, str] = {}

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (self.complaint,) if self.complaint else ()

    def draft_supervision_order(
        self,
        ctx: Context,
        target: str,
        complaint: UUID,
        case_number: str,
        cause: SupervisionCause,
        methods: Sequence[SupervisionMethod],
        text: str,
    ) -> None:
        """§4.7: the target is below; it has registered the item, or the item was handed down to it."""
        own = ctx.actor.organ
        if target == own or not ctx.law.organs.is_ancestor_or_self(own, target):
            refuse("E_JURISDICTION", "§4.7")
        item = ctx.found(SUPERVISED)
        with_target = item is not None and (
            item.organ == target or (item.organ, item.sent_to) == (own, target)
        )
        if item is None or not with_target or not item.number or item.state in item.sealed:
            # The same words for what is elsewhere, sealed or nowhere.
            refuse("E_SCHEMA", "A24", field="complaint", reason="not a registered complaint of the target")
        if case_number and case_number.split("-")[1] != target.removeprefix("DI-"):
            refuse("E_SCHEMA", "A24", field="case_number", reason="not a case of the target")
        if ctx.actor.person in item.excluded:
            refuse("E_RECUSAL", "SD10")
        self._check_not_their_own(ctx, target)
        self.follow(item)
        self.record(
            ctx,
            SupervisionOrderDrafted(
                target=target,
                complaint=str(item.id),
                complaint_number=item.number,
                case_number=case_number,
                cause=cause,
                methods=tuple(dict.fromkeys(methods)),
                text=text,
            ),
        )

    def on_supervision_order_drafted(self, event: SupervisionOrderDrafted, meta: Meta) -> None:
        self.target = event.target
        self.complaint = event.complaint
        self.cause, self.methods = event.cause, event.methods

    @allowed_in("DRAFTED")
    def approve_supervision_order(self, ctx: Context) -> None:
        self.record(ctx, SupervisionOrderApproved())

    @allowed_in("APPROVED")
    def issue_supervision_order(self, ctx: Context) -> None:
        """A24: nothing goes out without the deputy leader's approval."""
        if self.state == "DRAFTED":
            refuse("E_APPROVAL_REQUIRED", "A24")
        if self.state == "APPROVED":
            self._check_not_their_own(ctx, self.target)
        self.record(
            ctx, SupervisionOrderIssued(addressee=self.target, cause=self.cause, methods=self.methods)
        )

    def _check_not_their_own(self, ctx: Context, target: str) -> None:
        """B16: refuses an order to an organ whose head or staff is accused anywhere in the matter."""
        if own := house_of(ctx.found(ACCUSED), ctx.law, target):
            refuse("E_NOT_COMPETENT", "B16", field="target", own_organ=own)

    def on_supervision_order_issued(self, event: SupervisionOrderIssued, meta: Meta) -> None:
        self.addressees.add(event.addressee)

    @allowed_in("ISSUED", "RETURNED")
    def respond_supervision(self, ctx: Context, response: str, documents: Sequence[str]) -> None:
        """Answers the organ above; again after a return."""
        self.record(ctx, SupervisionOrderResponded(response=response, documents=tuple(documents)))

    @allowed_in("RESPONDED")
    def return_supervision_response(self, ctx: Context, reason: str) -> None:
        self.record(ctx, SupervisionResponseReturned(reason=reason))

    @allowed_in("RESPONDED", "RETURNED")
    def close_supervision(self, ctx: Context, result: str) -> None:
        """Closes the order after an answer; after a returned one too, if the superior has seen to the matter
        directly (A25)."""
        self.record(ctx, SupervisionOrderClosed(result=result))

    def end_assignment(self, ctx: Context, person: str, role: str, reason: str) -> None:
        """Each of the two organs ends the need to know of its own people."""
        if self.assigned_by.get(person, ctx.actor.organ) != ctx.actor.organ:
            refuse("E_JURISDICTION", "§6.3")
        super().end_assignment(ctx, person, role, reason)

    def _may_assign(self, ctx: Context, role: str) -> None:
        """§6.3: each of the two organs names its own people; the one below those who answer."""
        below = ctx.actor.organ in self.addressees and role in {*PETITION, *LEADERS}
        if not below:
            super()._may_assign(ctx, role)

    def take_on(self, person: str, role: str, meta: Meta) -> None:
        super().take_on(person, role, meta)
        self.assigned_by[person] = meta.organ
