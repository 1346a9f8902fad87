"""A collector of spans, as far as tests need one: it takes what is posted to it, and opens it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Told(NamedTuple):
    """One span as it arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    words: dict[str, str]
    links: list[tuple[str, str]]
    """Trace and span of each."""
    texts: list[str]
    """Everything that is a text in it, in its scope and in its resource."""


def opened(bodies: Iterable[bytes]) -> Iterator[Told]:
    """The spans of these messages (OTLP, protobuf)."""
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    words = {a.key: a.value.string_value for a in span.attributes}
                    assert not span.events
                    assert not span.trace_state
                    assert not any(link.attributes or link.trace_state for link in span.links)
                    texts = [*of, *of.values(), scope.scope.name, scope.scope.version, span.name]
                    yield Told(
                        of["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        words,
                        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                        [*texts, *words, *words.values(), span.status.message],
                    )
