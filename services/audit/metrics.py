"""The metrics of audit."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.audit.tables import LOGS, PUBLISHERS
from shared.kernel.http.metrics import BusMetrics


class AuditMetrics(BusMetrics):
    """The bus's reports as metrics, and the sizes of the trees."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, PUBLISHERS)
        self.proved = Gauge("zm_audit_proved", "Leaves of the tree", ["service"], registry=registry)
        self.checked = Gauge(
            "zm_audit_checked_timestamp_seconds",
            "When a part was last looked at whole",
            ["part"],
            registry=registry,
        )
        self.bulk_readings = Counter(
            "zm_audit_bulk_readings_total", "Alerts about bulk reading", registry=registry
        )
        self.late_alerts = Gauge(
            "zm_audit_late_alerts", "Alerts that ought to be closed by now", registry=registry
        )
        self.set_aside = Gauge(
            "zm_audit_set_aside",
            "Events parked now: the tree waits before them",
            ["service"],
            registry=registry,
        )
        # From the start: which series there are tells nothing of what was recorded.
        for name in LOGS:
            self.proved.labels(name)
            self.halted(f"checkpoint.{name}", None)
            self.checked.labels(name)
            self.halted(f"evidence.{name}", None)
        for name in PUBLISHERS:
            self.set_aside.labels(name)
