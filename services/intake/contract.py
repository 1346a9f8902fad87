"""Every event of intake leaves it as it was recorded; it listens to verification's conclusions."""

SERVICE = "intake"
LISTENS_TO = ("verification", "clarification", "followup")
