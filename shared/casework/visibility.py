"""Decides who may see a case (§5.4, §6.3): one rule over a case in memory, and the same over its row in a
list.

`check` is asked of one case when it is commanded or read; `listed` is asked of all rows at once by lists,
searches and counts, and `is_listed` says of one case what `listed` says of its row. A case stands in a list
only where `check` would let its reader know of it without being assigned; a property test holds the two to
each other (tests/store/test_sight.py). A kind declares itself what it conceals (`Aggregate.unopened`,
`sealed`, `kept_within`, `reviewed_above`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    cast,
    column,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    table,
)

from shared.casework.aggregate import OPENERS_OUT, Aggregate
from shared.casework.command import Token
from shared.casework.readmodel import CaseBook
from shared.kernel.store.reading import given
from shared.language import roles
from shared.language.organs.tree import OrganTree
from shared.language.refusal import refuse

PERSON = given("person", Text())
"""The person who asks, in the statements of lists."""
_REGISTER = table("exclusions", *map(column, ("matter", "person", "role", "excluded")))
EXCLUDED_FROM = (
    select(func.array_agg(cast(_REGISTER.c.matter, Text)))
    .where(_REGISTER.c.person == PERSON, _REGISTER.c.excluded)
    .scalar_subquery()
)
"""The matters from which the person who asks is excluded (B2); null where there are none. It is the register
itself: lists lag behind by no more than their rows do."""


class Sight(NamedTuple):
    """The part of a token, besides the person, that decides which cases stand in a list."""

    organ: str
    petition: bool
    deputy: bool = False
    head: bool = False
    """True for the head of the petition department."""
    leader: bool = False

    @classmethod
    def of(cls, token: Token) -> Self:
        held = token.roles
        petition = bool(held.intersection(roles.PETITION))
        leader = not held.isdisjoint(roles.LEADERS)
        return cls(token.organ, petition, roles.DEPUTY_LEADER in held, roles.PETITION_HEAD in held, leader)


def check(
    token: Token,
    case: Aggregate,
    organs: OrganTree,
    readers: frozenset[str] | None = None,
    *,
    assigned: bool = True,
    commands: bool = False,
) -> None:
    """Refuses, as 404, who may not know of a case: exclusion, jurisdiction, concealment, need to know.

    `readers` are the only roles of a service that may know of its cases, if it has such. Auditors need no
    assignment; `assigned` False asks nobody for one, and lets in an organ that is to be heard (B17). Somebody
    excluded who `commands` is told that they are,
    and not more than before: those who had not worked on it find nothing (B2)."""
    excluded = token.person in case.excluded
    if excluded and not commands:
        refuse("E_NEED_TO_KNOW", "B2")
    told = excluded and token.person in case.were_assigned
    if token.person in case.kept_from:
        refuse("E_NEED_TO_KNOW")
    if readers is not None and not token.roles & readers:
        refuse("E_NEED_TO_KNOW")
    if roles.SUBJECT in token.roles:
        if case.subject_account != token.person:
            refuse("E_NEED_TO_KNOW")
        return
    if roles.UNIT_CONTACT in token.roles:
        if not case.assigned.get(token.person):
            refuse("E_NEED_TO_KNOW")
        return
    if not _within(token, case, organs) and not (commands and not assigned and token.organ in case.consulted):
        refuse("E_JURISDICTION")
    if _is_concealed(token, case, organs):
        refuse("E_NEED_TO_KNOW")
    if assigned and not told and roles.AUDITOR not in token.roles and not case.assigned.get(token.person):
        refuse("E_NEED_TO_KNOW")


def _within(token: Token, case: Aggregate, organs: OrganTree) -> bool:
    """The organ's own and its descendants', and what a superior sent to this very organ."""
    return token.organ in case.addressees or bool(
        token.organ and organs.is_ancestor_or_self(token.organ, case.organ)
    )


def _is_concealed(token: Token, case: Aggregate, organs: OrganTree) -> bool:
    """An envelope nobody has registered is the petition department's own; a sealed one is nobody's but
    of the people assigned, whatever their rank (§4.1 note a, A14, A15)."""
    if case.assigned.get(token.person):
        return False
    if case.state in case.unopened:
        own = token.organ == case.organ and bool(token.roles & case.opened_by)
        return not own and not _opens_from_above(token, case, organs) and not _takes_step(token, case)
    return case.state in case.sealed


def _takes_step(token: Token, case: Aggregate) -> bool:
    """True for the leaders of an organ to which a step was escalated (B5)."""
    return token.organ in case.acting.values() and not token.roles.isdisjoint(roles.LEADERS)


def _opens_from_above(token: Token, case: Aggregate, organs: OrganTree) -> bool:
    """True for the head of the petition department of the next organ above, where nobody of the own organ is
    left to open an envelope (B4)."""
    above = case.opens_above and token.organ == organs.get(case.organ).parent
    return above and roles.PETITION_HEAD in token.roles


def is_listed(token: Token, case: Aggregate, organs: OrganTree) -> bool:
    """True if the case stands in the lists of a member of an organ: `listed` of one case."""
    if token.person in case.kept_from | case.excluded or not _within(token, case, organs):
        return False
    own = token.organ == case.organ
    if case.state in case.sealed:
        return False
    above = _opens_from_above(token, case, organs) or _takes_step(token, case)
    if case.state in case.unopened and not above:
        deputy = roles.DEPUTY_LEADER in token.roles and roles.DEPUTY_LEADER in case.opened_by
        if not own or not (deputy or token.roles.intersection(roles.PETITION)):
            return False
    if case.kept_within and not own and token.organ not in case.acting.values():
        below = organs.directly_below(token.organ)
        return case.organ in below and (
            case.state in case.reviewed_above or roles.PETITION_HEAD in case.roles_out
        )
    return True


def listed(
    cases: Table, book: CaseBook, kinds: Sequence[type[Aggregate]], organs: OrganTree, sight: Sight
) -> ColumnElement[bool]:
    """The one rule by which a case may stand in a list (§5.4): the organ's own and its descendants', by the
    prefix of the division code, and the cases that a superior sent to this very organ. Envelopes that nobody
    has registered stand only in those of the petition department that they came to, and complaints sealed
    upward in none (§4.1 note a, A14, A15). The person whom a report is about finds nothing of it (A33), and
    nobody anything of a matter from which they are excluded (B2). A
    case kept within its organ stands above only while it is reviewed there (A49), where nobody is left in the
    organ who assigns to it (B4), or where a step of it was escalated (B5). The statement is given
    `person`."""
    within = or_(func.starts_with(cases.c.organ, sight.organ), cases.c.addressee == sight.organ)
    return and_(within, *(not_(hidden) for hidden in _hidden(cases, book, kinds, organs, sight)))


def is_excluded(cases: Table) -> ColumnElement[bool]:
    """The rows of cases from which the person who asks is excluded, by one of their matters (B2)."""
    matters = func.string_to_array(cases.c.matters, ",")
    return and_(EXCLUDED_FROM.is_not(None), matters.op("&&")(EXCLUDED_FROM))


def _hidden(
    cases: Table, book: CaseBook, kinds: Sequence[type[Aggregate]], organs: OrganTree, sight: Sight
) -> Iterator[ColumnElement[bool]]:
    kept, organ = book.kept_from.c, sight.organ
    yield exists().where(kept.stream == cases.c.stream, kept.person == PERSON)
    yield is_excluded(cases)
    for kind in kinds:
        if kind.sealed:
            yield and_(cases.c.kind == kind.kind, cases.c.state.in_(kind.sealed))
        if kind.unopened:
            envelopes = and_(cases.c.kind == kind.kind, cases.c.state.in_(kind.unopened))
            yield and_(envelopes, not_(_opens(cases, organs, sight)))
        if kind.kept_within:
            below = organs.directly_below(organ)
            theirs = or_(cases.c.state.in_(kind.reviewed_above), _is_out(cases, roles.PETITION_HEAD))
            reviewed = and_(cases.c.organ.in_(below), theirs)
            elsewhere = and_(cases.c.kind == kind.kind, cases.c.organ != organ)
            yield and_(elsewhere, not_(or_(reviewed, _takes(cases, organ))))


def _opens(cases: Table, organs: OrganTree, sight: Sight) -> ColumnElement[bool]:
    """The envelopes that somebody may open: petition staff those of their own organ; the deputy leader, and
    the head of the petition department above, those that nobody else is left to open (B4)."""
    own = cases.c.organ == sight.organ
    may = [own] if sight.petition else []
    if sight.deputy:
        may.append(and_(own, _is_out(cases, roles.PETITION_HEAD)))
    if sight.head:
        below = cases.c.organ.in_(organs.directly_below(sight.organ))
        may.append(and_(below, *(_is_out(cases, role) for role in sorted(OPENERS_OUT))))
    if sight.leader:
        may.append(_takes(cases, sight.organ))
    return or_(false(), *may)


def _takes(cases: Table, organ: str) -> ColumnElement[bool]:
    """The cases of which a step was escalated to an organ (B5)."""
    return func.array_position(func.string_to_array(cases.c.acting, ","), organ).is_not(None)


def _is_out(cases: Table, role: str) -> ColumnElement[bool]:
    """The cases of which somebody of a role is out (B4)."""
    within = func.strpos(cases.c.matters, cast(_REGISTER.c.matter, Text)) > 0
    return exists().where(_REGISTER.c.role == role, _REGISTER.c.excluded, within)
