"""Takes in the petition platform's complaints, sends them back, and tells the platform how they stand (A8,
A80, §8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from uuid import UUID

from services.intake.domain.complaint.phase import ComplaintPhase
from services.intake.domain.values import Deposited
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Deposit
from shared.kernel.effect import Effect
from shared.language.contracts.intake import (
    Category,
    Channel,
    ComplaintReceived,
    PlatformTransferReceived,
    TransferObjected,
)
from shared.language.event import Event
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

STATUS_KIND = "platform-status"
LATE_DAYS = 15
"""DL-12: 条例 22 gives the platform fifteen days."""
TRANSFER: Deposit[Deposited] = Deposit("transfer")
"""The reporter whom the platform names, and its original as it came."""


class Integration(ComplaintPhase):
    """A complaint that may have come from the petition platform, and tells it how it stands."""

    def receive_platform_transfer(
        self,
        ctx: Context,
        platform_no: str,
        received_on: date,
        transferred_on: date,
        channel: Channel,
        category: Category,
        target_organ: str,
    ) -> None:
        """A8: the target organ owns it from the start, and its clocks run from today (P11)."""
        organs, today = ctx.law.organs, local_date(ctx.now)
        if target_organ not in organs or not organs.is_ancestor_or_self(ctx.actor.organ, target_organ):
            refuse("E_SCHEMA", "A8", field="target_organ", reason="no organ of this province")
        if not received_on <= transferred_on <= today:
            refuse("E_SCHEMA", "A8", field="transferred_on", reason="received, transferred, today")
        deposited = ctx.deposited(TRANSFER)
        self.record(
            ctx,
            ComplaintReceived(
                organ=target_organ,
                channel=channel,
                source="PETITION_PLATFORM",
                received_on=today,
                pages=1,
                competent_level=organs.get(target_organ).level.name,
                blob_id=deposited.original,
                platform_no=platform_no,
                reporter_ref=deposited.reporter_ref,
                identity_status=deposited.identity_status,
                in_vault=deposited.in_vault,
            ),
        )
        self.record(
            ctx,
            PlatformTransferReceived(
                platform=ctx.actor.person,
                platform_no=platform_no,
                platform_received_on=received_on,
                transferred_on=transferred_on,
                platform_category=category,
                late_from_platform=transferred_on - received_on > timedelta(days=LATE_DAYS),
                unread=deposited.unread,
            ),
        )

    @allowed_in("RECEIVED", "REGISTERED")
    def object_to_transfer(self, ctx: Context, competent_organ: str, reason: str) -> None:
        """条例 23 ¶3: what the platform sent to the wrong organ goes back to it, within the time of DL-13.
        Later the organ passes it on itself (A17)."""
        if self.source != "PETITION_PLATFORM":
            refuse("E_STATE", "DL-13", reason="did not come from the petition platform")
        self.check_undisputed()
        if competent_organ not in ctx.law.organs or competent_organ == self.organ:
            refuse("E_SCHEMA", "DL-13", field="competent_organ", reason="no other organ")
        if any(self._competent_organ(ctx, p) == self.organ for p in self._of_today(ctx, self.accused)):
            refuse("E_SCHEMA", "DL-13", field="competent_organ", competent=self.organ)
        if self.object_until is not None and local_date(ctx.occurred_at) > self.object_until:
            refuse("E_STATE", "DL-13", due=str(self.object_until))
        self.record(ctx, TransferObjected(competent_organ=competent_organ, reason=reason))

    def record(
        self, ctx: Context, event: Event, *, links: Sequence[str] = (), joins: Sequence[UUID] = ()
    ) -> None:
        """Records the event. If it changes the status that the platform may know, a message to the platform
        is stored with it and sent later."""
        told = self._told()
        super().record(ctx, event, links=links, joins=joins)
        if (tell := self._told()) != told:
            ctx.effects.append(
                Effect(
                    f"status-{derived_id(STATUS_KIND, self.id, self.version).hex}",
                    STATUS_KIND,
                    {
                        "platform": self.platform,
                        "platform_no": self.platform_no,
                        "status": tell,
                        "change": self.statuses_told,
                        "occurred_at": ctx.occurred_at.astimezone(UTC).isoformat(),
                    },
                )
            )
