"""Drives one case with the clients that openapi-python-client made; tests/clients runs it beside them.

Its standard input is what `test_clients` tells it, as JSON; its standard output what came of it.
"""

import json
import sys
import time
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from audit.api.replay import timeline
from audit.client import AuthenticatedClient as AuditClient
from audit.models import TimelineResult
from intake.api.complaint import (
    accept_complaint,
    assign_to_case_complaint,
    list_allegations,
    receive_complaint,
    register_complaint,
    transfer_to_handler,
)
from intake.api.reads import read_complaint
from intake.client import AuthenticatedClient as IntakeClient
from intake.models import (
    AcceptComplaint,
    AccusedEntry,
    AllegationEntry,
    AllegationKind,
    AssignToCase,
    CaseRole,
    Channel,
    ComplaintAnswer,
    ComplaintState,
    ComplaintView,
    LevelName,
    ListAllegations,
    Problem,
    ReceiveComplaint,
    RefusalCode,
    RegisterComplaint,
    TransferToHandler,
)
from verification.api.reads import list_verification_cases, read_verification_case
from verification.api.verification_case import assign_to_case as assign_to_verification
from verification.client import AuthenticatedClient as VerificationClient
from verification.models import AssignToCase as AssignToVerification
from verification.models import CaseRole as VerificationRole
from verification.models import (
    ListVerificationCasesResult,
    VerificationCaseAnswer,
    VerificationCaseView,
)

T = TypeVar("T")
told: dict[str, Any] = json.load(sys.stdin)
front, tokens, people = told["front"], told["tokens"], told["people"]
now = datetime.fromisoformat(told["now"])


def intake(role: str) -> IntakeClient:
    return IntakeClient(base_url=f"{front}/intake", token=tokens[role], timeout=told["patience"])


def verification(role: str) -> VerificationClient:
    return VerificationClient(base_url=f"{front}/verification", token=tokens[role], timeout=told["patience"])


def expect(kind: type[T], answer: object) -> T:
    """The answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


clerk, head = intake("petition_clerk"), intake("petition_head")
received = expect(
    ComplaintAnswer,
    receive_complaint.sync(
        client=clerk,
        body=ReceiveComplaint(
            channel=Channel.LETTER, received_on=now.date(), competent_level=LevelName.TOWNSHIP
        ),
        occurred_at=(now - timedelta(minutes=10)).isoformat(),
        idempotency_key="generated-python-receive",
    ),
)
assert received.state is ComplaintState.RECEIVED
id = received.id
expect(ComplaintAnswer, register_complaint.sync(id, client=clerk, body=RegisterComplaint()))
listing = ListAllegations(
    accused=[
        AccusedEntry(
            name="虚一",
            unit="向阳社区",
            unit_division=told["division"],
            position="社区干部",
            managed_by_level=LevelName.TOWNSHIP,
        )
    ],
    allegations=[
        AllegationEntry(id="a1", accused=0, kind=AllegationKind.INTEGRITY_DISCIPLINE, text="反映其收受礼金。")
    ],
    approved_by=people["petition_head"],
)
expect(ComplaintAnswer, list_allegations.sync(id, client=clerk, body=listing))
assigned = AssignToCase(person=people["petition_head"], role=CaseRole.PETITION_HEAD)
expect(ComplaintAnswer, assign_to_case_complaint.sync(id, client=head, body=assigned))

decision = AcceptComplaint(handling_dept="supervision_dept")
late = accept_complaint.sync_detailed(id, client=head, body=decision, if_match='"1"')
problem = expect(Problem, late.parsed)
assert problem.code is RefusalCode.E_STALE_VERSION, problem
accepted = expect(
    ComplaintAnswer,
    accept_complaint.sync(
        id, client=head, body=decision, if_match=late.headers["etag"], legal_basis=json.dumps(told["cited"])
    ),
)
assert accepted.state is ComplaintState.ACCEPTED
expect(ComplaintAnswer, transfer_to_handler.sync(id, client=head, body=TransferToHandler()))

view = expect(ComplaintView, read_complaint.sync(id, client=head))
assert isinstance(view.facts.accused, list)
assert view.facts.accused[0].name == "虚一"
assert view.facts.received_on == date.fromisoformat(told["now"][:10])

chief = verification("handling_dept_head")


def opened() -> VerificationCaseView | None:
    """The verification case of this complaint, once verification has opened it."""
    page = list_verification_cases.sync(client=chief, state="OPENED")
    if isinstance(page, ListVerificationCasesResult):
        for row in page.items:
            case = read_verification_case.sync(row.id, client=chief)
            if not isinstance(case, VerificationCaseView):
                person = AssignToVerification(
                    person=people["handling_dept_head"], role=VerificationRole.HANDLING_DEPT_HEAD
                )
                assigned = assign_to_verification.sync(row.id, client=chief, body=person)
                expect(VerificationCaseAnswer, assigned)
                case = expect(VerificationCaseView, read_verification_case.sync(row.id, client=chief))
            if str(id) in expect(list, case.facts.complaint_ids):
                return case
    return None


until = time.monotonic() + told["patience"]
while (case := opened()) is None:
    assert time.monotonic() < until, "verification has opened no case"
    time.sleep(0.1)

audit = AuditClient(base_url=f"{front}/audit", token=tokens["auditor"], timeout=told["patience"])


def replayed() -> list[str]:
    """The events of the complaint that audit knows of."""
    found = timeline.sync(view.number, client=audit)
    if not isinstance(found, TimelineResult):
        return []
    return [event.type_.value for event in found.events if UUID(str(event.id)) == id]


while "ComplaintTransferredToHandler" not in (events := replayed()):
    assert time.monotonic() < until, events
    time.sleep(0.1)
print(json.dumps({"complaint": str(id), "case": str(case.id), "refused": problem.code, "events": events}))
