"""Every event of intake leaves it as it was recorded; it listens to verification's conclusions, and to
all others for exclusions (B2)."""

SERVICE = "intake"
LISTENS_TO = ("verification", "clarification", "followup")
