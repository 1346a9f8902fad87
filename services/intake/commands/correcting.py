"""Commands that put right what was put down wrongly (B12)."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from services.intake.domain.complaint import Complaint
from shared.casework.command import Command, FreeText, Given, Reference
from shared.language.contracts.common import AllegationKind, LevelName
from shared.language.contracts.intake import Category
from shared.language.roles import PETITION, PETITION_CLERK


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


CORRECTING: list[type[Command]] = [CorrectTriage, CorrectCategory, CorrectAllegation]
