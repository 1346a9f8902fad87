"""What followup publishes, and whom it listens to. Its events are those of `shared.contracts.followup`."""

from shared.contracts import followup as events

SERVICE = "followup"
LISTENS_TO = ("clarification",)

__all__ = ["LISTENS_TO", "SERVICE", "events"]
