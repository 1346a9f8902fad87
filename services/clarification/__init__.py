"""Clarification decides whether a wrongly accused subject is cleared, in which forms, before whom and
with whose consent (R3-R11, R47, R49-R51, A67-A74).

One stream per subject and handling organ; each round goes from assessment over plan, text, consent,
review and approval to implementation and filing. It never touches a verification case (R9).
"""
