"""One id from a call to what the next service does about it (W3C Trace Context)."""

from __future__ import annotations

from secrets import token_hex

from tests.harness import TOWN, World


def test_the_next_service_acts_under_the_trace_of_the_call(world: World) -> None:
    """Intake's answer and event have it, and verification's case that was opened by them."""
    story, trace = world.story().accepted(), token_hex(16)
    parent = {"traceparent": f"00-{trace}-{token_hex(8)}-01"}
    answer = world.give(story.complaint, "TransferToHandler", TOWN.petition_head, headers=parent)
    assert answer.headers["traceparent"].split("-")[1] == trace
    case = world.arrived("verification", story.complaint.id, TOWN.handling_dept_head)
    handed_over, *_ = world.entries("intake", story.complaint.id, "ComplaintTransferredToHandler")
    assert handed_over.meta["trace_id"] == trace
    opened, *_ = world.entries("verification", case.id)
    assert opened.meta["trace_id"] == trace
