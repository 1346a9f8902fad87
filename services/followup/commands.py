"""The commands of followup, and who may give them (§4.5, §5.2)."""

from __future__ import annotations

from typing import Annotated

from services.followup.domain.plan import RevisitPlan
from services.followup.domain.plan.drafting import PLAN_TEXT_KNOWN
from services.followup.domain.task import ModeName, PackageLine, TaskLine, text_hash
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, Day, Field, FreeText, Reference, Sha256, ShortText
from shared.language.contracts.followup import Grade, Measure, Target, Wish
from shared.language.roles import DEPT_HEAD, REVISIT_OFFICER, SUBJECT, UNIT_CONTACT


class RecordSubjectWish(Command, on=RevisitPlan, rule="R34", by=(SUBJECT, REVISIT_OFFICER)):
    """Records the wish of the cleared person (被澄清人意愿): from their own account, or noted by an officer
    who holds the evidence. A complete refusal ends the plan; `phone_only` asks for no visit in person."""

    wish: Wish
    phone_only: bool = False
    evidence: Reference | None = None


class RecordWorkNeed(Command, on=RevisitPlan, rule="R34", by=(REVISIT_OFFICER, DEPT_HEAD)):
    """Records whether the organ's work needs the unit to be visited too (工作需要)."""

    needed: bool
    reason: FreeText


class DraftRevisitPlan(
    Command,
    on=RevisitPlan,
    rule="R35",
    by=(REVISIT_OFFICER,),
    duty="drafter",
    lookups=(PLAN_TEXT_KNOWN,),
):
    """Drafts the plan for this one person (一人一策): situation, worry, goals, measures, package and tasks.

    A task without a day takes the next one of the default schedule. `unit` names the body that is visited
    where it is not the subject's own unit.
    """

    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=2)]
    unit: ShortText | None = None
    situation: FreeText
    main_worry: FreeText
    goals: FreeText
    measures: FreeText
    package: Annotated[tuple[PackageLine, ...], Field(min_length=1, max_length=10)]
    tasks: Annotated[tuple[TaskLine, ...], Field(min_length=1, max_length=50)]

    def text_hash(self) -> str:
        """The hash by which the fact `plan_text_known` is looked up."""
        return text_hash(self.situation, self.main_worry, self.goals, self.measures)


class ApproveRevisitPlan(
    Command,
    on=RevisitPlan,
    rule="R35",
    by=(DEPT_HEAD,),
    duty="plan_approver",
    differs_from=("drafter",),
    decides=True,
):
    """Approves the plan; its tasks are scheduled on their days (head of the handling department)."""


class CompleteRevisit(Command, on=RevisitPlan, rule="R52", by=(REVISIT_OFFICER,), duty="revisit_officer"):
    """Records a visit that was made (回访): who went, what was learned, what was said.

    Without `task_id` it is a further home visit beyond the plan (R48). The first contact with a person needs
    `ideological_work` (R39); `subject_voice` holds the subject's own words, owed once before closing (R49).
    """

    task_id: Annotated[str, Field(pattern=r"^T[0-9]{1,2}$")] | None = None
    target: Target
    mode: ModeName
    staff: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=20)]
    work_performance: FreeText
    thinking: FreeText
    difficulties: FreeText
    attitude_to_supervision: FreeText
    effect: FreeText
    ideological_work: FreeText | None = None
    subject_voice: FreeText | None = None
    record_hash: Sha256


class RecordUnitFeedback(Command, on=RevisitPlan, rule="R34", by=(UNIT_CONTACT, REVISIT_OFFICER)):
    """Records the unit's own word on the effect of the clarification."""

    feedback: FreeText
    evidence: Reference | None = None


class RecordMeasure(Command, on=RevisitPlan, rule="R38", by=(REVISIT_OFFICER,), duty="revisit_officer"):
    """Records a measure that was taken because the name is not yet cleared in people's minds."""

    kind: Measure
    text: FreeText


class RecordSubjectRecognition(
    Command, on=RevisitPlan, rule="R48", by=(REVISIT_OFFICER,), duty="revisit_officer"
):
    """Records a later honour of the cleared person (如“担当有为好干部”)."""

    title: ShortText
    conferred_by: ShortText
    conferred_on: Day


class EvaluateEffect(Command, on=RevisitPlan, rule="R38", by=(REVISIT_OFFICER,), duty="revisit_officer"):
    """Judges whether the visits reached the heart (“回访”到心). NOT_REACHED names the measures to follow."""

    rumour_gone: bool | None = None
    work_state: FreeText
    mood: FreeText
    unit_view: FreeText | None = None
    grade: Grade
    measures: Annotated[tuple[Measure, ...], Field(max_length=3)] = ()


class CloseRevisitPlan(Command, on=RevisitPlan, rule="R36", by=(REVISIT_OFFICER, DEPT_HEAD), decides=True):
    """Closes the plan: every visit made, both targets met, the subject heard, the ledger complete."""


COMMANDS: list[type[Command]] = [
    RecordSubjectWish,
    RecordWorkNeed,
    DraftRevisitPlan,
    ApproveRevisitPlan,
    CompleteRevisit,
    RecordUnitFeedback,
    RecordMeasure,
    RecordSubjectRecognition,
    EvaluateEffect,
    CloseRevisitPlan,
    *case_commands(RevisitPlan),
]
