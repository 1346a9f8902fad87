"""No 500, no undocumented answer, and nothing accepted that the documents forbid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode, Response

from tests import harness
from tests.fuzz.fuzzing import (
    EXAMPLES,
    OPENINGS,
    Asked,
    Fuzz,
    askers,
    bounded,
    operation_id,
    operations,
    schema_of,
)
from tests.harness import World

MODES = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def fuzz(world: World) -> Iterator[Fuzz]:
    fuzz = Fuzz(world).prepare()
    yield fuzz
    fuzz.session.close()


@pytest.mark.parametrize(("service", "operation"), operations())
def test_whatever_is_asked_has_a_documented_answer(fuzz: Fuzz, service: str, operation: str) -> None:
    asked = operations()[service, operation]
    of_mode = {mode: asked.as_strategy(generation_mode=mode) for mode in GenerationMode}
    real = fuzz.cases.get(service, []) if "{id}" in asked.path else []

    @bounded()
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(askers(service, operation)), "who")
        case = data.draw(of_mode[data.draw(st.sampled_from(MODES), "mode")], "case")
        if real and data.draw(st.sampled_from([True, True, True, True, False]), "of a real case"):
            fuzz.aim(case, data.draw(st.sampled_from(real), "which"), who)
        fuzz.ask(case, service, who)

    ask()


def _opening() -> list[tuple[str, str, tuple[str, ...]]]:
    """The operations that open a case, with those that their documents link to them as what can follow."""
    found = []
    for (service, name), operation in operations().items():
        links = operation.definition.raw["responses"].get("201", {}).get("links", {})
        if links:
            # Who steps aside is out of the whole matter, and opens nothing more in it: asked by itself (B2).
            following = (link["operationId"] for link in links.values())
            staying = tuple(id for id in following if not id.startswith("DeclareRecusal"))
            found.append((service, name, staying))
    return found


@pytest.mark.parametrize(("service", "opening", "following"), _opening())
def test_what_follows_an_opened_case_is_documented_too(
    fuzz: Fuzz, service: str, opening: str, following: tuple[str, ...]
) -> None:
    """Cases are opened and then acted on, in whatever order the links allow."""
    linked = schema_of(service).include(operation_id=[opening, *following])
    opened: dict[str, harness.Case] = {}
    known = OPENINGS[opening]
    acted: set[str] = set()

    class Following(linked.as_state_machine()):  # type: ignore[misc] # a class made when it runs
        def before_call(self, case: Asked) -> None:
            if operation_id(case) == opening and isinstance(case.body, dict):
                case.body = {**case.body, **known.body(fuzz)}
            elif (target := opened.get(case.path_parameters.get("id", ""))) is not None:
                fuzz.let_in(target, self.who(case), known.acting)
                fuzz.of_this_version(case, target)

        def get_call_kwargs(self, case: Asked) -> dict[str, Any]:
            headers = fuzz.headers(self.who(case))
            return {"base_url": fuzz.base(service), "headers": headers, "session": fuzz.session}

        def who(self, case: Asked) -> str:
            if operation_id(case) == opening:
                return known.who
            return fuzz.clerk(service, operation_id(case), known.acting)

        def validate_response(self, response: Response, case: Asked, **_: Any) -> None:
            fuzz.judge(case, response)

        def after_call(self, response: Response, case: Asked) -> None:
            if response.status_code == 201:
                id = response.json()["id"]
                opened[id] = fuzz.opened(opening, service, id)
            elif response.status_code == 200 and case.path_parameters.get("id") in opened:
                acted.add(operation_id(case))

    run_state_machine_as_test(Following, settings=bounded(4 * EXAMPLES, stateful_step_count=6))
    assert acted, f"of {len(opened)} opened cases none was ever acted on"
