"""The deadline catalogue (§3.8)."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from shared.language.law.deadlines import Catalogue, Deadline
from shared.language.law.policy import load_policy
from shared.language.law.working_days import Due

CATALOGUE = Catalogue.load()
POLICY = load_policy()


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T04:00:00+00:00")


def test_catalogue_is_complete() -> None:
    """DL-01 to DL-21 are all there, in order, and of the later ones all but two."""
    ids = [deadline.id for deadline in CATALOGUE]
    later = {"DL-22", "DL-32"}
    assert ids == [id for n in range(1, 37) if (id := f"DL-{n:02d}") not in later]


@pytest.mark.parametrize("deadline", list(CATALOGUE), ids=lambda deadline: deadline.id)
def test_every_length_resolves(deadline: Deadline) -> None:
    """Each length, grace and extension is a number or a number of the policy."""
    start = noon("2026-01-05")
    if deadline.length is None:
        assert deadline.due_carried(date(2026, 1, 5), POLICY).date > date(2026, 1, 5)
    else:
        assert deadline.due(start, POLICY).date > date(2026, 1, 5)
    if deadline.extension is not None:
        assert deadline.due(start, POLICY, extended=True).date > deadline.due(start, POLICY).date


@pytest.mark.parametrize("deadline", list(CATALOGUE), ids=lambda deadline: deadline.id)
def test_what_starts_can_end(deadline: Deadline) -> None:
    """No deadline starts that nothing could satisfy; DL-12 is another body's clock."""
    runs = deadline.id != "DL-12"
    assert bool(deadline.starts_on) == bool(deadline.satisfied_by) == runs
    assert deadline.basis


@pytest.mark.parametrize(
    ("deadline_id", "start", "due"),
    [
        ("DL-01", "2026-04-01", "2026-04-23"),
        ("DL-02", "2026-06-01", "2026-06-23"),
        ("DL-03", "2020-09-21", "2020-09-27"),
        ("DL-06", "2025-11-30", "2026-02-28"),
        ("DL-07", "2026-02-10", "2026-04-15"),
        ("DL-08", "2020-09-28", "2020-10-28"),
        ("DL-11", "2020-10-22", "2020-12-22"),
        ("DL-14", "2021-01-20", "2021-02-09"),
        ("DL-14", "2022-03-01", "2022-03-22"),
        ("DL-15", "2022-03-07", "2022-03-14"),
        ("DL-16", "2022-03-14", "2022-03-21"),
        ("DL-17", "2022-03-18", "2022-04-01"),
        ("DL-19", "2021-03-01", "2021-03-31"),
        ("DL-20", "2026-04-30", "2026-05-06"),
    ],
)
def test_due_dates_of_the_scenarios(deadline_id: str, start: str, due: str) -> None:
    """The dates of the scenarios follow from the catalogue and the policy."""
    assert CATALOGUE.get(deadline_id).due(noon(start), POLICY) == Due(date.fromisoformat(due))


def test_the_clock_reads_local_dates() -> None:
    """An event late in the evening, UTC, already counts for the next day in Shanghai."""
    consent = CATALOGUE.get("DL-15")
    late = datetime(2022, 3, 6, 16, 0, tzinfo=UTC)
    assert consent.due(late, POLICY) == consent.due(noon("2022-03-07"), POLICY)


def test_extension_lengthens_the_period() -> None:
    """One month more gives 2021-01-22 (scenario 1), and clamping happens once."""
    verification = CATALOGUE.get("DL-11")
    assert verification.due(noon("2020-10-22"), POLICY, extended=True).date == date(2021, 1, 22)
    assert verification.due(noon("2025-12-31"), POLICY, extended=True).date == date(2026, 3, 31)
    assert CATALOGUE.extended_by("verification", "VerificationExtended") == ("DL-11",)
    with pytest.raises(ValueError, match="DL-16"):
        CATALOGUE.get("DL-16").due(noon("2022-03-14"), POLICY, extended=True)


def test_revisits_carry_their_own_day() -> None:
    """DL-18 is the day of the task and its grace; its start alone says nothing."""
    revisit = CATALOGUE.get("DL-18")
    assert revisit.due_carried(date(2022, 4, 24), POLICY) == Due(date(2022, 5, 9))
    with pytest.raises(ValueError, match="due_carried"):
        revisit.due(noon("2022-04-24"), POLICY)
    with pytest.raises(ValueError, match="due"):
        CATALOGUE.get("DL-16").due_carried(date(2022, 4, 24), POLICY)


def test_reminder_three_working_days_before() -> None:
    """The reminder skips the weekend and the holiday like the deadline itself."""
    deadline = CATALOGUE.get("DL-01")
    assert deadline.remind_on(deadline.due(noon("2026-04-01"), POLICY), POLICY) == date(2026, 4, 20)


@pytest.mark.parametrize(
    ("service", "event_type", "started"),
    [
        ("intake", "ComplaintReceived", ["DL-01", "DL-03", "DL-04", "DL-05", "DL-06", "DL-13", "DL-23"]),
        ("intake", "ResultBecameAvailable", ["DL-02"]),
        ("verification", "VerificationCaseOpened", ["DL-08"]),
        ("verification", "VerificationConcluded", ["DL-07", "DL-36"]),
        ("verification", "VerificationReportSubmitted", ["DL-27"]),
        ("clarification", "ClarificationOpened", ["DL-14"]),
        ("clarification", "ClarificationApplied", ["DL-14"]),
        ("clarification", "ClarificationReopened", ["DL-14"]),
        ("clarification", "UnfoundedFindingsJoined", ["DL-14"]),
        ("clarification", "ClarificationApproved", ["DL-16"]),
        ("intake", "ClarificationApproved", []),
        ("followup", "DefaultRevisitScheduled", ["DL-18"]),
        ("followup", "RevisitTaskScheduled", ["DL-18"]),
    ],
)
def test_started_by(service: str, event_type: str, started: list[str]) -> None:
    """An event starts deadlines in its own service only."""
    assert [deadline.id for deadline in CATALOGUE.started_by(service, event_type)] == started


@pytest.mark.parametrize(
    ("service", "event_type", "satisfied"),
    [
        ("intake", "ResultFeedbackGiven", ("DL-02",)),
        ("verification", "ComplaintReturnedByHandler", ("DL-08", "DL-25")),
        ("verification", "VerificationReportSubmitted", ("DL-11", "DL-26")),
        ("clarification", "ClarificationConsentLapsed", ("DL-15",)),
        ("clarification", "ClarificationApprovalVoided", ("DL-16",)),
        ("clarification", "ClarificationCompleted", ("DL-17",)),
        ("followup", "ClarificationCompleted", ()),
    ],
)
def test_satisfied_by(service: str, event_type: str, satisfied: tuple[str, ...]) -> None:
    """An event ends deadlines in its own service only."""
    assert CATALOGUE.satisfied_by(service, event_type) == satisfied


def test_acceptance_notice_is_for_real_names() -> None:
    """DL-01 names the conditions that the complaint itself must judge."""
    assert CATALOGUE.get("DL-01").when == ("real_name", "initial", "competent")


def test_incoherent_rows_are_refused() -> None:
    """A row without a length or a carried day, and an id given twice, do not load."""
    row = CATALOGUE.get("DL-16")
    with pytest.raises(ValidationError, match="DL-16"):
        Deadline.model_validate(row.model_dump() | {"length": None})
    with pytest.raises(ValueError, match="twice"):
        Catalogue([row, row])
    with pytest.raises(KeyError, match="DL-99"):
        CATALOGUE.get("DL-99")
