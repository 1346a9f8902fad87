"""Retaliation as clarification hears of it: however often and in whichever order (A44, P12)."""

from __future__ import annotations

from uuid import UUID

from services.clarification.domain.clarification.carrying_out import RETALIATION
from services.clarification.domain.retaliation import RetaliationWatch
from tests.unit.clarification.examples import EVIDENCE, Clarifying
from tests.unit.kit import Scene


def watch() -> Scene[RetaliationWatch]:
    return Scene(lambda: RetaliationWatch(UUID(int=5)))


def report(scene: Scene[RetaliationWatch], id: str) -> Scene[RetaliationWatch]:
    return scene.when_told(lambda watch, ctx: watch.note_report(ctx, "acc-1", id), "A44")


def settle(scene: Scene[RetaliationWatch], id: str) -> Scene[RetaliationWatch]:
    return scene.when_told(lambda watch, ctx: watch.note_settlement(ctx, "acc-1", id), "A44")


def test_p12_each_report_is_settled_by_itself() -> None:
    scene = watch()
    assert not scene.aggregate.open
    report(scene, "r1")
    report(scene, "r2")
    settle(scene, "r1")
    assert scene.aggregate.open
    settle(scene, "r2")
    assert not scene.aggregate.open


def test_p12_told_twice_it_changes_nothing() -> None:
    """A settlement that was heard of stays one, also if the report comes after it."""
    scene = watch()
    settle(scene, "r1").then("RetaliationSettlementNoted")
    report(scene, "r1").then("RetaliationReportNoted")
    assert not scene.aggregate.open
    report(scene, "r1").then()
    settle(scene, "r1").then()


def test_a44_no_form_is_carried_out_meanwhile() -> None:
    scene = Clarifying().approved().knowing(RETALIATION, True)
    scene.implement(EVIDENCE["WRITTEN"]()).refused("E_RETALIATION_OPEN", "A44")
    scene.knowing(RETALIATION, False).implement(EVIDENCE["WRITTEN"]()).then("ClarificationFormImplemented")
