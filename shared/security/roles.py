"""The roles of §5.1, as they stand in tokens."""

from __future__ import annotations

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
OF_AN_ORGAN = frozenset({*STAFF, AUDITOR, STATISTICS, PLATFORM})
"""Who holds one of these holds it in an organ."""
OUTSIDE = frozenset({REPORTER, SUBJECT, UNIT_CONTACT})
"""Persons outside the organs: what they may see hangs on their account."""
ALL = OF_AN_ORGAN | OUTSIDE | {SYSTEM}
PETITION = (PETITION_CLERK, PETITION_HEAD)
"""The petition department: receives, registers, answers."""
LEADERS = (PETITION_HEAD, DEPT_HEAD, DEPUTY_LEADER, ORGAN_HEAD)
"""Who may assign people to a case (§6.3)."""
NEVER_CASE_COMMANDS = frozenset({AUDITOR, INTERNAL_SUPERVISOR})
"""SD9: they read and watch; they never execute."""
HELD_ALONE = {CUSTODIAN: "SD8", PLATFORM: "SD12"}
"""Who knows identities decides no case, and a service account is nobody (§5.3)."""
