"""Every event of followup leaves it as it was recorded; it listens to completed clarifications."""

SERVICE = "followup"
LISTENS_TO = ("intake", "verification", "clarification")
