"""The events that leave verification: all of `shared.language.contracts.verification`, unchanged."""

from __future__ import annotations

SERVICE = "verification"
LISTENS_TO = ("intake", "clarification", "followup")
