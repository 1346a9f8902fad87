"""The grammar of reads: what is not declared does not exist, and what is declared says enough of itself."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from shared.casework.http.naming import named
from shared.casework.http.read import Asked, Read, declared_in, read
from shared.casework.http.readgate import reads_of
from shared.kernel.http.pages import PAGES
from shared.language import roles
from tools.documents import AUDIT, WRITING, built

BESIDE = {*PAGES, "/livez", "/readyz", "/metrics"}
"""The routes that tell of the service itself, and of nothing in it."""


def applications() -> list[tuple[str, Any]]:
    """Every application with its name; intake has the vault within it."""
    found = []
    for service in (*WRITING, AUDIT):
        with built(service) as app:
            found.append((service, app))
            if service == "intake":
                found.append(("vault", app.state.vault))
    return found


APPLICATIONS = applications()
READS = [(name, declared) for name, app in APPLICATIONS for declared in reads_of(app)]


@pytest.mark.parametrize(("name", "app"), APPLICATIONS, ids=lambda v: v if isinstance(v, str) else "")
def test_every_get_is_a_declared_read(name: str, app: Any) -> None:
    """A route that is added by hand passes no gate, and stands in no list that the secrecy tests walk."""
    gets = {getattr(r, "path", "") for r in app.routes if "GET" in getattr(r, "methods", ())}
    assert gets - BESIDE == {declared.path for declared in reads_of(app)}


@pytest.mark.parametrize(("service", "declared"), READS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_every_read_says_who_may_ask(service: str, declared: Read) -> None:
    """Nothing is open by oversight: no token, or everybody's own; roles that there are; a rule."""
    assert declared.rule
    assert declared.by <= roles.ALL
    if declared.anyone:
        assert (declared.by, declared.of, declared.notes) == (frozenset(), None, "")
    if declared.of is not None:
        assert declared.notes, "what is told of one case is on record (SEC-9)"
    if declared.outsiders and declared.of is not None:
        assert declared.by <= roles.OUTSIDE, "a case is no outsider's, unless the read is theirs alone"


async def nothing(self: Any, ask: Asked[Any]) -> Response:
    return Response()


async def something(self: Any, ask: Asked[Any]) -> Response:
    """Something."""
    return Response()


def test_a_read_that_says_nothing_of_itself_is_none() -> None:
    with pytest.raises(TypeError, match="says nothing of itself"):
        read("Nothing", "/v1/nothing", rule="R1")(nothing)


def test_a_list_notes_what_it_shows_itself() -> None:
    with pytest.raises(TypeError, match="notes a reading of nothing"):
        read("Something", "/v1/something", rule="R1", notes="something")(something)


def test_one_class_reads_several_kinds() -> None:
    names = {declared.name: declared for _, declared in READS}
    assert names["ReadRetaliationReportAccount"].path == "/v1/retaliation-reports/{id}/account"
    assert names["ListComplaints"].of is None
    [state] = [p for p in names["ListComplaints"].parameters if p["name"] == "state"]
    assert state["schema"] == named("ComplaintState")
    assert [d.name for d, _ in declared_in(object())] == []
