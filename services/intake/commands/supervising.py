"""Commands on a supervision order (§4.7, A24-A26)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from services.intake.domain.supervision import ACCUSED, SUPERVISED, SupervisionOrder
from shared.casework.aggregate import Law
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, FreeText, Reference
from shared.language.contracts.intake import SupervisionCause, SupervisionMethod
from shared.language.roles import DEPT_HEAD, DEPUTY_LEADER, PETITION

OrganCode = Annotated[str, StringConstraints(pattern=r"^DI-[0-9]{2,9}$")]
CaseNumber = Annotated[str, StringConstraints(pattern=r"^(HC-[0-9]{2,9}-[0-9]{4}-[0-9]{6,9})?$")]


def target_organ(order: Any, law: Law) -> str:
    """The organ that the order is addressed to, which answers it (§5.4)."""
    return str(order.target)


class DraftSupervisionOrder(
    Command,
    on=SupervisionOrder,
    creates=True,
    rule="A24",
    by=PETITION,
    duty="drafter",
    lookups=(SUPERVISED, ACCUSED),
):
    """Drafts a supervision order on an item of an organ below (督办): cause and methods of A24 and A25."""

    target: OrganCode
    """The organ below that must answer."""
    complaint: UUID
    """The complaint as the target has registered it."""
    case_number: CaseNumber = ""
    """The verification case that is pressed, where it is that."""
    cause: SupervisionCause
    """The cause under A24."""
    methods: Annotated[tuple[SupervisionMethod, ...], Field(min_length=1, max_length=4)]
    """The methods of A25; one at least."""
    text: FreeText
    """The things that the organ below is to do, and to answer."""


class ApproveSupervisionOrder(
    Command,
    on=SupervisionOrder,
    rule="A24",
    by=(DEPUTY_LEADER,),
    duty="approver",
    differs_from=("drafter",),
    decides=True,
):
    """Approves an order, as the deputy leader in charge (分管领导批准) of the organ that supervises."""


class IssueSupervisionOrder(
    Command, on=SupervisionOrder, rule="A24", by=PETITION, duty="issuer", lookups=(ACCUSED,)
):
    """Issues the approved order under a number; the organ below sees it from now on."""


class RespondSupervision(
    Command,
    on=SupervisionOrder,
    rule="R45",
    by=(*PETITION, DEPT_HEAD),
    organ=target_organ,
    step="RespondSupervision",
    duty="respondent",
    in_order=True,
):
    """Answers an order (回复督办), by the organ that it is addressed to."""

    response: FreeText
    """The steps that were taken."""
    documents: Annotated[tuple[Reference, ...], Field(max_length=50)] = ()
    """References of documents that show it."""


class ReturnSupervisionResponse(
    Command,
    on=SupervisionOrder,
    rule="R45",
    by=PETITION,
    differs_from=("respondent",),
    decides=True,
    step="CloseSupervision",
):
    """Returns an answer that does not do."""

    reason: FreeText
    """The things that the answer lacks."""


class CloseSupervision(
    Command, on=SupervisionOrder, rule="R45", by=PETITION, differs_from=("respondent",), decides=True
):
    """Ends the supervision of the item (督办结束)."""

    result: FreeText
    """The result of the supervision."""


SUPERVISING: list[type[Command]] = [
    DraftSupervisionOrder,
    ApproveSupervisionOrder,
    IssueSupervisionOrder,
    RespondSupervision,
    ReturnSupervisionResponse,
    CloseSupervision,
    *case_commands(SupervisionOrder),
]
