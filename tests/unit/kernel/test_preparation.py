"""Lookups and deposits are there before a command is decided: those that it declares, and no others."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any, cast
from uuid import UUID

import pytest

from services.intake.beside import IntakeBeside
from services.intake.deposits import IntakeDeposits
from services.intake.vault.protection.commands import PROTECTION
from services.intake.vault.rewards import REWARDS
from services.verification import main as verification
from shared.casework.aggregate import Actor, Aggregate, Context, allowed_in
from shared.casework.command import Command, Token, commands_on
from shared.casework.gate import CommandGate, Submission
from shared.casework.preparation import Deposit, Lookup, Prepare, Prepared, Undeclared, check_bound
from shared.casework.rehearsal import NotPrepared, NotSaid
from shared.casework.service import load_law
from shared.kernel.clock import SystemClock
from shared.kernel.effect import Effect
from shared.kernel.store.types import Append, Appended
from shared.language.contracts.intake import ComplaintRevived
from shared.language.refusal import Refusal, refuse
from shared.language.roles import HANDLER
from tools.documents import WRITING, service_of

ORGAN, BOX = "DI-990102100", UUID(int=7)
LAW = load_law()
TOKEN = Token("p-1", frozenset({HANDLER}), ORGAN, 0.0)
COLOUR: Lookup[str] = Lookup("colour")
OTHER: Lookup[str] = Lookup("other")
LETTER: Deposit[str] = Deposit("letter")


class ParcelBox(Aggregate):
    """A test's own aggregate."""

    kind = "ParcelBox"
    plural = "parcel-boxes"
    service = "intake"

    @allowed_in("")
    def pack_box(self, ctx: Context) -> None:
        """Is refused for one colour; otherwise tells somebody outside which letter lies in it."""
        if ctx.found(COLOUR) == "red":
            refuse("E_SCHEMA", "R1")
        self.record(ctx, ComplaintRevived(repeat_kind="DUPLICATE"))
        ctx.effects.append(Effect("k", "test", {"letter": ctx.deposited(LETTER)}))

    def open_box(self, ctx: Context) -> None:
        ctx.found(OTHER)


class PackBox(
    Command, on=ParcelBox, rule="R1", by=(HANDLER,), organ=None, lookups=(COLOUR,), deposits=(LETTER,)
):
    """Wants both."""


class OpenBox(Command, on=ParcelBox, rule="R1", by=(HANDLER,), organ=None, lookups=(COLOUR,)):
    """Asks for what it does not declare."""


class House:
    """A store, a vault and a gate with the two commands, which notes in order what it was asked."""

    def __init__(self, colour: str = "blue") -> None:
        self.colour = colour
        self.asked: list[str] = []
        self.appended: list[Append] = []
        me = cast(Any, self)
        self.gate = CommandGate("intake", LAW, SystemClock(), me, me, me, bytes(32), staff=me)
        self.gate.commands = {ParcelBox: [PackBox, OpenBox]}
        self.gate.lookups = dict([COLOUR.found_by(self.find)])
        self.gate.deposits = dict([LETTER.made_by(self.make)])
        self.box = ParcelBox(BOX)
        self.box.organ, self.box.assigned = ORGAN, {TOKEN.person: {HANDLER}}

    async def find(self, command: PackBox | OpenBox, box: ParcelBox, ctx: Context) -> str:
        self.asked.append("colour")
        return self.colour

    async def make(self, command: PackBox, box: ParcelBox, ctx: Context) -> str:
        self.asked.append(f"letter in {ctx.found(COLOUR)}")
        return "let-1"

    async def get(self, cls: type[Aggregate], id: UUID) -> Aggregate:
        return self.box

    async def append(self, append: Append) -> Appended:
        self.appended.append(append)
        return cast(Appended, None)

    async def give(self, command: Command) -> None:
        await self.gate.execute(Submission(command, TOKEN, BOX))


async def test_what_is_read_comes_first_and_then_what_is_written() -> None:
    """The effect goes with the events, in one append."""
    house = House()
    await house.give(PackBox())
    assert house.asked == ["colour", "letter in blue"]
    [append] = house.appended
    assert [event.type for event in append.events] == ["ComplaintRevived"]
    assert append.effects == [Effect("k", "test", {"letter": "let-1"})]


async def test_a_refused_command_leaves_no_effect() -> None:
    house = House("red")
    with pytest.raises(Refusal):
        await house.give(PackBox())
    assert house.asked == ["colour", "letter in red"]
    [append] = house.appended
    assert ([event.type for event in append.events], list(append.effects)) == (["CommandRefused"], [])


async def test_what_the_gate_does_not_declare_is_no_answer_but_a_defect() -> None:
    house = House()
    with pytest.raises(Undeclared, match=r"OpenBox does not declare Lookup\('other'\)"):
        await house.give(OpenBox())
    assert house.appended == []
    with pytest.raises(Undeclared):
        context({}).deposited(LETTER)


def test_a_dry_run_looks_nothing_up_and_deposits_nothing() -> None:
    house = House("red")
    house.gate.commands = {ParcelBox: [PackBox]}
    assert house.gate.may(TOKEN, house.box).now == ["PackBox"], "what it would find, nobody has asked"
    house.box.state, house.box.version = "CLOSED", 1
    assert [told["code"] for told in house.gate.may(TOKEN, house.box).not_now] == ["E_STATE"]
    assert (house.asked, house.appended) == ([], [])


def test_a_dry_run_stops_where_something_declared_is_asked_for_and_nowhere_else() -> None:
    ctx = context(NotPrepared.fromkeys(PackBox.gate.prepared))
    with pytest.raises(NotSaid):
        ctx.found(COLOUR)
    with pytest.raises(NotSaid):
        ctx.deposited(LETTER)
    with pytest.raises(Undeclared):
        ctx.found(OTHER)
    with pytest.raises(Undeclared):
        House().gate.may(TOKEN, House().box)


def context(prepared: Prepared) -> Context:
    now = SystemClock().now()
    actor = Actor("p-1", HANDLER, ORGAN)
    return Context(actor=actor, now=now, occurred_at=now, law=LAW, command="Test", prepared=prepared)


# --- what a service binds


async def for_both(command: PackBox | OpenBox, box: ParcelBox, ctx: Context) -> str:
    return ""


async def for_others(command: OpenBox, box: ParcelBox, ctx: Context) -> str:
    return ""


async def for_no_box(command: PackBox, box: Context, ctx: Context) -> str:
    return ""


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ({COLOUR: for_both}, r"PackBox declares Deposit\('letter'\), and no function"),
        ({COLOUR: for_others, LETTER: for_others}, r"Lookup\('colour'\) takes .*OpenBox.*, and no PackBox"),
        ({COLOUR: for_no_box, LETTER: for_no_box}, r"Lookup\('colour'\) takes .*Context"),
    ],
)
def test_a_service_that_does_not_bind_what_its_commands_declare_is_not_made(
    bound: dict[Any, Prepare], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        check_bound([PackBox], bound)


def test_a_function_for_which_no_command_asks_is_dead() -> None:
    bound = {COLOUR: for_both, LETTER: for_both}
    check_bound(commands_on([ParcelBox]), bound)
    with pytest.raises(TypeError, match=r"no command declares Deposit\('letter'\)"):
        check_bound([OpenBox], bound)


# --- what the code of each command asks for

KINDS = {c.on for c in (*PROTECTION, *REWARDS, *(c for s in WRITING for c in service_of(s).commands))}
COMMANDS = sorted(commands_on(KINDS), key=lambda c: (c.on.kind, c.__name__))
ELSEWHERE: Sequence[Callable[..., Any]] = (
    IntakeDeposits.account_of_retaliation,
    IntakeBeside.tell_sender,
    verification.beside,
)
"""Deposits and writings beside a case that ask for a lookup."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.on.kind}-{c.__name__}")
def test_a_command_asks_for_what_it_declares_and_for_nothing_else(command: type[Command]) -> None:
    """A deposit for which no method asks would name nothing; an undeclared lookup would be a 500."""
    asked = set(_asked(command.on, command.method, set()))
    gate = command.gate
    assert asked <= set(gate.prepared)
    assert set(gate.deposits) <= asked
    assert set(gate.lookups) <= asked | {named for function in ELSEWHERE for named in _in(function)}


def test_the_search_finds_what_commands_ask_for() -> None:
    assert set(_asked(ParcelBox, "pack_box", set())) == {COLOUR, LETTER}
    assert sum(bool(command.gate.prepared) for command in COMMANDS) > 20
    assert all(_in(function) for function in ELSEWHERE)


def _asked(kind: type[Aggregate], method: str, seen: set[str]) -> Iterator[Any]:
    """Everything that a method asks for, with the methods that it calls on itself."""
    seen.add(method)
    for cls in kind.__mro__:
        function = inspect.unwrap(vars(cls).get(method, None) or _nothing)
        if isinstance(function, FunctionType) and function is not _nothing:
            yield from _in(function)
            for called in _called(function) - seen:
                yield from _asked(kind, called, seen)


def _nothing() -> None: ...


def _in(function: Callable[..., Any]) -> list[Any]:
    """The lookups and deposits that a function asks its context for."""
    return [
        eval(ast.unparse(call.args[0]), inspect.unwrap(function).__globals__)
        for call in ast.walk(_tree(function))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("found", "deposited")
        and ast.unparse(call.func.value) == "ctx"
    ]


def _called(function: FunctionType) -> set[str]:
    return {
        node.attr
        for node in ast.walk(_tree(function))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    }


def _tree(function: Callable[..., Any]) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
