"""The findings about the allegations of a case, and what they add up to (R1, R9, R25)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import StringConstraints

from shared.casework.command import FreeText
from shared.language.contracts.common import Allegation, Finding, Outcome
from shared.language.contracts.verification import AllegationFound, Verdict
from shared.language.event import Value

FoundOutcome = Outcome | Literal["PARTIALLY_SUBSTANTIATED"]
"""The outcomes that may be asked for; the last is refused on an atomic allegation (E_SPLIT_REQUIRED)."""


class AllegationPart(Value):
    """An atomic part of an allegation, in sanitised words; its suffix makes its id (`a1` -> `a1b`)."""

    suffix: Annotated[str, StringConstraints(pattern=r"^[a-z]$")]
    """One letter, which is put behind the id of the whole: `b` makes `a1b`."""
    text: FreeText
    """The part in sanitised words; it tells nothing of how or by whom it was reported (SEC-2)."""


class ThreeDistinction(Value):
    """One of the three distinctions (三个区分开来): does it apply to this conduct, and why (R1)."""

    distinction: Literal["EXPERIENCE_VS_KNOWING", "EXPLORATION_VS_DEFIANCE", "DEVELOPMENT_VS_PRIVATE_GAIN"]
    """The distinction that was examined."""
    applies: bool
    """True if the conduct falls under its lenient side."""
    reasoning: FreeText
    """The reason why it applies or does not."""

    def recorded(self) -> dict[str, str]:
        """The words that the event keeps."""
        return {
            "distinction": self.distinction,
            "applies": "true" if self.applies else "false",
            "reasoning": self.reasoning,
        }


@dataclass
class Findings:
    """The allegations of a case with what was found and what follows from it."""

    allegations: dict[str, Allegation] = field(default_factory=dict)
    found: dict[str, AllegationFound] = field(default_factory=dict)
    dispositions: dict[str, str] = field(default_factory=dict)

    def split(self, allegation_id: str, parts: Iterable[Allegation]) -> None:
        """The parts stand where the whole stood; what was found on it is gone with it."""
        rows = list(self.allegations.values())
        at = list(self.allegations).index(allegation_id)
        self.allegations = {a.id: a for a in (*rows[:at], *parts, *rows[at + 1 :])}
        self.found.pop(allegation_id, None)
        self.dispositions.pop(allegation_id, None)

    def outcome(self, allegation_id: str) -> Outcome | None:
        """The outcome; None as long as nothing was found."""
        found = self.found.get(allegation_id)
        return found.outcome if found else None

    def missing(self) -> list[str]:
        """Allegations without a finding."""
        return [id for id in self.allegations if id not in self.found]

    def undisposed(self) -> list[str]:
        """Substantiated allegations from which nothing has followed yet (R9)."""
        return [
            id for id in self.found if self.outcome(id) == "SUBSTANTIATED" and id not in self.dispositions
        ]

    def of(self, subject_ref: str, *outcomes: Outcome) -> list[str]:
        """One subject's allegations that came to one of these outcomes."""
        return [
            id
            for id, allegation in self.allegations.items()
            if allegation.accused_ref == subject_ref and self.outcome(id) in outcomes
        ]

    def published(self, allegation_ids: Iterable[str]) -> tuple[Finding, ...]:
        """The findings as other services read them."""
        return tuple(
            Finding(
                allegation_id=id,
                outcome=self.found[id].outcome,
                disposition_ref=self.dispositions.get(id, "") if self.outcome(id) == "SUBSTANTIATED" else "",
            )
            for id in allegation_ids
            if id in self.found
        )

    def effects(self, allegation_ids: Iterable[str]) -> tuple[str, ...]:
        """The adverse effects that were met while these allegations were verified."""
        return tuple(sorted({effect for id in allegation_ids for effect in self.found[id].adverse_effect}))

    def verdict(self) -> Verdict:
        """The verdict of the case: mixed where something is true and something is not; else one
        inconclusive allegation keeps it from being clean (A66), as does one on which nothing was found."""
        outcomes = {found.outcome for found in self.found.values()}
        if not outcomes:
            return "HAS_INCONCLUSIVE"
        if outcomes >= {"SUBSTANTIATED", "UNFOUNDED"}:
            return "MIXED"
        if "INCONCLUSIVE" in outcomes:
            return "HAS_INCONCLUSIVE"
        return "ALL_UNFOUNDED" if outcomes == {"UNFOUNDED"} else "ALL_SUBSTANTIATED"
