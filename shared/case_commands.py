"""The commands that every case has, made for each service's aggregates (domain.md §6.3, A48)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from shared.aggregate import Aggregate, Law
from shared.command import Command, Reference, ShortText
from shared.security.roles import CUSTODIAN, INTERNAL_SUPERVISOR, LEADERS, STAFF, UNIT_CONTACT

ROLES = frozenset({*STAFF, UNIT_CONTACT}) - {CUSTODIAN, INTERNAL_SUPERVISOR}
"""Custodians hold no case role (SD8), supervisors none at all (SD9)."""


def _known(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"one of {sorted(ROLES)}")
    return role


Role = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(ROLES)})]


class _AssignToCase(Command):
    """Gives a person the need to know of this case in one role (§6.3). A leader of the organ that
    owns the case assigns, and a leader of the organ that must approve assigns his own approver."""

    person: Reference
    role: Role


class _EndAssignment(Command):
    """Ends a person's need to know at once (§6.3)."""

    person: Reference
    role: Role
    reason: ShortText


class _DeclareRecusal(Command):
    """Steps aside from this case (回避, A48)."""

    ground: ShortText


def case_commands(on: type[Aggregate], *approvers: str) -> list[type[Command]]:
    """`AssignToCase`, `EndAssignment` and `DeclareRecusal` for one kind of case."""
    leaders = (*LEADERS, *approvers)

    def any_organ(aggregate: Aggregate, law: Law) -> str:
        return ""

    def make(base: type[Command], rule: str, **gate: Any) -> type[Command]:
        made: type[Command] = create_model(
            base.__name__.removeprefix("_"),
            __base__=base,
            __module__=on.__module__,
            __doc__=base.__doc__,
            __cls_kwargs__={"on": on, "rule": rule, **gate},
        )
        return made

    return [
        make(_AssignToCase, "§6.3", by=leaders, need_to_know=False, organ=any_organ),
        make(_EndAssignment, "§6.3", by=leaders, need_to_know=False, organ=any_organ),
        make(_DeclareRecusal, "A48", by=STAFF, organ=any_organ),
    ]
