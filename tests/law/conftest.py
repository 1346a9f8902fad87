"""Cases that a module's refusal tests share: a refusal changes nothing, so many may look at one case."""

from __future__ import annotations

import pytest

from tests.harness import MEETING, Story, World


@pytest.fixture(autouse=True)
def _asked_by_nobody(request: pytest.FixtureRequest) -> None:
    """Each test begins with people of whom the screen has refused nothing: they are the same in all (B54)."""
    if "world" in request.fixturenames:
        request.getfixturevalue("world").forget_questions()


@pytest.fixture(scope="module")
def registered(world: World) -> Story:
    """A complaint with a number, its allegations still to be listed."""
    return world.story().registered()


@pytest.fixture(scope="module")
def listed(world: World) -> Story:
    """A registered complaint with its allegations listed."""
    return world.story().listed()


@pytest.fixture(scope="module")
def opened(world: World) -> Story:
    """A verification case without a disposition yet."""
    return world.story().opened()


@pytest.fixture(scope="module")
def verifying(world: World) -> Story:
    """A verification case whose team is at work; one item of evidence is recorded."""
    return world.story().with_evidence()


@pytest.fixture(scope="module")
def reported(world: World) -> Story:
    """A verification case whose report waits for the organ's head."""
    return world.story().reported()


@pytest.fixture(scope="module")
def assessed(world: World) -> Story:
    """A clarification that was assessed: harm was found."""
    return world.concluded().assessed()


@pytest.fixture(scope="module")
def planned(world: World) -> Story:
    """A clarification by letter alone: planned, its text rendered, the subject's account invited."""
    return world.concluded().invited()


@pytest.fixture(scope="module")
def meeting_planned(world: World) -> Story:
    """A clarification by letter and meeting, for which nobody has been asked to consent yet."""
    return world.concluded().planned(**MEETING).heard()


@pytest.fixture(scope="module")
def submitted(world: World) -> Story:
    """A clarification under review."""
    return world.concluded().submitted()


@pytest.fixture(scope="module")
def reviewed(world: World) -> Story:
    """A clarification that waits for approval."""
    return world.concluded().reviewed()


@pytest.fixture(scope="module")
def approved(world: World) -> Story:
    """An approved clarification by letter and meeting, nothing of it carried out."""
    return world.concluded().approved(**MEETING)


@pytest.fixture(scope="module")
def plan_opened(world: World) -> Story:
    """A revisit plan that is still to be drafted."""
    return world.concluded().plan_opened()


@pytest.fixture(scope="module")
def active(world: World) -> Story:
    """A revisit plan whose visits are scheduled: T1 to the subject, T2 to the unit."""
    return world.concluded().active()
