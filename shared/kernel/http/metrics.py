"""The bus's reports as Prometheus metrics; labels name services, never cases or people."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.kernel.bus.observer import Observer


class BusMetrics(Observer):
    """Counts the reports of relay and inboxes."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str] = ()) -> None:
        """`sources`: the services listened to. Their series stand at 0 from the start, so that a rate is
        right from the first event on, and that which series there are tells nothing."""
        self._published = Counter("zm_relay_events_total", "Events published", registry=registry)
        self._relay_position = Gauge("zm_relay_position", "Last position published", registry=registry)
        self._relay_lag = Gauge(
            "zm_relay_lag", "Events of the store that the stream does not hold yet", registry=registry
        )
        self._filled = Gauge(
            "zm_relay_stream_filled", "Share of its size that the stream holds, 0 to 1", registry=registry
        )
        self._applied = Counter(
            "zm_inbox_events_total", "Events behind the inbox", ["source"], registry=registry
        )
        self._duplicates = Counter(
            "zm_inbox_duplicates_total", "Events skipped", ["source"], registry=registry
        )
        self._gaps = Counter(
            "zm_inbox_gaps_total", "Holes filled from the log", ["source"], registry=registry
        )
        self._parked = Counter("zm_inbox_parked_total", "Events set aside", ["source"], registry=registry)
        self._lag = Gauge("zm_inbox_lag", "Events waiting in the stream", ["source"], registry=registry)
        self._halted = Gauge("zm_halted", "1 while a part stands still", ["part"], registry=registry)
        self._errors = Counter("zm_part_errors_total", "Failures tried again", ["part"], registry=registry)
        for source in sources:
            for counted in (self._applied, self._duplicates, self._gaps, self._parked, self._lag):
                counted.labels(source)

    def published(self, service: str, count: int, position: int) -> None:
        self._published.inc(count)
        self._relay_position.set(position)

    def filled(self, service: str, share: float) -> None:
        self._filled.set(share)

    def watch_relay(self, lag: Callable[[], float]) -> None:
        """Asks for the lag whenever it is looked at: a relay that stands still would not tell it."""
        self._relay_lag.set_function(lag)

    def applied(self, source: str, count: int) -> None:
        self._applied.labels(source).inc(count)

    def duplicate(self, source: str) -> None:
        self._duplicates.labels(source).inc()

    def gap(self, source: str, after: int, before: int) -> None:
        self._gaps.labels(source).inc()

    def parked(self, source: str, position: int, reason: str) -> None:
        self._parked.labels(source).inc()

    def lag(self, source: str, pending: int) -> None:
        self._lag.labels(source).set(pending)

    def halted(self, part: str, reason: str | None) -> None:
        self._halted.labels(part).set(0 if reason is None else 1)

    def error(self, part: str, error: BaseException) -> None:
        self._errors.labels(part).inc()

    def nats_error(self, error: Exception) -> None:
        self._errors.labels("nats").inc()
