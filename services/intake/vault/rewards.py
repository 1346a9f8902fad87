"""Rewards for reporters whose report proved true and mattered (A32): through the vault alone (SEC-14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from services.intake.domain.complaint import Complaint
from services.intake.vault.case import SEALED, Personal, VaultCase
from services.intake.vault.events import RewardPaid, RewardRecorded
from shared.casework.aggregate import Context, allowed_in
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, Reference
from shared.casework.preparation import Lookup
from shared.language.event import L3, Meta
from shared.language.refusal import refuse
from shared.language.roles import PETITION, PETITION_HEAD

PROVED = frozenset({"ALL_SUBSTANTIATED", "MIXED"})
"""Verdicts on which something was found true (查证属实)."""


@dataclass(frozen=True, slots=True)
class Merits:
    """The grounds of a reward."""

    complaint: Complaint
    identity_status: str
    verdict: str
    code: str


MERITS: Lookup[Merits] = Lookup("merits")


class Reward(VaultCase):
    """One reward: a code, an amount and a decision; the payee stands sealed."""

    kind = "Reward"
    plural: ClassVar[str] = "rewards"
    ended = frozenset({"PAID"})

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.code = ""
        self.amount_fen = 0
        self.decision_ref = ""

    def record_reward(self, ctx: Context, complaint: UUID, amount_fen: int, decision_ref: str) -> None:
        """Records a reward (A32): to a reporter of a verified name, whose report was found true."""
        merits = ctx.found(MERITS)
        if merits.identity_status != "CONFIRMED":
            refuse("E_STATE", "A32", identity_status=merits.identity_status)
        if merits.verdict not in PROVED:
            refuse("E_NOT_CONCLUDED", "A32", verdict=merits.verdict)
        self.follow(merits.complaint)
        self.record(
            ctx,
            RewardRecorded(
                organ=ctx.actor.organ,
                complaint=str(complaint),
                code=merits.code,
                amount_fen=amount_fen,
                decision_ref=decision_ref,
                sealed=ctx.deposited(SEALED),
            ),
        )

    def on_reward_recorded(self, event: RewardRecorded, meta: Meta) -> None:
        self.organ = event.organ
        self.complaint = event.complaint
        self.code = event.code
        self.amount_fen = event.amount_fen
        self.decision_ref = event.decision_ref

    @allowed_in("RECORDED")
    def confirm_reward_paid(self, ctx: Context, receipt_ref: str) -> None:
        self.record(ctx, RewardPaid(receipt_ref=receipt_ref))


class RecordReward(
    Command,
    on=Reward,
    creates=True,
    rule="A32",
    by=(PETITION_HEAD,),
    duty="rewarder",
    lookups=(MERITS,),
    deposits=(SEALED,),
):
    """Records a reward (奖励) that was decided for a reporter. Finance sees its code and amount only."""

    complaint: UUID
    """The complaint whose report was found true; its reporter's name is confirmed."""
    amount_fen: Annotated[int, Field(ge=1, le=100_000_000)]
    """In fen: 100,000 are 1,000 yuan."""
    decision_ref: Reference
    """The decision by which it was granted."""
    payee: L3[Personal]
    """The payee, the contribution, and the way in which it is handed over."""


class ConfirmRewardPaid(Command, on=Reward, rule="SEC-14", by=PETITION, differs_from=("rewarder",)):
    """Confirms that the reporter has received it; not by the person who recorded it."""

    receipt_ref: Reference
    """The receipt; it names nobody."""


REWARDS: list[type[Command]] = [RecordReward, ConfirmRewardPaid, *case_commands(Reward, recusal_asked=False)]
