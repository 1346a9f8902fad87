"""Faults on real processes under traffic: what was acknowledged is there once, whatever was broken.

`client` sends commands until each has its final answer and keeps the `ledger`; `journeys` are the cases
it leads through the services; `verify.verify_all` holds databases and streams against that ledger.
"""
