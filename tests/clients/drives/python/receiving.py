"""Intake: a letter that came ten minutes ago is registered, listed, accepted and handed on."""

from datetime import timedelta

from intake import models as intake
from intake.api.complaint import (
    accept_complaint,
    assign_to_case_complaint,
    list_allegations,
    receive_complaint,
    register_complaint,
    transfer_to_handler,
)
from intake.api.reads import read_complaint
from intake.client import AuthenticatedClient
from story import at, cited, expect, now, people, today, told, words


def receive() -> tuple[intake.ComplaintView, intake.RefusalCode]:
    """The complaint, and the refusal of a decision on an old version."""
    done = intake.ComplaintAnswer
    clerk = AuthenticatedClient(**at("intake", "petition_clerk"))
    head = AuthenticatedClient(**at("intake", "petition_head"))
    earlier = (now - timedelta(minutes=10)).isoformat()
    letter = intake.ReceiveComplaint(
        channel=intake.Channel.LETTER, received_on=today, competent_level=intake.LevelName.TOWNSHIP
    )
    received = expect(
        done,
        receive_complaint.sync(
            client=clerk, body=letter, occurred_at=earlier, idempotency_key=f"letter-of-{told['now']}"
        ),
    )
    assert received.state is intake.ComplaintState.RECEIVED
    id = received.id
    registered = register_complaint.sync(
        id, client=clerk, body=intake.RegisterComplaint(), occurred_at=earlier
    )
    expect(done, registered)
    listing = intake.ListAllegations(
        accused=[
            intake.AccusedEntry(
                name=told["accused"],
                unit=words["unit"],
                unit_division=told["division"],
                position=words["position"],
                managed_by_level=intake.LevelName.TOWNSHIP,
                political_status=intake.PoliticalStatus.PARTY_MEMBER,
                official_category="公务员",
            )
        ],
        allegations=[
            intake.AllegationEntry(
                id="a1",
                accused=0,
                kind=intake.AllegationKind.INTEGRITY_DISCIPLINE,
                text=words["allegation"],
            )
        ],
        approved_by=people["petition_head"],
    )
    expect(done, list_allegations.sync(id, client=clerk, body=listing))
    assigned = intake.AssignToCase(person=people["petition_head"], role=intake.CaseRole.PETITION_HEAD)
    expect(done, assign_to_case_complaint.sync(id, client=head, body=assigned))

    decision = intake.AcceptComplaint(handling_dept="supervision_dept")
    late = accept_complaint.sync_detailed(id, client=head, body=decision, if_match='"1"')
    problem = expect(intake.Problem, late.parsed)
    assert problem.code is intake.RefusalCode.E_STALE_VERSION, problem
    accepted = accept_complaint.sync(
        id, client=head, body=decision, if_match=late.headers["etag"], legal_basis=cited
    )
    assert expect(done, accepted).state is intake.ComplaintState.ACCEPTED
    expect(done, transfer_to_handler.sync(id, client=head, body=intake.TransferToHandler()))
    complaint = expect(intake.ComplaintView, read_complaint.sync(id, client=head))
    [accused] = expect(list, complaint.facts.accused)
    assert (accused.name, complaint.facts.received_on) == (told["accused"], today)
    return complaint, problem.code
