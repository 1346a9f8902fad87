"""The ledger (台账, R36): what a plan's events add up to, and what it still lacks before closing."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.language.contracts.followup import Grade, PlannedTask, RevisitCompleted, Target


@dataclass(slots=True)
class Ledger:
    """One person's record of visits, feedback, measures and effect; entries are only ever added."""

    owed: dict[str, PlannedTask] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)
    visited: set[Target] = field(default_factory=set)
    revisits: int = 0
    extra: int = 0
    heard: bool = False
    unit_feedback: int = 0
    grade: Grade | None = None
    measure_taken: bool = False
    """True if there was a measure, or a further home visit, since the last evaluation."""

    def add_revisit(self, revisit: RevisitCompleted) -> None:
        self.revisits += 1
        self.visited.add(revisit.target)
        if revisit.task_id is None:
            self.extra += 1
            self.measure_taken = True
        else:
            self.done.add(revisit.task_id)

    def add_evaluation(self, grade: Grade) -> None:
        self.grade = grade
        self.measure_taken = False

    @property
    def open(self) -> list[str]:
        """The tasks that are still owed."""
        return [id for id in self.owed if id not in self.done | self.declined]

    def missing(self, targets: tuple[Target, ...]) -> list[str]:
        """The things that stand in the way of closing, by name."""
        missing = self.open
        if "UNIT" in targets and not self.unit_feedback:
            missing.append("unit_feedback")
        if self.grade is None:
            missing.append("effect")
        if self.grade == "NOT_REACHED" and not self.measure_taken:
            missing.append("measure")
        return missing
