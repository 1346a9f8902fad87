"""Every event of clarification leaves it as it was recorded; it listens to verification's conclusions."""

SERVICE = "clarification"
LISTENS_TO = ("verification",)
