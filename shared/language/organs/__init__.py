"""The organ tree: which discipline organ stands where, and which one is competent or approves (§5.4)."""
