"""Spans tell which step took how long, and nothing else; of reporters and the vault there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from time import time_ns
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.kernel import spans
from shared.kernel.otlp import Collector, Post, telling
from shared.kernel.settings import AUDIT, INTAKE, VAULT, Settings
from shared.kernel.store.types import LogEntry, StoreUnavailable
from shared.kernel.trust import Trust
from shared.language import roles
from shared.language.refusal import Refusal
from tests.collector import opened
from tests.receiver import receiving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ABOVE = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{ABOVE}-01".encode()
ROUTE = "/v1/complaints/{id}/register-complaint"
CLERK = frozenset({roles.PETITION_CLERK})
SECRET = "冯虚门 13900000000"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"who={SECRET}")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    memory = InMemorySpanExporter()
    collector = Collector("zhengming.toy", SimpleSpanProcessor(memory))
    spans.tell_by(collector)
    yield memory
    spans.tell_by(None)
    collector.close()


def call(held: frozenset[str] = CLERK, service: str = INTAKE) -> spans.Untold:
    return spans.call("command", "RegisterComplaint", ROUTE, PARENT, service, held)


def meta(role: str = roles.PETITION_CLERK, trace: str = TRACE) -> dict[str, Any]:
    return {"trace_id": trace, "role": role, "actor": SECRET}


def entry(**of: str) -> LogEntry:
    data = {"meta": meta(**of), "event_id": str(uuid4())}
    return LogEntry(1, uuid4(), 1, "intake.Toy", datetime.now(UTC), data, 0, b"", b"")


class Broker:
    """A relay that publishes to nowhere."""

    def __init__(self, service: str = INTAKE) -> None:
        self._service = service

    @spans.publishing
    async def publish(self, entries: list[LogEntry]) -> None:
        await asyncio.sleep(0)


def one(memory: InMemorySpanExporter) -> ReadableSpan:
    (span,) = memory.get_finished_spans()
    return span


def test_without_a_collector_a_step_is_nothing() -> None:
    assert not spans.told()
    for step in (
        call(),
        spans.step("commit", INTAKE),
        spans.handling(INTAKE, "intake.Toy", uuid4(), meta()),
        spans.sending("sms", TRACE),
        spans.daily(INTAKE, "deadlines"),
    ):
        assert step is spans.UNTOLD_STEP


def test_a_call_is_told_in_the_trace_of_its_caller_with_the_steps_within(told: InMemorySpanExporter) -> None:
    with call(), spans.step("commit", INTAKE, INTAKE):
        pass
    commit, command = told.get_finished_spans()
    assert command.context is not None
    assert command.parent is not None
    assert commit.parent is not None
    assert commit.context is not None
    assert f"{command.context.trace_id:032x}" == f"{commit.context.trace_id:032x}" == TRACE
    assert f"{command.parent.span_id:016x}" == ABOVE
    assert commit.parent.span_id == command.context.span_id
    assert command.attributes == {
        "zm.step": "command",
        "zm.what": "RegisterComplaint",
        "http.route": ROUTE,
        "zm.outcome": "DONE",
    }
    assert spans.step("commit", INTAKE) is spans.UNTOLD_STEP, "the call is over"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Refusal("E_NEED_TO_KNOW", "SEC-2", {"who": SECRET}), "E_NOT_FOUND"),
        (Refusal("E_STATE", "R1", {"state": SECRET}), "E_STATE"),
        (StoreUnavailable(SECRET), "E_UNAVAILABLE"),
        (TimeoutError(SECRET), "E_UNAVAILABLE"),
        (ValueError(SECRET), "E_DEFECT"),
        (asyncio.CancelledError(SECRET), "CANCELLED"),
    ],
    ids=repr,
)
def test_a_failure_is_told_by_its_code(
    told: InMemorySpanExporter, error: BaseException, outcome: str
) -> None:
    """Not by its words, which may quote somebody; and with the code that the caller is told."""
    with pytest.raises(type(error)), call():
        raise error
    span = one(told)
    assert span.attributes is not None
    assert span.attributes["zm.outcome"] == outcome
    assert not span.events
    assert span.status.description is None
    assert SECRET not in span.to_json(indent=None).encode().decode("unicode-escape")


def test_nothing_of_the_process_is_told_but_its_service(told: InMemorySpanExporter) -> None:
    """Neither the command line nor what stands in an environment that is not ours."""
    with call():
        pass
    assert one(told).resource.attributes == {
        "service.namespace": "zhengming",
        "service.name": "zhengming.toy",
    }


@pytest.mark.parametrize("role", sorted(spans.UNTOLD))
async def test_nothing_is_told_of_a_reporter(told: InMemorySpanExporter, role: str) -> None:
    """Nor of who brings what reporters wrote: not the call, not the steps within, not what follows."""
    with call(frozenset({role})), spans.step("commit", INTAKE):
        pass
    event = entry(role=role)
    await Broker().publish([event])
    with (
        spans.handling(INTAKE, "intake.Toy", UUID(event.event_id), event.data["meta"]),
        spans.step("react", "open_case"),
    ):
        pass
    spans.batch(INTAKE, "fold", "casebook", time_ns(), [(event.event_id, event.data["meta"])])
    assert spans.followed(TRACE, role) == ""
    assert told.get_finished_spans() == ()


async def test_nothing_is_told_of_an_event_without_a_trace(told: InMemorySpanExporter) -> None:
    """As a report without account has none."""
    event = entry(trace="")
    await Broker().publish([event])
    with spans.handling(INTAKE, "intake.Toy", UUID(event.event_id), event.data["meta"]):
        pass
    spans.batch(INTAKE, "fold", "casebook", time_ns(), [(event.event_id, event.data["meta"])])
    with spans.sending("platform-status", ""):
        pass
    assert told.get_finished_spans() == ()


async def test_nothing_is_told_of_the_vault(told: InMemorySpanExporter) -> None:
    with call(service=VAULT), spans.step("commit", VAULT, VAULT), spans.daily(VAULT, "deadlines"):
        pass
    event = entry()
    await Broker(VAULT).publish([event])
    for service, topic in ((VAULT, "intake.Toy"), (INTAKE, "vault.Toy")):
        with spans.handling(service, topic, UUID(event.event_id), meta()), spans.step("react", "keep"):
            pass
    spans.batch(VAULT, "fold", "casebook", time_ns(), [(event.event_id, meta())])
    spans.batch(AUDIT, "take in", VAULT, time_ns(), [(event.event_id, meta())])
    assert told.get_finished_spans() == ()
    with call(), spans.step("commit", VAULT, VAULT):
        pass
    assert one(told).name == f"command {ROUTE}"


async def test_the_next_service_handles_behind_the_publishing(told: InMemorySpanExporter) -> None:
    """One trace over the bus, through the id that the message names already."""
    event = entry()
    await Broker().publish([entry(trace=""), event])
    with (
        spans.handling(INTAKE, event.topic, UUID(event.event_id), event.data["meta"]),
        spans.step("react", "open_case"),
    ):
        pass
    published, react, handled = told.get_finished_spans()
    assert published.context is not None
    assert handled.context is not None
    assert handled.parent is not None
    assert react.parent is not None
    assert f"{published.context.span_id:016x}" == event.event_id.replace("-", "")[:16]
    assert published.parent is None
    assert handled.parent.span_id == published.context.span_id
    assert react.parent.span_id == handled.context.span_id
    assert {f"{s.context.trace_id:032x}" for s in (published, react, handled) if s.context} == {TRACE}


def test_a_batch_leads_to_the_traces_of_those_that_may_be_told_of(told: InMemorySpanExporter) -> None:
    began, followed, reported = time_ns(), entry(), entry(trace="")
    metas = [(e.event_id, e.data["meta"]) for e in (reported, followed)]
    spans.batch(INTAKE, "fold", "casebook", began, metas)
    span = one(told)
    assert span.start_time == began
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" != TRACE, "it belongs to many"
    assert set(span.attributes or {}) == {"zm.step", "zm.what", "zm.outcome"}, "and no number of events"


def test_a_step_without_effect_is_forgotten(told: InMemorySpanExporter) -> None:
    with spans.handling(INTAKE, "intake.Toy", uuid4(), meta()) as step:
        step.forget()
    assert told.get_finished_spans() == ()


# --- over the wire ---


def test_spans_reach_a_collector_before_the_process_ends() -> None:
    """In one message, in the form of OTLP, and with nothing else in it."""
    with receiving() as collector:
        env = {"ZM_PROFILE": "development", "ZM_OTLP_URL": collector.url}
        with telling(Settings.from_env(INTAKE, env)), call():
            assert spans.told()
        assert not spans.told()
        (got,) = collector.got
    assert got.headers["content-type"] == "application/x-protobuf"
    (span,) = opened([got.body])
    assert (span.service, span.trace, span.parent) == ("zhengming.intake", TRACE, ABOVE)
    assert span.words[spans.OUTCOME] == spans.DONE


def test_a_collector_that_is_away_is_said_once_and_so_is_its_return() -> None:
    with receiving() as collector, structlog.testing.capture_logs() as lines:
        post = Post(collector.url, Trust())
        collector.script.extend([503, 503, 200])
        results = [post.export([]).name for _ in range(4)]
        post.shutdown()
    assert results == ["FAILURE", "FAILURE", "SUCCESS", "SUCCESS"]
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("spans_lost", "HTTP_503"),
        ("spans_told_again", None),
    ]


def test_a_collector_that_is_not_there_is_said_without_its_address() -> None:
    with receiving() as collector:
        url = collector.url
    with structlog.testing.capture_logs() as lines:
        post = Post(url, Trust())
        assert post.export([]).name == "FAILURE"
        post.shutdown()
    assert [(line["event"], line["reason"]) for line in lines] == [("spans_lost", "connection")]
