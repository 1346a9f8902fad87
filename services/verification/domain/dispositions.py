"""The ways of disposition, what each may rest on, and who approves it (A20, A58)."""

from __future__ import annotations

from shared.language.contracts.verification import DispositionReason, Way
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD

REASONS: dict[Way, frozenset[DispositionReason]] = {
    "TALK_OR_INQUIRY": frozenset({"EARLY_SIGN", "TENDENCY", "GENERAL_PROBLEM", "NOT_VERIFIABLE"}),
    "PRELIMINARY_VERIFICATION": frozenset({"PLAUSIBLE_AND_VERIFIABLE"}),
    "HELD_FOR_LATER": frozenset({"CONDITIONS_LACKING"}),
    "CLOSED_NO_ACTION": frozenset({"UNFOUNDED_ON_ITS_FACE", "NOTHING_TO_VERIFY"}),
    "REFERRED_TO_INVESTIGATION": frozenset({"ACCOUNTABILITY_SUSPECTED"}),
}
APPROVER: dict[Way, str] = {
    "TALK_OR_INQUIRY": DEPUTY_LEADER,
    "PRELIMINARY_VERIFICATION": ORGAN_HEAD,
    "HELD_FOR_LATER": DEPUTY_LEADER,
    "CLOSED_NO_ACTION": DEPUTY_LEADER,
    "REFERRED_TO_INVESTIGATION": ORGAN_HEAD,
}
