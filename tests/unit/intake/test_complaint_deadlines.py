"""The clocks of a complaint: which runs, from when, and what ends it (§8.7, DL-01 to DL-06, DL-13)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.intake.commands.correcting import CorrectTriage
from shared.casework.command import Command
from shared.language.contracts import intake as e
from shared.language.event import Event
from tests.unit.intake import examples as x
from tests.unit.intake.examples import Given, complaint
from tests.unit.kit import but, changed

FIFTEEN_DAYS, FIVE_DAYS, THREE_MONTHS = "2022-03-22", "2022-03-08", "2022-06-01"


def running(*events: Event, **receipt: Any) -> dict[str, str]:
    """The clocks that run after this past, with their last days."""
    scene = complaint(*changed(events, {e.ComplaintReceived: receipt}))
    aggregate = scene.aggregate
    return {id: c.due for id, c in aggregate.clocks.items() if id not in aggregate.stopped}


@pytest.mark.parametrize(
    ("receipt", "clocks"),
    [
        ({"identity_status": "UNCLAIMED"}, {}),
        ({"identity_status": "CLAIMED"}, {"DL-01": FIFTEEN_DAYS}),
        ({"identity_status": "CONFIRMED"}, {"DL-01": FIFTEEN_DAYS}),
        ({"competent_level": "CITY"}, {"DL-03": FIVE_DAYS}),
        ({"competent_organ": x.NEIGHBOUR}, {"DL-05": FIVE_DAYS}),
        ({"competent_organ": x.TOWN}, {}),
        ({"source": "SUPERIOR_TRANSFERRED"}, {"DL-01": FIFTEEN_DAYS, "DL-04": FIVE_DAYS}),
        ({"source": "SUPERIOR_ASSIGNED"}, {"DL-01": FIFTEEN_DAYS, "DL-06": THREE_MONTHS}),
        ({"source": "PETITION_PLATFORM"}, {"DL-01": FIFTEEN_DAYS, "DL-13": FIVE_DAYS}),
    ],
)
def test_87_what_starts_with_the_receipt(receipt: dict[str, Any], clocks: dict[str, str]) -> None:
    assert running(x.RECEIVED, **receipt) == clocks


def test_dl01_counts_from_the_receipt_and_not_from_its_entry() -> None:
    assert running(x.RECEIVED, received_on=date(2022, 2, 28)) == {"DL-01": "2022-03-21"}


@pytest.mark.parametrize(
    ("state", "command", "receipt"),
    [
        ("ACCEPTED", x.NOTIFY, {}),
        ("NOT_ACCEPTED", x.FILE, {}),
        ("ACCEPTED", x.WAIVE_STAGE, {}),
        ("REGISTERED", but(x.IDENTIFY, result="NOT_CONFIRMED"), {"identity_status": "CLAIMED"}),
        ("REGISTERED", x.ASSIGN_DOWN, {}),
        ("RECEIVED", x.SEAL, {}),
        ("RECEIVED", x.OBJECT_TO_TRANSFER, {"source": "PETITION_PLATFORM"}),
        ("RECEIVED", x.TRIAGE, {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Command) else None,
)
def test_dl01_ends_with_the_notice_or_where_it_is_owed_no_more(
    given: Given, state: str, command: Command, receipt: dict[str, Any]
) -> None:
    scene = given(*changed(x.HISTORIES[state], {e.ComplaintReceived: receipt}))
    assert "DL-01" not in scene.aggregate.stopped
    assert "DL-01" in scene.when(command).met


def test_b19_a_name_that_comes_later_is_owed_the_notice_and_the_result() -> None:
    added = e.ReporterIdentityAdded(reporter_ref=x.REPORTER.id, by_reporter=True, in_vault=(x.REPORTER,))
    no = e.ReporterTreatedAsAnonymous(reporter_ref=x.REPORTER.id, reason="NOT_CONFIRMED")
    yes = e.ReporterIdentityConfirmed(reporter_ref=x.REPORTER.id, method="PHONE", priority="REAL_NAME")
    result = x.HISTORIES["RESULT_AVAILABLE"]
    assert set(running(*result, identity_status="UNCLAIMED")) == set()
    assert set(running(*x.HISTORIES["ACCEPTED"], added, identity_status="UNCLAIMED")) == {"DL-01"}
    assert set(running(*result, added, identity_status="UNCLAIMED")) == {"DL-01", "DL-02"}
    assert set(running(*result, no, identity_status="CLAIMED")) == set()
    assert set(running(*result, no, yes, identity_status="CLAIMED")) == {"DL-01", "DL-02"}
    assert set(running(*result, x.NOTIFIED, added, identity_status="UNCLAIMED")) == {"DL-02"}


@pytest.mark.parametrize("stage", ["INVESTIGATION", "REPLY"])
def test_r46_a_waiver_ends_the_clock_of_its_own_stage(given: Given, stage: e.Stage) -> None:
    """The notice is owed whatever is waived later; the result is not, once its meeting is waived."""
    before: tuple[Event, ...] = (x.waived("ACCEPTANCE"), x.waived("INVESTIGATION"))
    past = (*x.HISTORIES["RESULT_AVAILABLE"], *before[: 1 if stage == "INVESTIGATION" else 2])
    scene = given(*past).when(but(x.WAIVE_STAGE, stage=stage))
    assert scene.met == ({"DL-02"} if stage == "REPLY" else set())


def test_dl01_begins_with_the_acceptance_where_the_triage_had_named_another(given: Given) -> None:
    elsewhere = changed(x.HISTORIES["REGISTERED"], {e.ComplaintReceived: {"competent_organ": x.NEIGHBOUR}})
    scene = given(*elsewhere).at("2022-03-03").when(x.ACCEPT)
    assert scene.started == {"DL-01": "2022-03-24"}
    assert scene.met == {"DL-05", "DL-04", "DL-24"}
    assert given(*x.HISTORIES["REGISTERED"]).when(x.ACCEPT).started == {}


@pytest.mark.parametrize(
    ("found", "started", "met"),
    [
        ({"competent_level": "CITY"}, {"DL-03": FIVE_DAYS}, {"DL-01", "DL-05"}),
        (
            {"competent_level": "COUNTY", "competent_organ": x.NEIGHBOUR},
            {"DL-05": FIVE_DAYS},
            {"DL-01", "DL-03"},
        ),
        ({"competent_level": "TOWNSHIP", "competent_organ": x.TOWN}, {}, {"DL-01", "DL-03", "DL-05"}),
        ({"competent_level": "COUNTY"}, {}, {"DL-03", "DL-05"}),
    ],
    ids=["above", "beside", "below", "ours"],
)
def test_a14_a_corrected_triage_lets_another_clock_run(
    given: Given, found: dict[str, str], started: dict[str, str], met: set[str]
) -> None:
    """From the receipt, as if it had been read rightly at once; what was right already goes on."""
    scene = given(x.RECEIVED).at("2022-03-03").when(CorrectTriage.model_validate({**found, "reason": "误判"}))
    assert (scene.started, scene.met) == (started, met)


def test_dl02_runs_from_the_result_to_its_telling(given: Given) -> None:
    scene = given(*x.HISTORIES["WITH_HANDLER"]).at("2022-03-10")
    scene.when_told(lambda c, ctx: c.note_result(ctx, x.CASE, 1, "ALL_UNFOUNDED", date(2022, 3, 10), x.FOUND))
    assert scene.started.keys() == {"DL-02"}
    assert scene.when(x.TELL_RESULT).met == {"DL-02"}


def test_dl02_starts_anew_with_another_result(given: Given) -> None:
    scene = given(*x.HISTORIES["RESULT_AVAILABLE"])
    assert scene.when_told(lambda c, ctx: c.note_reopened(ctx, x.CASE, 1)).met == {"DL-02"}
    scene.at("2022-04-01")
    scene.when_told(lambda c, ctx: c.note_result(ctx, x.CASE, 2, "MIXED", date(2022, 4, 1)))
    assert scene.started.keys() == {"DL-02"}
    assert scene.aggregate.clocks["DL-02"].since == "2022-04-01"


def test_dl02_is_owed_to_real_names_only(given: Given) -> None:
    anonymous = changed(x.HISTORIES["WITH_HANDLER"], {e.ComplaintReceived: {"identity_status": "UNCLAIMED"}})
    scene = given(*anonymous)
    scene.when_told(lambda c, ctx: c.note_result(ctx, x.CASE, 1, "ALL_UNFOUNDED", x.TODAY))
    assert scene.started == {}


def test_dl03_ends_with_the_sealing_which_delivers_at_once(given: Given) -> None:
    """Sealed, it stands in the addressee's queue (B15); what leaves the system is sent."""
    above = changed((x.RECEIVED,), {e.ComplaintReceived: {"competent_level": "CITY"}})
    assert "DL-03" in given(*above).when(x.SEAL).met
    central = changed((x.RECEIVED,), {e.ComplaintReceived: {"competent_level": "CENTRAL"}})
    assert "DL-03" in given(*central).when(x.OUTSIDE, by="p-1").met


def test_dl24_what_is_registered_is_decided_on_in_fifteen_days(given: Given) -> None:
    """Until it is accepted, rejected, joined or passed on; anew where that is decided anew; in no dispute."""
    for command in (x.ACCEPT, x.REJECT, x.SEND_UP, x.DISPUTE):
        scene = given(*x.HISTORIES["REGISTERED"])
        assert scene.aggregate.clocks["DL-24"].due == FIFTEEN_DAYS
        assert "DL-24" in scene.when(command).met
    returned = e.ReturnByHandlerNoted(reason="NO_SUBSTANCE", case_number=x.CASE)
    assert "DL-24" in given(*x.HISTORIES["WITH_HANDLER"], returned).aggregate.running
    disputed = (*x.HISTORIES["REGISTERED"], x.DISPUTED)
    assert "DL-24" not in given(*disputed).aggregate.running
    for organ, runs in ((x.COUNTY, True), (x.NEIGHBOUR, False)):
        decided = e.JurisdictionAssigned(to_organ=organ, reason="由其办理")
        assert ("DL-24" in given(*disputed, decided).aggregate.running) is runs


def test_dl23_runs_until_the_parcel_is_taken_in(given: Given) -> None:
    """The clocks of the organ that is competent run beside it, from the delivery."""
    assert running(x.IN_PARCEL) == {"DL-01": FIFTEEN_DAYS, "DL-23": FIVE_DAYS}
    assert given(x.IN_PARCEL).when(x.TAKE_IN).met == {"DL-23"}


@pytest.mark.parametrize(
    "command", [x.ACCEPT, x.REJECT, x.ASSIGN_DOWN], ids=lambda command: type(command).__name__
)
def test_dl04_ends_with_the_decision(given: Given, command: Command) -> None:
    passed = changed(x.HISTORIES["REGISTERED"], {e.ComplaintReceived: {"source": "SUPERIOR_TRANSFERRED"}})
    assert "DL-04" in given(*passed).when(command).met


def test_dl06_is_extended_from_its_first_day_and_ends_with_the_report(given: Given) -> None:
    owed = changed(
        x.HISTORIES["WITH_HANDLER"],
        {e.ComplaintReceived: {"source": "SUPERIOR_ASSIGNED", "origin": str(x.OTHER)}},
    )
    scene = given(*owed).at("2022-05-20").when(x.EXTEND)
    assert scene.started == {"DL-06": "2022-09-01"}
    assert scene.when_told(lambda c, ctx: c.note_result_sent_up(ctx, x.CASE)).met == {"DL-06"}


def test_a26_a_returned_result_is_owed_in_a_period_of_its_own(given: Given) -> None:
    owed = changed(
        x.HISTORIES["RESULT_AVAILABLE"],
        {e.ComplaintReceived: {"source": "SUPERIOR_ASSIGNED", "origin": str(x.OTHER)}},
    )
    scene = given(*owed, e.AssignedResultReported(case_number=x.CASE)).at("2022-05-20")
    assert scene.when_told(lambda c, ctx: c.note_result_returned(ctx, "补充核查")).started == {
        "DL-06": "2022-08-20"
    }
    assert scene.when(x.EXTEND).started == {"DL-06": "2022-11-20"}


def test_a31_a_case_that_is_opened_again_owes_anew_what_was_reported(given: Given) -> None:
    """The first period still runs if nothing was reported yet."""
    owed = changed(
        x.HISTORIES["RESULT_AVAILABLE"],
        {e.ComplaintReceived: {"source": "SUPERIOR_ASSIGNED", "origin": str(x.OTHER)}},
    )
    first = given(*owed).at("2022-05-20").when_told(lambda c, ctx: c.note_reopened(ctx, x.CASE, 1))
    assert first.started == {}
    reported = given(*owed, e.AssignedResultReported(case_number=x.CASE)).at("2022-05-20")
    assert reported.when_told(lambda c, ctx: c.note_reopened(ctx, x.CASE, 1)).started == {
        "DL-06": "2022-08-20"
    }


def test_dl13_ends_with_the_registration_or_the_objection(given: Given) -> None:
    platform = changed((x.RECEIVED,), {e.ComplaintReceived: {"source": "PETITION_PLATFORM"}})
    for command in (x.REGISTER, x.OBJECT_TO_TRANSFER, x.SEAL):
        assert "DL-13" in given(*platform).when(command).met
