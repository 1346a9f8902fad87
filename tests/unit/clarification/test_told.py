"""Notes what follows from a message to the subject that arrived, or was given up (B35)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from services.clarification.domain.clarification import Clarification
from services.clarification.main import outgoing
from shared.casework.aggregate import fold
from shared.casework.parts import Core
from shared.casework.subject import TEXTS
from shared.kernel.clock import SystemClock
from shared.kernel.effect import SUBJECT_MESSAGE, to_subject
from shared.kernel.outgoing.adapters import NotDelivered
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.settings import Settings
from tests.unit.clarification.examples import SUBJECT, Clarifying
from tests.unit.kit import LAW


class House:
    """The parts of a running service that the jobs want, with one clarification in it."""

    law = LAW
    clock = SystemClock()

    def __init__(self, scene: Clarifying, env: dict[str, str]) -> None:
        self._scene = scene
        self.repository = self
        self.settings = Settings.from_env("clarification", env)

    async def get(self, kind: type[Clarification], id: UUID) -> Clarification | None:
        return fold(Clarification(id), self._scene.history) if id == self._scene.aggregate.id else None


@pytest.fixture
def scene() -> Clarifying:
    scene = Clarifying().drafted()
    scene.ask()
    return scene


@pytest.fixture
def job(scene: Clarifying, tmp_path: Path) -> OutgoingJob:
    env = {"ZM_PROFILE": "development", "ZM_OUTGOING_DIR": str(tmp_path)}
    return outgoing(cast(Core, House(scene, env)))[SUBJECT_MESSAGE]


def asked(scene: Clarifying) -> Any:
    return to_subject(scene.aggregate.id, scene.aggregate.version, "CONSENT_ASKED")


async def test_b35_a_message_says_nothing_but_that_there_is_one(scene: Clarifying, job: OutgoingJob) -> None:
    """The message goes to the account that the subject has by now; its key is nobody's id."""
    assert job.prepare is not None
    sent = await job.prepare(asked(scene))
    assert sent.payload == {"to": {"account": SUBJECT.person}, "text": TEXTS["CONSENT_ASKED"]}
    assert str(scene.aggregate.id) not in sent.key
    with pytest.raises(NotDelivered) as failed:
        await job.prepare(to_subject(UUID(int=9), 1, "CONSENT_ASKED"))
    assert (failed.value.reason, failed.value.final) == ("NO_ACCOUNT", True)


async def test_b35_its_arrival_opens_the_window(scene: Clarifying, job: OutgoingJob) -> None:
    """Only that of the message which asks."""
    assert job.on_done is not None
    done = await job.on_done(asked(scene))
    assert done is not None
    [event] = done.events
    assert (event.type, [d.id for d in event.meta.deadlines]) == ("ConsentNoticeDelivered", ["DL-15"])
    for template in ("CONSENT_REMINDER", "APPROVED"):
        other = await job.on_done(to_subject(scene.aggregate.id, scene.aggregate.version, template))
        assert other is not None
        assert list(other.events) == []


async def test_b35_the_handler_is_told_of_a_message_given_up(scene: Clarifying, job: OutgoingJob) -> None:
    """In the case; no window runs."""
    assert job.on_dead is not None
    dead = await job.on_dead(asked(scene), "HTTP_410")
    assert dead is not None
    [event] = dead.events
    assert event.type == "SubjectNotReached"
    assert event.event.model_dump() == {"notice": "CONSENT_ASKED", "reason": "HTTP_410"}
    assert (event.state, event.meta.deadlines) == ("CONSENT_PENDING", ())


def test_b35_in_production_messages_wait_until_somebody_says_where_they_go(scene: Clarifying) -> None:
    assert outgoing(cast(Core, House(scene, {"ZM_ISSUER": "https://id.example"}))) == {}
