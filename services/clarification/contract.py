"""Every event of clarification leaves it as it was recorded; it listens to verification's conclusions, and to
intake for what holds them up (A44)."""

SERVICE = "clarification"
LISTENS_TO = ("intake", "verification", "followup")
