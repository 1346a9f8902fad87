"""Asking a command's method what it would do: it stops where it would look into what nobody has said."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID

import pytest

from services.intake.commands.receiving import RegisterComplaint
from services.intake.domain.complaint import Complaint
from shared.casework.aggregate import Actor, Context
from shared.casework.command import Command, Token
from shared.casework.gate import CommandGate
from shared.casework.rehearsal import FIELD, NotSaid
from shared.casework.service import load_law
from shared.kernel.clock import SystemClock
from shared.language import roles
from shared.language.contracts.common import RecusalRequested
from shared.language.refusal import Refusal
from tools.documents import WRITING, service_of

ORGAN = "DI-990102100"
LAW = load_law()
COMMANDS = [c for s in WRITING for of in service_of(s).commands_on.values() for c in of]


LOOKS: tuple[Callable[[Any], Any], ...] = (
    *(bool, str, len, hash, iter, list, int, "{}".format),
    *(lambda x: x.name, lambda x: x["a"], lambda x: x == 1, lambda x: x in ("a", "b"), lambda x: "a" in x),
    *(lambda x: isinstance(x, str), lambda x: x > 1, lambda x: {"a": 1}.get(x), lambda x: 1 - x),
    *(lambda x: {1} | x, lambda x: [*x]),
)


@pytest.mark.parametrize("look", LOOKS)
def test_every_look_into_a_field_stops_the_method(look: Callable[[Any], Any]) -> None:
    with pytest.raises(NotSaid):
        look(FIELD)


@pytest.mark.parametrize("guard", [lambda f: normalize("NFKC", f), lambda f: "".join(["a", f])])
def test_a_field_handed_to_a_function_in_c_stops_the_method_too(
    monkeypatch: pytest.MonkeyPatch, guard: Callable[[Any], str]
) -> None:
    """Such a function asks for the type and for nothing else."""

    def guarded(self: Complaint, ctx: Context, category: Any) -> None:
        guard(category)

    monkeypatch.setattr(Complaint, "register_complaint", guarded)
    assert registering(complaint("RECEIVED")) == ""


def complaint(state: str) -> Complaint:
    case = Complaint(UUID(int=1))
    case.organ, case.state, case.version, case.competent_level = ORGAN, state, 1, "TOWNSHIP"
    case.identity_status, case.assigned = "UNCLAIMED", {"p-1": {roles.PETITION_CLERK}}
    return case


def registering(case: Complaint) -> str:
    """The answer that a registration would get."""
    now = SystemClock().now()
    actor = Actor("p-1", roles.PETITION_CLERK, ORGAN)
    ctx = Context(actor=actor, now=now, occurred_at=now, law=LAW, command="RegisterComplaint", rule="A14")
    try:
        RegisterComplaint.rehearse(case.rehearsing(), ctx)
    except Refusal as refusal:
        return refusal.code
    return ""


def test_a_method_is_asked_up_to_its_first_event() -> None:
    """The state comes last, as in the gate: what the method guards by itself answers before it."""
    case = complaint("RECEIVED")
    assert registering(case) == ""
    assert (case.state, case.version, case.pending_events) == ("RECEIVED", 1, ())
    case.competent_level = "COUNTY"
    assert registering(case) == "E_SEALED_UPWARD"
    assert registering(complaint("CLOSED")) == "E_STATE"


def command_gate() -> CommandGate:
    nothing: Any = None
    found = CommandGate("intake", LAW, SystemClock(), nothing, nothing, nothing, bytes(32), staff=nothing)
    found.commands = service_of("intake").commands_on
    return found


def may(
    case: Complaint, *held: str, person: str = "p-1", organ: str = ORGAN
) -> tuple[list[str], dict[str, str]]:
    """The commands that a person may give, and the codes of those that they may not."""
    found = command_gate().may(Token(person, frozenset(held), organ, 0.0), case)
    return found.now, {told["command"]: told["code"] for told in found.not_now}


def test_may_tells_a_reader_of_the_commands_of_their_roles_only() -> None:
    now, not_now = may(complaint("RECEIVED"), roles.PETITION_CLERK)
    assert "RegisterComplaint" in now
    assert not_now["ListAllegations"] == "E_STATE"
    assert {*now, *not_now} == names(roles.PETITION_CLERK)
    assert may(complaint("RECEIVED"), roles.AUDITOR) == ([], {})


def names(role: str) -> set[str]:
    """The commands on a complaint that a role is for."""
    return {c.__name__ for c in COMMANDS if c.on is Complaint and role in c.gate.by}


def test_what_was_foretold_holds_until_the_case_moves_and_no_longer() -> None:
    gate, case = command_gate(), complaint("RECEIVED")
    token = Token("p-1", frozenset({roles.PETITION_CLERK}), ORGAN, 0.0)
    assert gate.may(token, case) == gate.may(token, case)
    case.state, case.version = "CLOSED", 2
    assert "RegisterComplaint" not in gate.may(token, case).now


def test_what_hangs_on_the_clock_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, case, noon = command_gate(), complaint("RECEIVED"), SystemClock().now()

    def until_noon(self: Complaint, ctx: Context) -> None:
        if ctx.now > noon:
            raise Refusal("E_STATE", "A14")

    monkeypatch.setattr(Complaint, "check_open", until_noon)
    token = Token("p-1", frozenset({roles.PETITION_CLERK}), ORGAN, 0.0)
    at: list[datetime] = [noon]
    monkeypatch.setattr(SystemClock, "now", lambda self: at[0])
    assert "RegisterComplaint" in gate.may(token, case).now
    at[0] += timedelta(seconds=1)
    assert gate.may(token, case).now == []


def test_a48_may_tells_somebody_of_their_own_recusal_and_of_nobody_elses() -> None:
    case = complaint("RECEIVED")
    case.excluded = {"p-2"}
    assert "E_RECUSAL" not in may(case, roles.PETITION_CLERK)[1].values()
    now, not_now = may(case, roles.PETITION_CLERK, person="p-2")
    assert now == []
    assert set(not_now.values()) == {"E_RECUSAL", "E_LEVEL_TOO_LOW"}, "the level comes before it"


def test_a48_may_does_not_tell_that_somebodys_recusal_was_asked_for() -> None:
    """A leader who may be meant by it reads the case as any other."""
    case, asked = complaint("RECEIVED"), complaint("RECEIVED")
    asked.recusals_asked = {
        "r-1": RecusalRequested(
            request="r-1", person="p-1", role=roles.ORGAN_HEAD, ground="OTHER", asked_by="STAFF"
        )
    }
    assert may(asked, roles.ORGAN_HEAD) == may(case, roles.ORGAN_HEAD)
    assert "DecideRecusal" in may(case, roles.ORGAN_HEAD)[0]


def test_54_may_of_a_foreign_organ_names_what_is_refused_by_organ() -> None:
    now, not_now = may(complaint("RECEIVED"), roles.PETITION_CLERK, organ="DI-990102")
    assert "RegisterComplaint" not in now
    assert not_now["RegisterComplaint"] == "E_NOT_FOUND", "as the gate would answer"


def test_may_of_an_outsider_names_only_what_is_theirs() -> None:
    """The other roles in their token make no difference."""
    now, not_now = may(complaint("RECEIVED"), roles.SUBJECT, roles.PETITION_CLERK, organ="")
    assert {*now, *not_now} == names(roles.SUBJECT)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.on.kind}-{c.__name__}")
def test_no_command_compares_a_field_by_what_it_is(command: type[Command]) -> None:
    """`is` cannot be stopped: a method that asks a field whether it is None may be told None, and is then
    asked for its state alone."""
    method = inspect.unwrap(getattr(command.on, command.method))
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    compared = {
        node.left.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
    }
    assert not compared.intersection(command.method_fields) or command.optional
