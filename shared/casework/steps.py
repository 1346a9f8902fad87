"""Steps: the parts of the work on a case, each of which belongs to roles at an acting organ (B5, B6).

A decision from which some duty bars people is a step of its own, under the name of its command; commands that
decide the same question bear one name (`Gate.step`). Everything else that a role does on a case is one step,
under the name of the role. A step without a free holder goes to the next organ above.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from datetime import date
from typing import NamedTuple, Protocol

from shared.casework.aggregate import Aggregate, Law
from shared.casework.command import OrganRule, commands_on
from shared.casework.preparation import Lookup
from shared.language.contracts.common import Accused
from shared.language.roles import CASEWORK


class Holders(Protocol):
    """Tells who holds a role in an organ on a day: the staff directory."""

    def holders(self, organ: str, roles: Set[str], today: date) -> frozenset[str]: ...


class Step(NamedTuple):
    """A step of one kind of case."""

    name: str
    by: frozenset[str]
    """The roles that may give all its commands."""
    differs_from: frozenset[str]
    """Duties that bar a person from it (§5.3)."""
    organ: OrganRule
    """The organ that it belongs to, unless it was escalated."""
    occasional: bool
    """True if a case need not pass it."""
    commands: frozenset[str]
    """The commands by which it is taken."""

    def acting_organ(self, case: Aggregate, law: Law) -> str:
        """The organ that takes it in this case."""
        return case.acting.get(self.name) or self.organ(case, law)

    def is_past(self, case: Aggregate) -> bool:
        """True if the case has passed it: one of its decisions was made, or all of its work was done."""
        if self.name in self.by:
            return self.commands <= case.taken.keys()
        return not self.commands.isdisjoint(case.taken)

    def free(
        self, case: Aggregate, law: Law, staff: Holders, today: date, duties: Mapping[str, Set[str]]
    ) -> frozenset[str]:
        """The holders of its roles who may take it in this case: not excluded, not barred by a duty."""
        barred = set(case.excluded | case.kept_from | {case.subject_account})
        barred.update(*(duties.get(duty, ()) for duty in self.differs_from))
        return staff.holders(self.acting_organ(case, law), self.by & case.deciders(self.name), today) - barred


class Standing(NamedTuple):
    """A step as it stands in a case now."""

    step: Step
    organ: str
    """The organ that takes it."""
    free: frozenset[str]
    """The people there who could."""
    past: bool
    """True if the case has passed it."""
    accused: Collection[Accused]
    """The people accused in the matters of the case, beside those whom it knows itself."""


STANDING: Lookup[Standing] = Lookup("standing")
"""The step that an escalation is about."""


def steps_of(kind: type[Aggregate]) -> dict[str, Step]:
    """The steps of a kind of case, by name. Raises TypeError where commands of one step belong to different
    organs."""
    steps: dict[str, Step] = {}
    for command in commands_on([kind]):
        if not (name := command.takes):
            continue
        gate = command.gate
        assert gate.organ is not None
        step = steps.get(name) or Step(name, frozenset(gate.by), frozenset(), gate.organ, True, frozenset())
        if step.organ is not gate.organ:
            raise TypeError(f"{kind.__name__}: the step {name} belongs to two organs")
        differs_from = step.differs_from | set(gate.differs_from)
        by, occasional = step.by & set(gate.by) & CASEWORK, step.occasional and gate.occasional
        commands = step.commands | {command.__name__}
        steps[name] = Step(name, by, differs_from, gate.organ, occasional, commands)
    return steps


def known_steps(kind: type[Aggregate]) -> dict[str, Step]:
    """The same, once all commands are there: found once for each kind."""
    if (known := _KNOWN.get(kind.kind)) is None:
        known = _KNOWN[kind.kind] = steps_of(kind)
    return known


_KNOWN: dict[str, dict[str, Step]] = {}


def touched(case: Aggregate, before: Mapping[str, Set[str]]) -> list[Step]:
    """The steps still before a case, on its ordinary way, from which more people are barred than before (B6);
    `before` are the duties as they were."""
    changed = {duty for duty, people in case.duties.items() if people != before.get(duty)}
    steps = known_steps(type(case)).values()
    barred = (step for step in steps if not step.occasional and not step.differs_from.isdisjoint(changed))
    return [step for step in barred if not step.is_past(case)]
