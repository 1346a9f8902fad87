"""Every command in every state of a complaint: carried out or refused, as §4.1 says."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.commands import COMMANDS
from services.intake.commands.integration import ReceivePlatformTransfer
from services.intake.commands.reporting import FROM_ANYONE
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import ANOTHER, ORIGINAL
from shared.casework.aggregate import Actor
from shared.casework.command import Command
from shared.casework.steps import STANDING, Standing, known_steps
from shared.language.contracts import intake as e
from shared.language.contracts.common import Accused, StepEscalated
from tests.unit.intake import examples as x
from tests.unit.intake.examples import Given
from tests.unit.kit import Changes, Row
from tests.unit.kit import row as any_row

HERE = ("REGISTERED", "ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")
NAMED_IN = ("RECEIVED", "NOT_ACCEPTED", *HERE)
OPEN = frozenset(x.HISTORIES) - {"SEALED_UPWARD"}
"""All states but that of a sealed complaint, which is nobody's here; that is said before the state is asked
(A14)."""
AWAY = frozenset({"SENT_DOWN", "SENT_OUT"})
SEALED = {"SEALED_UPWARD": "E_SEALED_UPWARD"}


def row(command: Command, *states: str, first: dict[str, str] | None = None, **how: Any) -> Row:
    """A row in which a sealed complaint is refused as sealed, for every command."""
    return any_row(command, *states, first=SEALED | (first or {}), **how)


def source(source: str) -> Changes:
    return {e.ComplaintReceived: {"source": source}}


def identity(status: str) -> Changes:
    return {e.ComplaintReceived: {"identity_status": status}}


def accused(*people: Any, allegations: tuple[Any, ...]) -> Changes:
    return {e.AllegationsListed: {"accused": people, "allegations": allegations}}


def rejected(reason: str) -> Changes:
    return {e.ComplaintNotAccepted: {"reason": reason}}


PASSED_ON_FROM = ("REGISTERED", "NOT_ACCEPTED", "ACCEPTED", "WITH_HANDLER")
"""The states before a finding, besides that of an envelope (B14)."""
UNLISTED = {"RECEIVED": "E_RECORD_INCOMPLETE"}
DUPLICATE = {"DUPLICATE_FILED": "E_DUPLICATE"}
OLD_ONE = x.complaint().aggregate.own("AssignmentStarted")(person="p-old", role="handler")
DECIDING = known_steps(Complaint)["petition_head"]
NOBODY_FREE = {STANDING: Standing(DECIDING, "DI-990102100", frozenset(), False, ())}
OUT = x.complaint().aggregate.own("PersonExcluded")(person="p-out", role="handler", ground="亲属")
ASKED_TO_STEP_ASIDE = (
    x.complaint()
    .aggregate.own("RecusalRequested")
    .model_validate(
        {"request": "R1", "person": "p-old", "role": "handler", "ground": "INTEREST", "asked_by": "STAFF"}
    )
)
WITH_HANDLER = {ORIGINAL: x.complaint(*x.HISTORIES["WITH_HANDLER"], id=x.OTHER).aggregate}
ROWS = [
    row(x.TRIAGE, "RECEIVED"),
    row(x.CATEGORY, "REGISTERED", "NOT_ACCEPTED", "ACCEPTED", to="REGISTERED"),
    row(x.ALLEGATION, "REGISTERED", "ACCEPTED", "WITH_HANDLER", first={"RECEIVED": "E_SCHEMA"}),
    row(x.ACCUSED, "REGISTERED", "ACCEPTED", "WITH_HANDLER", first={"RECEIVED": "E_SCHEMA"}),
    row(x.REGISTER, "RECEIVED", to="REGISTERED"),
    row(x.SEAL, "RECEIVED", to="SEALED_UPWARD", without=(e.AllegationsListed,)),
    row(x.OUTSIDE, "RECEIVED", "REGISTERED", to="SEALED_UPWARD", without=(e.AllegationsListed,)),
    row(x.LIST, "REGISTERED", without=(e.AllegationsListed,)),
    row(
        x.MARK_DUPLICATE,
        "REGISTERED",
        to="DUPLICATE_FILED",
        knowing=WITH_HANDLER,
        first={"RECEIVED": "E_CONTENT_MISMATCH"},
    ),
    row(
        x.MARK_REPEAT,
        "REGISTERED",
        knowing=WITH_HANDLER,
        first={"RECEIVED": "E_CONTENT_MISMATCH"},
    ),
    row(
        x.JOIN,
        "REGISTERED",
        to="WITH_HANDLER",
        knowing=WITH_HANDLER | {ANOTHER: True},
        first={"RECEIVED": "E_CONTENT_MISMATCH"},
    ),
    row(
        x.SEND_AFTER,
        "REGISTERED",
        to="SENT_OUT",
        knowing={ORIGINAL: x.complaint(*x.HISTORIES["SENT_OUT"], id=x.OTHER).aggregate},
        first=DUPLICATE | {"RECEIVED": "E_CONTENT_MISMATCH"},
    ),
    row(x.PROPOSE, "REGISTERED", first=DUPLICATE),
    row(x.ACCEPT, "REGISTERED", to="ACCEPTED", first=DUPLICATE),
    row(x.REJECT, "REGISTERED", to="NOT_ACCEPTED"),
    row(x.REDIRECT, "NOT_ACCEPTED", to="CLOSED", past=rejected("LEGAL_REMEDY")),
    row(
        x.ADVISE,
        "NOT_ACCEPTED",
        to="CLOSED",
        past=rejected("LEGAL_REMEDY") | {e.ComplaintReceived: {"channel": "VISIT"}},
    ),
    row(x.FILE, "NOT_ACCEPTED", to="CLOSED"),
    row(
        x.FORWARD,
        "REGISTERED",
        to="CLOSED",
        past={e.ComplaintRegistered: {"category": "APPEAL"}},
        first={"RECEIVED": "E_SCHEMA"},
    ),
    row(
        x.SPLIT,
        "REGISTERED",
        past=accused(x.WU, x.ZHENG, allegations=(x.A1, x.B1)),
        first={"RECEIVED": "E_SCHEMA"},
    ),
    row(x.HAND_OVER, "ACCEPTED", to="WITH_HANDLER", first=DUPLICATE),
    row(
        x.HAND_DOWN,
        *PASSED_ON_FROM,
        to="SENT_DOWN",
        past=accused(x.ZHENG, allegations=(x.B1,)),
        first=DUPLICATE | UNLISTED,
    ),
    row(x.ASSIGN_DOWN, "REGISTERED", to="SENT_DOWN", first=DUPLICATE),
    row(
        x.SEND_LATERAL,
        *PASSED_ON_FROM,
        to="SENT_OUT",
        past=accused(x.WU.model_copy(update={"unit_division": "990101"}), allegations=(x.A1,)),
        first=DUPLICATE | UNLISTED,
    ),
    row(x.SEND_UP, *PASSED_ON_FROM, to="SENT_OUT", first=DUPLICATE | UNLISTED),
    row(
        x.SEND_BACK,
        "RECEIVED",
        *PASSED_ON_FROM,
        to="SENT_OUT",
        past={e.ComplaintReceived: {"sent_by": x.NEIGHBOUR}},
        first=DUPLICATE,
    ),
    row(
        x.TAKE_UP,
        "REGISTERED",
        "ACCEPTED",
        to="SENT_OUT",
        by=x.CITY_HEAD,
        first={"RECEIVED": "E_RECORD_INCOMPLETE"},
    ),
    row(x.DISPUTE, "REGISTERED"),
    row(x.ANSWER_DISPUTE, "REGISTERED", then=(x.DISPUTED,)),
    row(x.ASSIGN_JURISDICTION, "REGISTERED", then=(x.DISPUTED, x.ANSWERED)),
    row(x.ACCEPT_RESULT, "SENT_DOWN", to="RESULT_AVAILABLE"),
    row(x.RETURN_RESULT, "SENT_DOWN"),
    row(x.TAKE_IN, "RECEIVED", past={e.ComplaintReceived: {"parcel": x.PARCEL.id}}),
    row(
        x.EXTEND,
        *("RECEIVED", "REGISTERED", "ACCEPTED", "WITH_HANDLER", "SENT_DOWN", "RESULT_AVAILABLE", "CLOSED"),
        past=source("SUPERIOR_ASSIGNED"),
    ),
    row(x.IDENTIFY, "RECEIVED", *HERE, past=identity("CLAIMED")),
    row(
        x.NOTIFY,
        "ACCEPTED",
        "WITH_HANDLER",
        "RESULT_AVAILABLE",
        first={"DUPLICATE_FILED": "E_NOTICE_NOT_DUE", "SENT_DOWN": "E_NOTICE_NOT_DUE"},
    ),
    row(x.MEET, *HERE),
    row(x.TELL_STAGE, *HERE, then=(x.met("ACCEPTANCE"),)),
    row(x.TRY_CONTACT, *HERE),
    row(x.ADD_IDENTITY, *NAMED_IN, past=identity("UNCLAIMED")),
    row(x.GIVE_IDENTITY, *NAMED_IN, past=identity("UNCLAIMED")),
    row(x.CHANGE_CONTACT, *NAMED_IN),
    row(x.GIVE_CONTACT, *NAMED_IN),
    row(x.WAIVE_STAGE, *HERE),
    row(x.WAIVE_MEETING, *HERE),
    row(x.TELL_RESULT, "RESULT_AVAILABLE", first={"RECEIVED": "E_SCHEMA"}),
    row(x.OBJECT, "RESULT_AVAILABLE", "CLOSED", then=(x.FEEDBACK,)),
    row(x.ASK, "WITH_HANDLER", "RESULT_AVAILABLE"),
    row(x.RELAY, "WITH_HANDLER", "RESULT_AVAILABLE", then=(x.ASKED,)),
    row(
        x.BRING,
        "SENT_DOWN",
        "WITH_HANDLER",
        "RESULT_AVAILABLE",
        "CLOSED",
        "DUPLICATE_FILED",
        to={"DUPLICATE_FILED": "REGISTERED"},
    ),
    row(x.WITHDRAW, "RECEIVED", "SENT_DOWN", "NOT_ACCEPTED", *HERE),
    row(x.CLOSE, "RESULT_AVAILABLE", to="CLOSED", then=(x.NOTIFIED, *x.STAGES_WAIVED)),
    row(
        x.OBJECT_TO_TRANSFER,
        "RECEIVED",
        "REGISTERED",
        to="RETURNED",
        past=source("PETITION_PLATFORM"),
        without=(e.AllegationsListed,),
    ),
    row(x.WRITE_IN, *OPEN - AWAY),
    row(x.ASK_RECUSAL, *OPEN - AWAY),
    row(x.ATTACH, *OPEN - AWAY),
    row(x.WRITE_OUT, *OPEN, past={e.ComplaintReceived: {"channel": "ONLINE_SITE"}}),
    row(x.ASSIGN, *OPEN),
    row(x.UNASSIGN, *OPEN, then=(OLD_ONE,)),
    row(x.STEP_ASIDE, *x.HISTORIES),
    row(x.ASK_STAFF_RECUSAL, *OPEN, then=(OLD_ONE,)),
    row(x.DECIDE_RECUSAL, *OPEN, then=(OLD_ONE, ASKED_TO_STEP_ASIDE)),
    row(x.LIFT_EXCLUSION, *OPEN, then=(OUT,)),
    row(x.REVIEW_STEP),
    row(x.ESCALATE, *OPEN, by=Actor("p-above", "organ_head", "DI-990102"), knowing=NOBODY_FREE),
]
CREATING = {"ReceiveComplaint", "SubmitReport", "ReceivePlatformTransfer"}


def test_41_every_command_on_a_complaint_stands_in_the_table() -> None:
    """A command that is added is asked here in every state, or this fails."""
    every: list[type[Command]] = [*COMMANDS, *FROM_ANYONE, ReceivePlatformTransfer]
    known = {c.__name__ for c in every if c.on is Complaint}
    assert {r.name for r in ROWS} | CREATING == known
    assert len({r.name for r in ROWS}) == len(ROWS)


@pytest.mark.parametrize("state", x.HISTORIES)
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_41_a_command_is_carried_out_in_its_states_only(given: Given, row: Row, state: str) -> None:
    row.must_hold(given(*row.before(x.HISTORIES[state])), state)


def test_b5_b16_a_step_is_not_escalated_into_the_house_of_an_accused(given: Given) -> None:
    """The accused of the matter count, here the own staff of the county: the city takes the step."""
    staff = Accused(
        ref="s-9",
        name="虚城",
        unit="县纪委监委",
        unit_division="990102",
        managed_by_level="COUNTY",
        is_discipline_staff=True,
    )
    scene = given(*x.HISTORIES["REGISTERED"])
    scene.prepared |= {STANDING: Standing(DECIDING, "DI-990102100", frozenset(), False, (staff,))}
    [escalated] = scene.when(x.ESCALATE, by=Actor("p-above", "organ_head", "DI-9901")).events
    assert isinstance(escalated, StepEscalated)
    assert escalated.to_organ == "DI-9901"
    scene.when(x.ESCALATE, by=Actor("p-above", "organ_head", "DI-990102")).refused("E_NEED_TO_KNOW", "B5")
