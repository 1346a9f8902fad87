"""A request for protection: REQUESTED, then PROVIDED or DECLINED (and reviewed), then ENDED (§4.8)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from services.intake.domain.complaint import Complaint
from services.intake.vault.case import SEALED, VaultCase
from services.intake.vault.events import (
    Authority,
    OtherAuthorityAsked,
    ProtectionDeclined,
    ProtectionDeclineOverturned,
    ProtectionDeclineUpheld,
    ProtectionEnded,
    ProtectionProvided,
    ProtectionRequested,
)
from shared.casework.aggregate import Context, Law, allowed_in
from shared.casework.preparation import Lookup
from shared.language.event import Meta
from shared.language.roles import PETITION_HEAD

SERVED: Lookup[Complaint] = Lookup("served")
"""The complaint whose reporter the actor serves."""
OPENED: Lookup[tuple[str, Complaint]] = Lookup("opened")
"""The organ that protects the reporter, and the complaint that the code has opened."""


def reviewing_organ(organ: str, law: Law) -> str:
    """The next organ above; the province's own head department reviews the province's refusals."""
    return law.organs.get(organ).parent or organ


class ProtectionRequest(VaultCase):
    """A request that is L3 throughout: only the petition department that serves the reporter knows of it, and
    the superior's where it reviews a refusal."""

    kind = "ProtectionRequest"
    plural: ClassVar[str] = "protection-requests"
    ended = frozenset({"ENDED"})
    reviewed_above: ClassVar[frozenset[str]] = frozenset({"DECLINED"})

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.from_above: set[str] = set()
        """People whom the reviewing organ assigned."""

    def request_protection(self, ctx: Context, complaint: UUID) -> None:
        """Opens a request by the clerk (A49). The lookup SERVED refused already where the actor does not
        serve this complaint's reporter."""
        self.follow(ctx.found(SERVED))
        self.record(
            ctx,
            ProtectionRequested(
                organ=ctx.actor.organ, complaint=str(complaint), sealed=ctx.deposited(SEALED)
            ),
        )

    def ask_for_protection(self, ctx: Context, complaint: UUID) -> None:
        """Opens a request by the reporter, behind the query code (A33)."""
        self.organ, opened = ctx.found(OPENED)
        self.follow(opened)
        self.record(
            ctx,
            ProtectionRequested(organ=self.organ, complaint=str(complaint), sealed=ctx.deposited(SEALED)),
        )

    def on_protection_requested(self, event: ProtectionRequested, meta: Meta) -> None:
        self.organ = event.organ
        self.complaint = event.complaint

    @allowed_in("REQUESTED", "PROVIDED")
    def ask_other_authority(self, ctx: Context, authority: Authority) -> None:
        self.record(ctx, OtherAuthorityAsked(authority=authority, sealed=ctx.deposited(SEALED)))

    @allowed_in("REQUESTED")
    def provide_protection(self, ctx: Context) -> None:
        self.record(ctx, ProtectionProvided(sealed=ctx.deposited(SEALED)))

    @allowed_in("REQUESTED")
    def decline_protection(self, ctx: Context) -> None:
        self.record(ctx, ProtectionDeclined(sealed=ctx.deposited(SEALED)))

    @allowed_in("DECLINED")
    def review_declined_protection(self, ctx: Context, upheld: bool) -> None:
        """Reviews a refusal above, by somebody else than the person who declined. A reviewer who came from
        above for it leaves again: they are not told how the reporter is protected."""
        reviewed = ProtectionDeclineUpheld if upheld else ProtectionDeclineOverturned
        self.record(ctx, reviewed(sealed=ctx.deposited(SEALED)))
        ended = self.own("AssignmentEnded")
        for person in sorted(self.from_above & set(self.assigned)):
            for role in sorted(self.assigned[person]):
                self.record(ctx, ended(person=person, role=role, reason="REVIEWED"))

    def take_on(self, person: str, role: str, meta: Meta) -> None:
        super().take_on(person, role, meta)
        if meta.organ != self.organ:
            self.from_above.add(person)

    @allowed_in("PROVIDED")
    def end_protection(self, ctx: Context) -> None:
        self.record(ctx, ProtectionEnded(sealed=ctx.deposited(SEALED)))

    def assigners(self, law: Law) -> set[str]:
        """The organs whose petition head may assign: also the reviewing organ's, once there is a refusal to
        review, or where the own one is out (B4)."""
        above = self.state == "DECLINED" or PETITION_HEAD in self.roles_out
        return super().assigners(law) | ({reviewing_organ(self.organ, law)} if above else set())
