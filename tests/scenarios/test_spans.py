"""A scenario is played before a collector: its spans tell the steps, and nothing of anybody (ADR 40)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.door import door
from deploy.local.player import Player, load
from deploy.local.stack import SERVICES, Stack
from services.intake.reporters.flood import solve
from shared.kernel import spans
from shared.language.catalogue import CATALOGUE
from tests.collector import Told, opened
from tests.harness import ANONYMOUS
from tests.receiver import receiving
from tests.scenarios.everywhere import Search
from tools.documents import openapi

pytestmark = pytest.mark.external

SCENARIO = load("2")
PUBLIC = token_hex(16)
"""The trace under which somebody without an account calls."""
NAMED = re.compile(r"[A-Za-z_+. -]{2,80}")
"""Words of the code: no digit stands in one, so no id and no number does."""


@dataclass
class Seen:
    """All spans of a scenario, and the words that were said in it."""

    bodies: list[bytes]
    words: set[str]
    spans: list[Told] = field(init=False)

    def __post_init__(self) -> None:
        self.spans = list(opened(self.bodies))

    def of(self, step: str) -> list[Told]:
        return [span for span in self.spans if span.words[spans.STEP] == step]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The scenario, and beside it a report without account, from the notice to its status."""
    with receiving() as collector:
        with Stack(tmp_path_factory.mktemp("spans"), env={"ZM_OTLP_URL": collector.url}) as stack:
            player = Player(stack)
            try:
                player.play(SCENARIO)
                report_without_account(player)
            finally:
                player.close()
        # What was still to be told was told before the services ended.
        yield Seen([got.body for got in collector.got], {*said(SCENARIO), *said(ANONYMOUS), *ids_of(player)})


def report_without_account(player: Player) -> None:
    parent = {"traceparent": f"00-{PUBLIC}-{token_hex(8)}-01"}
    with door(player.stack.front_url) as nobody:
        assert nobody.get("/intake/v1/reporting-notice", headers=parent).status_code == 200
        asked = nobody.get("/intake/v1/reports/challenge", headers=parent).json()
        proof = f"{asked['challenge']}.{solve(asked['challenge'], asked['difficulty'])}"
        headers = {**parent, "idempotency-key": str(uuid4()), "proof-of-work": proof}
        made = nobody.post("/intake/v1/reports", json=ANONYMOUS, headers=headers)
        assert made.status_code == 201, made.text
        assert made.headers["traceparent"].split("-")[1] == PUBLIC
        code = {"code": made.json()["query_code"]}
        assert nobody.post("/intake/v1/reports/status", json=code, headers=parent).status_code == 200


def said(value: Any) -> Iterator[str]:
    """Everything in words, every account and every day in a scenario; its closed lists are no secret."""
    match value:
        case dict():
            for name, part in value.items():
                yield from [part] if name == "who" else said(part)
        case list():
            for part in value:
                yield from said(part)
        case str() if not value.isascii() or re.search(r"\d{4}", value) or "@" in value:
            yield value


def ids_of(player: Player) -> Iterator[str]:
    for case in player.cases.values():
        yield case.id
        yield case.id.replace("-", "")
        if case.number:
            yield case.number


def test_every_step_is_told(seen: Seen) -> None:
    """From the call to the message that leaves, in every service; else the searches below prove nothing."""
    steps = {(span.service.removeprefix("zhengming."), span.words[spans.STEP]) for span in seen.spans}
    writing = {
        (name, step) for name in SERVICES if name != "audit" for step in ("command", "commit", "fold", "day")
    }
    assert writing | {("audit", "take in"), ("clarification", "send")} <= steps
    assert {step for _, step in steps} == {
        "command",
        "read",
        "commit",
        "publish",
        "handle",
        "react",
        "fold",
        "take in",
        "send",
        "day",
    }


def test_no_span_holds_a_word_an_account_a_number_or_an_id(seen: Seen) -> None:
    assert len(seen.words) > 100
    hits, looked = Search(seen.words).through((str(n), body) for n, body in enumerate(seen.bodies))
    assert not hits
    assert looked > 5


def test_what_a_span_says_stands_in_the_code(seen: Seen) -> None:
    """Closed lists, and words without a digit."""
    routes = {path for service in SERVICES for path in openapi(service)["paths"]}
    ends = {*CATALOGUE, spans.DONE, spans.CANCELLED}
    for span in seen.spans:
        words = dict(span.words)
        step, what, outcome = words.pop(spans.STEP), words.pop(spans.WHAT), words.pop(spans.OUTCOME)
        assert NAMED.fullmatch(what), what
        assert outcome in ends
        if step in ("command", "read"):
            assert words.pop(spans.ROUTE) in routes
        assert not words
        assert span.name in (f"{step} {what}", f"{step} {span.words.get(spans.ROUTE)}")
        own = {span.service, "zhengming", "", span.name, *span.words, *span.words.values()}
        assert set(span.texts) == {*own, "service.name", "service.namespace"}


def test_nothing_is_told_of_a_report_without_account(seen: Seen) -> None:
    """Neither of its calls, nor of what follows from it: nobody learns when somebody reported (SEC-6)."""
    assert PUBLIC not in {span.trace for span in seen.spans}
    assert PUBLIC not in {trace for span in seen.spans for trace, _ in span.links}
    assert not [span for span in seen.spans if "/v1/report" in span.words.get(spans.ROUTE, "")]
    assert not [span for span in seen.spans if "vault" in span.name.lower()]


def test_one_id_leads_from_a_call_to_what_the_next_service_did(seen: Seen) -> None:
    """The command, its event, and what the next service did about it: one trace, in which each span stands
    behind the one that led to it. So is a message that left."""
    by_trace: dict[str, list[Told]] = defaultdict(list)
    for span in seen.spans:
        by_trace[span.trace].append(span)
    handled = seen.of("handle")
    assert len(handled) > 3
    for span in handled:
        trace = by_trace[span.trace]
        (published,) = (other for other in trace if other.id == span.parent)
        assert published.words[spans.STEP] == "publish"
        assert published.words[spans.WHAT] == span.words[spans.WHAT]
        assert published.service != span.service
        (command,) = (other for other in trace if other.words[spans.STEP] == "command")
        assert command.service == published.service
        assert {o.words[spans.STEP] for o in trace if o.parent == command.id} == {"commit"}
        assert {o.words[spans.STEP] for o in trace if o.parent == span.id} == {"react", "commit"}
    for span in seen.of("send"):
        assert "command" in {other.words[spans.STEP] for other in by_trace[span.trace]}
