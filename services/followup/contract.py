"""Every event of followup leaves it as it was recorded; it listens to completed clarifications, and to all
others for exclusions (B2)."""

SERVICE = "followup"
LISTENS_TO = ("intake", "verification", "clarification")
