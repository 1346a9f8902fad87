"""The grammar refuses, when a class is made, what must never reach a service."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.casework.aggregate import Actor, Aggregate, Context, Law, allowed_in, fold
from shared.casework.command import Command, FreeText
from shared.language.catalogue import CATALOGUE
from shared.language.contracts.intake import ComplaintClosed, ComplaintRevived
from shared.language.event import L2, L3, L4, DataClass, Event, IdentityInEvent, Meta, Value
from shared.language.law.deadlines import Catalogue
from shared.language.law.policy import load_policy
from shared.language.organs.tree import OrganTree
from shared.language.refusal import Refusal, refuse

LAW = Law(load_policy(), Catalogue.load(), OrganTree.load())


class Opened(Event):
    """A test's own event."""

    service = ""
    to = "OPEN"
    text: L2[str]


class Box(Aggregate):
    """A test's own aggregate."""

    kind = "Box"
    plural = "boxes"
    service = "intake"

    def open_box(self, ctx: Context, text: str) -> None:
        self.record(ctx, Opened(text=text))

    @allowed_in("OPEN")
    def paint_box(self, ctx: Context, colour: str) -> None:
        if colour == "red":
            refuse("E_SCHEMA", "R1")
        self.record(ctx, Opened(text=colour))


def context() -> Context:
    now = datetime(2022, 3, 1, 1, tzinfo=UTC)
    return Context(
        actor=Actor("p-1", "handler", "DI-990102100"), now=now, occurred_at=now, law=LAW, command="Test"
    )


@pytest.mark.parametrize("tag", [L3, L4])
def test_sec3_an_identity_field_in_an_event_fails_at_import(tag: object) -> None:
    """E_IDENTITY_IN_EVENT: a class with an L3 or L4 field cannot even be made."""
    with pytest.raises(IdentityInEvent):
        type("Leaky", (Event,), {"__annotations__": {"name": tag[str]}, "__module__": __name__})  # type: ignore[index] # a tag known when it runs


def test_an_untagged_field_in_an_event_fails_at_import() -> None:
    """Every event field is tagged (§6.1)."""
    with pytest.raises(IdentityInEvent):
        type("Untagged", (Event,), {"__annotations__": {"name": str}, "__module__": __name__})


def test_classes_of_fields_are_known() -> None:
    """The publisher seals by these tags."""
    assert Opened.classes == {"text": DataClass.L2}


def test_a_command_without_its_method_fails_at_import() -> None:
    """One command, one method of the same name."""
    with pytest.raises(TypeError, match="no method"):

        class MissingMethod(Command, on=Box, rule="R1"):
            """None."""


def test_a_command_whose_fields_its_method_does_not_take_fails_at_import() -> None:
    """The fields are the method's keyword arguments."""
    with pytest.raises(TypeError, match="does not take"):

        class PaintBox(Command, on=Box, rule="R1"):
            """Another field."""

            colour: str
            brush: str


def test_sec12_texts_are_found_wherever_they_stand() -> None:
    """Free text inside values, lists and unions is screened too."""

    class Part(Value):
        note: FreeText

    class PaintBox(Command, on=Box, rule="R1"):
        """Lists of texts."""

        colour: tuple[Part, ...] | None

    assert PaintBox.screened == ("colour",)
    assert PaintBox(colour=(Part(note="甲"), Part(note="乙"))).texts() == ["甲", "乙"]


def test_e_state_comes_after_the_rule_guards() -> None:
    """The rule answers first, the state last."""
    box = Box(uuid4())
    with pytest.raises(Refusal) as rule:
        box.paint_box(context(), colour="red")
    assert rule.value.code == "E_SCHEMA"
    with pytest.raises(Refusal) as state:
        box.paint_box(context(), colour="blue")
    assert state.value.code == "E_STATE"
    assert state.value.details == {"state": "", "allowed": ["OPEN"]}
    box.open_box(context(), text="x")
    box.paint_box(context(), colour="blue")
    assert box.version == 2


def test_an_applied_event_never_refuses_and_replay_is_the_state() -> None:
    """Folding the recorded events gives the same aggregate."""
    box = Box(uuid4())
    box.open_box(context(), text="x")
    events = box.collect_events()
    again = fold(Box(box.id), events)
    assert (again.version, again.state, again.organ) == (box.version, box.state, box.organ)
    assert box.collect_events() == []


def test_every_event_cites_the_policy_in_force() -> None:
    """§0.4: version and digest stand in every event."""
    box = Box(uuid4())
    box.open_box(context(), text="x")
    assert box.pending_events[0].meta.policy == LAW.policy.label


def test_refusals_are_in_two_languages_and_e_anonymous_refused_is_not_among_them() -> None:
    """R29: rejecting because anonymous must be impossible."""
    assert "E_ANONYMOUS_REFUSED" not in CATALOGUE
    for code, entry in CATALOGUE.items():
        assert any("\u4e00" <= c <= "\u9fff" for c in entry.zh), code
        assert entry.en.isascii(), code
    with pytest.raises(KeyError):
        refuse("E_NO_SUCH_CODE")


def test_a_handler_that_no_event_bears_fails_at_import() -> None:
    """Misspelt, it would never run, and nobody would be told."""
    with pytest.raises(TypeError, match="on_complaint_recieved"):

        class Misspelt(Aggregate):
            """Waits for an event that nobody records."""

            kind = "Misspelt"
            service = "intake"

            def on_complaint_recieved(self, event: Event, meta: Meta) -> None:
                self.state = "NEVER"


def test_a_refusal_can_be_kept_in_a_set() -> None:
    """As every exception: what groups errors by identity hashes them."""
    first, second = Refusal("E_SCHEMA", "R1"), Refusal("E_SCHEMA", "R1")
    assert len({first, second}) == 2


def test_handlers_of_a_class_that_adds_to_an_aggregate_run_too() -> None:
    """A phase that is added below the class with the `kind` brings its own; and one whose name no event bears
    fails there as well."""

    class Opening(Aggregate):
        kind = "Box"
        service = "intake"

        def on_complaint_closed(self, event: ComplaintClosed, meta: Meta) -> None:
            """Inherited."""

    class Whole(Opening):
        def on_complaint_revived(self, event: ComplaintRevived, meta: Meta) -> None:
            """Added."""

    assert Whole._handlers.keys() == {"ComplaintClosed", "ComplaintRevived"}
    with pytest.raises(TypeError, match="on_complaint_recieved"):

        class Misspelt(Opening):
            def on_complaint_recieved(self, event: Event, meta: Meta) -> None:
                """Never called."""
