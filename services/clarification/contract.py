"""Every event of clarification leaves it as it was recorded; it listens to verification's conclusions, to
intake for what holds them up (A44), and to all others for exclusions (B2)."""

SERVICE = "clarification"
LISTENS_TO = ("intake", "verification", "followup")
