"""Protection of threatened reporters (A49, §4.8)."""
