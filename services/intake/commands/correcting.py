"""Commands that put right what was put down wrongly (B12)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import NAMESAKES, TODAY
from services.intake.domain.register import INTO, RegisterEntry, register_id
from services.intake.domain.values import Details
from shared.casework.command import Command, FreeText, Given, Reference
from shared.language.contracts.common import AllegationKind, LevelName
from shared.language.contracts.intake import Category
from shared.language.roles import PETITION, PETITION_CLERK, PETITION_HEAD


class CorrectTriage(Command, on=Complaint, rule="B12", by=PETITION):
    """Corrects the findings of the triage, before anything follows from them: whose complaint it is."""

    competent_level: LevelName
    """The level that is competent in truth."""
    competent_organ: Annotated[str, StringConstraints(pattern=r"^(DI-[0-9]{2,9})?$")] = ""
    """Another organ of no higher level that is competent (A17)."""
    reason: FreeText
    """The reason of the correction; it is kept with the old value."""


class CorrectCategory(Command, on=Complaint, rule="B12", by=PETITION, duty="registrar"):
    """Corrects the category under which it was registered (C6). Rejected or accepted under the old one, it is
    decided on anew."""

    category: Category
    """The category that it has in truth."""
    reason: FreeText
    """The reason of the correction; it is kept with the old value."""


class CorrectAllegation(Command, on=Complaint, rule="B12", by=(PETITION_CLERK,), duty="registrar"):
    """Corrects an allegation that was put down wrongly, until the conclusion. Verification is told; on other
    words it finds anew."""

    allegation_id: Given
    """The allegation, as the complaint names it."""
    kind: AllegationKind | None = None
    """The kind that it has in truth; left out, it stays."""
    text: FreeText | None = None
    """The claim as it should read, in sanitised words (SEC-2); left out, it stays."""
    reason: FreeText
    """The reason of the correction; it is kept with the old value."""
    approved_by: Reference | None = None
    """The person who approved the wording, where that is another one."""


class CorrectAccused(
    Command, on=Complaint, rule="B12", by=(PETITION_CLERK,), duty="registrar", lookups=(TODAY, NAMESAKES)
):
    """Corrects details of an accused that were put down wrongly, until the conclusion: here and in the
    register. A new post is no slip: it is told with the next list. An accused who turns out to be a member
    of staff is excluded from the matter (B2)."""

    accused_ref: Given
    """The accused, as the complaint names them."""
    details: Details
    """The details as they are in truth; what is not told stays."""
    reason: FreeText
    """The reason of the correction; it is kept with the old value."""


class MergeAccused(
    Command,
    on=RegisterEntry,
    creates=True,
    plural="accused-mergers",
    rule="B11",
    by=(PETITION_HEAD,),
    organ=None,
    need_to_know=False,
    lookups=(INTO,),
):
    """Makes one of two entries of the register that are the same person or organisation. Complaints and
    conclusions under both stand in the history of the entry that stays; what is handed over from now on
    names that."""

    accused_ref: Given
    """The entry that was a second one."""
    into: Given
    """The entry that stays."""
    reason: FreeText
    """The reason why they are the same."""

    def stream(self, organ: str) -> UUID:
        return register_id(self.accused_ref)


CORRECTING: list[type[Command]] = [
    CorrectTriage,
    CorrectCategory,
    CorrectAllegation,
    CorrectAccused,
    MergeAccused,
]
