"""Intake: the reporter is verified, met and answered; objections, new evidence, the end (§4.1, R46)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.harness import (
    CONCLUSION,
    SHANGHAI,
    TOWN,
    Story,
    World,
    done,
    refused,
    sha,
    sub,
    working_days_after,
)

CLERK, HEAD, HANDLER = TOWN.petition_clerk, TOWN.petition_head, TOWN.handler
REPORTER = {"name": "虚某答", "phone": "13900008221"}
POLICY = ["HANDLING_POLICY", "CONFIDENTIALITY", "TRUTHFUL_REPORTING"]


def named(world: World) -> Story:
    return world.story(reporter=REPORTER)


def verify(world: World, story: Story, result: str = "CONFIRMED", **more: Any) -> Any:
    body = {"verified_by": "PHONE", "result": result, **more}
    return world.give(story.complaint, "VerifyReporterIdentity", CLERK, body)


def confirmed(world: World) -> Story:
    story = named(world).listed()
    done(verify(world, story))
    return story


def meeting(stage: str, who: str = CLERK, **more: Any) -> dict[str, Any]:
    return {
        "stage": stage,
        "mode": "IN_PERSON",
        "staff": [sub(who)],
        "place_type": "DISCREET",
        "heard": "听取了反映的情况。",
        "demands": "希望查清。",
        **more,
    }


def met(world: World, story: Story, stage: str, who: str = CLERK) -> None:
    world.do(story.complaint, "RecordStageMeeting", who, meeting(stage, who))
    told = {"stage": stage, "content_code": "TOLD", "means": "IN_PERSON"}
    world.do(story.complaint, "RecordStageFeedback", who, told)


def concluded(world: World) -> Story:
    """A real-name complaint whose result is there; the handler is assigned to it."""
    story = confirmed(world)
    story.concluded()
    world.assign(story.complaint, HANDLER, by=HEAD)
    available = lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(available, "the result")
    return story


def feedback(story: Story, **more: Any) -> dict[str, Any]:
    return {
        "outcomes": [{"allegation_id": story.allegation_ids[0], "outcome": "UNFOUNDED"}],
        "means": "IN_PERSON",
        "policy_explained": POLICY,
        "secrecy_duty_told": True,
        "reaction": "SATISFIED",
        **more,
    }


def test_b23_the_result_told_is_the_result_found(world: World) -> None:
    """Every allegation of the reporter's, each with what was found, and no other's."""
    story = concluded(world)
    [own] = story.allegation_ids

    def give(*told: tuple[str, str]) -> Any:
        outcomes = [{"allegation_id": id, "outcome": outcome} for id, outcome in told]
        body = feedback(story, outcomes=outcomes)
        return world.give(story.complaint, "RecordResultFeedback", HANDLER, body)

    assert refused(give(("other-a1", "UNFOUNDED")), "E_SCHEMA", "A31")["unknown"] == ["other-a1"]
    refused(give((f"{own}1", "UNFOUNDED")), "E_SCHEMA", "A31")
    for wrong in ("SUBSTANTIATED", "INCONCLUSIVE"):
        refusal = refused(give((own, wrong)), "E_RESULT_MISMATCH", "B23")
        assert refusal == {"missing": [], "differs": [own]}
    part = f"{own}b"
    refusal = refused(give((part, "UNFOUNDED")), "E_RESULT_MISMATCH", "B23")
    assert refusal == {"missing": [own], "differs": [part]}
    refused(give((own, "UNFOUNDED"), (own, "UNFOUNDED")), "E_RESULT_MISMATCH", "B23")
    done(give((own, "UNFOUNDED")))


def test_b33_a_real_name_reporter_gets_the_result_of_a_referral(world: World) -> None:
    """The case waits for the body that investigates, goes on to its conclusion, and is answered as others
    are."""
    story = confirmed(world).proposed_disposition("REFERRED_TO_INVESTIGATION", "ACCOUNTABILITY_SUSPECTED")
    referred = world.do(story.case, "ApproveDisposition", TOWN.organ_head, {"opinion": "同意。"})
    assert referred["state"] == "REFERRED"
    assert "DL-31" in world.read(story.case, HANDLER)["deadlines"]
    result = {
        "allegation_id": story.allegation_ids[0],
        "outcome": "UNFOUNDED",
        "reasoning": "经审查调查，款项已入账。",
        "decided_by": "县纪委监委审查调查室",
        "decided_on": str(world.today),
        "document_ref": "SC-2022-1",
        "document_hash": sha("result"),
    }
    assert world.do(story.case, "RecordReferralResult", HANDLER, result)["state"] == "REPORTED"
    world.do(story.case, "CountersignReport", TOWN.handling_dept_head, {"opinion": "同意。"})
    world.do(story.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION)
    world.assign(story.complaint, HANDLER, by=HEAD)
    available = lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(available, "the result")
    done(world.give(story.complaint, "RecordResultFeedback", HANDLER, feedback(story)))


# --- identity ---


def test_a27_a_name_and_a_contact_that_answers_make_a_real_name(world: World) -> None:
    story = named(world).listed()
    assert world.read(story.complaint, CLERK)["facts"]["identity_status"] == "CLAIMED"
    refused(verify(world, story, through_accused_unit=True), "E_SCHEMA", "A27")
    done(verify(world, story))
    row = next(r for r in world.queue(CLERK) if r["id"] == story.complaint.id)
    assert row["priority"] == "REAL_NAME"
    # Where everybody within jurisdiction reads, nothing tells that it has a name (B53).
    rows = world.get(CLERK, "/intake/v1/complaints", limit=200, min_position=world.position("intake")).json()
    assert "REAL_NAME" not in str(rows)
    refused(verify(world, story), "E_STATE", "A27")


def test_a28_what_cannot_be_verified_goes_on_as_anonymous(world: World) -> None:
    story = named(world).listed()
    done(verify(world, story, "NOT_CONFIRMED"))
    [event] = world.entries("intake", story.complaint.id, "ReporterTreatedAsAnonymous")
    assert "DL-01" in event.meta["deadlines_met"]
    story.accepted()
    refused(
        world.give(story.complaint, "NotifyAcceptance", CLERK, {"means": "PHONE"}), "E_NOTICE_NOT_DUE", "A30"
    )


def test_a28_nobody_is_looked_for_where_no_name_was_given(world: World, listed: Story) -> None:
    refused(verify(world, listed), "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A28")


# --- the notice ---


@pytest.mark.parametrize(("received", "due"), [("2021-01-20", "2021-02-09"), ("2022-03-01", "2022-03-22")])
def test_dl01_fifteen_working_days_from_the_receipt(world: World, received: str, due: str) -> None:
    """Two vectors of §8.7."""
    answer = done(world.receive(CLERK, {"received_on": received, "reporter": REPORTER}))
    [event] = world.entries("intake", answer["id"], "ComplaintReceived")
    assert {d["id"]: d["due"] for d in event.meta["deadlines"]}["DL-01"] == due


def test_a30_the_notice_is_given_once(world: World) -> None:
    story = confirmed(world).accepted()
    told = {"means": "PHONE"}
    world.do(story.complaint, "NotifyAcceptance", CLERK, told)
    [event] = world.entries("intake", story.complaint.id, "AcceptanceNotified")
    assert event.meta["deadlines_met"] == ["DL-01"]
    refused(world.give(story.complaint, "NotifyAcceptance", CLERK, told), "E_NOTICE_NOT_DUE", "A30")


def test_sec10_a_notice_leaves_as_a_neutral_message(world: World) -> None:
    """A notice in person sends nothing; the row of the other names a complaint and a template alone."""
    said, sent = confirmed(world).accepted(), confirmed(world).accepted()
    world.do(said.complaint, "NotifyAcceptance", CLERK, {"means": "IN_PERSON"})
    world.do(sent.complaint, "NotifyAcceptance", CLERK, {"means": "SMS"})
    assert messages(world, said) == []
    assert messages(world, sent) == [{"complaint": sent.complaint.id, "template": "ACCEPTED", "means": "SMS"}]


def messages(world: World, story: Story) -> list[dict[str, Any]]:
    """The messages that were written down to be sent to a complaint's reporter."""
    query = "SELECT payload FROM effects WHERE kind = 'reporter-message' AND payload->>'complaint' = %s"
    return [row.payload for row in world._database("intake").execute(query, [story.complaint.id]).fetchall()]


def test_41_whose_report_lacks_substance_is_told_and_invited_to_add_some(world: World) -> None:
    """A reporter with a confirmed name is told; one who gave none is sent nothing."""
    named, unnamed = confirmed(world), world.story().listed()
    for story in (named, unnamed):
        world.assign(story.complaint, HEAD, by=HEAD)
        world.do(story.complaint, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    missing = refused(world.give(named.complaint, "FileNotAccepted", CLERK), "E_RECORD_INCOMPLETE", "§4.1")
    assert missing["missing"] == "means"
    not_due = world.give(unnamed.complaint, "FileNotAccepted", CLERK, {"means": "SMS"})
    refused(not_due, "E_NOTICE_NOT_DUE", "§4.1")
    world.do(named.complaint, "FileNotAccepted", CLERK, {"means": "SMS"})
    world.do(unnamed.complaint, "FileNotAccepted", CLERK)
    assert messages(world, named) == [
        {"complaint": named.complaint.id, "template": "NOT_ACCEPTED", "means": "SMS"}
    ]
    assert messages(world, unnamed) == []


def test_41_what_was_not_accepted_can_be_withdrawn(world: World) -> None:
    story = confirmed(world)
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "RejectComplaint", HEAD, {"reason": "OTHER_ORGAN_DUTY"})
    assert world.do(story.complaint, "WithdrawReport", CLERK, {"means": "PHONE"})["state"] == "NOT_ACCEPTED"


def test_a30_no_notice_for_a_duplicate(world: World) -> None:
    """The same reporter by name once more: another's would be joined (B24)."""
    first = world.story(reporter=REPORTER).listed()
    second = world.story(accused=[{"match": first.ref()}], reporter=REPORTER).listed()
    done(verify(world, second))
    world.do(second.complaint, "MarkDuplicate", CLERK, {"of": first.complaint.id})
    refused(
        world.give(second.complaint, "NotifyAcceptance", CLERK, {"means": "PHONE"}), "E_NOTICE_NOT_DUE", "A30"
    )


# --- three meetings ---


def test_r46_the_three_stages_come_in_their_order(world: World) -> None:
    story = concluded(world)
    for stage in ("INVESTIGATION", "REPLY"):
        answer = world.give(story.complaint, "RecordStageMeeting", HANDLER, meeting(stage, HANDLER))
        assert refused(answer, "E_MEETING_SKIPPED", "R46")["missing"] == "ACCEPTANCE"
    met(world, story, "ACCEPTANCE")
    refused(
        world.give(story.complaint, "RecordStageMeeting", HANDLER, meeting("REPLY", HANDLER)),
        "E_MEETING_SKIPPED",
        "R46",
    )
    met(world, story, "INVESTIGATION", HANDLER)
    met(world, story, "REPLY", HANDLER)


def test_r46_no_feedback_without_its_meeting(world: World) -> None:
    story = confirmed(world)
    told = {"stage": "ACCEPTANCE", "content_code": "TOLD", "means": "PHONE"}
    refused(world.give(story.complaint, "RecordStageFeedback", CLERK, told), "E_MEETING_SKIPPED", "R46")


def test_r46_a_meeting_is_held_where_nobody_notices(world: World) -> None:
    story = confirmed(world)
    seen = meeting("ACCEPTANCE", place_type="UNIT_OFFICE")
    refused(world.give(story.complaint, "RecordStageMeeting", CLERK, seen), "E_SCHEMA")


def test_r46_anonymous_reporters_are_not_met(world: World, listed: Story) -> None:
    answer = world.give(listed.complaint, "RecordStageMeeting", CLERK, meeting("ACCEPTANCE"))
    refused(answer, "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "R46")


def test_r46_three_attempts_on_three_working_days(world: World) -> None:
    story = confirmed(world)
    waive = {"stage": "ACCEPTANCE", "ground": "UNREACHABLE"}
    days = [working_days_after(world.today, n) for n in (1, 2, 3)]
    world.go_to(datetime.combine(days[-1] + timedelta(days=1), datetime.min.time(), SHANGHAI))
    for n, day in enumerate([days[0], days[0], days[1], days[2]]):
        answer = world.give(story.complaint, "WaiveStage", CLERK, waive)
        assert refused(answer, "E_MEETING_SKIPPED", "R46")["needed"] == 3, n
        tried = {"stage": "ACCEPTANCE", "means": "PHONE", "attempted_on": str(day)}
        world.do(story.complaint, "RecordContactAttempt", CLERK, tried)
    world.do(story.complaint, "WaiveStage", CLERK, waive)


def test_r46_the_reporter_may_waive(world: World) -> None:
    story = confirmed(world)
    world.do(story.complaint, "WaiveStage", CLERK, {"stage": "ACCEPTANCE", "ground": "REPORTER_WAIVED"})
    answer = world.give(story.complaint, "RecordStageMeeting", CLERK, meeting("ACCEPTANCE"))
    refused(answer, "E_STATE", "R46")


def test_r46_what_was_waived_is_not_owed_at_the_end(world: World) -> None:
    """Neither the notice nor the result is told to who does without it, and the case is free to close."""
    story = concluded(world)
    for stage in ("ACCEPTANCE", "INVESTIGATION"):
        world.do(story.complaint, "WaiveStage", CLERK, {"stage": stage, "ground": "REPORTER_WAIVED"})
    waived = world.entries("intake", story.complaint.id, "StageWaived")
    assert [event.meta.get("deadlines_met", []) for event in waived] == [["DL-01"], []]
    assert "DL-02" in world.read(story.complaint, HEAD)["deadlines"]
    world.do(story.complaint, "WaiveStage", CLERK, {"stage": "REPLY", "ground": "REPORTER_WAIVED"})
    assert "DL-02" not in world.read(story.complaint, HEAD)["deadlines"]
    told = lambda: world.entries("verification", story.case.id, "ResultFeedbackNoted")  # noqa: E731
    world.patiently(told, "the case learns that nothing is owed")
    assert world.do(story.complaint, "CloseComplaint", CLERK)["state"] == "CLOSED"


def test_r46_nobody_was_tried_before_he_reported(world: World) -> None:
    story = confirmed(world)
    tried = {"stage": "ACCEPTANCE", "means": "PHONE", "attempted_on": "1999-12-31"}
    refused(world.give(story.complaint, "RecordContactAttempt", CLERK, tried), "E_SCHEMA", "R46")


def test_a27_a_name_confirmed_after_the_hand_over_is_answered(world: World) -> None:
    """Verification learns of it: the case waits for the feedback."""
    story = named(world).opened()
    assert world.entries("verification", story.case.id, "RealNameNoted") == []
    done(verify(world, story))
    noted = lambda: world.entries("verification", story.case.id, "RealNameNoted")  # noqa: E731
    world.patiently(noted, "the case learns of it")


def test_dl02_ends_where_nobody_is_left_to_be_told(world: World) -> None:
    story = named(world).concluded()
    available = lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(available, "the result")
    assert "DL-02" in world.read(story.complaint, HEAD)["deadlines"]
    done(verify(world, story, "NOT_CONFIRMED"))
    assert "DL-02" not in world.read(story.complaint, HEAD)["deadlines"]
    assert world.do(story.complaint, "CloseComplaint", CLERK)["state"] == "CLOSED"


def test_dl01_dl05_an_organ_that_accepts_it_after_all_owes_the_notice(world: World) -> None:
    """The triage named another organ; the listed accused are this one's."""
    story = world.story(reporter=REPORTER).received(competent_organ="DI-990101001").listed()
    assert set(world.read(story.complaint, CLERK)["deadlines"]) >= {"DL-05"}
    assert "DL-01" not in world.read(story.complaint, CLERK)["deadlines"]
    story.accepted()
    running = world.read(story.complaint, CLERK)["deadlines"]
    assert "DL-05" not in running
    assert running["DL-01"] == str(working_days_after(world.today, 15))


def test_dl01_who_was_told_once_is_not_told_again(world: World) -> None:
    """Accepted, told, returned by the handler and accepted again: no second clock."""
    story = world.story(reporter=REPORTER).received(competent_organ="DI-990101001").listed()
    done(verify(world, story))
    story.opened()
    world.do(story.complaint, "NotifyAcceptance", CLERK, {"means": "IN_PERSON"})
    ask = {"reason": "NO_SUBSTANCE", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", HANDLER, ask)
    world.do(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, {"opinion": "同意退回。"})
    world.patiently(lambda: story.state("complaint") == "REGISTERED", "it is back")
    world.do(story.complaint, "AcceptComplaint", HEAD, {"handling_dept": "supervision_dept"})
    assert "DL-01" not in world.read(story.complaint, CLERK)["deadlines"]


def test_a31_an_objection_that_was_told_is_recorded_before_the_end(world: World) -> None:
    story = concluded(world)
    for stage, who in (("ACCEPTANCE", CLERK), ("INVESTIGATION", HANDLER), ("REPLY", HANDLER)):
        met(world, story, stage, who)
    world.do(story.complaint, "NotifyAcceptance", CLERK, {"means": "IN_PERSON"})
    world.do(story.complaint, "RecordResultFeedback", HANDLER, feedback(story, reaction="OBJECTS"))

    def close() -> httpx.Response:
        return world.give(story.complaint, "CloseComplaint", CLERK)

    assert refused(close(), "E_RECORD_INCOMPLETE", "R44")["missing"] == ["RecordObjection"]
    body = {"objection": "对结论有不同意见。", "explanation": "已说明核查过程。"}
    world.do(story.complaint, "RecordObjection", HANDLER, body)
    assert done(close())["state"] == "CLOSED"


def test_sec5_the_handler_asks_and_the_clerk_relays(world: World) -> None:
    """The handler does not learn who is asked, or how they are reached; the answer tells it neither."""
    story = confirmed(world)
    story.opened()
    world.assign(story.complaint, HANDLER, by=HEAD)
    question = {"question": "款项是何时交付的？"}
    refused(world.give(story.complaint, "AskReporter", CLERK, question), "E_FORBIDDEN_ROLE", "SEC-5")
    world.do(story.complaint, "AskReporter", HANDLER, question)
    assert world.read(story.complaint, CLERK)["facts"]["question_id"] == "Q1"

    def waiting() -> list[int]:
        rows = world.queue(CLERK, asked="true")
        return [row["questions"] for row in rows if row["id"] == story.complaint.id]

    assert waiting() == [1]

    def relay(who: str = CLERK, **more: Any) -> Any:
        body = {
            "question_id": "Q1",
            "outcome": "ANSWERED",
            "means": "PHONE",
            "answer": "去年春节前。",
            **more,
        }
        return world.give(story.complaint, "RelayAnswer", who, body)

    refused(relay(HANDLER), "E_FORBIDDEN_ROLE", "SEC-5")
    refused(relay(question_id="Q2"), "E_SCHEMA", "SEC-5")
    refused(relay(answer=None), "E_SCHEMA", "SEC-5")
    refused(relay(outcome="DECLINED"), "E_SCHEMA", "SEC-5")
    refused(relay(answer=f"{REPORTER['name']}说是去年春节前。"), "E_TEXT_IDENTITY_LEAK", "SEC-12")
    done(relay())
    assert waiting() == []
    assert world.read(story.complaint, HANDLER)["facts"]["answer"] == "去年春节前。"
    refused(relay(), "E_SCHEMA", "SEC-5")
    world.do(story.complaint, "AskReporter", HANDLER, question)
    done(relay(question_id="Q2", outcome="DECLINED", answer=None))


@pytest.mark.parametrize(
    "question",
    ["请说明您的姓名、住址、手机号，以便联系。", "不要担心，您在哪个单位工作？", "Tell us your name."],
)
def test_b21_nobody_asks_the_reporter_who_they_are(world: World, question: str) -> None:
    """A reporter with a name is not asked either; the name of somebody else is no such question."""
    story = confirmed(world)
    story.opened()
    world.assign(story.complaint, HANDLER, by=HEAD)
    answer = world.give(story.complaint, "AskReporter", HANDLER, {"question": question})
    refused(answer, "E_TRACE_FORBIDDEN", "B21")
    world.do(story.complaint, "AskReporter", HANDLER, {"question": "请说明当时在场人员的姓名。"})


@pytest.mark.parametrize(
    "answer",
    [
        "我叫孙虚九，住三组12号。",
        "电话13900001111。",
        "９９０１０１１９０００１０７００７Ｘ",
        "一三九零零零零一一一一",
    ],
)
def test_b21_an_answer_that_tells_who_gave_it_stays_in_the_vault(world: World, answer: str) -> None:
    """The vault knows no such name to look for, but the sentence itself says who speaks."""
    story = confirmed(world)
    story.opened()
    world.assign(story.complaint, HANDLER, by=HEAD)
    world.do(story.complaint, "AskReporter", HANDLER, {"question": "款项是何时交付的？"})
    body = {"question_id": "Q1", "outcome": "ANSWERED", "means": "PHONE", "answer": answer}
    refused(world.give(story.complaint, "RelayAnswer", CLERK, body), "E_TEXT_IDENTITY_LEAK", "B21")
    world.do(story.complaint, "RelayAnswer", CLERK, {**body, "answer": "去年春节前。"})


def test_sec5_who_left_no_way_to_be_reached_is_not_asked(world: World) -> None:
    story = world.story().opened()
    world.assign(story.complaint, HANDLER, by=HEAD)
    refused(world.give(story.complaint, "AskReporter", HANDLER, {"question": "虚问。"}), "E_STATE", "SEC-5")


def test_sec5_the_handler_meets_without_learning_a_contact(world: World) -> None:
    """No answer to the handler holds a part of the identity."""
    story = concluded(world)
    met(world, story, "ACCEPTANCE")
    answer = world.give(story.complaint, "RecordStageMeeting", HANDLER, meeting("INVESTIGATION", HANDLER))
    seen = answer.text + world.get(HANDLER, story.complaint.path).text
    assert not any(value in seen for value in REPORTER.values())


def test_sec12_what_was_heard_is_screened(world: World) -> None:
    story = confirmed(world)
    heard = meeting("ACCEPTANCE", heard=f"{REPORTER['name']}当面说明。")
    answer = world.give(story.complaint, "RecordStageMeeting", CLERK, heard)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_sec12_no_reference_is_somebodys_number(world: World) -> None:
    """Nobody pastes a telephone or an identity number where a document or an account is named; nothing of it
    is repeated in the answer."""
    story = confirmed(world)
    evidence = {"from_reporter": True, "description": "新账页。"}
    for number in (REPORTER["phone"], "139-0000-4321", "99010119000107007X"):
        answer = world.give(story.complaint, "SubmitNewEvidence", CLERK, {**evidence, "document_ref": number})
        refused(answer, "E_SCHEMA")
        assert number not in answer.text
        staff = meeting("ACCEPTANCE", staff=[number])
        refused(world.give(story.complaint, "RecordStageMeeting", CLERK, staff), "E_SCHEMA")
    pasted = {"reporter": REPORTER, "blob_id": f"scan-{REPORTER['phone']}"}
    refused(world.receive(CLERK, pasted), "E_SCHEMA")
    pasted = {
        "reporter": REPORTER,
        "source": "PETITION_PLATFORM",
        "platform_no": f"PT{REPORTER['phone'][-7:]}",
    }
    refused(world.receive(CLERK, pasted), "E_TEXT_IDENTITY_LEAK", "SEC-12")


# --- the result ---


def test_a31_the_result_is_told_within_fifteen_working_days(world: World) -> None:
    story = concluded(world)
    [event] = world.entries("intake", story.complaint.id, "ResultBecameAvailable")
    due = working_days_after(date.fromisoformat(event.event["concluded_on"]), 15)
    assert {d["id"]: d["due"] for d in event.meta["deadlines"]}["DL-02"] == str(due)
    world.do(story.complaint, "RecordResultFeedback", HANDLER, feedback(story))
    [told] = world.entries("intake", story.complaint.id, "ResultFeedbackGiven")
    assert told.meta["deadlines_met"] == ["DL-02"]


def test_r40_a34_policy_is_explained_and_secrecy_told(world: World) -> None:
    story = concluded(world)

    def give(**more: Any) -> httpx.Response:
        return world.give(story.complaint, "RecordResultFeedback", HANDLER, feedback(story, **more))

    refused(give(policy_explained=POLICY[:2]), "E_SCHEMA", "R40")
    refused(give(secrecy_duty_told=False), "E_SCHEMA", "A34")
    done(give())
    refused(give(), "E_STATE", "A31")


def test_a31_who_worked_on_it_tells_the_result(world: World) -> None:
    """§5.2: the petition department reads that it was told, and tells nothing itself."""
    story = concluded(world)
    answer = world.give(story.complaint, "RecordResultFeedback", CLERK, feedback(story))
    refused(answer, "E_FORBIDDEN_ROLE", "A31")


def test_a31_nothing_is_told_to_whom_nobody_knows(world: World) -> None:
    story = world.story().concluded()
    world.patiently(lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE", "the result")
    world.assign(story.complaint, HANDLER, by=HEAD)
    answer = world.give(story.complaint, "RecordResultFeedback", HANDLER, feedback(story))
    refused(answer, "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A31")


def test_a31_an_objection_is_recorded_and_explained(world: World) -> None:
    story = concluded(world)
    body = {"objection": "对结论有不同意见。", "explanation": "已说明核查过程。"}
    refused(world.give(story.complaint, "RecordObjection", HANDLER, body), "E_RECORD_INCOMPLETE", "A31")
    world.do(story.complaint, "RecordResultFeedback", HANDLER, feedback(story, reaction="OBJECTS"))
    world.do(story.complaint, "RecordObjection", HANDLER, body)


def test_dl02_the_case_waits_for_the_feedback(world: World) -> None:
    story = concluded(world)
    world.do(story.case, "AssessFalseAccusation", HANDLER, {"result": "SCREEN_OUT", "reason": "无主观故意。"})
    story.assessed()
    chief = TOWN.handling_dept_head

    def closing() -> Any:
        return world.give(story.case, "CloseCase", chief)

    world.patiently(lambda: closing().json()["code"] != "E_DUAL_ASSESSMENT_REQUIRED", "both assessments")
    refused(closing(), "E_RECORD_INCOMPLETE", "A31")
    world.do(story.complaint, "RecordResultFeedback", HANDLER, feedback(story))
    world.patiently(lambda: closing().status_code == 200, "the case learns that the reporter knows")


# --- the end ---


def test_r44_a_real_name_complaint_closes_when_everything_is_told(world: World) -> None:
    story = concluded(world)

    def close() -> Any:
        return world.give(story.complaint, "CloseComplaint", CLERK)

    assert refused(close(), "E_MEETING_SKIPPED", "R46")["missing"] == ["ACCEPTANCE", "INVESTIGATION", "REPLY"]
    for stage, who in (("ACCEPTANCE", CLERK), ("INVESTIGATION", HANDLER), ("REPLY", HANDLER)):
        met(world, story, stage, who)
    assert refused(close(), "E_RECORD_INCOMPLETE", "R44")["missing"] == [
        "NotifyAcceptance",
        "RecordResultFeedback",
    ]
    world.do(story.complaint, "NotifyAcceptance", CLERK, {"means": "IN_PERSON"})
    world.do(story.complaint, "RecordResultFeedback", HANDLER, feedback(story))
    assert done(close())["state"] == "CLOSED"


def test_r44_an_anonymous_complaint_closes_with_its_result(world: World) -> None:
    story = world.story().opened()
    refused(world.give(story.complaint, "CloseComplaint", CLERK), "E_STATE")
    story.concluded()
    world.patiently(lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE", "the result")
    assert world.do(story.complaint, "CloseComplaint", CLERK)["state"] == "CLOSED"


def test_r44_a_name_that_nobody_has_verified_keeps_it_open(world: World) -> None:
    story = named(world).concluded()
    world.patiently(lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE", "the result")
    refused(world.give(story.complaint, "CloseComplaint", CLERK), "E_RECORD_INCOMPLETE", "R44")


def test_41_a_withdrawal_stops_nothing(world: World) -> None:
    story = confirmed(world).opened()
    answer = world.do(story.complaint, "WithdrawReport", CLERK, {"means": "PHONE"})
    assert answer["state"] == "WITH_HANDLER"
    story.concluded()


# --- new evidence ---


def closed(world: World) -> Story:
    story = world.story().concluded()
    world.patiently(lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE", "the result")
    world.do(story.complaint, "CloseComplaint", CLERK)
    return story


def evidence(world: World, story: Story) -> str:
    body = {"from_reporter": True, "description": "补充了一张照片。", "document_ref": "photo-1"}
    world.do(story.complaint, "SubmitNewEvidence", CLERK, body)
    noted = lambda: world.entries("verification", story.case.id, "NewEvidenceNoted")  # noqa: E731
    [event] = world.patiently(noted, "verification hears of the evidence")
    return str(event.event["evidence_id"])


def test_b31_a31_immaterial_evidence_leaves_it_closed(world: World) -> None:
    story = closed(world)
    id = evidence(world, story)
    unknown = {"evidence_id": "N9", "reason": "无关。"}
    refused(world.give(story.case, "AssessNewEvidence", HANDLER, unknown), "E_SCHEMA", "A31")
    world.do(story.case, "AssessNewEvidence", HANDLER, {"evidence_id": id, "reason": "与所反映的问题无关。"})
    answered = lambda: world.entries("intake", story.complaint.id, "NewEvidenceAnswerNoted")  # noqa: E731
    world.patiently(answered, "intake hears the answer")
    assert world.read(story.complaint, HEAD)["state"] == "CLOSED"


def test_a31_evidence_that_matters_reopens_it(world: World) -> None:
    story = closed(world)
    id = evidence(world, story)
    reopen = {"evidence_id": id, "cause": "照片与原结论矛盾。"}
    refused(world.give(story.case, "ReopenCase", HANDLER, reopen), "E_FORBIDDEN_ROLE")
    assert world.do(story.case, "ReopenCase", TOWN.organ_head, reopen)["state"] == "VERIFYING_READY"
    reopened = lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(reopened, "intake hears of it")
    refused(world.give(story.complaint, "CloseComplaint", CLERK), "E_NOT_CONCLUDED", "R44")
    body = {"team": story.team, "plan_hash": "0" * 64}
    world.do(story.case, "StartVerification", HANDLER, body)


def test_r46_the_reply_waits_for_the_new_result(world: World) -> None:
    """Reopened, there is nothing to be told: the reply is neither given nor waived."""
    story = concluded(world)
    for stage, who in (("ACCEPTANCE", CLERK), ("INVESTIGATION", HANDLER)):
        met(world, story, stage, who)
    reopen = {"evidence_id": evidence(world, story), "cause": "照片与原结论矛盾。"}
    world.do(story.case, "ReopenCase", TOWN.organ_head, reopen)
    world.patiently(lambda: world.entries("intake", story.complaint.id, "ComplaintReopened"), "reopened")
    waiver = {"stage": "REPLY", "ground": "REPORTER_WAIVED"}
    refused(world.give(story.complaint, "WaiveStage", HANDLER, waiver), "E_NOT_CONCLUDED", "R46")


def test_a12_evidence_revives_what_was_filed_as_a_duplicate(world: World) -> None:
    """Then it is a repeat with new evidence, lists what is new, and is handed over."""
    first = world.story().listed()
    story = world.story(accused=[{"match": first.ref()}]).listed()
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": first.complaint.id})
    body = {"from_reporter": True, "description": "新账页。", "document_ref": "letter-3"}
    assert world.do(story.complaint, "SubmitNewEvidence", CLERK, body)["state"] == "REGISTERED"
    [claim] = story.listing()["allegations"]
    new = {**story.listing(), "allegations": [{**claim, "text": "反映其另收礼金。"}]}
    world.do(story.complaint, "ListAllegations", CLERK, new)
    assert world.read(story.complaint, CLERK)["facts"]["allegations"][0]["text"] == "反映其另收礼金。"
    refused(world.give(story.complaint, "ListAllegations", CLERK, new), "E_STATE", "R25")
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "AcceptComplaint", HEAD, {"handling_dept": "dept"})
    assert world.do(story.complaint, "TransferToHandler", HEAD)["state"] == "WITH_HANDLER"


def test_r55_a_repeat_of_what_nobody_verified_is_no_report_after_conclusion(world: World) -> None:
    """Filed for lack of substance is not concluded: who repeats it is not to be suspected (R31)."""
    first = world.story().listed()
    world.assign(first.complaint, HEAD, by=HEAD)
    world.do(first.complaint, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    world.do(first.complaint, "FileNotAccepted", CLERK)
    story = world.story(accused=[{"match": first.ref()}]).listed()
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": first.complaint.id})
    [event] = world.entries("intake", story.complaint.id, "DuplicateFiled")
    assert event.event["repeat_kind"] == "DUPLICATE"


def test_a10_substance_added_later_revives_what_was_filed(world: World) -> None:
    story = world.story().registered()
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    world.do(story.complaint, "FileNotAccepted", CLERK)
    body = {"from_reporter": True, "description": "补充了具体时间和金额。", "document_ref": "letter-2"}
    assert world.do(story.complaint, "SubmitNewEvidence", CLERK, body)["state"] == "REGISTERED"
