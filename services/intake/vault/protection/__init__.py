"""Protection of threatened reporters (A49, domain.md §4.8)."""
