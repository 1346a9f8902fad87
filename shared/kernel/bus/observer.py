"""The bus's own reports: a service counts them, a test listens to them."""

from __future__ import annotations


class Observer:
    """Hears what happens on the bus and does nothing; override what is of interest.

    Called on the event loop from hot paths: an override must be quick and must not raise.
    """

    def published(self, service: str, count: int, position: int) -> None:
        """The relay has `count` more events of its store acknowledged by the broker, up to `position`."""

    def resynced(self, service: str, position: int) -> None:
        """The relay has read from the stream where to go on."""

    def filled(self, service: str, share: float) -> None:
        """The service's stream holds this share of what it may."""

    def applied(self, source: str, count: int) -> None:
        """The inbox has `count` more events behind it."""

    def duplicate(self, source: str) -> None:
        """An event came again and was skipped."""

    def gap(self, source: str, after: int, before: int) -> None:
        """The stream lacks the events between two positions; they are read from the producer's log."""

    def parked(self, source: str, position: int, reason: str) -> None:
        """An event was set aside."""

    def lag(self, source: str, pending: int) -> None:
        """Number of events in the source's stream that are not yet consumed."""

    def halted(self, part: str, reason: str | None) -> None:
        """A part stands still until a person has looked; None: it goes on."""

    def error(self, part: str, error: BaseException) -> None:
        """A part failed and will try again."""
