"""Rewards: through the vault alone; finance sees a code (A32, SEC-14)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.harness import COUNTY, TOWN, Story, World, done, hidden, refused, sub

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
BASE = "/intake/vault/v1/rewards"
REPORTER = {"name": "郑虚奖", "phone": "13972064816"}
PAYEE = "郑虚奖，提供关键账页，当面发放。"


def concluded(world: World, *, outcome: str = "SUBSTANTIATED", result: str = "CONFIRMED") -> Story:
    story = world.story(reporter=REPORTER, outcomes={"a1": outcome}).listed()
    verified = {"verified_by": "PHONE", "result": result}
    world.do(story.complaint, "VerifyReporterIdentity", CLERK, verified)
    story.concluded()
    available = lambda: world.read(story.complaint, HEAD)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(available, "the result")
    return story


@pytest.fixture(scope="module")
def proved(world: World) -> Story:
    return concluded(world)


def reward(world: World, story: Story, who: str = HEAD, **more: Any) -> httpx.Response:
    body = {
        "complaint": story.complaint.id,
        "amount_fen": 500000,
        "decision_ref": "meeting-2023-7",
        "payee": PAYEE,
        **more,
    }
    return world.client(who).post(BASE, json=body)


def test_a32_a_reward_has_a_code_and_no_name(world: World, proved: Story) -> None:
    """Finance's view names neither reporter nor complaint; the payee is read on record."""
    before = world.position("intake")
    id = str(done(reward(world, proved))["id"])
    order = world.get(HEAD, f"{BASE}/{id}/payment-order").json()
    assert set(order) == {"code", "amount_fen", "decision_ref", "paid"}
    assert (order["amount_fen"], order["paid"], len(order["code"])) == (500000, False, 12)
    told = world.client(HEAD).get(f"{BASE}/{id}/contents", headers={"purpose": "pay"}).json()
    assert [item["contents"] for item in told["items"]] == [{"payee": PAYEE}]
    assert not [e for e in world.log("intake", before) if id in str(e)]
    assert "郑虚奖" not in str([e for e in world.log("vault") if e.stream == id])


def test_a32_paid_by_somebody_else_than_who_recorded_it(world: World, proved: Story) -> None:
    id = str(done(reward(world, proved))["id"])
    paid = {"receipt_ref": "receipt-1"}
    refused(
        world.client(HEAD).post(f"{BASE}/{id}/confirm-reward-paid", json=paid), "E_SOD_CONFLICT", "SEC-14"
    )
    body = {"person": sub(CLERK), "role": "petition_clerk"}
    done(world.client(HEAD).post(f"{BASE}/{id}/assign-to-case", json=body))
    assert done(world.client(CLERK).post(f"{BASE}/{id}/confirm-reward-paid", json=paid))["state"] == "PAID"
    refused(world.client(CLERK).post(f"{BASE}/{id}/confirm-reward-paid", json=paid), "E_STATE", "SEC-14")
    assert world.get(CLERK, f"{BASE}/{id}/payment-order").json()["paid"] is True


def test_a32_only_for_what_was_proved(world: World) -> None:
    refused(reward(world, concluded(world, outcome="UNFOUNDED")), "E_NOT_CONCLUDED", "A32")


def test_a32_only_for_a_verified_name(world: World) -> None:
    refused(reward(world, concluded(world, result="NOT_CONFIRMED")), "E_STATE", "A32")


@pytest.mark.parametrize("role", ["handler", "organ_head", "deputy_leader", "petition_clerk"])
def test_sec14_others_neither_reward_nor_see_it(world: World, proved: Story, role: str) -> None:
    who, id = getattr(TOWN, role), str(done(reward(world, proved))["id"])
    refused(reward(world, proved, who), "E_FORBIDDEN_ROLE", "A32")
    hidden(world.get(who, f"{BASE}/{id}"))
    hidden(world.get(who, f"{BASE}/{id}/payment-order"))
    hidden(world.client(who).get(f"{BASE}/{id}/contents", headers={"purpose": "look"}))
    hidden(world.get(COUNTY.petition_head, f"{BASE}/{id}/payment-order"))
