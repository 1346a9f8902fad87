"""Everything that the law names is found in the code by its name, or is to come later."""

from __future__ import annotations

import pytest

from shared.language.catalogue import CATALOGUE
from tools.clauses import Clause, clauses

PROCESSES = {"P1": "", "P13": "with revocation"}


@pytest.mark.parametrize(
    ("kind", "name", "of"),
    [
        ("command", "RecordConsent", "R7"),
        ("event", "ClarificationConsentGranted", "R7"),
        ("event", "ProtectionRequested", "A49"),
        ("code", "E_CONSENT_STALE", "R7"),
        ("deadline", "DL-15", "R7"),
        ("process", "P1", "A12"),
    ],
)
def test_what_is_there_is_found(kind: str, name: str, of: str) -> None:
    assert clauses(PROCESSES, f'[{kind}]\n{name} = "{of} §4.4"') == [
        Clause(kind, name, (of, "§4.4"), later="", built=True)
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("command", "BlacklistReporter"),
        ("command", "ClarificationConsentGranted"),
        ("event", "ReporterBlacklisted"),
        ("code", "E_BLACKLISTED"),
        # In the catalogue, but nothing is refused with it.
        ("code", "E_INTENT_NOT_PROVED"),
        ("deadline", "DL-99"),
        # Among the data, but nothing starts it: no letter of inquiry is sent.
        ("deadline", "DL-09"),
    ],
)
def test_what_is_not_there_is_told_unless_it_comes_later(kind: str, name: str) -> None:
    (missing,) = clauses(PROCESSES, f'[{kind}]\n{name} = "R7"')
    assert not missing.built
    assert missing.wrong == f"{name} ({kind}; R7) is not there, and docs/clauses.toml does not say later"
    (later,) = clauses(PROCESSES, f'[{kind}]\n{name} = {{ of = "R7", later = "then" }}')
    assert not later.built
    assert later.wrong == ""


def test_what_came_is_no_longer_to_come() -> None:
    (clause,) = clauses(PROCESSES, '[command]\nRecordConsent = { of = "R7", later = "then" }')
    assert clause.wrong == "RecordConsent is there, and docs/clauses.toml says later: then"


def test_a_process_manager_comes_with_its_rule() -> None:
    (clause,) = clauses(PROCESSES, '[process]\nP13 = "R54"')
    assert (clause.built, clause.later, clause.wrong) == (False, "with revocation", "")


def test_the_code_may_have_another_name_for_it() -> None:
    """A refusal that is none to a caller is an exception: an event never holds an identity."""
    called = '[command]\nApproveReport = { of = "A61", called = "ConcludeVerification" }\n'
    called += '[code]\nE_IDENTITY_IN_EVENT = { of = "SEC-12", '
    called += 'called = "shared.language.event.IdentityInEvent" }\n'
    called += 'E_OTHER = { of = "SEC-12", called = "shared.language.event.Nothing" }'
    assert [clause.built for clause in clauses(PROCESSES, called)] == [True, True, False]


def test_r29_nobody_is_refused_for_being_anonymous() -> None:
    """The law names this code as one that must never exist."""
    assert "E_ANONYMOUS_REFUSED" not in CATALOGUE
