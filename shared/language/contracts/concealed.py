"""Declares the cases that a service conceals, as far as the readers of its events must conceal them too (§4.1
note a, A14, A33, A44). It stands beside the events, so that no service names the classes of another."""

from __future__ import annotations

from typing import NamedTuple

from shared.language.contracts.intake import ComplaintRegistered, ComplaintSealedUpward
from shared.language.event import Event


class Concealed(NamedTuple):
    """A kind of case that is shown to nobody beside those whose it is."""

    kind: str
    until: type[Event] | None = None
    """The event that opens it to its organ; None where nothing ever does."""
    sealed_by: type[Event] | None = None
    """The event that closes what can be opened, for good."""


CONCEALED = (
    Concealed("Complaint", until=ComplaintRegistered, sealed_by=ComplaintSealedUpward),
    Concealed("StaffMisconductReport"),
    Concealed("RetaliationReport"),
    Concealed("RetaliationWatch"),
)
