"""The law as data and arithmetic: working days, policy parameters, deadlines, identifiers. Pure."""
