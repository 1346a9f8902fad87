"""The guards of each command on a complaint, in the states that allow it: about the past and about its own
words (§4.1)."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args
from uuid import UUID

import pytest

from services.intake.commands import answering as a
from services.intake.commands import deciding as d
from services.intake.domain.complaint.phase import ANOTHER, GOES_ON_AT, IDENTITY, NAMESAKES, ORIGINAL, TODAY
from services.intake.domain.values import Deposited, Reception, SamePair
from shared.casework.command import Command
from shared.language.contracts import intake as e
from shared.language.contracts.common import Finding, Member
from shared.language.event import Event
from shared.language.roles import HANDLER, ORGAN_HEAD, PETITION_CLERK
from tests.unit.intake import examples as x
from tests.unit.intake.examples import Given, complaint
from tests.unit.kit import but, changed

NOBODY_LISTED = (x.RECEIVED, x.REGISTERED)
AGAINST_TWO = changed(
    x.HISTORIES["REGISTERED"],
    {e.AllegationsListed: {"accused": (x.WU, x.ZHENG), "allegations": (x.A1, x.A2, x.B1)}},
)


def past(state: str, changes: dict[type[Event], dict[str, Any]]) -> tuple[Event, ...]:
    return changed(x.HISTORIES[state], changes)


def received(state: str = "RECEIVED", **fields: Any) -> tuple[Event, ...]:
    """The past of a complaint that came in another way."""
    return past(state, {e.ComplaintReceived: fields})


def managed(level: str, division: str = "990102", *, staff: bool = False) -> tuple[Event, ...]:
    """Registered, and listed is somebody of this level and place."""
    person = x.WU.model_copy(
        update={"managed_by_level": level, "unit_division": division, "is_discipline_staff": staff}
    )
    return past("REGISTERED", {e.AllegationsListed: {"accused": (person,)}})


# --- receiving


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"received_on": date(2022, 3, 2)}, "E_SCHEMA", "§0.5"),
        ({"channel": "ONLINE_APP"}, "E_SCHEMA", "R30"),
        ({"competent_organ": "DI-88"}, "E_SCHEMA", "§5.4"),
        ({"source": "SUBORDINATE_ESCALATED", "platform_no": "PT-1"}, "E_PLATFORM_ENTRY_FORBIDDEN", "C7"),
        ({"reception": Reception(received_by="p-1", others_present=False)}, "E_SCHEMA", "A5"),
        ({"channel": "VISIT"}, "E_SCHEMA", "A5"),
        (
            {"channel": "CALL", "reception": Reception(received_by="p-1", others_present=True)},
            "E_SCHEMA",
            "A5",
        ),
    ],
)
def test_a3_what_a_receipt_must_say(given: Given, change: dict[str, Any], code: str, rule: str) -> None:
    given().when(but(x.RECEIVE, **change)).refused(code, rule)


@pytest.mark.parametrize(("group", "most"), [(2, 2), (10, 3), (11, 5)])
def test_a6_a_group_sends_few(given: Given, group: int, most: int) -> None:
    def visit(representatives: int) -> Command:
        reception = Reception(
            received_by="p-1", others_present=False, group_size=group, representatives=representatives
        )
        return but(x.RECEIVE, channel="VISIT", reception=reception)

    given().when(visit(most)).then(e.ComplaintReceived)
    given().when(visit(most + 1)).refused("E_REPRESENTATIVES", "A6")


def test_a1_a_report_goes_to_the_competent_organ(given: Given) -> None:
    """Past the organ whose own staff it is about (A15), and nowhere where there is no such place."""
    assert given().when(x.SUBMIT).aggregate.organ == x.COUNTY
    assert given().when(but(x.SUBMIT, is_discipline_staff=True)).aggregate.organ == x.CITY
    given().when(but(x.SUBMIT, unit_division="88")).refused("E_SCHEMA", "§5.4")


def test_a14_what_a_superior_is_competent_for_is_not_registered(given: Given) -> None:
    given(*received(competent_level="CITY")).when(x.REGISTER).refused("E_SEALED_UPWARD", "A14")
    given(x.RECEIVED).when(but(x.TRIAGE, competent_organ="DI-88")).refused("E_SCHEMA", "§5.4")


@pytest.mark.parametrize(
    ("status", "urgent", "priority"),
    [("CONFIRMED", False, "REAL_NAME"), ("CLAIMED", False, "NORMAL"), ("UNCLAIMED", True, "URGENT")],
)
def test_a29_the_priority_of_what_is_registered(
    given: Given, status: str, urgent: bool, priority: str
) -> None:
    scene = given(*received(identity_status=status, urgent=urgent)).when(x.REGISTER)
    assert scene.last("ComplaintRegistered").priority == priority
    assert scene.aggregate.number == x.NUMBER


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"accused": (x.ENTRY, x.ENTRY)}, "E_SCHEMA", "R25"),
        ({"allegations": (x.CLAIM, x.CLAIM.model_copy(update={"accused": 1}))}, "E_SCHEMA", "R25"),
        ({"allegations": (x.CLAIM, x.CLAIM)}, "E_SCHEMA", "R25"),
        ({"approved_by": "p-petition_clerk"}, "E_SOD_CONFLICT", "SEC-2"),
        ({"accused": (x.ENTRY.model_copy(update={"match": "acc-9"}),)}, "E_SCHEMA", "R55"),
        ({"accused": (x.ENTRY.model_copy(update={"managed_by_level": "CITY"}),)}, "E_SEALED_UPWARD", "A14"),
        ({"accused": (x.ENTRY.model_copy(update={"is_discipline_staff": True}),)}, "E_SEALED_UPWARD", "A14"),
        ({"accused": (x.ENTRY.model_copy(update={"unit_division": "88"}),)}, "E_SCHEMA", "§5.4"),
        (
            {"allegations": (x.CLAIM.model_copy(update={"text": "举报信反映其收受红包"}),)},
            "E_TEXT_IDENTITY_LEAK",
            "SEC-2",
        ),
    ],
)
def test_r25_what_is_listed(given: Given, change: dict[str, Any], code: str, rule: str) -> None:
    given(*NOBODY_LISTED).when(but(x.LIST, **change)).refused(code, rule)


def test_r25_it_is_listed_once(given: Given) -> None:
    scene = given(*NOBODY_LISTED).when(x.LIST).then(e.AllegationsListed)
    scene.when(x.LIST).refused("E_STATE", "R25")


@pytest.mark.parametrize(
    ("original", "change"),
    [
        (None, {}),
        ("RECEIVED", {}),
        ("SEALED_UPWARD", {}),
        ("DUPLICATE_FILED", {}),
        ("SENT_OUT", {}),
        ("ACCEPTED", {"new_evidence": True}),
    ],
)
def test_a12_a_duplicate_repeats_what_was_registered_here(
    given: Given, original: str | None, change: dict[str, Any]
) -> None:
    first = x.complaint(*x.HISTORIES[original], id=x.OTHER).aggregate if original else None
    scene = given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, first)
    scene.when(but(x.MARK_DUPLICATE, **change)).refused("E_CONTENT_MISMATCH", "A12")


def test_a12_other_facts_are_no_duplicate(given: Given) -> None:
    first = x.complaint(*x.HISTORIES["ACCEPTED"], id=x.OTHER).aggregate
    scene = given(*AGAINST_TWO).knowing(ORIGINAL, first)
    scene.when(x.MARK_DUPLICATE).refused("E_CONTENT_MISMATCH", "A12")
    scene.when(x.MARK_REPEAT).then(e.RepeatMarked)
    scene.when(x.MARK_REPEAT).refused("E_STATE", "A12")


def test_a12_a_further_letter_goes_where_the_first_went(given: Given) -> None:
    """Up, down or aside, whoever is competent; and nowhere while the first is here still."""
    away = x.complaint(*x.HISTORIES["SENT_OUT"], id=x.OTHER).aggregate
    here = x.complaint(*x.HISTORIES["ACCEPTED"], id=x.OTHER).aggregate
    scene = given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, here)
    scene.when(x.SEND_AFTER).refused("E_STATE", "A12")
    scene.knowing(ORIGINAL, away).when(x.MARK_DUPLICATE).refused("E_CONTENT_MISMATCH", "A12")
    for nowhere in ("", x.COUNTY):
        scene.knowing(GOES_ON_AT, nowhere).when(x.SEND_AFTER).refused("E_STATE", "A12")
    for organ, sent in (
        (x.CITY, e.ComplaintSentUp),
        (x.TOWN, e.ComplaintHandedDown),
        (x.NEIGHBOUR, e.ComplaintSentLateral),
    ):
        fresh = given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, away).knowing(GOES_ON_AT, organ)
        fresh.when(x.SEND_AFTER).then(sent)
    wider = given(*AGAINST_TWO).knowing(ORIGINAL, away).knowing(GOES_ON_AT, x.TOWN)
    wider.when(x.SEND_AFTER).refused("E_CONTENT_MISMATCH", "A12")  # the rest is another organ's, perhaps


def test_r55_after_a_conclusion_it_is_a_report_anew(given: Given) -> None:
    first = x.complaint(*x.HISTORIES["CLOSED"], id=x.OTHER).aggregate
    scene = given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, first).when(x.MARK_DUPLICATE)
    assert scene.last("DuplicateFiled").repeat_kind == "RE_REPORT_AFTER_CONCLUSION"


def test_b24_another_named_reporter_is_no_duplicate(given: Given) -> None:
    first = x.complaint(*x.HISTORIES["WITH_HANDLER"], id=x.OTHER).aggregate
    scene = given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, first)
    scene.when(x.JOIN).refused("E_CONTENT_MISMATCH", "B24")  # nobody else by name: a duplicate
    scene.knowing(ANOTHER, True).when(x.MARK_DUPLICATE).refused("E_CONTENT_MISMATCH", "B24")
    pairs = x.JOIN.same
    crossed = (SamePair(own="a1", theirs="a2"), SamePair(own="a2", theirs="a1"))
    for same in (pairs[:1], (pairs[0], pairs[0]), crossed):
        scene.when(but(x.JOIN, same=same)).refused("E_CONTENT_MISMATCH", "B24")
    scene.when(x.JOIN).then(e.ComplaintJoined).in_state("WITH_HANDLER")
    scene.when(x.SEND_UP).refused("E_STATE", "B24")
    other = scene.aggregate
    told = complaint(*x.HISTORIES["WITH_HANDLER"], id=x.OTHER).when_told(
        lambda c, ctx: c.note_joined(ctx, other)
    )
    told.then(e.AnotherComplaintJoined)
    scene.when_told(lambda c, ctx: c.note_parted(ctx)).in_state("REGISTERED")
    for state in ("REGISTERED", "ACCEPTED"):
        early = x.complaint(*x.HISTORIES[state], id=x.OTHER).aggregate
        given(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, early).knowing(ANOTHER, True).when(
            x.JOIN
        ).refused("E_STATE", "B24")


def test_b24_the_result_is_told_of_the_own_allegations(given: Given) -> None:
    """Part by part where one was split; and at once where the case is concluded already."""
    first = x.complaint(*x.HISTORIES["WITH_HANDLER"], id=x.OTHER).aggregate
    mine = past(
        "REGISTERED",
        {
            e.AllegationsListed: {
                "allegations": tuple(a.model_copy(update={"id": f"my-{a.id}"}) for a in (x.A1, x.A2))
            }
        },
    )
    join = but(x.JOIN, same=tuple(p.model_copy(update={"own": f"my-{p.theirs}"}) for p in x.JOIN.same))
    found = [
        Finding(allegation_id=id, outcome=outcome)
        for id, outcome in (("a1b", "UNFOUNDED"), ("a1c", "SUBSTANTIATED"), ("a2", "UNFOUNDED"))
    ]
    scene = given(*mine).knowing(ORIGINAL, first).knowing(ANOTHER, True).when(join)
    scene.when_told(lambda c, ctx: c.note_result(ctx, x.CASE, 1, "MIXED", x.TODAY, found))
    told = {f.allegation_id: f.outcome for f in scene.last("ResultBecameAvailable").findings}
    assert told == {"my-a1b": "UNFOUNDED", "my-a1c": "SUBSTANTIATED", "my-a2": "UNFOUNDED"}
    concluded = x.complaint(*x.HISTORIES["CLOSED"], id=x.OTHER).aggregate
    late = given(*mine).knowing(ORIGINAL, concluded).knowing(ANOTHER, True).when(join)
    late.then(e.ComplaintJoined, e.ResultBecameAvailable).in_state("RESULT_AVAILABLE")
    assert {f.allegation_id for f in late.last("ResultBecameAvailable").findings} == {"my-a1", "my-a2"}


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"to": x.TOWN}, "E_SCHEMA", "A14"),
        ({"to": x.COUNTY}, "E_SCHEMA", "A14"),
        ({"competent_level": "COUNTY"}, "E_STATE", "A14"),
    ],
)
def test_a14_what_is_sealed(given: Given, change: dict[str, Any], code: str, rule: str) -> None:
    given(x.RECEIVED).when(but(x.SEAL, **change)).refused(code, rule)


def test_a14_nothing_is_sealed_once_it_is_listed(given: Given) -> None:
    given(*x.HISTORIES["REGISTERED"]).when(x.SEAL).refused("E_STATE", "A14")


def test_a14_who_is_head_stands_in_the_directory(given: Given) -> None:
    """Nobody is named: one who stepped aside, or whom it is about, is not told."""
    out = given().aggregate.own("PersonExcluded")(person="p-head", role=ORGAN_HEAD, ground="OTHER")
    for scene in (
        given(x.RECEIVED, out).when(x.SEAL),
        given(x.RECEIVED).when(but(x.SEAL, bypass_organ_head=True)),
    ):
        scene.then(e.ComplaintSealedUpward)
        assert not scene.aggregate.assigned.get("p-head")


def test_a15_only_the_opener_and_the_head_know_of_it(given: Given) -> None:
    started = given().aggregate.own("AssignmentStarted")
    others = (started(person="p-opener", role=PETITION_CLERK), started(person="p-other", role=PETITION_CLERK))
    scene = given(x.RECEIVED, *others).when(x.SEAL, by="p-opener")
    scene.then(e.ComplaintSealedUpward, "AssignmentEnded", "AssignmentStarted")
    who = {person: held for person, held in scene.aggregate.assigned.items() if held}
    assert who == {"p-opener": {PETITION_CLERK}, "p-head": {ORGAN_HEAD}}


def test_b15_a_parcel_is_taken_in_once_and_before_anything_is_decided(given: Given) -> None:
    """In the queue at once; registered, corrected or sealed on once it is taken in."""
    scene = given(x.IN_PARCEL)
    for command in (x.REGISTER, x.TRIAGE, x.SEAL):
        scene.when(command).refused("E_RECORD_INCOMPLETE", "B15")
    scene.when(x.TAKE_IN).then(e.SealedParcelTakenIn)
    scene.when(x.TAKE_IN).refused("E_STATE", "B15")
    scene.when(x.REGISTER).in_state("REGISTERED")
    given(x.RECEIVED).when(x.TAKE_IN).refused("E_STATE", "B15")


def test_b15_a_parcel_brings_along_what_was_known(given: Given) -> None:
    """Channel, notice, days, urgency, group and reception, over several hops."""
    told = {
        **{"channel": "ONLINE_APP", "acknowledged_notice_version": "2022-01", "urgent": True, "joint": True},
        **{"received_by": "p-1", "oral_record": True, "reporter_confirmed": True, "pages": 7},
    }
    sent = given(*changed((x.RECEIVED,), {e.ComplaintReceived: told})).when(x.SEAL).aggregate
    along = Deposited(reporter=x.REPORTER, identity_status="CONFIRMED", things=(x.LETTER,))
    born = complaint(id=UUID(sent.sent_as)).at("2022-03-04")
    delivered = born.when_told(lambda c, ctx: c.be_delivered(ctx, sent, along)).last("ComplaintReceived")
    assert {name: getattr(delivered, name) for name in told} == told
    assert (delivered.organ, delivered.source, delivered.parcel) == (
        x.CITY,
        "SUBORDINATE_ESCALATED",
        x.PARCEL.id,
    )
    assert (delivered.reported_on, delivered.received_on) == (x.TODAY, date(2022, 3, 4))
    assert (delivered.competent_level, delivered.identity_status) == ("CITY", "CONFIRMED")
    assert born.started["DL-23"] == "2022-03-11"


# --- deciding


@pytest.mark.parametrize("command", [x.PROPOSE, x.ACCEPT], ids=["propose", "accept"])
@pytest.mark.parametrize(
    ("events", "code", "rule"),
    [
        (NOBODY_LISTED, "E_RECORD_INCOMPLETE", "R44"),
        (past("REGISTERED", {e.ComplaintRegistered: {"category": "APPEAL"}}), "E_NOT_COMPETENT", "C6"),
        (managed("TOWNSHIP", "990102100001"), "E_NOT_COMPETENT", "§5.4"),
        (managed("COUNTY", "990101"), "E_NOT_COMPETENT", "§5.4"),
    ],
)
def test_54_only_the_competent_organ_accepts(
    given: Given, command: Command, events: tuple[Event, ...], code: str, rule: str
) -> None:
    given(*events).when(command).refused(code, rule)


def test_a9_whoever_was_told_to_handle_it_is_competent(given: Given) -> None:
    elsewhere = changed(managed("COUNTY", "990101"), {e.ComplaintReceived: {"designated": True}})
    given(*elsewhere).when(x.ACCEPT).in_state("ACCEPTED")


@pytest.mark.parametrize("reason", get_args(e.RejectionReason))
def test_a10_three_grounds_and_no_other(given: Given, reason: str) -> None:
    given(*x.HISTORIES["REGISTERED"]).when(but(x.REJECT, reason=reason)).in_state("NOT_ACCEPTED")
    given(*x.HISTORIES["REGISTERED"]).when(but(x.REJECT, reason="ANONYMOUS")).refused(
        "E_REJECTION_REASON", "A10"
    )
    outside = past("REGISTERED", {e.ComplaintRegistered: {"category": "OUT_OF_SCOPE"}})
    scene = given(*outside).when(but(x.REJECT, reason=reason))
    if reason == "OTHER_ORGAN_DUTY":
        scene.in_state("NOT_ACCEPTED")
    else:
        scene.refused("E_REJECTION_REASON", "A10")


@pytest.mark.parametrize(
    ("reason", "channel", "command", "code", "rule"),
    [
        ("NO_SUBSTANCE", "LETTER", x.REDIRECT, "E_SCHEMA", "A11"),
        ("NO_SUBSTANCE", "VISIT", x.ADVISE, "E_SCHEMA", "A11"),
        ("LEGAL_REMEDY", "VISIT", x.REDIRECT, "E_SCHEMA", "A11"),
        ("LEGAL_REMEDY", "LETTER", x.ADVISE, "E_SCHEMA", "A11"),
        ("LEGAL_REMEDY", "LETTER", x.FILE, "E_RECORD_INCOMPLETE", "A11"),
        ("NO_SUBSTANCE", "LETTER", d.FileNotAccepted(), "E_RECORD_INCOMPLETE", "§4.1"),
    ],
)
def test_a11_where_a_rejected_complaint_is_led(
    given: Given, reason: str, channel: str, command: Command, code: str, rule: str
) -> None:
    changes: dict[type[Event], dict[str, Any]] = {
        e.ComplaintNotAccepted: {"reason": reason},
        e.ComplaintReceived: {"channel": channel},
    }
    given(*past("NOT_ACCEPTED", changes)).when(command).refused(code, rule)


def test_41_nobody_is_told_of_the_filing_of_an_anonymous_complaint(given: Given) -> None:
    anonymous = received("NOT_ACCEPTED", identity_status="UNCLAIMED")
    given(*anonymous).when(x.FILE).refused("E_NOTICE_NOT_DUE", "§4.1")
    given(*anonymous).when(d.FileNotAccepted()).in_state("CLOSED")


@pytest.mark.parametrize("category", ["ACCUSATION", "OUT_OF_SCOPE"])
def test_c6_no_accusation_is_forwarded(given: Given, category: str) -> None:
    events = past("REGISTERED", {e.ComplaintRegistered: {"category": category}})
    given(*events).when(x.FORWARD).refused("E_SCHEMA", "C6")


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"allegation_ids": ("b9",)}, "E_SCHEMA", "A18"),
        ({"allegation_ids": ("a1", "a2", "b1")}, "E_SCHEMA", "A18"),
        ({"allegation_ids": ("a1",)}, "E_NOT_COMPETENT", "§5.4"),
        ({"to_organ": x.COUNTY, "allegation_ids": ("a1",)}, "E_SCHEMA", "A18"),
        ({"to_organ": x.NEIGHBOUR}, "E_NOT_COMPETENT", "§5.4"),
    ],
)
def test_a18_a_part_goes_where_it_belongs(given: Given, change: dict[str, Any], code: str, rule: str) -> None:
    given(*AGAINST_TWO).when(but(x.SPLIT, **change)).refused(code, rule)


def test_a18_the_rest_stays(given: Given) -> None:
    scene = given(*AGAINST_TWO).when(x.SPLIT).then(e.ComplaintSplit)
    assert scene.aggregate.accused == (x.WU,)
    assert scene.aggregate.allegations == (x.A1, x.A2)
    assert scene.last("ComplaintSplit").moved_accused == (x.ZHENG,)


# --- passing on

OWED = received("REGISTERED", source="SUPERIOR_ASSIGNED", origin=str(x.OTHER))


@pytest.mark.parametrize(
    "command",
    [x.HAND_DOWN, x.SEND_LATERAL, x.REJECT, x.DISPUTE, x.SPLIT, x.MARK_DUPLICATE],
    ids=lambda c: type(c).__name__,
)
def test_a22_what_a_superior_waits_for_ends_in_no_other_way(given: Given, command: Command) -> None:
    original = x.complaint(*x.HISTORIES["ACCEPTED"], id=x.OTHER).aggregate
    given(*OWED).knowing(ORIGINAL, original).when(command).refused("E_STATE", "A22")


@pytest.mark.parametrize(
    ("command", "events", "code", "rule"),
    [
        (but(x.HAND_DOWN, to_organ=x.CITY), "REGISTERED", "E_NOT_COMPETENT", "A16"),
        (but(x.HAND_DOWN, to_organ=x.NEIGHBOUR), "REGISTERED", "E_NOT_COMPETENT", "A16"),
        (x.HAND_DOWN, "REGISTERED", "E_NOT_COMPETENT", "§5.4"),
        (but(x.ASSIGN_DOWN, to_organ=x.CITY), "REGISTERED", "E_NOT_COMPETENT", "A22"),
        (but(x.SEND_LATERAL, to_organ=x.TOWN), "REGISTERED", "E_NOT_COMPETENT", "A17"),
        (but(x.SEND_LATERAL, to_organ=x.COUNTY), "REGISTERED", "E_NOT_COMPETENT", "A17"),
        (but(x.SEND_LATERAL, to_organ=x.CITY), "REGISTERED", "E_SEALED_UPWARD", "A14"),
        (x.SEND_LATERAL, "REGISTERED", "E_NOT_COMPETENT", "§5.4"),
        (but(x.DISPUTE, with_organ=x.CITY), "REGISTERED", "E_SCHEMA", "A9"),
        (x.ASSIGN_JURISDICTION, "REGISTERED", "E_STATE", "A9"),
    ],
)
def test_54_to_whom_it_may_go(given: Given, command: Command, events: str, code: str, rule: str) -> None:
    given(*x.HISTORIES[events]).when(command).refused(code, rule)


@pytest.mark.parametrize(
    "command",
    [x.HAND_DOWN, x.ASSIGN_DOWN, x.SEND_LATERAL, x.DISPUTE],
    ids=lambda c: type(c).__name__,
)
def test_r44_nothing_goes_on_before_it_is_listed(given: Given, command: Command) -> None:
    given(*NOBODY_LISTED).when(command).refused("E_RECORD_INCOMPLETE", "R44")


def test_a75_nobody_is_told_to_handle_what_is_about_their_own_staff(given: Given) -> None:
    events = managed("TOWNSHIP", "990102100001", staff=True)
    given(*events).when(x.ASSIGN_DOWN).refused("E_NOT_COMPETENT", "A75")


def test_54_a_superior_takes_up_what_is_listed(given: Given) -> None:
    given(*NOBODY_LISTED).when(x.TAKE_UP, by=x.CITY_HEAD).refused("E_RECORD_INCOMPLETE", "R44")
    given(*x.HISTORIES["REGISTERED"]).when(x.TAKE_UP).refused("E_NOT_COMPETENT", "§5.4")


def test_a9_the_common_superior_names_one_of_the_two(given: Given) -> None:
    heard = (*DISPUTED, x.ANSWERED)
    given(*heard).when(but(x.ASSIGN_JURISDICTION, to_organ=x.TOWN)).refused("E_SCHEMA", "A9")
    assert given(*heard).when(x.ASSIGN_JURISDICTION).aggregate.designated
    scene = given(*heard).when(but(x.ASSIGN_JURISDICTION, to_organ=x.NEIGHBOUR))
    scene.then(e.JurisdictionAssigned, e.ComplaintSentLateral).in_state("SENT_OUT")


def test_b17_the_common_superior_may_take_it_itself(given: Given) -> None:
    scene = given(*DISPUTED, x.ANSWERED).when(but(x.ASSIGN_JURISDICTION, to_organ=x.CITY))
    scene.then(e.JurisdictionAssigned, e.ComplaintTakenUp).in_state("SENT_OUT")


DISPUTED = (*x.HISTORIES["REGISTERED"], x.DISPUTED)


def test_b17_silence_is_awaited_as_long_as_the_clock_runs(given: Given) -> None:
    """Five working days: both opinions, or none to be had."""
    scene = given(*DISPUTED)
    scene.at("2022-03-08T17:00:00+08:00").when(x.ASSIGN_JURISDICTION).refused("E_RECORD_INCOMPLETE", "B17")
    late = given(*DISPUTED).at("2022-03-09T09:00:00+08:00").when(x.ASSIGN_JURISDICTION)
    late.then(e.JurisdictionAssigned)


@pytest.mark.parametrize(
    "command",
    [
        *(x.PROPOSE, x.ACCEPT, x.REJECT, x.SPLIT, x.HAND_DOWN, x.ASSIGN_DOWN, x.SEND_LATERAL),
        *(x.DISPUTE, x.MARK_DUPLICATE),
    ],
    ids=lambda c: type(c).__name__,
)
def test_b17_nothing_is_done_with_what_is_disputed(given: Given, command: Command) -> None:
    original = x.complaint(*x.HISTORIES["ACCEPTED"], id=x.OTHER).aggregate
    given(*DISPUTED).knowing(ORIGINAL, original).when(command).refused("E_STATE", "B17")


def test_b17_the_other_organ_answers_once(given: Given) -> None:
    given(*x.HISTORIES["REGISTERED"]).when(x.ANSWER_DISPUTE).refused("E_STATE", "B17")
    given(*DISPUTED, x.ANSWERED).when(x.ANSWER_DISPUTE).refused("E_STATE", "B17")


def test_b16_no_dispute_reaches_the_house_of_an_accused(given: Given) -> None:
    """Neither where its own staff is accused, nor where that of an organ above it is."""
    for division in ("990101", "9901"):
        staff = managed("COUNTY", division, staff=True)
        given(*staff).when(x.DISPUTE).refused("E_NOT_COMPETENT", "A75")


@pytest.mark.parametrize("command", [x.ACCEPT_RESULT, x.RETURN_RESULT], ids=["accept", "return"])
def test_a26_no_result_is_judged_before_it_is_reported(given: Given, command: Command) -> None:
    waiting = x.HISTORIES["SENT_DOWN"][:-1]
    given(*waiting).when(command).refused("E_NOT_CONCLUDED", "A26")


def test_a23_the_period_is_extended_once_and_while_it_is_owed(given: Given) -> None:
    given(*x.HISTORIES["REGISTERED"]).when(x.EXTEND).refused("E_STATE", "A23")
    scene = given(*OWED).when(x.EXTEND).then(e.AssignedPeriodExtended)
    scene.when(x.EXTEND).refused("E_STATE", "A23")
    given(*OWED, e.AssignedResultReported(case_number=x.CASE)).when(x.EXTEND).refused("E_STATE", "A23")


def test_a19_a_return_is_noted_once(given: Given) -> None:
    scene = given(*x.HISTORIES["WITH_HANDLER"])
    scene.when_told(lambda c, ctx: c.note_returned(ctx, x.CASE, "OTHER_ORGAN")).in_state("REGISTERED")
    assert scene.aggregate.return_count == 1
    scene.when_told(lambda c, ctx: c.note_returned(ctx, x.CASE, "OTHER_ORGAN")).then()


# --- the reporter


@pytest.mark.parametrize(
    ("status", "change", "code", "rule"),
    [
        ("CLAIMED", {"through_accused_unit": True}, "E_SCHEMA", "A27"),
        ("UNCLAIMED", {}, "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A28"),
        ("CONFIRMED", {}, "E_STATE", "A27"),
        ("NOT_CONFIRMED", {"result": "NOT_CONFIRMED"}, "E_STATE", "A27"),
        ("CLAIMED", {"result": "UNREACHABLE"}, "E_RECORD_INCOMPLETE", "B19"),
    ],
)
def test_a27_whose_name_is_verified(
    given: Given, status: str, change: dict[str, Any], code: str, rule: str
) -> None:
    events = received("REGISTERED", identity_status=status)
    given(*events).when(but(x.IDENTIFY, **change)).refused(code, rule)


@pytest.mark.parametrize(
    ("result", "status"),
    [("CONFIRMED", "CONFIRMED"), ("NOT_CONFIRMED", "NOT_CONFIRMED")],
)
def test_a28_what_becomes_of_a_name(given: Given, result: str, status: str) -> None:
    scene = given(*received(identity_status="CLAIMED")).when(but(x.IDENTIFY, result=result))
    assert scene.aggregate.identity_status == status


def test_b19_a_name_grows_and_no_is_not_for_ever(given: Given) -> None:
    scene = given(*received(identity_status="UNCLAIMED")).when(x.ADD_IDENTITY).then(e.ReporterIdentityAdded)
    scene.when(x.GIVE_IDENTITY).refused("E_STATE", "B19")
    no = but(x.IDENTIFY, result="NOT_CONFIRMED")
    scene.when(no).when(x.GIVE_IDENTITY).then(e.ReporterIdentityAdded)
    scene.when(no).when(x.IDENTIFY).then(e.ReporterIdentityConfirmed)
    scene.when(x.ADD_IDENTITY).refused("E_STATE", "B19")
    assert (scene.aggregate.identity_status, scene.aggregate.reporter_ref) == ("CONFIRMED", x.REPORTER.id)


@pytest.mark.parametrize("command", [x.ADD_IDENTITY, x.GIVE_IDENTITY])
def test_b19_a_name_without_a_contact_is_none(given: Given, command: Command) -> None:
    scene = given(*received(identity_status="UNCLAIMED")).knowing(IDENTITY, Deposited())
    scene.when(command).refused("E_SCHEMA", "A27")


@pytest.mark.parametrize("command", [x.CHANGE_CONTACT, x.GIVE_CONTACT])
def test_b19_nobody_known_is_reached_in_no_other_way(given: Given, command: Command) -> None:
    scene = given(*received(identity_status="UNCLAIMED")).knowing(IDENTITY, Deposited())
    scene.when(command).refused("E_STATE", "B19")


def test_b19_out_of_reach_is_who_was_tried_on_three_working_days_at_this_contact(given: Given) -> None:
    events = received("ACCEPTED", identity_status="CLAIMED", received_on=date(2022, 3, 1))
    scene = given(*events).at("2022-03-07")
    unreachable = but(x.IDENTIFY, result="UNREACHABLE")
    for day in (date(2022, 3, 3), date(2022, 3, 4), date(2022, 3, 5)):
        scene.when(but(x.TRY_TO_VERIFY, attempted_on=day)).then(e.ContactAttempted)
    scene.when(unreachable).refused("E_RECORD_INCOMPLETE", "B19")
    scene.when(but(x.TRY_TO_VERIFY, attempted_on=date(2022, 3, 7)))
    scene.when(x.GIVE_CONTACT).when(unreachable).refused("E_RECORD_INCOMPLETE", "B19")
    for day in (date(2022, 3, 2), date(2022, 3, 3), date(2022, 3, 4)):
        scene.when(but(x.TRY_TO_VERIFY, attempted_on=day))
    scene.when(x.TRY_TO_VERIFY, role=HANDLER).refused("E_FORBIDDEN_ROLE", "A27")
    scene.when(unreachable).then(e.ReporterTreatedAsAnonymous)


STAGED = [x.MEET, x.TELL_STAGE, x.TRY_CONTACT, x.WAIVE_STAGE, x.WAIVE_MEETING]


@pytest.mark.parametrize("command", STAGED, ids=lambda c: type(c).__name__)
def test_r46_the_stages_of_a_confirmed_name_in_their_order(given: Given, command: Command) -> None:
    anonymous = received("RESULT_AVAILABLE", identity_status="UNCLAIMED")
    given(*anonymous).when(command).refused("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "R46")
    here = x.HISTORIES["RESULT_AVAILABLE"]
    given(*here).when(but(command, stage="INVESTIGATION")).refused("E_MEETING_SKIPPED", "R46")
    given(*here, x.waived("ACCEPTANCE")).when(command).refused("E_STATE", "R46")
    early = (*x.HISTORIES["ACCEPTED"], x.waived("ACCEPTANCE"))
    given(*early).when(but(command, stage="INVESTIGATION")).refused("E_STATE", "R46")
    before = (*x.HISTORIES["WITH_HANDLER"], x.waived("ACCEPTANCE"), x.waived("INVESTIGATION"))
    given(*before).when(but(command, stage="REPLY")).refused("E_STATE", "R46")


@pytest.mark.parametrize("command", STAGED[:-1], ids=lambda c: type(c).__name__)
def test_r46_the_first_stage_is_the_petition_department_s(given: Given, command: Command) -> None:
    given(*x.HISTORIES["ACCEPTED"]).when(command, role=HANDLER).refused("E_FORBIDDEN_ROLE", "R46")


def test_r46_feedback_after_the_meeting_and_one_meeting(given: Given) -> None:
    scene = given(*x.HISTORIES["ACCEPTED"])
    scene.when(x.TELL_STAGE).refused("E_MEETING_SKIPPED", "R46")
    scene.when(x.MEET).then(e.StageMeetingHeld).when(x.MEET).refused("E_STATE", "R46")
    scene.when(x.TELL_STAGE).then(e.StageFeedbackGiven)


def test_r46_unreachable_is_who_was_tried_on_three_working_days(given: Given) -> None:
    unreachable = but(x.WAIVE_STAGE, ground="UNREACHABLE")
    scene = given(*received("ACCEPTED", received_on=date(2022, 3, 1))).at("2022-03-07")
    for day in (date(2022, 3, 4), date(2022, 3, 4), date(2022, 3, 5), date(2022, 3, 3)):
        scene.when(but(x.TRY_CONTACT, attempted_on=day)).then(e.ContactAttempted)
    scene.when(unreachable).refused("E_MEETING_SKIPPED", "R46")
    scene.when(x.TRY_CONTACT).when(unreachable).then(e.StageWaived)


def test_r46_nobody_was_tried_before_the_complaint_came_or_tomorrow(given: Given) -> None:
    scene = given(*x.HISTORIES["ACCEPTED"])
    scene.when(but(x.TRY_CONTACT, attempted_on=date(2022, 2, 28))).refused("E_SCHEMA", "R46")
    scene.when(but(x.TRY_CONTACT, attempted_on=date(2022, 3, 2))).refused("E_SCHEMA", "§0.5")


@pytest.mark.parametrize("status", ["UNCLAIMED", "NOT_CONFIRMED"])
def test_a30_no_notice_to_nobody(given: Given, status: str) -> None:
    events = received("ACCEPTED", identity_status=status)
    given(*events).when(x.NOTIFY).refused("E_NOTICE_NOT_DUE", "A30")


def test_a30_one_notice(given: Given) -> None:
    given(*x.HISTORIES["ACCEPTED"], x.NOTIFIED).when(x.NOTIFY).refused("E_NOTICE_NOT_DUE", "A30")


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"policy_explained": ("HANDLING_POLICY",)}, "E_SCHEMA", "R40"),
        ({"secrecy_duty_told": False}, "E_SCHEMA", "A34"),
        ({"outcomes": ({"allegation_id": "a9", "outcome": "UNFOUNDED"},)}, "E_SCHEMA", "A31"),
    ],
)
def test_a31_what_the_reporter_is_told(given: Given, change: dict[str, Any], code: str, rule: str) -> None:
    given(*x.HISTORIES["RESULT_AVAILABLE"]).when(but(x.TELL_RESULT, **change)).refused(code, rule)


def test_a31_the_result_is_told_once_and_to_a_confirmed_name(given: Given) -> None:
    claimed = received("RESULT_AVAILABLE", identity_status="CLAIMED")
    given(*claimed).when(x.TELL_RESULT).refused("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A31")
    scene = given(*x.HISTORIES["RESULT_AVAILABLE"]).when(x.TELL_RESULT).then(e.ResultFeedbackGiven)
    scene.when(x.TELL_RESULT).refused("E_STATE", "A31")


@pytest.mark.parametrize(
    ("found", "told", "refusal"),
    [
        ("a1a=UNFOUNDED a1b=SUBSTANTIATED a2=UNFOUNDED", "a1a=UNFOUNDED a1b=SUBSTANTIATED a2=UNFOUNDED", ""),
        ("a1a=UNFOUNDED a1b=SUBSTANTIATED a2=UNFOUNDED", "a1=UNFOUNDED a2=UNFOUNDED", "E_RESULT_MISMATCH"),
        ("a1=UNFOUNDED a2=UNFOUNDED", "a1=UNFOUNDED", "E_RESULT_MISMATCH"),
        ("a1=UNFOUNDED a2=UNFOUNDED", "a1=UNFOUNDED a2=SUBSTANTIATED", "E_RESULT_MISMATCH"),
        ("", "a1=INCONCLUSIVE a2=INCONCLUSIVE", ""),
        ("", "a1=UNFOUNDED a2=INCONCLUSIVE", "E_RESULT_MISMATCH"),
        ("a1=UNFOUNDED a2=UNFOUNDED c7=SUBSTANTIATED", "a1=UNFOUNDED a2=UNFOUNDED", ""),
        (
            "a1ab=UNFOUNDED a1b=SUBSTANTIATED a2=UNFOUNDED",
            "a1ab=UNFOUNDED a1b=SUBSTANTIATED a2=UNFOUNDED",
            "",
        ),
    ],
    ids=[
        "by part",
        "split",
        "half",
        "otherwise",
        "closed unverified",
        "never verified",
        "of somebody else",
        "parts of parts",
    ],
)
def test_b23_the_result_told_is_the_result_found(given: Given, found: str, told: str, refusal: str) -> None:
    """Verification splits `a1` into `a1a` and `a1b` (§4.2); `c7` belongs to another complaint of the case."""
    findings = tuple(map(Finding.model_validate, _outcomes(found)))
    concluded = changed(x.HISTORIES["RESULT_AVAILABLE"], {e.ResultBecameAvailable: {"findings": findings}})
    scene = given(*concluded).when(but(x.TELL_RESULT, outcomes=tuple(_outcomes(told))))
    if refusal:
        scene.refused(refusal, "B23")
    else:
        scene.then(e.ResultFeedbackGiven)


def _outcomes(told: str) -> list[dict[str, str]]:
    return [dict(zip(("allegation_id", "outcome"), each.split("="), strict=True)) for each in told.split()]


def test_a31_an_objection_answers_what_was_told(given: Given) -> None:
    given(*x.HISTORIES["RESULT_AVAILABLE"]).when(x.OBJECT).refused("E_RECORD_INCOMPLETE", "A31")


def test_sec5_somebody_is_asked_who_can_answer(given: Given) -> None:
    nobody = received("WITH_HANDLER", identity_status="UNCLAIMED")
    given(*nobody).when(x.ASK).refused("E_STATE", "SEC-5")
    online = received("WITH_HANDLER", identity_status="UNCLAIMED", channel="ONLINE_APP")
    given(*online).when(x.ASK).then(x.ASKED)


@pytest.mark.parametrize(
    "change", [{"question_id": "Q2"}, {"answer": None}, {"outcome": "DECLINED"}], ids=["id", "none", "some"]
)
def test_sec5_an_answer_belongs_to_its_question(given: Given, change: dict[str, Any]) -> None:
    scene = given(*x.HISTORIES["WITH_HANDLER"], x.ASKED)
    scene.when(but(x.RELAY, **change)).refused("E_SCHEMA", "SEC-5")
    scene.when(x.RELAY).then(e.ReporterAnswerRelayed).when(x.RELAY).refused("E_SCHEMA", "SEC-5")


def test_sec7_only_who_wrote_online_is_written_to(given: Given) -> None:
    given(*x.HISTORIES["REGISTERED"]).when(x.WRITE_OUT).refused("E_STATE", "SEC-7")


def test_a31_new_evidence_finds_who_handles_it(given: Given) -> None:
    """A complaint that was passed down is the lower organ's; one that another body decided has no case
    here."""
    down = e.ComplaintHandedDown(born=str(x.OTHER), to_organ=x.TOWN, reason="属其管辖")
    given(*x.HISTORIES["REGISTERED"], down).when(x.BRING).refused("E_STATE", "A31")
    redirected = (*x.HISTORIES["NOT_ACCEPTED"], e.ComplaintRedirected(to_body="县人民法院"))
    elsewhere = changed(redirected, {e.ComplaintNotAccepted: {"reason": "LEGAL_REMEDY"}})
    given(*elsewhere).when(x.BRING).refused("E_STATE", "A31")


def test_a12_new_evidence_revives_what_lacked_it(given: Given) -> None:
    filed = (*x.HISTORIES["NOT_ACCEPTED"], e.ComplaintFiled(means="PHONE"))
    scene = given(*filed).when(x.BRING).then(e.NewEvidenceReceived, e.ComplaintRevived)
    scene.in_state("REGISTERED").when(x.LIST).then(e.AllegationsListed)
    scene = given(*x.HISTORIES["DUPLICATE_FILED"]).when(x.BRING).in_state("REGISTERED")
    assert (scene.aggregate.repeat_of, scene.aggregate.duplicate_of) == (str(x.OTHER), "")


# --- the end


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (x.NOTIFIED, "E_RECORD_INCOMPLETE"),
        (x.FEEDBACK, "E_RECORD_INCOMPLETE"),
        (e.StageFeedbackGiven, "E_MEETING_SKIPPED"),
    ],
    ids=["notice", "result", "stages"],
)
def test_r44_nothing_is_closed_that_is_owed(given: Given, missing: Any, code: str) -> None:
    done: list[Event] = [x.NOTIFIED, x.FEEDBACK]
    done += [
        e.StageFeedbackGiven(stage=stage, content_code="C", means="IN_PERSON") for stage in get_args(e.Stage)
    ]
    scene = given(*x.HISTORIES["RESULT_AVAILABLE"], *done).when(a.CloseComplaint()).in_state("CLOSED")
    kept = [event for event in done if event != missing and missing is not type(event)]
    scene = given(*x.HISTORIES["RESULT_AVAILABLE"], *kept).when(x.CLOSE)
    assert scene.refused(code).rule in ("R44", "R46")


def test_r44_nothing_is_closed_over_an_objection_a_claimed_name_or_no_result(given: Given) -> None:
    objects = x.FEEDBACK.model_copy(update={"reaction": "OBJECTS"})
    done = (x.NOTIFIED, *x.STAGES_WAIVED, objects)
    scene = given(*x.HISTORIES["RESULT_AVAILABLE"], *done)
    scene.when(x.CLOSE).refused("E_RECORD_INCOMPLETE", "R44")
    scene.when(x.OBJECT).then(e.ObjectionRecorded).when(x.CLOSE).in_state("CLOSED")
    claimed = received("RESULT_AVAILABLE", identity_status="CLAIMED")
    given(*claimed).when(x.CLOSE).refused("E_RECORD_INCOMPLETE", "R44")
    reopened = (*x.HISTORIES["RESULT_AVAILABLE"], e.ComplaintReopened(case_number=x.CASE))
    given(*reopened).when(x.CLOSE).refused("E_NOT_CONCLUDED", "R44")


def test_r44_an_anonymous_complaint_owes_nothing(given: Given) -> None:
    given(*received("RESULT_AVAILABLE", identity_status="UNCLAIMED")).when(x.CLOSE).in_state("CLOSED")


# --- the petition platform


FROM_THE_PLATFORM = received(source="PETITION_PLATFORM")


@pytest.mark.parametrize(
    ("events", "change", "code"),
    [
        (x.HISTORIES["RECEIVED"], {}, "E_STATE"),
        (FROM_THE_PLATFORM, {"competent_organ": x.COUNTY}, "E_SCHEMA"),
        (FROM_THE_PLATFORM, {"competent_organ": "DI-88"}, "E_SCHEMA"),
        (received("REGISTERED", source="PETITION_PLATFORM"), {}, "E_SCHEMA"),
    ],
    ids=["not from there", "to us", "to nobody", "our own"],
)
def test_dl13_what_is_sent_back(
    given: Given, events: tuple[Event, ...], change: dict[str, Any], code: str
) -> None:
    given(*events).when(but(x.OBJECT_TO_TRANSFER, **change)).refused(code, "DL-13")


def test_dl13_within_five_working_days(given: Given) -> None:
    scene = given(*FROM_THE_PLATFORM)
    assert scene.due("ComplaintReceived", "DL-13") == "2022-03-08"
    scene.at("2022-03-09").when(x.OBJECT_TO_TRANSFER).refused("E_STATE", "DL-13")
    scene.at("2022-03-08").when(x.OBJECT_TO_TRANSFER).in_state("RETURNED")


# --- corrections


def test_b2_b12_an_accused_who_turns_out_to_be_a_colleague_is_out(given: Given) -> None:
    """Corrected to a name and place that a member of staff has; a namesake elsewhere stays."""
    at = {"organ": x.COUNTY, "roles": ("handler",)}
    named = {"吴虚四": (Member(person="p-wu", name="吴虚四", **at),)}
    elsewhere = {"吴虚四": (Member(person="p-wu", name="吴虚四", organ=x.TOWN, roles=("handler",)),)}
    staff = but(x.ACCUSED, details=x.DETAILS.model_copy(update={"is_discipline_staff": True}))
    past = x.HISTORIES["REGISTERED"]
    given(*past).knowing(NAMESAKES, elsewhere).when(staff).then(e.AccusedCorrected)
    scene = given(*past).knowing(NAMESAKES, named).when(staff)
    scene.then("AccusedCorrected", "PersonExcluded")
    assert "p-wu" in scene.aggregate.excluded


def test_b12_a_promotion_is_no_slip(given: Given) -> None:
    """Another organ has recorded meanwhile that they rose: that is not undone as a slip."""
    risen = x.WU.model_copy(update={"managed_by_level": "CITY"})
    scene = given(*x.HISTORIES["REGISTERED"]).knowing(TODAY, {x.WU.ref: risen})
    scene.when(x.ACCUSED).refused("E_STATE", "B12")
