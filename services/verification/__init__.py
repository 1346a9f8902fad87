"""Verification decides whether each allegation is substantiated, unfounded or inconclusive (核实).

It proves facts about the accused and never looks for the reporter: nobody may trace the reporter here (R27,
R28), and an unfounded report is no false accusation as long as no intent was shown (R20).
"""
