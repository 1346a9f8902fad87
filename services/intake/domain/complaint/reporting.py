"""Reports without an account, and letters to and fro behind a query code (A1, R29, R30, SEC-6)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import IDENTITY, ComplaintPhase
from shared.casework.aggregate import Context
from shared.casework.preparation import Deposit, Lookup
from shared.language.contracts.common import InVault, LevelName, RecusalGround
from shared.language.contracts.intake import (
    AttachmentReceived,
    Channel,
    ComplaintReceived,
    MediaType,
    MessageFromReporterReceived,
    MessageToReporterSent,
)
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Level
from shared.language.refusal import refuse

LETTER: Deposit[InVault] = Deposit("letter")
"""Free words of or to a reporter."""
FILE: Lookup[tuple[InVault, ...]] = Lookup("file")
"""A file that came behind the query code and lies in the vault already, and its copy."""


class Reporting(ComplaintPhase):
    """The words that come straight from a reporter, and those that go straight to them."""

    def submit_report(
        self,
        ctx: Context,
        channel: Channel,
        acknowledged_notice_version: str,
        unit_division: str,
        managed_by_level: LevelName,
        is_discipline_staff: bool,
    ) -> None:
        """A1, note c: anyone may; it goes straight to the organ that is competent for the unit and rank that
        the reporter declares, past the organ whose own head or staff it is about (A15, A75)."""
        organs = ctx.law.organs
        try:
            competence = organs.competent(
                Level[managed_by_level], unit_division, is_discipline_staff=is_discipline_staff
            )
        except (KeyError, ValueError):
            refuse("E_SCHEMA", "§5.4", field="unit_division")
        organ = competence.organ
        # A report above the province is received there to be sent on, and registered by nobody (A14).
        level = Level.CENTRAL if competence.leaves_system else organ.level
        deposited = ctx.deposited(IDENTITY)
        letter = ctx.deposited(LETTER)
        self.record(
            ctx,
            ComplaintReceived(
                organ=organ.code,
                channel=channel,
                source="DIRECT",
                received_on=local_date(ctx.now),
                pages=1,
                competent_level=level.name,
                blob_id=letter.id,
                acknowledged_notice_version=acknowledged_notice_version,
                reporter_ref=deposited.reporter_ref,
                identity_status=deposited.identity_status,
                in_vault=(*deposited.in_vault, letter),
            ),
        )

    def write_to_organ(self, ctx: Context) -> None:
        """The reporter adds something; what was sealed upward is answered by the organ above."""
        self._check_here(ctx)
        letter = ctx.deposited(LETTER)
        self.record(ctx, MessageFromReporterReceived(letter=letter.id, in_vault=(letter,)))

    def write_to_reporter(self, ctx: Context) -> None:
        self.check_not_sealed()
        if not self.channel.startswith("ONLINE"):
            refuse("E_STATE", "SEC-7", channel=self.channel)
        letter = ctx.deposited(LETTER)
        self.record(ctx, MessageToReporterSent(letter=letter.id, in_vault=(letter,)))

    def ask_for_recusal(self, ctx: Context, role: str, ground: RecusalGround) -> None:
        """A33: the reporter asks, behind their query code. The words are for those who decide, and not for
        the person whom they are about."""
        self._check_here(ctx)
        self._ask_recusal(ctx, "", role, ground, "REPORTER", letter=ctx.deposited(LETTER))

    def add_attachment(self, ctx: Context, attachment: str, media_type: MediaType, size: int) -> None:
        self._check_here(ctx)
        files = ctx.found(FILE)
        self.record(
            ctx,
            AttachmentReceived(attachment=attachment, media_type=media_type, size=size, in_vault=files),
        )

    def _check_here(self, ctx: Context) -> None:
        """Refuses if the complaint was passed on in the meantime: a letter would lie where nobody looks. Sent
        again, it finds the organ that goes on with the complaint (A16, A17)."""
        self.check_not_sealed()
        if self.is_away:
            refuse("E_STATE", ctx.rule, state=self.state)
