"""Audit: the whole history from one number, and its proof."""

from audit import models as audit
from audit.api.proof import log_keys
from audit.api.replay import bundle, timeline
from audit.client import AuthenticatedClient
from story import at, expect, patiently

auditor = AuthenticatedClient(**at("audit", "auditor"))


def history(number: str, last: audit.EventType) -> list[audit.TimelineEvent]:
    """The events of a case across all services, once audit knows of the last one."""

    def known() -> list[audit.TimelineEvent] | None:
        found = timeline.sync(number, client=auditor, limit=1000)
        if isinstance(found, audit.TimelineResult) and any(e.type_ is last for e in found.events):
            return found.events
        return None

    return patiently(known)


def proof(number: str) -> tuple[str, str]:
    """The bundle as it came, and the keys under which it is proven."""
    answer = bundle.sync_detailed(number, client=auditor)
    assert expect(audit.BundleResult, answer.parsed).entries
    return answer.content.decode(), expect(str, log_keys.sync(client=auditor))
