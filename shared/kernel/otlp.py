"""Tells spans to a collector by OTLP over HTTP, in batches and from a thread of its own (ADR 40).

OpenTelemetry's own kit makes the spans, gathers and encodes them; what leaves goes the way of all that leaves
(`Trust`, no proxies, no redirects). Nothing of the process is told but the name of its service: the kit would
add its command line and whatever stands in `OTEL_RESOURCE_ATTRIBUTES`. A collector that is away costs spans
and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, Span, set_span_in_context

from shared.kernel.settings import Settings
from shared.kernel.spans import Start, tell_by
from shared.kernel.trust import Trust, away_for
from shared.language.entropy import fresh

log = structlog.get_logger("spans")
TIMEOUT_SECONDS = 5.0
WAITING = 8192
"""Spans that wait at most; further ones are lost."""
BATCH = 512
DELAY_MILLISECONDS = 1000.0


class Ids(IdGenerator):
    """Random ids, but for those that are chosen for the next span."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace or int.from_bytes(fresh(16))

    def generate_span_id(self) -> int:
        return self.span or int.from_bytes(fresh(8))


class Collector:
    """The teller of a process. Spans begin on its one loop, and leave from the processor's thread."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._ids = Ids()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.namespace": "zhengming", "service.name": service}),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("zhengming")

    def begin(self, start: Start) -> Span:
        self._ids.trace, self._ids.span = start.trace, start.id
        context = Context()
        if start.parent is not None:
            context = set_span_in_context(NonRecordingSpan(start.parent), context)
        return self._tracer.start_span(
            start.name, context, start.kind, start.attributes, start.links, start.at
        )

    def close(self) -> None:
        """Tells what is left, and no more."""
        self._provider.shutdown()


class Post(SpanExporter):
    """Posts spans to a collector. What it answers is not read but for its status."""

    def __init__(self, url: str, trust: Trust) -> None:
        self._url = url
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, verify=trust.context(), follow_redirects=False
        )
        self._away = ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = encode_spans(spans).SerializeToString()
        try:
            headers = {"content-type": "application/x-protobuf"}
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return self._said(away_for(error))
        return self._said("" if answer.is_success else f"HTTP_{answer.status_code}")

    def _said(self, away: str) -> SpanExportResult:
        """Logs the reason for which spans are lost, once, and that they are told again."""
        if away != self._away:
            self._away = away
            if away:
                log.warning("spans_lost", reason=away)
            else:
                log.info("spans_told_again")
        return SpanExportResult.FAILURE if away else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._client.close()


@contextmanager
def telling(settings: Settings) -> Iterator[None]:
    """Has spans told while a process serves."""
    post = Post(settings.otlp_url, settings.otlp_trust)
    batches = BatchSpanProcessor(
        post, max_queue_size=WAITING, schedule_delay_millis=DELAY_MILLISECONDS, max_export_batch_size=BATCH
    )
    collector = Collector(f"zhengming.{settings.service}", batches)
    tell_by(collector)
    try:
        yield
    finally:
        tell_by(None)
        collector.close()
