"""Retaliation as clarification hears of it: however often and in whichever order (A44, P12)."""

from __future__ import annotations

from uuid import UUID

from services.clarification.domain.retaliation import RetaliationWatch
from shared.aggregate import Aggregate, Context
from tests.unit.clarification.stage import EVIDENCE, SYSTEM, Stage


def ctx(stage: Stage) -> Context:
    return stage._context(SYSTEM, "note", "A44", "")


def collected(aggregate: Aggregate) -> list[str]:
    return [r.type for r in aggregate.collect_events()]


def test_p12_each_report_is_settled_by_itself() -> None:
    stage, watch = Stage(), RetaliationWatch(UUID(int=5))
    assert not watch.open
    watch.note_report(ctx(stage), "acc-1", "r1")
    watch.note_report(ctx(stage), "acc-1", "r2")
    watch.note_settlement(ctx(stage), "acc-1", "r1")
    assert watch.open
    watch.note_settlement(ctx(stage), "acc-1", "r2")
    assert not watch.open


def test_p12_told_twice_it_changes_nothing() -> None:
    """A settlement that was heard of stays one, also if the report comes after it."""
    stage, watch = Stage(), RetaliationWatch(UUID(int=5))
    watch.note_settlement(ctx(stage), "acc-1", "r1")
    watch.note_report(ctx(stage), "acc-1", "r1")
    assert not watch.open
    assert len(collected(watch)) == 2
    watch.note_report(ctx(stage), "acc-1", "r1")
    watch.note_settlement(ctx(stage), "acc-1", "r1")
    assert collected(watch) == []


def test_a44_no_form_is_carried_out_meanwhile() -> None:
    stage = Stage().approved()
    stage.retaliation = True
    with stage.refused("E_RETALIATION_OPEN"):
        stage.implement(EVIDENCE["WRITTEN"]())
    stage.retaliation = False
    assert "ClarificationFormImplemented" in stage.implement(EVIDENCE["WRITTEN"]())
