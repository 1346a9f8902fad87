"""The commands that every case has, made for each service's aggregates (§6.3, A48)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model

from shared.casework.aggregate import Aggregate, Law
from shared.casework.case import RECUSAL_DECIDERS
from shared.casework.command import Colleague, Command, FreeText, Given, Reference, Serving, ShortText, among
from shared.casework.steps import STANDING, steps_of
from shared.language.contracts.common import RecusalAskedBy, RecusalGround
from shared.language.roles import (
    CASE_MANAGER,
    CASEWORK,
    LEADERS,
    OF_AN_ORGAN,
    PETITION_CLERK,
    STAFF,
    SUBJECT,
    UNIT_CONTACT,
)

ROLES = CASEWORK | {UNIT_CONTACT}
"""Roles in which somebody may be assigned to a case."""


Role = Annotated[str, AfterValidator(among(ROLES)), Field(json_schema_extra={"enum": sorted(ROLES)})]


FOREMOST = (*LEADERS, CASE_MANAGER, *(role for role in STAFF if role not in (*LEADERS, CASE_MANAGER)))
"""All roles of staff, in the order in which somebody who has several acts here: as a leader first."""
STEP = "The step: the command that decides it, or the role whose work it is."


class _AssignToCase(Command):
    """Gives a person the need to know of this case in one role (§6.3). A leader of the organ that owns the
    case assigns, and a leader of the organ that must approve assigns an approver of that organ."""

    person: Reference
    """The account of the member of staff, as their tokens name it."""
    role: Role
    """The role in which they are to work on the case; it allows nothing that their token does not."""

    def people(self) -> Iterator[tuple[str, str, Serving]]:
        if self.role != UNIT_CONTACT:
            yield "person", self.person, Serving(self.role, own=True)


class _EndAssignment(Command):
    """Ends a person's need to know at once (§6.3)."""

    person: Reference
    """The account that was assigned."""
    role: Role
    """The role that ends; what the person holds in other roles stays."""
    reason: ShortText
    """The reason; it is kept with the case."""


class _DeclareRecusal(Command):
    """Steps aside from this case (回避, A48)."""

    ground: ShortText
    """The reason for stepping aside; a tie to the reporter is not spelled out."""


class _EndAssignmentBySort(_EndAssignment):
    """Ends a person's need to know at once (§6.3)."""

    reason: Literal["MOVED", "DONE", "OTHER"]
    """The sort of reason: nothing about this case is told in clear words."""


class _DeclareRecusalBySort(_DeclareRecusal):
    """Steps aside from this case (回避, A48)."""

    ground: RecusalGround
    """The legal ground; a tie to the reporter is OTHER."""


class _RequestRecusal(Command):
    """Asks that a member of staff stay away from this case (申请回避): by staff, for themselves or for a
    reporter or accused who asks them to; by the accused from their own account. A tie to the reporter is
    asked for as OTHER, and never spelled out (A33, A36, A48)."""

    person: Reference | None = None
    """The account of the member of staff; left out where it is not known, and described by role and
    reason."""
    role: Role
    """The role in which they act: on the head of an organ the superior organ decides."""
    ground: RecusalGround
    """The legal ground; a tie to the reporter is OTHER."""
    reason: FreeText
    """The circumstances, without a word on who reported."""
    on_behalf_of: RecusalAskedBy = "STAFF"
    """The party who asks, where it is not the caller for themselves."""


class _DecideRecusal(Command):
    """Decides on a request for recusal (回避决定): a leader of the organ, on its head one of the superior
    organ. Granted, the person is out of every matter of this case at once, in all services (SD10, B2)."""

    request: Given
    """The request's id, as the case tells it under `recusals`."""
    person: Annotated[Reference, Serving(*OF_AN_ORGAN)]
    """The account that is meant: the one that the request names, or the one that it only describes."""
    granted: bool
    """True: the person is out of the case at once. False: they go on."""
    opinion: FreeText
    """The reasons of the decision."""


class _LiftExclusion(Command):
    """Lets somebody in again who was excluded from the matters of this case (B2): a leader of the organ, of
    its head one of the superior organ. Assignments that this case ended do not come back; those in other
    cases of the matter do."""

    person: Reference
    """The account of the member of staff."""
    reason: FreeText
    """The reasons of the decision."""


class _ReviewEarlierStep(Command):
    """Confirms an earlier step of somebody who was excluded since, or sends it back to be taken anew (B3). As
    long as one is in question nothing further is decided (E_STEP_IN_QUESTION), but to return the case."""

    event: Annotated[int, Field(ge=1)]
    """The event of the step, as the case tells it under `may.in_question`."""
    decision: Literal["CONFIRM", "SEND_BACK"]
    """CONFIRM: it stands. SEND_BACK: somebody else takes it anew, or it is confirmed after all."""
    opinion: FreeText
    """The reasons of the decision."""


class _ReviewEarlierStepBySort(_ReviewEarlierStep):
    """Confirms an earlier step of somebody who was excluded since, or sends it back to be taken anew (B3)."""

    opinion: Literal["IN_ORDER", "IN_DOUBT"]
    """The sort of reason: nothing about this case is told in clear words."""


class _EscalateForSeparation(Command):
    """Moves a step of this case to the same role at the next organ above (提级办理, B5), where all its
    holders are excluded, barred by separation of duties, away or gone. Asked by anybody who works on the
    case, by case management, or by a leader of the organ above. A step that has a free holder is not moved
    (E_SUBSTITUTE_NOT_NEEDED)."""

    step: str
    """The step: the command that decides it, or the role whose work it is."""
    reason: FreeText
    """The reason why nobody of the organ can take it."""
    unavailable: Annotated[tuple[Colleague, ...], Field(max_length=20)] = ()
    """Holders of the role who are away, or are to take part in the case otherwise, as in its team (B6). Of
    others than themselves a leader says so, or the case management."""


class _EscalateForSeparationBySort(_EscalateForSeparation):
    """Moves a step of this case to the same role at the next organ above (提级办理, B5), where all its
    holders are excluded, barred by separation of duties, away or gone. A step that has a free holder is not
    moved (E_SUBSTITUTE_NOT_NEEDED)."""

    reason: Literal["EXCLUDED", "BARRED", "AWAY", "GONE"]
    """The sort of reason: nothing about this case is told in clear words."""


def case_commands(on: type[Aggregate], *approvers: str, recusal_asked: bool = True) -> list[type[Command]]:
    """Makes the common commands of one kind of case: `AssignToCase`, `EndAssignment` and those of recusal. If
    nothing may be stored in clear (`recusal_asked` False), reasons are given by their sort, and recusal
    cannot be asked for or lifted."""
    # A clerk may, where the head is out (B4): the case itself says so.
    clerks = (PETITION_CLERK,) if on.unopened else ()
    leaders = (*LEADERS, *approvers, *clerks)

    def any_organ(aggregate: Aggregate, law: Law) -> str:
        return ""

    def make(
        base: type[Command], rule: str, fields: dict[str, Any] | None = None, **gate: Any
    ) -> type[Command]:
        made: type[Command] = create_model(
            base.__name__.removeprefix("_").removesuffix("BySort"),
            __base__=base,
            __module__=on.__module__,
            __doc__=base.__doc__,
            __cls_kwargs__={"on": on, "rule": rule, "step": "", **gate},
            **(fields or {}),
        )
        return made

    steps = tuple(sorted(steps_of(on)))

    found = [
        make(_AssignToCase, "§6.3", by=leaders, need_to_know=False, organ=any_organ),
        make(
            _EndAssignment if recusal_asked else _EndAssignmentBySort,
            "§6.3",
            by=leaders,
            need_to_know=False,
            organ=any_organ,
        ),
        make(
            _DeclareRecusal if recusal_asked else _DeclareRecusalBySort, "A48", by=FOREMOST, organ=any_organ
        ),
    ]
    reviewing = _ReviewEarlierStep if recusal_asked else _ReviewEarlierStepBySort
    found.append(make(reviewing, "B3", by=FOREMOST, organ=any_organ, decides=True))
    if steps:
        found.append(
            make(
                _EscalateForSeparation if recusal_asked else _EscalateForSeparationBySort,
                "B5",
                {"step": (Literal[steps], Field(description=STEP))},
                by=FOREMOST,
                need_to_know=False,
                organ=any_organ,
                lookups=(STANDING,),
            )
        )
    if recusal_asked:
        found += [
            make(_RequestRecusal, "A33", by=(*STAFF, SUBJECT), organ=any_organ),
            make(_DecideRecusal, "A48", by=RECUSAL_DECIDERS, organ=any_organ, decides=True),
            make(_LiftExclusion, "B2", by=RECUSAL_DECIDERS, organ=any_organ, decides=True),
        ]
    return found
