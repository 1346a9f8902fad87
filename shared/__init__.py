"""The kernel: mechanisms and the published language; no business rule lives here."""
