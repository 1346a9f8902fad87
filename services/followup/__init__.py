"""Followup decides whether a cleared person, and the unit, were visited as promised (R34-R39, R48, R49, R52).

Each completed clarification opens one individual plan and one ledger; the plan closes only when the visits
were made, the subject was heard and the effect was judged.
"""
