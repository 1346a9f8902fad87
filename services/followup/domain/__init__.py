"""The revisit plan, its tasks and its ledger (domain.md §4.5); pure."""
