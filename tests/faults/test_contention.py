"""Many at once on the same case, a thousand at once on all, and a `verify_all` that can say no."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local import staff
from tests.faults import LONG
from tests.faults.breakable import BreakableStack
from tests.faults.client import PATIENCE_SECONDS, Client, person_of
from tests.faults.journeys import ORGAN
from tests.faults.ledger import Acknowledged, Ledger, Refused, Sent
from tests.faults.picture import Picture
from tests.faults.traffic import tokens
from tests.faults.verify import Violation, verify_all, violations

CLERK, HEAD = f"petition_clerk@DI-{ORGAN}", f"petition_head@DI-{ORGAN}"
RIVALS = [f"p-rival-{r}" for r in range(10)]
LOST = {(409, "E_CONFLICT_VERSION"), (412, "E_STALE_VERSION"), (409, "E_STATE")}
"""Answers by which a command may lose a race."""


@pytest.fixture(scope="module")
async def client(stack: BreakableStack, ledger: Ledger) -> AsyncIterator[Client]:
    """Nothing breaks here: a thousand that all asked again would be some thousands, on a busy machine."""
    client = Client(stack, ledger, tokens(stack), 1000, timeout=PATIENCE_SECONDS)
    staff.bring_in(stack.direct_url("intake"), stack.client_token("staff-directory"), with_rivals())
    yield client
    await client.close()


def with_rivals() -> dict[str, Any]:
    """The staff, and in the town some hundred more, of whom each may be assigned."""
    told, rivals = staff.export(), [f"p-{step}-{n}" for step in range(12) for n in range(8)]
    [head] = [m for m in told["members"] if m["person"] == person_of(HEAD)]
    more = [{**head, "person": p, "name": f"虚{n}"} for n, p in enumerate([*rivals, *RIVALS])]
    return {**told, "members": [*told["members"], *more]}


async def receive(client: Client, key: str) -> Acknowledged:
    """A new complaint."""
    body = {"channel": "LETTER", "received_on": "2019-03-01", "competent_level": "TOWNSHIP"}
    answer = await client.send("intake", "ReceiveComplaint", "/v1/complaints", body, who=CLERK, key=key)
    assert isinstance(answer, Acknowledged), answer
    return answer


async def register(
    client: Client, complaint: str, key: str, version: int | None, who: str = CLERK
) -> Acknowledged | Refused:
    path = f"/v1/complaints/{complaint}/register-complaint"
    return await client.send(
        "intake", "RegisterComplaint", path, {"category": "ACCUSATION"}, who=who, key=key, version=version
    )


async def assign(
    client: Client, complaint: str, key: str, person: str, version: int
) -> Acknowledged | Refused:
    path = f"/v1/complaints/{complaint}/assign-to-case"
    body = {"person": person, "role": "petition_head"}
    return await client.send("intake", "AssignToCase", path, body, who=HEAD, key=key, version=version)


@pytest.mark.parametrize("conditional", [True, False], ids=["if_match", "no_condition"])
async def test_two_clients_on_one_case(
    stack: BreakableStack, ledger: Ledger, client: Client, conditional: bool
) -> None:
    """Two register the same complaint at once: one does, the other is refused, nothing is done by halves."""
    for n in range(25):
        complaint = await receive(client, f"pair-{conditional}-{n:03d}")
        id, version = complaint.answer["id"], complaint.answer["version"]
        answers = await asyncio.gather(
            *(
                register(client, id, f"pair-{conditional}-{n:03d}-{who}", version if conditional else None)
                for who in ("first", "second")
            )
        )
        won = [a for a in answers if isinstance(a, Acknowledged)]
        lost = [a for a in answers if isinstance(a, Refused)]
        assert [a.answer["version"] for a in won] == [version + 1]
        assert {(a.status, a.code) for a in lost} <= LOST
        assert len(lost) == 1
    await verify_all(stack, ledger)


async def test_one_winner_for_each_version(stack: BreakableStack, ledger: Ledger, client: Client) -> None:
    """Eight write one case on the version that all of them read, again and again."""
    complaint = await receive(client, "staircase")
    id, version = complaint.answer["id"], complaint.answer["version"]
    for step in range(12):
        answers = await asyncio.gather(
            *(assign(client, id, f"stair-{step:02d}-{n}", f"p-{step}-{n}", version) for n in range(8))
        )
        won = [a for a in answers if isinstance(a, Acknowledged)]
        assert [a.answer["version"] for a in won] == [version + 1]
        version += 1
    await verify_all(stack, ledger)


# --- a verdict that can be no ---------------------------------------------------------------------


async def test_an_answer_without_events_is_found(stack: BreakableStack, ledger: Ledger) -> None:
    """The ledger holds an acknowledgement that nobody gave."""
    invented = deepcopy(ledger)
    answer = {"id": str(uuid4()), "version": 2, "position": 1, "number": "", "state": "RECEIVED"}
    invented.accept(Sent("intake", "ReceiveComplaint", "p-nobody", "invented-key"), answer)
    with pytest.raises(Violation, match="I1 acknowledged but not there: intake ReceiveComplaint"):
        await verify_all(stack, invented)


def _lose_event(picture: Picture) -> None:
    events = picture.services["intake"].events
    events.remove(next(event for event in events if event.version == 1))


def _lose_last_event(picture: Picture) -> None:
    picture.services["intake"].events.pop()


def _exchange_events(picture: Picture) -> None:
    events = picture.services["intake"].events
    events[3], events[4] = events[4], events[3]


def _lose_command(picture: Picture) -> None:
    picture.services["intake"].commands.popitem()


def _unknown_command(picture: Picture) -> None:
    commands = picture.services["intake"].commands
    commands[uuid4()] = next(iter(commands.values()))


def _double_event(picture: Picture) -> None:
    events = picture.services["intake"].events
    first = next(event for event in events if event.data["kind"] == "Complaint")
    events.append(replace(first, position=len(events) + 1, stream=uuid4()))


def _causeless_event(picture: Picture) -> None:
    events = picture.services["intake"].events
    meta = {**events[-1].data["meta"], "causation_id": str(UUID(int=0))}
    events[-1] = replace(events[-1], data={**events[-1].data, "meta": meta})


def _lose_message(picture: Picture) -> None:
    del picture.services["intake"].published[5]


def _stale_list(picture: Picture) -> None:
    next(iter(picture.services["intake"].cases.values()))["version"] += 1


def _gap_in_numbers(picture: Picture) -> None:
    counters = picture.services["intake"].counters
    counters[next(iter(counters))] += 1


def _behind(picture: Picture) -> None:
    picture.services["verification"].tracked["intake"] -= 1


def _lose_audited(picture: Picture) -> None:
    picture.audit.ledger["intake"].pop()


def _parked(picture: Picture) -> None:
    picture.services["verification"].parked.append(("intake", 3, "because"))


SPOILT = {
    "an event lost": (_lose_event, "I3"),
    "the last event lost": (_lose_last_event, "I1"),
    "events exchanged": (_exchange_events, "I4"),
    "a command lost": (_lose_command, "I1"),
    "a command nobody sent": (_unknown_command, "I2"),
    "an event twice": (_double_event, "I2"),
    "an effect without a cause": (_causeless_event, "I5"),
    "a message lost": (_lose_message, "I7"),
    "a list that lies": (_stale_list, "I6"),
    "a gap in the numbers": (_gap_in_numbers, "I6"),
    "an inbox that is behind": (_behind, "I6"),
    "an event that audit misses": (_lose_audited, "I5"),
    "a message set aside": (_parked, "I5"),
}
"""Changes of a picture, and the invariant that must notice each."""


@pytest.fixture(scope="module")
async def true_picture(stack: BreakableStack, ledger: Ledger, client: Client) -> Picture:
    """A picture that was found right."""
    complaint = await receive(client, "true-picture")
    await register(client, complaint.answer["id"], "true-picture-number", None)
    return await verify_all(stack, ledger)


@pytest.mark.parametrize("loss", SPOILT)
def test_every_kind_of_loss_is_found(true_picture: Picture, ledger: Ledger, loss: str) -> None:
    """A true picture is spoilt in one place; the account must name the invariant that it breaks."""
    spoil, invariant = SPOILT[loss]
    picture = deepcopy(true_picture)
    spoil(picture)
    assert any(found.startswith(f"{invariant} ") for found in violations(picture, ledger, frozenset()))


# --- last, since every account afterwards would be of all of it -------------------------------------


async def test_hundreds_at_once(stack: BreakableStack, ledger: Ledger, client: Client) -> None:
    """New complaints, and cases that ten want to change at once, all sent together (in `make faults` 700 and
    30 of them, a thousand commands): each complaint is there, each case was changed by one."""
    fresh, contested = (700, 30) if LONG else (150, 10)
    cases = await asyncio.gather(*(receive(client, f"contested-{n:03d}") for n in range(contested)))
    received, answers = await asyncio.gather(
        asyncio.gather(*(receive(client, f"flood-{n:04d}") for n in range(fresh))),
        asyncio.gather(
            *(
                assign(client, a.answer["id"], f"rival-{n:02d}-{r}", rival, a.answer["version"])
                for n, a in enumerate(cases)
                for r, rival in enumerate(RIVALS)
            )
        ),
    )
    assert len({a.answer["id"] for a in received}) == fresh
    won = Counter(a.answer["id"] for a in answers if isinstance(a, Acknowledged))
    assert won == Counter(a.answer["id"] for a in cases)
    assert {(a.status, a.code) for a in answers if isinstance(a, Refused)} <= LOST
    await verify_all(stack, ledger)
