"""The content of a list, and the cases whose content a search shows: the query says what the gate and the
case say."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select

from deploy.local.postgres import Postgres
from services.intake.clerks.book import DeskBook, grams
from services.intake.clerks.search import Reader, SearchRoutes, _may_read
from services.intake.commands import COMMANDS
from services.intake.domain.complaint import Complaint
from services.intake.vault.protection.commands import PROTECTION
from services.intake.vault.rewards import REWARDS
from shared.casework.aggregate import Aggregate
from shared.casework.case import Case
from shared.casework.command import Token
from shared.casework.gate import CommandGate
from shared.casework.http.readgate import CaseReadGate
from shared.casework.http.reads import CaseReads, Reads
from shared.casework.parts import Parts
from shared.casework.readmodel import CaseBook
from shared.casework.service import load_law
from shared.casework.visibility import Sight, is_listed, listed
from shared.kernel.clock import SystemClock
from shared.kernel.store.projector import Projector
from shared.kernel.store.reading import Readers, Reading, Statement
from shared.kernel.store.recorder import Recorder
from shared.language import roles
from shared.language.refusal import Refusal
from shared.language.spelling import normal
from tests.store.conftest import engine_of, make_database
from tests.store.examples import mapper

ORGANS = ("DI-99", "DI-9901", "DI-990101", "DI-990102", "DI-990102100", "DI-990101001")
STATES = ("RECEIVED", "REGISTERED", "SEALED_UPWARD", "WITH_HANDLER", "CLOSED")
PEOPLE = ("p-1", "p-2", "p-3")
LOOKING = (roles.PETITION_CLERK, roles.PETITION_HEAD, roles.CASE_MANAGER, roles.AUDITOR)
TERMS = ("王虚清", "王虚明", "虚构镇政府", "虚构镇卫生院", "镇长")
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
OUT_OF = {UUID(int=1, version=4): {"p-1"}, UUID(int=2, version=4): {"p-2", "p-3"}}
"""Matters that some of the cases join, with the people who are excluded from them."""


@dataclass
class Row:
    """A complaint as the read models hold it."""

    stream: UUID
    organ: str
    state: str
    addressee: str
    received_on: date
    terms: list[str]
    kept_from: set[str]
    excluded: set[str]
    assigned: set[str]
    joined: tuple[UUID, ...] = ()
    roles_out: frozenset[str] = frozenset()
    acting: str = ""
    kind: type[Aggregate] = Complaint
    number: str = field(default_factory=lambda: f"XF-{uuid4().hex}")

    def case(self) -> Aggregate:
        """The same as the aggregate that its events would fold into."""
        case = self.kind(self.stream)
        case.organ, case.state, case.version = self.organ, self.state, 1
        case.addressees = {self.addressee} - {""}
        case.kept_from, case.matters = self.kept_from, (self.stream, *self.joined)
        case.assigned = {person: {"handler"} for person in self.assigned}
        case.roles_out = set(self.roles_out)
        case.acting = {"handler": self.acting} if self.acting else {}
        case.keep_out(self.excluded.union(*(OUT_OF[matter] for matter in self.joined)))
        return case

    def complaint(self) -> Complaint:
        """One that is a complaint."""
        return cast(Complaint, self.case())


def states_of(kind: type[Aggregate]) -> list[str]:
    """Those in which a kind conceals its cases, and one in which it does not."""
    return [*sorted(kind.unopened | kind.sealed | kind.reviewed_above), "OPEN"]


def rows_of(seed: int, number: int, kinds: Sequence[type[Aggregate]] = ()) -> list[Row]:
    """Complaints, or cases of several kinds."""
    chance = random.Random(seed)
    kind: type[Aggregate] = Complaint

    def some(of: Sequence[str], often: float) -> set[str]:
        return {one for one in of if chance.random() < often}

    return [
        Row(
            stream=UUID(int=chance.getrandbits(128), version=4),
            organ=chance.choice(ORGANS),
            kind=(kind := chance.choice(kinds) if kinds else Complaint),
            state=chance.choice(states_of(kind) if kinds else STATES),
            addressee=chance.choice(ORGANS) if chance.random() < 0.2 else "",
            received_on=date(2026, 1, 1) + timedelta(days=chance.randrange(40)),
            terms=sorted(some(TERMS, 0.5) or {TERMS[0]}),
            kept_from=some(PEOPLE, 0.1),
            excluded=some(PEOPLE, 0.2),
            assigned=some(PEOPLE, 0.3),
            joined=tuple(matter for matter in OUT_OF if chance.random() < 0.1),
            roles_out=frozenset(some((roles.PETITION_HEAD, roles.DEPUTY_LEADER, roles.HANDLER), 0.3)),
            acting=chance.choice(ORGANS) if chance.random() < 0.2 else "",
        )
        for _ in range(number)
    ]


ROWS = rows_of(7, 200)
KINDS = list(dict.fromkeys(c.on for c in (*COMMANDS, *PROTECTION, *REWARDS) if issubclass(c.on, Case)))
"""Every kind of intake and of its vault that people are assigned to."""
OTHERS = rows_of(11, 300, [kind for kind in KINDS if kind is not Complaint])
EVERY = [*ROWS, *OTHERS]


@dataclass
class Desk:
    """The reads over a filled database."""

    reading: Reading
    reads: Reads
    lists: CaseReads
    search: SearchRoutes
    book: CaseBook
    command_gate: CommandGate


@pytest.fixture(scope="module")
async def desk(server: Postgres) -> AsyncIterator[Desk]:
    database = await make_database(server, "intake")
    engine = engine_of(database)
    clock, book, shelf = SystemClock(), CaseBook(), DeskBook()
    recorder = Recorder(engine, "intake", mapper("intake"), clock)
    await Projector(engine, recorder, [book, shelf], clock).prepare()
    command_gate = CommandGate(
        "intake",
        load_law(),
        clock,
        recorder,
        cast(Any, None),
        cast(Any, None),
        bytes(32),
        staff=cast(Any, None),
    )
    reading = Reading(Readers(engine_of(database), 2))
    nothing = cast(Any, None)
    gate = CaseReadGate(nothing, command_gate, recorder, nothing, book, clock)
    kinds = list(dict.fromkeys(command.on for command in COMMANDS))
    reads = Reads("intake", nothing, gate, recorder, nothing, engine, reading, book, clock, kinds)
    parts = SimpleNamespace(book=book, reads=reads, recorder=recorder, reading=reading)
    filled: dict[Any, list[dict[str, Any]]] = {
        book.cases: [
            {
                "stream": row.stream,
                "kind": row.kind.kind,
                "organ": row.organ,
                "number": row.number,
                "state": row.state,
                "version": 1,
                "opened_at": NOW,
                "changed_at": NOW,
                "addressee": row.addressee,
                "position": position,
                "matters": ",".join(map(str, (row.stream, *row.joined))),
                "acting": row.acting,
            }
            for position, row in enumerate(EVERY, 1)
        ],
        book.work: [{"stream": r.stream, "person": p, "roles": "handler"} for r in ROWS for p in r.assigned],
        recorder.tables.exclusions: [
            {"matter": matter, "person": person, "stream": matter, "role": role, "excluded": True}
            for matter, role, people in (
                *((r.stream, roles.HANDLER, r.excluded) for r in EVERY),
                *((r.stream, role, {f"{role}-out"}) for r in EVERY for role in r.roles_out),
                *((matter, roles.HANDLER, people) for matter, people in OUT_OF.items()),
            )
            for person in people
        ],
        book.kept_from: [{"stream": r.stream, "person": p} for r in EVERY for p in r.kept_from],
        shelf.terms: [{"term": normal(term), "grams": grams(normal(term))} for term in TERMS],
        shelf.named: [
            {"term": normal(t), "received_on": r.received_on, "stream": r.stream}
            for r in ROWS
            for t in r.terms
        ],
    }
    async with engine.begin() as connection:
        for table, values in filled.items():
            await connection.execute(insert(table), values)
    yield Desk(
        reading,
        reads,
        CaseReads(reads, Complaint),
        SearchRoutes(cast(Parts, parts), shelf),
        book,
        command_gate,
    )
    await reading.readers.close()
    await engine.dispose()


def tokens(of: Sequence[str] = LOOKING) -> list[Token]:
    return [
        Token(person, frozenset({role}), organ, 0.0) for person in PEOPLE for role in of for organ in ORGANS
    ]


def sees(command_gate: CommandGate, token: Token, row: Row) -> bool:
    """The gate's answer for somebody who is not assigned: a list knows no exceptions for those who are."""
    case = row.case()
    case.assigned = {}
    try:
        command_gate.check_visible(token, case, assigned=False)
    except Refusal:
        return False
    return True


EVERYBODY = (*(*LOOKING, roles.HANDLER, roles.ORGAN_HEAD, roles.DEPUTY_LEADER, roles.INTERNAL_SUPERVISOR),)


async def test_54_the_rule_over_rows_is_the_rule_over_cases(desk: Desk) -> None:
    """The statement of a list finds the rows whose cases the predicate shows: of every kind, in every state
    in which it conceals something, for everybody. The gate lets its reader know of every case that the
    predicate shows: no list holds more than a case by its id would tell."""
    organs, cases = desk.command_gate.law.organs, desk.book.cases
    assert {row.kind for row in EVERY} == set(KINDS)
    found = 0
    for token in tokens(EVERYBODY):
        seen = listed(cases, desk.book, KINDS, organs, Sight.of(token))
        async with desk.reads.engine.connect() as connection:
            rows = await connection.execute(select(cases.c.stream).where(seen), {"person": token.person})
            streams = {row.stream for row in rows}
        assert streams == {row.stream for row in EVERY if is_listed(token, row.case(), organs)}, token
        assert streams <= {row.stream for row in EVERY if sees(desk.command_gate, token, row)}, token
        found += len(streams)
    assert found > len(EVERY)


async def test_54_a_list_holds_what_the_gate_lets_see(desk: Desk) -> None:
    for token in tokens():
        of = ("Complaint", Sight.of(token), frozenset[str](), 200)
        values = {"person": token.person, "before": 1 << 62}
        listed = await desk.reading.rows(desk.lists._cases_of, *of, **values)
        expected = [row.stream for row in reversed(ROWS) if sees(desk.command_gate, token, row)]
        assert [row["id"] for row in listed] == expected, token


@pytest.mark.parametrize("words", ["王虚清", "王虚", "虚构镇", "卫生", "镇长"])
async def test_63_a_search_finds_the_latest_and_shows_what_the_case_lets_read(desk: Desk, words: str) -> None:
    """Each complaint once, however many of its names fit; page by page, all of them."""
    for token in tokens():
        fits = [r for r in ROWS if any(words in t for t in r.terms) and sees(desk.command_gate, token, r)]
        fits.sort(key=lambda row: (row.received_on, row.stream), reverse=True)
        expected = [(r.stream, _may_read(token, r.complaint())) for r in fits]
        wanted = {"accused": words, "accused_grams": grams(words), "person": token.person}
        found: list[dict[str, Any]] = []
        page = await desk.reading.rows(
            desk.search._found, Reader.of(token), frozenset({"accused", "accused_grams"}), 7, **wanted
        )
        while page:
            found += page
            last = {"received_behind": page[-1]["received_on"], "stream_behind": page[-1]["id"]}
            of = (Reader.of(token), frozenset({"accused", "accused_grams", *last}), 7)
            page = await desk.reading.rows(desk.search._found, *of, **wanted, **last)
        assert [(row["id"], row["readable"]) for row in found] == expected, token


async def test_the_driver_is_told_what_sqlalchemy_would_tell_it(desk: Desk) -> None:
    """The same rows either way, of the same SELECT."""
    sight, values = Sight("DI-9901", True), {"person": "p-1", "before": 150}
    query = desk.lists._cases_of("Complaint", sight, frozenset(), 50)
    async with desk.reads.engine.connect() as connection:
        rows = (await connection.execute(query, values)).mappings()
        expected = [{{"stream": "id"}.get(name, name): value for name, value in row.items()} for row in rows]
    assert expected
    of = ("Complaint", sight, frozenset[str](), 50)
    assert await desk.reading.rows(desk.lists._cases_of, *of, **values) == expected


async def test_a_value_that_is_missing_is_no_null(desk: Desk) -> None:
    with pytest.raises(KeyError):
        await desk.reading.rows(desk.reads._mine, 50, person="p-1")


def test_what_a_plan_depends_on_stands_in_the_statement_and_nobody_does(desk: Desk) -> None:
    text = Statement(desk.lists._cases_of("Complaint", Sight("DI-99'01", True), frozenset(), 50)).text
    assert "'DI-99''01'" in text
    assert "LIMIT 50" in text
    wanted = frozenset({"accused", "accused_grams", "number"})
    text = Statement(desk.search._found(Reader(Sight("DI-99", True), False), wanted, 20)).text
    assert "$1" in text
    assert "p-1" not in text
