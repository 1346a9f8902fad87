"""Followup: the wish of the cleared person, a plan, and a visit."""

from uuid import UUID

from followup import models as followup
from followup.api.reads import list_revisit_plans, read_revisit_plan
from followup.api.revisit_plan import (
    approve_revisit_plan,
    assign_to_case,
    complete_revisit,
    draft_revisit_plan,
    record_subject_wish,
)
from followup.client import AuthenticatedClient
from story import at, cited, document, expect, now, patiently, people, told, version, words

VISIT = "HOME_VISIT"


class Revisiting:
    """The plan that follows a clarification, and those who visit."""

    done = followup.RevisitPlanAnswer

    def __init__(self, clarification: UUID) -> None:
        self.clarification = str(clarification)
        self.chief = AuthenticatedClient(**at("followup", "handling_dept_head"))
        self.officer = AuthenticatedClient(**at("followup", "revisit_officer"))
        self.subject = AuthenticatedClient(**at("followup", "subject"))
        self.visitors = [people["revisit_officer"], people["petition_clerk"]]
        self.id = patiently(self.opened)

    def assign(self, role: followup.CaseRole) -> None:
        body = followup.AssignToCase(person=people[role.value], role=role)
        expect(self.done, assign_to_case.sync(self.id, client=self.chief, body=body))

    def read(self, who: AuthenticatedClient) -> followup.RevisitPlanView:
        return expect(followup.RevisitPlanView, read_revisit_plan.sync(self.id, client=who))

    def opened(self) -> UUID | None:
        """The plan that the completed clarification has opened."""
        page = list_revisit_plans.sync(client=self.chief, state=followup.RevisitPlanState.DRAFTING)
        for row in expect(followup.ListRevisitPlansResult, page).items:
            if row.opened_at >= now:
                self.id = row.id
                self.assign(followup.CaseRole.HANDLING_DEPT_HEAD)
                if self.read(self.chief).facts.clarification_id == self.clarification:
                    return row.id
        return None

    def plan(self) -> None:
        """The subject is glad of a visit; a plan is drafted for them and their unit, and approved."""
        self.assign(followup.CaseRole.REVISIT_OFFICER)
        wish = followup.RecordSubjectWish(wish=followup.Wish.WELCOME)
        expect(self.done, record_subject_wish.sync(self.id, client=self.subject, body=wish))
        both = [followup.Target.SUBJECT, followup.Target.UNIT]
        plan = followup.DraftRevisitPlan(
            targets=both,
            situation=f"{told['accused']}，{words['situation']}",
            main_worry=words["worry"],
            goals=words["goals"],
            measures=words["measures"],
            package=[followup.PackageLine(mode=VISIT, count=1, interval_days=0)],
            tasks=[followup.TaskLine(target=who, mode=VISIT, staff=self.visitors) for who in both],
        )
        expect(self.done, draft_revisit_plan.sync(self.id, client=self.officer, body=plan))
        approved = approve_revisit_plan.sync(
            self.id,
            client=self.chief,
            body=followup.ApproveRevisitPlan(),
            if_match=version(self.read(self.chief)),
            legal_basis=cited,
        )
        assert expect(self.done, approved).state is followup.RevisitPlanState.ACTIVE

    def visit(self) -> None:
        """Two people visit; the subject is heard."""
        visit = followup.CompleteRevisit(
            task_id="T1",
            target=followup.Target.SUBJECT,
            mode=VISIT,
            staff=self.visitors,
            work_performance=words["work"],
            thinking=words["thinking"],
            difficulties=words["none"],
            attitude_to_supervision=words["thinking"],
            effect=words["effect"],
            record_hash=document,
            ideological_work=words["encouraged"],
            subject_voice=words["voice"],
        )
        expect(self.done, complete_revisit.sync(self.id, client=self.officer, body=visit))
