"""The events that leave verification: all of `shared.contracts.verification`, unchanged."""

from __future__ import annotations

SERVICE = "verification"
LISTENS_TO = ("intake", "clarification")
