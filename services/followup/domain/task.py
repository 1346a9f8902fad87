"""The parts of a plan: lines as they are asked for, and the tasks that they become (R35, R37)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, cast, get_args

import rfc8785
from pydantic import Field, StringConstraints

from shared.casework.command import Chosen, Colleague, Day
from shared.language.contracts.followup import Mode, PackageItem, PlannedTask, Target
from shared.language.event import Value
from shared.language.refusal import refuse

MODES: tuple[str, ...] = get_args(Mode)
PHONE: Mode = "PHONE_CALL"
ModeName = Annotated[
    str, StringConstraints(min_length=1, max_length=40), Field(examples=list(MODES)), Chosen()
]
"""Any word: an unknown mode is refused by rule (R37) and not by form."""


class PackageLine(Value):
    """A number of contacts of one mode, a number of days apart."""

    mode: ModeName
    """INDIVIDUAL_MEETING, SCHEDULED_APPOINTMENT, PHONE_CALL or HOME_VISIT; another word is E_MODE_UNKNOWN."""
    count: Annotated[int, Field(ge=1, le=50)]
    """The number of contacts of this mode."""
    interval_days: Annotated[int, Field(ge=0, le=366)]
    """Days between two of them."""


class TaskLine(Value):
    """One visit. Without `due` it takes the next day of the default schedule of its target."""

    target: Target
    """One of the plan's `targets`."""
    mode: ModeName
    """INDIVIDUAL_MEETING, SCHEDULED_APPOINTMENT, PHONE_CALL or HOME_VISIT; the subject is not met by phone
    alone unless they ask for it."""
    due: Day | None = None
    """The day of the visit, not before the clarification was completed; left out, the next day of the default
    schedule."""
    staff: Annotated[tuple[Colleague, ...], Field(min_length=1, max_length=20)]
    """The accounts of those who are to go."""


def known_mode(mode: str) -> Mode:
    """The mode, if the law knows it."""
    if mode not in MODES:
        refuse("E_MODE_UNKNOWN", "R37", allowed=list(MODES))
    return cast(Mode, mode)


def package_of(lines: Sequence[PackageLine]) -> tuple[PackageItem, ...]:
    """The package (套餐) in its order."""
    return tuple(
        PackageItem(mode=known_mode(line.mode), count=line.count, interval_days=line.interval_days)
        for line in lines
    )


def tasks_of(
    lines: Sequence[TaskLine], completed_on: date, schedule: Sequence[int]
) -> tuple[PlannedTask, ...]:
    """The tasks, numbered, each with its day: its own, or the next one of the default schedule."""
    undated: Counter[Target] = Counter()
    tasks = []
    for number, line in enumerate(lines, start=1):
        mode = known_mode(line.mode)
        due = line.due
        if due is None:
            nth = undated[line.target]
            undated[line.target] += 1
            if nth >= len(schedule):
                refuse(
                    "E_SCHEMA",
                    "R52",
                    field="tasks",
                    reason="more undated visits than the default schedule has",
                )
            due = completed_on + timedelta(days=schedule[nth])
        elif due < completed_on:
            refuse("E_SCHEMA", "R34", field="tasks", reason="due before the clarification was completed")
        tasks.append(PlannedTask(id=f"T{number}", target=line.target, mode=mode, due=due, staff=line.staff))
    return tuple(tasks)


def check_package(package: Sequence[PackageItem], tasks: Sequence[PlannedTask]) -> None:
    """The tasks carry out what the package promises (R37)."""
    promised: Counter[Mode] = Counter()
    for item in package:
        promised[item.mode] += item.count
    if not promised <= Counter(task.mode for task in tasks):
        refuse("E_SCHEMA", "R37", field="tasks", reason="fewer visits than the package promises")


def text_hash(situation: str, main_worry: str, goals: str, measures: str) -> str:
    """Recognises a plan whose text was copied byte for byte (R35)."""
    return hashlib.sha256(rfc8785.dumps([situation, main_worry, goals, measures])).hexdigest()
