"""The commands of followup, and who may give them (§4.5, §5.2)."""

from __future__ import annotations

from typing import Annotated

from services.followup.domain.plan import RevisitPlan
from services.followup.domain.plan.drafting import PLAN_TEXT_KNOWN
from services.followup.domain.task import ModeName, PackageLine, TaskLine, text_hash
from shared.casework.case_commands import case_commands
from shared.casework.command import Colleague, Command, Day, Field, FreeText, Reference, Sha256, ShortText
from shared.language.contracts.followup import Grade, Measure, Target, Wish
from shared.language.roles import DEPT_HEAD, REVISIT_OFFICER, SUBJECT, UNIT_CONTACT


class RecordSubjectWish(Command, on=RevisitPlan, rule="R34", by=(SUBJECT, REVISIT_OFFICER)):
    """Records the wish of the cleared person (被澄清人意愿): from their own account, or noted by an officer
    who holds the evidence. A complete refusal ends the plan; `phone_only` asks for no visit in person."""

    wish: Wish
    """REFUSED_UNIT: no visit to the unit. REFUSED_ALL is heard at any time and ends the plan; any other wish
    only while the plan is drafted."""
    phone_only: bool = False
    """True if they ask to be called and not visited."""
    evidence: Reference | None = None
    """The document that holds the wish; needed if an officer notes it."""


class RecordWorkNeed(Command, on=RevisitPlan, rule="R34", by=(REVISIT_OFFICER, DEPT_HEAD)):
    """Records whether the organ's work needs the unit to be visited too (工作需要)."""

    needed: bool
    """True: subject and unit are both visited, unless the subject refuses the unit."""
    reason: FreeText
    """The reason why the unit is to be visited, or need not be."""


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
    """Both, unless the wish or the need of the work says otherwise (R34)."""
    unit: ShortText | None = None
    """The body that is visited, where it is not the subject's own unit."""
    situation: FreeText
    """The person's state. A plan whose four texts were used before is refused (E_PLAN_NOT_INDIVIDUAL)."""
    main_worry: FreeText
    """The person's greatest worry."""
    goals: FreeText
    """The goals of the visits."""
    measures: FreeText
    """The measures by which they are to be reached."""
    package: Annotated[tuple[PackageLine, ...], Field(min_length=1, max_length=10)]
    """The contacts that are promised, by mode (套餐); the tasks hold at least as many."""
    tasks: Annotated[tuple[TaskLine, ...], Field(min_length=1, max_length=50)]
    """The visits in their order; they are numbered `T1`, `T2`."""

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
    """The visit of the plan that was made, as `T1`; left out for a further home visit to the subject."""
    target: Target
    """As the task says; SUBJECT of a further visit."""
    mode: ModeName
    """As the task says; HOME_VISIT of a further visit."""
    staff: Annotated[tuple[Colleague, ...], Field(min_length=1, max_length=20)]
    """The accounts of those who went: as many as the mode needs (E_STAFF_COUNT), none excluded, and not only
    people who verified the case (SD7)."""
    work_performance: FreeText
    """The person's work since the clarification (履职情况)."""
    thinking: FreeText
    """The person's thoughts and feelings (思想动态)."""
    difficulties: FreeText
    """Things that they need help with."""
    attitude_to_supervision: FreeText
    """The attitude to being supervised by the people."""
    effect: FreeText
    """The effect of the clarification around them."""
    ideological_work: FreeText | None = None
    """The encouragement that was given; needed at the first contact with a person (R39)."""
    subject_voice: FreeText | None = None
    """The subject's own words; only of a visit to the subject, and owed once before the plan closes (R49)."""
    record_hash: Sha256
    """SHA-256 in hex of the record of the visit."""


class RecordUnitFeedback(Command, on=RevisitPlan, rule="R34", by=(UNIT_CONTACT, REVISIT_OFFICER)):
    """Records the unit's own word on the effect of the clarification."""

    feedback: FreeText
    """The unit's view of the effect. Owed before closing where the unit is visited, and not taken where the
    subject refuses that."""
    evidence: Reference | None = None
    """The document of the unit that says so."""


class RecordMeasure(Command, on=RevisitPlan, rule="R38", by=(REVISIT_OFFICER,), duty="revisit_officer"):
    """Records a measure that was taken because the name is not yet cleared in people's minds."""

    kind: Measure
    """The measure of R38 that it is."""
    text: FreeText
    """The steps that were taken."""


class RecordSubjectRecognition(
    Command, on=RevisitPlan, rule="R48", by=(REVISIT_OFFICER,), duty="revisit_officer"
):
    """Records a later honour of the cleared person (如“担当有为好干部”)."""

    title: ShortText
    """The honour, as it is called."""
    conferred_by: ShortText
    """The body that conferred it."""
    conferred_on: Day
    """The day on which it was conferred; not later than today."""


class EvaluateEffect(Command, on=RevisitPlan, rule="R38", by=(REVISIT_OFFICER,), duty="revisit_officer"):
    """Judges whether the visits reached the heart (“回访”到心). NOT_REACHED names the measures to follow."""

    rumour_gone: bool | None = None
    """True if the talk has ended; left out if nobody can say."""
    work_state: FreeText
    """The person's work now."""
    mood: FreeText
    """The person's mood now."""
    unit_view: FreeText | None = None
    """The unit's view, where it was asked."""
    grade: Grade
    """NOT_REACHED names `measures`, and one is taken before the plan closes."""
    measures: Annotated[tuple[Measure, ...], Field(max_length=3)] = ()
    """The measures that are to follow; one at least with NOT_REACHED."""


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
