"""The roles of §5.1, as they stand in tokens."""

from __future__ import annotations

from collections.abc import Collection

REPORTER = "reporter_mobile"
SUBJECT = "subject_mobile"
PETITION_CLERK = "petition_clerk"
PETITION_HEAD = "petition_head"
CLARIFICATION_APPROVER = "clarification_approver"
HANDLER = "handler"
DEPT_HEAD = "handling_dept_head"
CASE_MANAGER = "case_manager"
DEPUTY_LEADER = "deputy_leader"
ORGAN_HEAD = "organ_head"
CITY_APPROVER = "city_approver"
REVISIT_OFFICER = "revisit_officer"
PUBLICITY_OFFICER = "publicity_officer"
CUSTODIAN = "identity_custodian"
INTERNAL_SUPERVISOR = "internal_supervisor"
AUDITOR = "auditor"
STATISTICS = "statistics_viewer"
PLATFORM = "platform_integration"
DIRECTORY = "directory_integration"
UNIT_CONTACT = "unit_contact"
SYSTEM = "system"

STAFF = (
    PETITION_CLERK,
    PETITION_HEAD,
    CLARIFICATION_APPROVER,
    HANDLER,
    DEPT_HEAD,
    CASE_MANAGER,
    DEPUTY_LEADER,
    ORGAN_HEAD,
    CITY_APPROVER,
    REVISIT_OFFICER,
    PUBLICITY_OFFICER,
    CUSTODIAN,
    INTERNAL_SUPERVISOR,
)
OF_AN_ORGAN = frozenset({*STAFF, AUDITOR, STATISTICS, PLATFORM, DIRECTORY})
"""Roles that are held in an organ."""
OUTSIDE = frozenset({REPORTER, SUBJECT, UNIT_CONTACT})
"""Persons outside the organs: their account decides what they may see."""
ALL = OF_AN_ORGAN | OUTSIDE | {SYSTEM}
PETITION = (PETITION_CLERK, PETITION_HEAD)
"""The petition department: receives, registers, answers."""
LEADERS = (PETITION_HEAD, DEPT_HEAD, DEPUTY_LEADER, ORGAN_HEAD)
"""Roles that may assign people to a case (§6.3)."""
CASEWORK = frozenset(STAFF) - {CUSTODIAN, INTERNAL_SUPERVISOR}
"""Roles in which people work on cases: custodians hold none of these (SD8), supervisors none at all (SD9)."""
NEVER_CASE_COMMANDS = frozenset({AUDITOR, INTERNAL_SUPERVISOR})
"""Roles that read and watch, and never execute a command on a case (SD9)."""
WATCHED_FROM_ABOVE = frozenset({ORGAN_HEAD, INTERNAL_SUPERVISOR})
"""Roles of which an alert goes to the internal supervision of the organ above: nobody watches over their own
head, or over themselves (B47)."""
HELD_ALONE = {CUSTODIAN: "SD8", PLATFORM: "SD12", DIRECTORY: "SD12"}
"""Roles that exclude every other role: the custodian of identities decides no case, and a service account is
not a person (§5.3)."""


def foremost(held: Collection[str]) -> str:
    """The role in which somebody is on record who is not known to act in a certain one: that of a head before
    any other, since it decides who hears of them (B47). Empty for who holds none."""
    return min(held, key=lambda role: (role not in WATCHED_FROM_ABOVE, role), default="")
