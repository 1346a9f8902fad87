"""The staff directory: who serves where, in which role, and who stands in for whom (B5, B8).

It is one stream of events in every service. Intake's begins with each import from the identity provider; the
others copy from it what intake publishes. A process keeps it folded at hand, and asks its own store for what
came since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Container, Iterable, Sequence, Set
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import TypeVar
from uuid import UUID

import structlog

from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Token
from shared.casework.reaction import Desk, Reactions
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import (
    Member,
    StaffJoined,
    StaffLeft,
    StaffMoved,
    SubstituteDesignated,
    SubstituteReason,
)
from shared.language.event import Event, Recorded
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.roles import (
    DEPUTY_LEADER,
    HELD_ALONE,
    NEVER_CASE_COMMANDS,
    ORGAN_HEAD,
)
from shared.language.spelling import normal

log = structlog.get_logger("staff")
DIRECTORY_ID = derived_id("staff-directory")
"""The stream of the directory, in every service."""
AT_ONCE = 200
"""People in one event, which so stays well below the size of a message."""
LOOK_SECONDS = 0.5
EVENTS = (StaffJoined, StaffMoved, StaffLeft, SubstituteDesignated)
NEVER_SUBSTITUTES = NEVER_CASE_COMMANDS | HELD_ALONE.keys()
T = TypeVar("T")
Designation = tuple[str, str, str]
"""Organ, role and person of a substitute."""


class StaffDirectory(Aggregate):
    """The people of all organs as they stand now, with those who stand in for others."""

    kind = "StaffDirectory"
    plural = "staff"
    collects = True

    def __init__(self, id: UUID = DIRECTORY_ID) -> None:
        super().__init__(id)
        self.members: dict[str, Member] = {}
        """The place of each person."""
        self.organs: dict[str, dict[str, Member]] = {}
        """The same by organ."""
        self.called: dict[str, set[str]] = {}
        """The people of each name, in its normal form."""
        self.substitutes: dict[Designation, SubstituteDesignated] = {}
        """The last designation of each person for a role of an organ."""
        self.gone: set[str] = set()
        """People who have left, or changed organ or roles: assignments of theirs may be left over."""

    @property
    def rests_on(self) -> Sequence[str]:
        """No complaint: it knows of none, and no text in it may tell of one."""
        return ()

    def import_staff(self, ctx: Context, organs: Sequence[str], members: Sequence[Member]) -> None:
        """Takes over everybody who serves in these organs now; who is not told any more has left. What has
        not changed leaves no record."""
        told = {member.person: member for member in members}
        _check_import(ctx, organs, members, told)
        for n, member in enumerate(members):
            here = self.members.get(member.person, member).organ
            if not ctx.law.organs.is_ancestor_or_self(ctx.actor.organ, here):
                # Nobody takes people out of an organ that is not theirs: that one says that they have left.
                refuse("E_SCHEMA", "B8", field=f"members.{n}.person", reason="serves elsewhere")
        joined = [m for p, m in told.items() if p not in self.members]
        moved = [m for p, m in told.items() if self.members.get(p, m) != m]
        left = [p for p, m in self.members.items() if m.organ in organs and p not in told]
        for some in _chunks(joined):
            self.record(ctx, self.own("StaffJoined")(members=some))
        for some in _chunks(moved):
            self.record(ctx, self.own("StaffMoved")(members=some))
        for people in _chunks(left):
            self.record(ctx, self.own("StaffLeft")(people=people))

    def designate_substitute(
        self,
        ctx: Context,
        role: str,
        person: str,
        since: date,
        until: date,
        reason: SubstituteReason,
        organ: str | None,
    ) -> None:
        """Names who stands in for the holders of a role: the head of the organ does, for the head of the
        organ the head above; at the top, where nobody is above, the deputy leader. A last day that is past
        ends what was designated before."""
        at, actor = organ or ctx.actor.organ, ctx.actor
        if at not in ctx.law.organs:
            refuse("E_SCHEMA", "B5", field="organ", reason="unknown organ")
        above = ctx.law.organs.get(at).parent
        decides = (above or at) if role == ORGAN_HEAD else at
        if actor.organ != decides:
            refuse("E_JURISDICTION", "B5", required_organ=decides)
        if actor.role == DEPUTY_LEADER and not (role == ORGAN_HEAD and above is None):
            refuse("E_FORBIDDEN_ROLE", "B5", allowed=[ORGAN_HEAD])
        if actor.person == person:
            refuse("E_SOD_CONFLICT", "B5", person=person)
        today, longest = local_date(ctx.now), ctx.law.policy.int_of("substitute.maximum.days")
        before = self.substitutes.get((at, role, person))
        if until < since:
            refuse("E_SCHEMA", "B5", field="until", reason="before since")
        if until < today:
            if before is None:
                refuse("E_STATE", "B5", person=person)
        else:
            first = since
            if before is not None and before.until >= (since - timedelta(days=1)).isoformat():
                first = min(since, date.fromisoformat(before.since))  # one substitution, prolonged
            if until - first >= timedelta(days=longest):
                refuse("E_SCHEMA", "B5", field="until", maximum_days=longest)
            if since > today + timedelta(days=longest):
                refuse("E_SCHEMA", "B5", field="since", maximum_days=longest)
            member = self.members.get(person)
            if member is None or member.organ != at or not member.is_there(today):
                refuse("E_PERSON_UNKNOWN", "B8", field="person")
            if not NEVER_SUBSTITUTES.isdisjoint(member.roles):
                refuse("E_SOD_CONFLICT", "B5", roles=sorted(NEVER_SUBSTITUTES.intersection(member.roles)))
            if role in member.roles:
                refuse("E_SUBSTITUTE_NOT_NEEDED", "B5", person=person)
        days = {"since": since.isoformat(), "until": until.isoformat()}
        designated = self.own("SubstituteDesignated")
        self.record(ctx, designated(role=role, person=person, at=at, reason=reason, **days))

    def copy(self, ctx: Context, event: Event) -> None:
        """Records in this service what intake's directory has recorded."""
        self.record(ctx, self.own(type(event).__name__)(**dict(event)))

    def apply(self, recorded: Recorded) -> None:
        super().apply(recorded)
        match event := recorded.event:
            case StaffJoined() | StaffMoved():
                for member in event.members:
                    before = self._take_out(member.person) or member
                    if before.organ != member.organ or not set(before.roles) <= set(member.roles):
                        self.gone.add(member.person)
                    self.members[member.person] = member
                    self.organs.setdefault(member.organ, {})[member.person] = member
                    self.called.setdefault(normal(member.name), set()).add(member.person)
            case StaffLeft():
                for person in event.people:
                    self._take_out(person)
                self.gone.update(event.people)
            case SubstituteDesignated():
                self.substitutes[event.at, event.role, event.person] = event

    def _take_out(self, person: str) -> Member | None:
        member = self.members.pop(person, None)
        if member is not None:
            del self.organs[member.organ][person]
            self.called[normal(member.name)].discard(person)
        return member


@cache
def directory_of(service: str) -> type[StaffDirectory]:
    """The directory as the aggregate of one service."""
    return type("StaffDirectory", (StaffDirectory,), {"service": service})


def _check_import(
    ctx: Context, organs: Collection[str], members: Sequence[Member], told: Collection[str]
) -> None:
    """Refuses an import of organs that its sender has nothing to say about, and people who stand in it as
    nobody can."""
    tree, today = ctx.law.organs, local_date(ctx.now).isoformat()
    if strange := [o for o in organs if o not in tree or not tree.is_ancestor_or_self(ctx.actor.organ, o)]:
        refuse("E_SCHEMA", "B8", field="organs", reason="not of the sender", organs=sorted(strange))
    if len(told) != len(members):
        refuse("E_SCHEMA", "B8", field="members", reason="somebody stands there twice")
    for n, member in enumerate(members):
        if member.organ not in organs:
            refuse("E_SCHEMA", "B8", field=f"members.{n}.organ", reason="not among organs")
        if member.since > today:
            refuse("E_SCHEMA", "B8", field=f"members.{n}.since", reason="not there yet")
        if len(member.roles) > 1 and (alone := HELD_ALONE.keys() & set(member.roles)):
            refuse("E_SOD_CONFLICT", HELD_ALONE[min(alone)], field=f"members.{n}.roles")


def _chunks(of: Sequence[T]) -> Iterable[tuple[T, ...]]:
    return (tuple(of[n : n + AT_ONCE]) for n in range(0, len(of), AT_ONCE))


class Staff:
    """The directory as a process has it at hand."""

    def __init__(self, recorder: Recorder, service: str) -> None:
        self._recorder = recorder
        self._kind = directory_of(service)
        self._directory = self._kind()
        self._last: Recorded | None = None
        self._reaching = asyncio.Lock()

    @property
    def version(self) -> int:
        """The number of events that are folded in."""
        return self._directory.version

    async def follow(self) -> None:
        """Keeps it fresh for those who ask without waiting: tokens of substitutes."""
        seen = -1
        while True:
            head = self._recorder.head
            if head != seen:
                try:
                    await self.reach()
                    seen = head
                except StoreUnavailable as error:
                    log.warning("staff_not_read", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def reach(self) -> None:
        """Folds in what the store has more of it. If the store has another past than this, as after a
        restore, all is folded anew. Raises `StoreUnavailable`."""
        async with self._reaching:
            directory, last = self._directory, self._last
            found = await self._events(max(1, directory.version))
            if last is not None and (not found or found[0].event_id != last.event_id):
                directory, found = self._kind(), await self._events(1)
            for recorded in found:
                if recorded.originator_version > directory.version:
                    directory.apply(recorded)
                    last = recorded
            self._directory, self._last = directory, last

    async def _events(self, first: int) -> list[Recorded]:
        return self._recorder.events_in(await self._recorder.rows_of(DIRECTORY_ID, first))

    def of(self, organ: str, today: date) -> list[Member]:
        """The people who serve in an organ on this day, by their references."""
        serving = self._directory.organs.get(organ, {}).values()
        return sorted((m for m in serving if m.is_there(today)), key=lambda m: m.person)

    def called(self, name: str, today: date) -> tuple[Member, ...]:
        """The people of a name who serve on this day, in whatever organ."""
        people = self._directory.called.get(normal(name), ())
        found = (self._directory.members[person] for person in sorted(people))
        return tuple(member for member in found if member.is_there(today))

    def substitutions(self, organ: str, today: date) -> list[SubstituteDesignated]:
        """Those who stand in for a role of an organ on this day: they serve there, and hold no role that
        excludes others."""
        running = [s for s in self._directory.substitutes.values() if s.at == organ and s.runs(today)]
        serving = {m.person: m for m in self.of(organ, today)} if running else {}
        may = {p for p, m in serving.items() if NEVER_SUBSTITUTES.isdisjoint(m.roles)}
        return [s for s in running if s.person in may]

    def roles_of(self, person: str, organs: Container[str], today: date) -> frozenset[str]:
        """The roles that somebody has on this day, by their place and as a substitute; none if they do not
        serve in one of these organs."""
        member = self._directory.members.get(person)
        if member is None or member.organ not in organs or not member.is_there(today):
            return frozenset()
        standing_in = self.substitutions(member.organ, today)
        return frozenset(member.roles) | {s.role for s in standing_in if s.person == person}

    def holders(self, organ: str, roles: Set[str], today: date) -> frozenset[str]:
        """The people who have one of these roles in an organ on this day, and may work on cases (SD9)."""
        held = {
            m.person
            for m in self.of(organ, today)
            if not roles.isdisjoint(m.roles) and NEVER_CASE_COMMANDS.isdisjoint(m.roles)
        }
        return frozenset(held | {s.person for s in self.substitutions(organ, today) if s.role in roles})

    def left(self, today: date) -> frozenset[str]:
        """People of whom assignments may be left over: they have gone, moved, or their last day, there or as
        a substitute, is past."""
        directory = self._directory
        ended = {p for p, m in directory.members.items() if m.until and not m.is_there(today)}
        stood_in = {s.person for s in directory.substitutes.values() if not s.runs(today)}
        return frozenset(directory.gone | ended | stood_in)

    def with_substitutions(self, token: Token, now: datetime) -> Token:
        """The token, with the roles in which its person stands in for others in their organ (B5)."""
        if not self._directory.substitutes or not token.organ or token.roles & NEVER_SUBSTITUTES:
            return token
        today = local_date(now)
        more = {s.role for s in self.substitutions(token.organ, today) if s.person == token.person}
        return replace(token, roles=token.roles | more) if more - token.roles else token


def copying(service: str) -> Reactions:
    """The reactions of a service to what intake publishes of the directory, by the name of the event."""

    async def copy(event: Event, desk: Desk) -> None:
        """Takes it into the service's own directory."""
        directory = await desk.get_or_new(directory_of(service), DIRECTORY_ID)
        directory.copy(desk.context(rule="B8"), event)

    return {f"intake.{event.__name__}": copy for event in EVENTS}
