"""The revisit plan, its tasks and its ledger (§4.5)."""
