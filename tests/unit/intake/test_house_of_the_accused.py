"""No order and no identity goes to an organ whose head or staff is accused anywhere in the matter (B16)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from services.intake.commands.disclosing import DecideIdentityDisclosure, RequestIdentityDisclosure
from services.intake.commands.supervising import DraftSupervisionOrder, IssueSupervisionOrder
from services.intake.domain import disclosing, supervision
from services.intake.domain.disclosing import Asked, IdentityDisclosure
from services.intake.domain.supervision import SupervisionOrder
from shared.casework.aggregate import Actor
from shared.language.contracts import intake as e
from shared.language.contracts.common import Accused
from shared.language.roles import HANDLER, ORGAN_HEAD, PETITION_CLERK
from tests.unit.intake import examples as x
from tests.unit.kit import Scene

STAFF = Accused(
    ref="s-1",
    name="虚职",
    unit="县纪委监委",
    unit_division="990102",
    managed_by_level="COUNTY",
    is_discipline_staff=True,
)
AT = "2022-03-01T17:00:00+08:00"
CLERK, COLLEAGUE = Actor("p-city", PETITION_CLERK, x.CITY), Actor("p-handler", HANDLER, x.COUNTY)
DRAFT = DraftSupervisionOrder(
    target=x.COUNTY, complaint=x.COMPLAINT, cause="OVERDUE", methods=("LETTER",), text="请抓紧办理。"
)
ASK = RequestIdentityDisclosure(
    complaint=x.COMPLAINT, purpose="核实细节。", fields=("PHONE",), until=date(2022, 3, 10)
)


@pytest.mark.parametrize(("accused", "code"), [((STAFF,), "E_NOT_COMPETENT"), ((x.WU,), "")])
def test_b16_no_order_goes_to_the_house_of_an_accused(accused: tuple[Accused, ...], code: str) -> None:
    """Neither when it is drafted nor when it is issued: somebody may have been listed in between."""
    item = x.complaint(*x.HISTORIES["WITH_HANDLER"]).aggregate
    item.number = x.NUMBER
    scene = Scene(lambda: SupervisionOrder(UUID(int=7))).at(AT).knowing(supervision.SUPERVISED, item)
    scene.knowing(supervision.ACCUSED, accused).when(DRAFT, by=CLERK)
    if code:
        scene.refused(code, "B16")
        scene.knowing(supervision.ACCUSED, ()).when(DRAFT, by=CLERK)
    scene.then(e.SupervisionOrderDrafted).given(e.SupervisionOrderApproved())
    scene.knowing(supervision.ACCUSED, accused).when(IssueSupervisionOrder(), by=CLERK)
    scene.refused(code, "B16") if code else scene.then(e.SupervisionOrderIssued)


@pytest.mark.parametrize(("accused", "code"), [((STAFF,), "E_NOT_COMPETENT"), ((x.WU,), "")])
def test_b16_no_identity_is_told_in_the_house_of_an_accused(accused: tuple[Accused, ...], code: str) -> None:
    case = x.complaint(*x.HISTORIES["WITH_HANDLER"]).aggregate
    case.identity_status = "CONFIRMED"
    case.assigned[COLLEAGUE.person] = {HANDLER}
    scene = Scene(lambda: IdentityDisclosure(UUID(int=8))).at(AT)
    scene.knowing(disclosing.ASKED, Asked(case, True, accused)).when(ASK, by=COLLEAGUE)
    if code:
        scene.refused(code, "B16")
        scene.knowing(disclosing.ASKED, Asked(case, True)).when(ASK, by=COLLEAGUE)
    scene.then(e.IdentityDisclosureRequested).knowing(disclosing.IN_MATTER_OF, accused)
    scene.when(
        DecideIdentityDisclosure(decision="APPROVE", opinion="同意。"),
        by=Actor("p-head", ORGAN_HEAD, x.COUNTY),
    )
    scene.refused(code, "B16") if code else scene.then(e.IdentityDisclosureApproved)
