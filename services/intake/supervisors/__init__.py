"""The side of internal supervision and of superior organs: accounts of own staff, cases that are overseen."""
